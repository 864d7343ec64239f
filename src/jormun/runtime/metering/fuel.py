"""Fuel that metered code runs on: what a store was given, what is left, and what happens when that is too little."""

from __future__ import annotations

from jormun.errors import ExhaustionError, TrapKind
from jormun.hints import Callable, Final
from jormun.limits import FUEL as MOST
from jormun.locks import RLock
from jormun.runtime.native.pages import Block

NEVER: Final = MOST + 1
"""A charge that cannot be paid: that of a loop which never ends."""
_MASK: Final = (1 << 64) - 1
_PARTS: Final = 16
"""A thread of several takes one of so many parts of what is left, each time that it has none."""


class Reserve:
    """What several threads' fuel is taken from. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._left = 0
        self.members: list[Fuel] = []

    def add(self, amount: int) -> None:
        """Put fuel in."""
        with self._lock:
            self._left += amount

    def take(self, least: int) -> int:
        """Take some, `least` at least, or 0 where that is not there."""
        with self._lock:
            for amount in (max(least, self._left // _PARTS), least):
                self._left -= amount  # before looking: a signal's handler may take some in the middle of this
                if self._left >= 0:
                    return amount
                self._left += amount
            return 0


class Fuel:
    """The fuel of one store: a number that native code counts down (layout.VM_FUEL).

    While code of the store runs, its thread alone may change it, in a function of the host that the guest has called.
    """

    def __init__(self, amount: int, on_empty: Callable[[Fuel], object] | None = None) -> None:
        """`on_empty` is called with this when there is too little for a charge, and may add some."""
        self._cell = Block(8, 64)  # no other thread counts in the same line of the processor's cache
        self._given = 0
        self._on_empty = on_empty
        self._reserve: Reserve | None = None
        self.add(amount)

    @property
    def address(self) -> int:
        """Where native code finds what is left."""
        return self._cell.address

    @property
    def left(self) -> int:
        """What is left, and below 0 what was used beyond it. Code that runs says so where it calls, and at its end."""
        left = self._cell.read_u64(0)
        return left - (left >> 63 << 64)

    def _leave(self, left: int) -> None:
        self._cell.write_u64(0, left & _MASK)

    @property
    def used(self) -> int:
        """What has been paid so far, by all threads that take from the same."""
        members = (self,) if self._reserve is None else tuple(self._reserve.members)
        return sum(each._given - each.left for each in members)

    def add(self, amount: int) -> None:
        """Give more, or take some away, down to nothing and up to MOST."""
        left = self.left
        wanted = min(max(left + amount, min(left, 0)), MOST)
        self._leave(wanted)
        self._given += wanted - left

    def pay(self, charge: int) -> None:
        """Pay a charge for which there is too little. Raises ExhaustionError when nobody adds what lacks."""
        while self.left < charge:
            before = self.left
            if charge == NEVER:
                raise ExhaustionError(TrapKind.FUEL_EXHAUSTED, message="out of fuel: a loop would never end")
            if self._reserve is not None:
                self.add(self._reserve.take(charge - before))
            if self.left == before and self._on_empty is not None:
                self._on_empty(self)
            if self.left <= before:
                raise ExhaustionError(
                    TrapKind.FUEL_EXHAUSTED,
                    message=f"out of fuel: {charge:,} asked for, {max(before, 0):,} left of {self._given:,}",
                )
        self._leave(self.left - charge)

    def sibling(self) -> Fuel:
        """Fuel for another thread of the guest's: from now on both take from what was left of this. To be called in a
        function of the host that the guest has called.
        """
        if self._reserve is None:
            self._reserve = Reserve()
            self._reserve.members.append(self)
        left = max(self.left, 0)
        self.add(-left)
        self._reserve.add(left)
        sibling = Fuel(0, self._on_empty)
        sibling._reserve = self._reserve
        self._reserve.members.append(sibling)
        return sibling
