"""Native memory that is large and of which as a rule little is written: it takes memory page by page."""

from __future__ import annotations

from jormun.containers import deque
from jormun.runtime.native import pages

_MAPPED_BYTES = 1 << 20
"""As much is mapped at once, for blocks of one size: a process has 65,530 mappings (vm.max_map_count)."""

# What is given back is used again and never unmapped; nothing is in it then but zeros. No locks: blocks come back when
# objects die, which a garbage collection may cause at any place.
_free: dict[int, deque[int]] = {}


class SparseBlock:
    """Zeroed memory that lives as long as this object, as a pages.Block, but of whole pages of its own."""

    __slots__ = ("address", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        """Raises ExhaustionError."""
        self.size_bytes = size_bytes
        room = pages.round_up(size_bytes)
        free = _free.setdefault(room, deque())
        try:
            self.address = free.pop()
        except IndexError:
            mapped = max(_MAPPED_BYTES // room, 1) * room
            start = pages.reserve(mapped)
            pages.protect(start, mapped, pages.READ_WRITE)
            free.extend(range(start + room, start + mapped, room))
            self.address = start

    def view(self) -> memoryview:
        """A writable view, for who keeps the block."""
        return pages.view(self.address, self.size_bytes)

    def __del__(self) -> None:
        if hasattr(self, "address"):
            room = pages.round_up(self.size_bytes)
            pages.forget(self.address, room)
            _free[room].append(self.address)
