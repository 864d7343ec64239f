"""A directory's entries as fd_readdir gives them, packed once, so that each call only copies; and a bound on all that a
guest's descriptors keep of such.
"""

from __future__ import annotations

from array import array

from jormun.hints import TYPE_CHECKING, Final, Iterable, Iterator
from jormun.limits import LISTINGS_BYTES
from jormun.wasi.abi import DIRENT
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Entry

if TYPE_CHECKING:
    from jormun.wasi.descriptors import Descriptor


class Listing:
    """The entries of a directory as of one moment. A cookie is the number of entries that come before.

    `changes` is how often the directory's entries had changed by then, where it counts that. Machine code may read
    `data` and `starts`, where in it each entry begins and the last one ends, which nobody resizes.
    """

    __slots__ = ("changes", "data", "starts")

    def __init__(self, entries: Iterable[Entry], changes: int | None = None) -> None:
        data, starts, pack = bytearray(), array("Q", (0,)), DIRENT.pack
        for cookie, entry in enumerate(entries, 1):
            data += pack(cookie, entry.ino, len(entry.name), entry.type)
            data += entry.name
            starts.append(len(data))
        self.data: Final = data
        self.starts: Final = starts
        self.changes: Final = changes

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return len(self.data) + self.starts.itemsize * len(self.starts)

    def copy(self, cookie: int, buffer: memoryview) -> int:
        """Writes entries from `cookie` on, the last one cut off where the room ends; returns the number of bytes."""
        if cookie >= len(self.starts):
            return 0
        start = self.starts[cookie]
        piece = self.data[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)


class Listings:
    """The listings that a guest's descriptors keep: together no more than a bound. The oldest goes first; the guest
    that goes on with it has the directory read again. Whoever uses it has the lock of the descriptors' table.
    """

    __slots__ = ("_bound_bytes", "_kept", "size_bytes")

    def __init__(self, bound_bytes: int = LISTINGS_BYTES) -> None:
        self._bound_bytes: Final = bound_bytes
        self._kept: dict[int, tuple[Descriptor, int]] = {}
        """By number: a descriptor that has one, and its size; the oldest first."""
        self.size_bytes = 0

    def bounded(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries. Raises ENOMEM when they alone are too many."""
        left = self._bound_bytes
        for entry in entries:
            left -= DIRENT.size + len(entry.name)
            if left < 0:
                raise WasiError(Errno.ENOMEM)
            yield entry

    def keep(self, fd: int, descriptor: Descriptor, listing: Listing) -> list[int]:
        """Keeps a listing with the descriptor `fd`, in place of what that has. Gives the numbers of those that lose
        theirs for it.
        """
        self.drop(fd)
        descriptor.listing = listing
        self._kept[fd] = descriptor, listing.size_bytes
        self.size_bytes += listing.size_bytes
        lost = []
        while self.size_bytes > self._bound_bytes and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self.drop(oldest)
            lost.append(oldest)
        return lost

    def drop(self, fd: int) -> None:
        """Keeps nothing for a descriptor any more."""
        if fd in self._kept:
            descriptor, size_bytes = self._kept.pop(fd)
            descriptor.listing = None
            self.size_bytes -= size_bytes
