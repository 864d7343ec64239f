"""Ranges of address space that become accessible as memories and tables grow, within a store's budget."""

from __future__ import annotations

import gc

from jormun.containers import deque
from jormun.errors import ExhaustionError
from jormun.locks import Lock
from jormun.runtime.native import pages

GROW_FAILED = -1
"""The result of memory.grow and table.grow when there is no more room."""


class Budget:
    """A number of bytes that the memories and tables of a store share. Safe to use from several threads."""

    __slots__ = ("_lock", "_returned", "_taken_bytes", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._taken_bytes = 0
        # What was given back since the last `take`. Objects give back as they die, which a garbage collection may cause
        # at any place, in `take` too: so that must not need the lock.
        self._returned: deque[int] = deque()
        self._lock = Lock()

    def take(self, size_bytes: int) -> bool:
        """Take so many bytes, if there are."""
        with self._lock:
            while self._returned:
                self._taken_bytes -= self._returned.popleft()
            if size_bytes > self.size_bytes - self._taken_bytes:
                return False
            self._taken_bytes += size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Undo a `take`."""
        self._returned.append(size_bytes)


class AddressSpace:
    """A range of reserved pages whose first `committed_bytes` are accessible; given back when the object dies."""

    def __init__(self, size_bytes: int, budget: Budget) -> None:
        self._budget = budget
        self._size_bytes = pages.round_up(max(size_bytes, 1))
        self._committed_bytes = 0
        self.reason = ""
        """Why the last `commit` failed."""
        self.base = _reserve(self._size_bytes)
        pages.finalized_last(self)

    def commit(self, size_bytes: int) -> bool:
        """Make the first `size_bytes` accessible, unless that is refused."""
        wanted = pages.round_up(size_bytes)
        more = wanted - self._committed_bytes
        if more <= 0:
            return True
        if wanted > self._size_bytes:
            self.reason = f"{self._size_bytes:,} bytes of address space are reserved for it"
            return False
        if not self._budget.take(more):
            self.reason = f"all memories and tables of a store may have {self._budget.size_bytes:,} bytes"
            return False
        try:
            pages.protect(self.base + self._committed_bytes, more, pages.READ_WRITE)
        except ExhaustionError as error:
            self._budget.give_back(more)
            self.reason = str(error)
            return False
        self._committed_bytes = wanted
        return True

    def __del__(self) -> None:
        if hasattr(self, "base"):
            pages.release(self.base, self._size_bytes)
            self._budget.give_back(self._committed_bytes)


def _reserve(size_bytes: int) -> int:
    """Reserve address space; when there is none left, collect garbage first, which may hold some in cycles."""
    try:
        return pages.reserve(size_bytes)
    except ExhaustionError:
        gc.collect()
        return pages.reserve(size_bytes)
