"""A directory's entries as fd_readdir gives them, packed once, so that each call only copies; and a bound on all that a
guest's descriptors keep of such.
"""

from __future__ import annotations

from array import array

from jormun.hints import TYPE_CHECKING, Final, Iterable, Iterator
from jormun.limits import LISTINGS_BYTES
from jormun.locks import Lock
from jormun.wasi.abi import DIRENT
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Entry

if TYPE_CHECKING:
    from jormun.wasi.descriptors import Descriptor


class Listing:
    """The entries of a directory as of one moment. A cookie is the number of entries that come before."""

    __slots__ = ("_data", "_starts")

    def __init__(self, entries: Iterable[Entry]) -> None:
        data, starts, pack = bytearray(), array("Q", (0,)), DIRENT.pack
        for cookie, entry in enumerate(entries, 1):
            data += pack(cookie, entry.ino, len(entry.name), entry.type)
            data += entry.name
            starts.append(len(data))
        self._data = data
        self._starts = starts

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return len(self._data) + self._starts.itemsize * len(self._starts)

    def copy(self, cookie: int, buffer: memoryview) -> int:
        """Writes entries from `cookie` on, the last one cut off where the room ends; returns the number of bytes."""
        if cookie >= len(self._starts):
            return 0
        start = self._starts[cookie]
        piece = self._data[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)


class Listings:
    """The listings that a guest's descriptors keep: together no more than a bound. The oldest goes first; the guest
    that goes on with it has the directory read again.
    """

    __slots__ = ("_bound_bytes", "_kept", "_lock", "size_bytes")

    def __init__(self, bound_bytes: int = LISTINGS_BYTES) -> None:
        self._bound_bytes: Final = bound_bytes
        self._kept: dict[int, tuple[Descriptor, int]] = {}
        """By identity: a descriptor that has one, and its size; the oldest first."""
        self._lock = Lock()
        self.size_bytes = 0

    def bounded(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries. Raises ENOMEM when they alone are too many."""
        left = self._bound_bytes
        for entry in entries:
            left -= DIRENT.size + len(entry.name)
            if left < 0:
                raise WasiError(Errno.ENOMEM)
            yield entry

    def keep(self, descriptor: Descriptor, listing: Listing) -> None:
        """Keeps a listing with its descriptor, in place of what that has."""
        self.drop(descriptor)
        size = listing.size_bytes
        with self._lock:
            descriptor.listing = listing
            self._kept[id(descriptor)] = descriptor, size
            self.size_bytes += size
            while self.size_bytes > self._bound_bytes and len(self._kept) > 1:
                oldest, size = self._kept.pop(next(iter(self._kept)))
                oldest.listing = None
                self.size_bytes -= size

    def drop(self, descriptor: Descriptor) -> None:
        """Keeps nothing for a descriptor any more."""
        with self._lock:
            descriptor.listing = None
            _, size = self._kept.pop(id(descriptor), (None, 0))
            self.size_bytes -= size
