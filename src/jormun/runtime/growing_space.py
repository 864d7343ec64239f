"""Bytes that begin in ordinary memory, and move into address space of their own when they outgrow it: of tables."""

from __future__ import annotations

from jormun.errors import ExhaustionError
from jormun.runtime.address_space import AddressSpace, FixedSpace
from jormun.runtime.budget import Budget
from jormun.runtime.native import pages


class GrowingSpace:
    """As few bytes as a table begins with, until there are to be more.

    A range of addresses takes a page and, since memories lie between them, two pages of page tables; most tables never
    grow. Where it began stays what it was as long as the object lives: a guest in another thread may read there yet.
    """

    __slots__ = ("_first", "_first_bytes", "_range", "_size_bytes", "base", "reason")

    def __init__(self, size_bytes: int, first_bytes: int, budget: Budget) -> None:
        self._size_bytes = size_bytes
        self._first_bytes = first_bytes
        self._first = FixedSpace(first_bytes, budget)
        self._range: AddressSpace | None = None
        self.base = self._first.base
        self.reason = ""

    @property
    def committed_bytes(self) -> int:
        """See `Space`."""
        return (self._range or self._first).committed_bytes

    def moves(self, size_bytes: int) -> bool:
        """Whether to commit so many bytes changes the base."""
        return self._range is None and size_bytes > self._first_bytes

    def commit(self, size_bytes: int) -> bool:
        """See `Space`."""
        if self.moves(size_bytes):
            return self._move(size_bytes)
        space = self._range or self._first
        is_done = space.commit(size_bytes)
        self.reason = space.reason
        return is_done

    def _move(self, size_bytes: int) -> bool:
        budget = self.budget
        assert budget is not None
        try:
            space = AddressSpace(self._size_bytes, budget)
        except ExhaustionError as error:
            self.reason = str(error)
            return False
        if not space.commit(size_bytes):
            self.reason = space.reason
            return False
        committed_bytes = self._first.committed_bytes
        pages.copy(space.base, self._first.base, committed_bytes)
        self._first.reset(committed_bytes)  # which gives it back to the budget
        self._range = space
        self.base = space.base
        return True

    @property
    def budget(self) -> Budget | None:
        """See `Space`."""
        return self._first.budget

    @budget.setter
    def budget(self, budget: Budget | None) -> None:
        self._first.budget = budget

    def reset(self, size_bytes: int) -> None:
        """See `Space`. It is where it began again, all of which is for somebody to write."""
        if self._range is None:
            self._first.reset(size_bytes)
        self._range = None
        self.base = self._first.base
