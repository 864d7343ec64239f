"""Stop records: which activations are to end (runtime/layout.py), as native code reads them at any time."""

from __future__ import annotations

from jormun.containers import deque
from jormun.hints import Callable
from jormun.runtime import layout
from jormun.runtime.native import pages

_ALL = 0xFFFF_FFFF_FFFF_FFFF
_RECORDS_PER_BLOCK = 64

# Records are used again and never unmapped: a context may lead to one for longer than it should, where something
# switched stacks under a guest (a greenlet), and may then end the wrong activation, and do nothing worse.
_blocks: list[pages.Block] = []
_free: deque[int] = deque()


waiting: dict[int, Callable[[], None]] = {}
"""Whom to call when nobody has the turn of a store any more (STOP_OWNER), by the address of its record, while somebody
waits for it (STOP_WAITING)."""


def wake_waiting(address: int) -> None:
    """Call who is to be called for the record at this address."""
    wake = waiting.get(address)
    if wake is not None:
        wake()


class StopRecord:
    """A record that nobody else has. It is to be kept while a context leads to it."""

    __slots__ = ("address",)

    def __init__(self, kept: list[object] | None = None) -> None:
        """Nothing is to end. `kept` is as that of `keep`."""
        try:
            self.address = _free.pop()
        except IndexError:
            block = pages.Block(layout.STOP_RECORD_BYTES * _RECORDS_PER_BLOCK)
            _blocks.append(block)
            self.address = block.address
            _free.extend(block.address + layout.STOP_RECORD_BYTES * k for k in range(1, _RECORDS_PER_BLOCK))
        pages.write_u64s(self.address, 0, 0, 0 if kept is None else id(kept), 0, 0)  # STOP_KEPT is the third word

    def __del__(self) -> None:
        _free.append(self.address)

    def stop(self, up_to: int = _ALL) -> None:
        """The activations up to this number that heed the record are to end; without it, all, those to come too.

        Native.stopped must be called then.
        """
        pages.write_u64(self.address + layout.STOP_UP_TO, up_to)

    def keep(self, kept: list[object] | None) -> None:
        """Let machine code call functions of the store whose record this is, and hold `kept` meanwhile, which the
        caller holds until it changes this again; None leaves all calls to Python.
        """
        pages.write_u64(self.address + layout.STOP_KEPT, 0 if kept is None else id(kept))

    @property
    def is_set(self) -> bool:
        """Whether any are."""
        return pages.read_u64(self.address + layout.STOP_UP_TO) != 0

    def within(self, outer: int) -> None:
        """Have the record at this address count as well."""
        pages.write_u64(self.address + layout.STOP_OUTER, outer)


def stops(record: int, activation: int) -> bool:
    """Whether the record at this address, or one that counts as well, ends an activation. None does at address 0."""
    while record:
        if activation <= pages.read_u64(record + layout.STOP_UP_TO):
            return True
        record = pages.read_u64(record + layout.STOP_OUTER)
    return False
