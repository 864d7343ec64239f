"""Ranges of address space that become accessible as memories and tables grow, within a store's budget."""

from __future__ import annotations

import gc

from jormun.containers import WeakSet
from jormun.errors import ExhaustionError
from jormun.hints import TYPE_CHECKING, Protocol
from jormun.runtime.budget import Budget
from jormun.runtime.native import pages

if TYPE_CHECKING:
    from jormun.runtime.native.dirty_pages import DirtyPages
    from jormun.runtime.native.memory_image import MemoryImage

GROW_FAILED = -1
"""The result of memory.grow and table.grow when there is no more room."""


class Space(Protocol):
    """Bytes of which more become accessible."""

    base: int
    """Where they are; that changes at a `commit` at most (growing_space.py), and at a `reset`."""
    budget: Budget | None
    """That of the store which it is for, from which what is committed has been taken."""
    reason: str
    """Why the last `commit` failed."""

    def commit(self, size_bytes: int) -> bool:
        """Make the first `size_bytes` accessible, unless that is refused."""

    @property
    def committed_bytes(self) -> int:
        """How many are, and are taken from the budget."""

    def reset(self, size_bytes: int) -> None:
        """Give all that was committed back to the budget, and make it as it was, but for the bytes that somebody will
        write, when `size_bytes` were committed.
        """


class AddressSpace:
    """A range of reserved pages whose first `committed_bytes` are accessible; given back when the object dies."""

    __slots__ = ("_dirty", "_size_bytes", "base", "budget", "committed_bytes", "reason")

    def __init__(self, size_bytes: int, budget: Budget) -> None:
        self.budget: Budget | None = budget
        self._dirty: DirtyPages | None = None
        self._size_bytes = pages.round_up(max(size_bytes, 1))
        self.committed_bytes = 0
        self.reason = ""
        self.base = _reserve(self._size_bytes)
        pages.finalized_last(self)

    def commit(self, size_bytes: int) -> bool:
        """See `Space`."""
        wanted = pages.round_up(size_bytes)
        more = wanted - self.committed_bytes
        if more <= 0:
            return True
        if wanted > self._size_bytes:
            self.reason = f"{self._size_bytes:,} bytes of address space are reserved for it"
            return False
        assert self.budget is not None
        if not self.budget.take(more):
            self.reason = self.budget.bytes_reason
            return False
        try:
            pages.protect(self.base + self.committed_bytes, more, pages.READ_WRITE)
        except ExhaustionError as error:
            self.budget.give_back(more)
            self.reason = str(error)
            return False
        self.committed_bytes = wanted
        return True

    def reset(self, size_bytes: int, image: MemoryImage | None = None) -> None:
        """See `Space`; always of the same size. Where an image was mapped, always the same, its bytes are again, all
        else is zeros.

        Where few pages were written, they are written over, and stay; else they are given back to the system.
        """
        budget, committed = self.budget, self.committed_bytes
        if budget is not None:
            self.budget = None
            budget.give_back(committed)
        if committed > size_bytes:
            pages.discard(self.base + size_bytes, committed - size_bytes)
            self.committed_bytes = size_bytes
        if size_bytes == 0:
            return
        if self._dirty is None:
            from jormun.runtime.native.dirty_pages import DirtyPages  # most processes have no use for it

            self._dirty = DirtyPages(self.base, size_bytes, image)
        dirty = self._dirty
        written = dirty.clean(dirty.record)
        if written < 0 and dirty.clean_again(written) < 0:
            pages.forget(self.base, size_bytes)

    def __del__(self) -> None:
        if hasattr(self, "base"):
            pages.release(self.base, self._size_bytes)
            if self.budget is not None:
                self.budget.give_back(self.committed_bytes)


class FixedSpace:
    """Bytes of ordinary memory, as many as there will ever be: they take no mapping of their own."""

    __slots__ = ("_block", "base", "budget", "committed_bytes", "reason")

    def __init__(self, size_bytes: int, budget: Budget) -> None:
        self.budget: Budget | None = budget
        self.committed_bytes = 0
        self._block = pages.block_of(size_bytes, 0, 16)
        self.base = self._block.address
        self.reason = ""

    def commit(self, size_bytes: int) -> bool:
        """See `Space`."""
        assert size_bytes <= self._block.size_bytes and self.budget is not None
        if not self.budget.take(size_bytes - self.committed_bytes):
            self.reason = self.budget.bytes_reason
            return False
        self.committed_bytes = size_bytes
        return True

    def reset(self, size_bytes: int) -> None:
        """See `Space`. All of it is for somebody to write."""
        assert size_bytes == self.committed_bytes
        budget = self.budget
        if budget is not None:
            self.budget = None
            budget.give_back(size_bytes)

    def __del__(self) -> None:
        if hasattr(self, "_block") and self.budget is not None:
            self.budget.give_back(self.committed_bytes)


def _reserve(size_bytes: int) -> int:
    """Reserve address space; when there is none left, give up what is kept for later, and collect garbage, which may
    hold some in cycles.
    """
    try:
        return pages.reserve(size_bytes)
    except ExhaustionError:
        give_up_spares()
        gc.collect()
        give_up_spares()
        return pages.reserve(size_bytes)


class Spares(Protocol):
    """What is kept for later, and holds address space."""

    def give_up(self) -> None:
        """Let go of it."""


_spares: WeakSet[Spares] = WeakSet()


def keep_spares(spares: Spares) -> None:
    """Have these given up when there is no address space left."""
    _spares.add(spares)


def give_up_spares() -> None:
    """Let go of all that is kept for later."""
    for spares in list(_spares):
        spares.give_up()
