"""What memories begin with, as a file in memory that is mapped copy-on-write.

A page is copied when a guest first writes to it, and is the file's again when it is given back (madvise(2),
MADV_DONTNEED). The file has no name, and is sealed before anybody maps it, so that nothing can change under a guest.
"""

from __future__ import annotations

import os

from jormun.hints import Sequence
from jormun.runtime.native import pages

_MOST_IMAGES = 256
"""Each takes a descriptor of the process's, of which there may be 1,024."""
_count = 0


class MemoryImage:
    """The pages of a memory from `start` on, `size_bytes` of them; the file lives as long as the object."""

    __slots__ = ("_fd", "pristine", "size_bytes", "start")

    def __init__(self, pieces: Sequence[tuple[int, bytes | memoryview]]) -> None:
        """Of bytes at offsets in a memory, ascending or not. Raises OSError where there can be no more files."""
        global _count
        self.start = min(at for at, _ in pieces) // pages.PAGE_BYTES * pages.PAGE_BYTES
        self.size_bytes = pages.round_up(max(at + len(piece) for at, piece in pieces)) - self.start
        if _count >= _MOST_IMAGES:
            raise OSError("there are as many images of memories as there may be")
        self._fd = os.memfd_create("jormun memory", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        _count += 1
        os.ftruncate(self._fd, self.size_bytes)
        for at, piece in pieces:
            rest = memoryview(piece)
            while rest:
                written = os.pwrite(self._fd, rest, at - self.start)
                rest, at = rest[written:], at + written
        _seal(self._fd)
        self.pristine = pages.map_for_reading(self.size_bytes, self._fd)
        """The address of its bytes, to be read alone."""

    def map(self, base: int) -> None:
        """Put it into the memory at `base`, whose pages there are accessible and hold nothing. Raises ExhaustionError
        when the process has no more mappings.
        """
        pages.map_private(base + self.start, self.size_bytes, self._fd)

    def __del__(self) -> None:
        global _count
        if hasattr(self, "pristine"):
            pages.release(self.pristine, self.size_bytes)
        if hasattr(self, "_fd"):
            os.close(self._fd)
            _count -= 1


def image_of(pieces: Sequence[tuple[int, bytes | memoryview]]) -> MemoryImage | None:
    """An image, or None where that would be a waste or is not possible: of pieces far from each other, whose holes
    would take memory once they are read.
    """
    start, end = min(at for at, _ in pieces), max(at + len(piece) for at, piece in pieces)
    if end - start > 2 * sum(len(piece) for _, piece in pieces) + _HOLES_BYTES:
        return None
    try:
        return MemoryImage(pieces)
    except OSError:
        return None


_HOLES_BYTES = 1 << 20


def _seal(fd: int) -> None:
    import fcntl

    fcntl.fcntl(
        fd,
        fcntl.F_ADD_SEALS,
        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE,
    )
