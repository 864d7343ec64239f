"""The table of a guest's descriptors: numbers to open files and directories, with the rights on each."""

from __future__ import annotations

import os

from jormun.containers import WeakSet
from jormun.hints import TYPE_CHECKING, Final
from jormun.locks import RLock, local
from jormun.runtime.world import ENTRIES
from jormun.wasi.descriptor import Descriptor as Descriptor
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.native_table import FEW_USES, NativeTable

if TYPE_CHECKING:
    from jormun.wasi.listing import Listing, Listings

DESCRIPTORS: Final = 65_536
"""How many a guest may have open at once. Ours: what the host itself bounds (RLIMIT_NOFILE) mostly comes first."""
_STREAMS: Final = 3
"""How many numbers are those of standard streams. They are not given again: a program that writes to one that it has
closed or renumbered, as Yosys does, must not write into whatever it opened next. WASI promises nobody the lowest."""


class _Pinned(local):
    """What the calling thread's present call has pinned."""

    def __init__(self) -> None:
        self.descriptors: list[Descriptor] = []


class DescriptorTable:
    """Numbers from 0; a new descriptor gets the lowest free one.

    Once it is shared, each descriptor that a call gets is pinned from `pinning` until the call's end, `unpin`.
    """

    __slots__ = ("__weakref__", "_entries", "_free", "_listings", "_lock", "_native", "_pinned")

    def __init__(self) -> None:
        self._entries: list[Descriptor | None] = []
        self._free: list[int] = []
        self._lock = RLock()
        self._pinned: _Pinned | None = None
        self._listings: Listings | None = None
        self._native: NativeTable | None = None

    @property
    def native(self) -> NativeTable:
        """What machine code knows of it. It pins nothing: what it uses is not taken away under it."""
        if self._native is None:  # many worlds have no use for it
            with self._lock:
                if self._native is None:
                    native = NativeTable()
                    for fd, descriptor in enumerate(self._entries[:ENTRIES]):
                        native.put(fd, descriptor, is_shared=self._pinned is not None)
                    _tables.add(self)
                    self._native = native
        return self._native

    @property
    def listings(self) -> Listings:
        """What is kept of directories that are being listed. Whoever changes it has the lock: see `keep_listing`."""
        if self._listings is None:
            from jormun.wasi.listing import Listings  # most guests list none

            self._listings = Listings()
        return self._listings

    def share(self) -> None:
        """From now on, several threads use it."""
        with self._lock:
            if self._native is not None:
                self._take_over_all(self._native)
            self._pinned = _Pinned()
            for fd, descriptor in enumerate(self._entries):
                self._put(fd, descriptor)

    def pinning(self) -> list[Descriptor]:
        """Begins a call of the calling thread, in a table that is shared. Returns what the call has pinned in whose
        middle this one comes: a signal's handler may call the same guest.
        """
        pinned = self._pinned
        assert pinned is not None
        outer, pinned.descriptors = pinned.descriptors, []
        return outer

    def unpin(self, outer: list[Descriptor]) -> None:
        """Ends the call; `outer` is what `pinning` has returned."""
        pinned = self._pinned
        assert pinned is not None
        descriptors, pinned.descriptors = pinned.descriptors, outer
        for descriptor in descriptors:
            descriptor.unpin()

    def may_wait(self, fd: int) -> bool:
        """Whether reading or writing `fd` may take as long as others like."""
        entries = self._entries
        descriptor = entries[fd] if fd < len(entries) else None
        file = None if descriptor is None else descriptor.file
        return file is not None and (file.fileno() is not None or (isinstance(file, MemoryStream) and file.may_wait))

    def insert(self, descriptor: Descriptor) -> int:
        """The number given to `descriptor`. Raises EMFILE when there are DESCRIPTORS open."""
        with self._lock:
            if self._native is None:
                return self._insert(descriptor)
            with self._native:  # else machine code might give the number to another file
                self._take_over_all(self._native)
                return self._insert(descriptor)

    def _insert(self, descriptor: Descriptor) -> int:
        if self._free:
            from _heapq import heappop  # heapq's own, without its Python; a short run closes no more than it began with

            fd = heappop(self._free)
        elif len(self._entries) < DESCRIPTORS:
            fd = len(self._entries)
            self._entries.append(descriptor)
            while self._entries[fd] is not descriptor:
                fd += 1  # a signal's handler has opened something in between
        else:
            raise WasiError(Errno.EMFILE)
        self._put(fd, descriptor)
        return fd

    def _take_over_all(self, native: NativeTable) -> None:
        """Makes descriptors of all files that machine code has opened."""
        with native:
            for fd in native.opened():
                try:
                    self._take_over(native, fd)
                except OSError:
                    pass  # the host has closed a descriptor that is not its own

    def _take_over(self, native: NativeTable, fd: int) -> Descriptor:
        """Makes a descriptor of a file that machine code has opened. The lock is held, and machine code kept out.

        Raises OSError when it cannot be, and then the number is free.
        """
        try:
            file, rights = native.take_over(fd)
        except OSError:
            native.put(fd, None)
            raise
        from _heapq import heapify, heappush

        descriptor = Descriptor(file, None, rights, 0, uses=FEW_USES)  # machine code knows of it already
        for free in range(len(self._entries), fd + 1):
            self._entries.append(None)
            heappush(self._free, free)
        self._free.remove(fd)
        heapify(self._free)
        self._put(fd, descriptor)
        return descriptor

    def _taken_over(self, fd: int) -> Descriptor:
        """What `fd` stands for, of which Python knows nothing. The lock is held. Raises EBADF."""
        native = self._native
        if native is not None and fd < ENTRIES:
            with native:
                if native.is_opened(fd):
                    return self._take_over(native, fd)
        raise WasiError(Errno.EBADF)

    def get(self, fd: int) -> Descriptor:
        """What `fd` (unsigned) stands for. Raises EBADF."""
        try:
            descriptor = self._entries[fd]
        except IndexError:
            descriptor = None
        if descriptor is None:
            with self._lock:
                descriptor = self._open(fd)
        if self._pinned is not None:
            descriptor.pin()
            self._pinned.descriptors.append(descriptor)
        uses = descriptor.uses = descriptor.uses + 1
        if uses == FEW_USES:
            with self._lock:
                if fd < len(self._entries) and self._entries[fd] is descriptor:
                    self._put(fd, descriptor)
        return descriptor

    def file(self, fd: int, right: int) -> File:
        """The file that `fd` stands for. Raises EBADF; EISDIR for a directory; ENOTCAPABLE without `right`."""
        descriptor = self.get(fd)
        file = descriptor.file
        if file is None:
            raise WasiError(Errno.EISDIR)
        if not descriptor.rights & right:
            raise WasiError(Errno.ENOTCAPABLE)
        return file

    def directory(self, fd: int, right: int) -> Directory:
        """The directory that `fd` stands for. Raises EBADF; ENOTDIR for a file; ENOTCAPABLE without `right`."""
        descriptor = self.get(fd)
        directory = descriptor.directory
        if directory is None:
            raise WasiError(Errno.ENOTDIR)
        if not descriptor.rights & right:
            raise WasiError(Errno.ENOTCAPABLE)
        return directory

    def either(self, fd: int, right: int) -> File | Directory:
        """The file or directory that `fd` stands for. Raises EBADF; ENOTCAPABLE without `right`."""
        descriptor = self.get(fd)
        if not descriptor.rights & right:
            raise WasiError(Errno.ENOTCAPABLE)
        either = descriptor.file if descriptor.file is not None else descriptor.directory
        assert either is not None
        return either

    def remove(self, fd: int) -> Descriptor:
        """Takes `fd` out of the table without closing what it stands for. Raises EBADF."""
        with self._lock:
            return self._take(fd)

    def renumber(self, source: int, target: int) -> None:
        """Makes `target`, which is closed, stand for what `source` stood for, which is free then. Raises EBADF."""
        with self._lock:
            replaced = self._open(target)
            if source == target:
                return
            if not self._moved(source, target):
                self._put(target, self._take(source))
        replaced.close()

    def _moved(self, source: int, target: int) -> bool:
        """Makes `target`, a descriptor of Python's, stand for what `source` does, if machine code has opened that, and
        leaves it to machine code, which does so itself the next time.
        """
        native = self._native
        if native is None or target >= ENTRIES or target < _STREAMS:
            return False
        with native:
            if not native.is_opened(source):
                return False
            self._put(target, None)
            self._set_free(target)
            native.move(source, target)
        return True

    def limit(self, fd: int, rights: int, inheriting: int) -> None:
        """Takes all rights but these from `fd`. Raises EBADF; ENOTCAPABLE when it has not all of them."""
        descriptor = self.get(fd)
        if rights & ~descriptor.rights or inheriting & ~descriptor.inheriting:
            raise WasiError(Errno.ENOTCAPABLE)
        if rights == descriptor.rights and inheriting == descriptor.inheriting:
            return
        with self._lock:
            descriptor.rights = rights
            descriptor.inheriting = inheriting
            if fd < len(self._entries) and self._entries[fd] is descriptor:  # else a thread has closed it meanwhile
                self._put(fd, descriptor)

    def flags_changed(self, changed: Descriptor) -> None:
        """The flags of a descriptor's file have changed, or of its directory: those of all descriptors of the same."""
        with self._lock:
            for fd, descriptor in enumerate(self._entries[:ENTRIES]):
                if descriptor is changed or (
                    descriptor is not None and descriptor.file is not None and descriptor.file is changed.file
                ):
                    self._put(fd, descriptor)

    def keep_listing(self, fd: int, descriptor: Descriptor, listing: Listing | None, *, is_of_use: bool = True) -> None:
        """Keeps a listing with a descriptor, or none, unless a thread has closed that meanwhile. `is_of_use` says that
        machine code is likely to be asked for some of it.
        """
        with self._lock:
            if fd >= len(self._entries) or self._entries[fd] is not descriptor:
                return
            lost = [fd]
            if listing is None:
                self.listings.drop(fd)
            else:
                lost += self.listings.keep(fd, descriptor, listing)
            if self._native is None:
                return
            for each in lost:
                if self._native.lists(each) or (each == fd and is_of_use):  # FAST: 5 us are a third of a short listing
                    self._put(each, self._entries[each])

    def _put(self, fd: int, descriptor: Descriptor | None) -> None:
        """Makes `fd` stand for a descriptor, or for none. Machine code is told here and nowhere else: when this
        returns, it uses nothing that `fd` stood for before.
        """
        before, self._entries[fd] = self._entries[fd], descriptor
        if self._listings is not None and before is not None and before is not descriptor:
            self._listings.drop(fd)
        if self._native is not None:
            self._native.put(fd, descriptor, is_shared=self._pinned is not None)

    def _open(self, fd: int) -> Descriptor:
        descriptor = self._entries[fd] if fd < len(self._entries) else None
        return self._taken_over(fd) if descriptor is None else descriptor

    def _take(self, fd: int) -> Descriptor:
        descriptor = self._open(fd)
        self._put(fd, None)
        if fd >= _STREAMS:
            self._set_free(fd)
        return descriptor

    def _set_free(self, fd: int) -> None:
        """The number may be given again."""
        from _heapq import heappush

        heappush(self._free, fd)

    def after_fork(self) -> None:
        """In a new process, which has none of the threads that may have waited here for machine code."""
        self._lock = RLock()
        if self._native is not None:
            self._native.after_fork()

    def close_all(self) -> None:
        """Closes everything that is open."""
        with self._lock:
            if self._native is not None:
                self._take_over_all(self._native)
            entries = list(self._entries)
            for fd in range(len(entries)):
                self._put(fd, None)
            self._entries, self._free = [], []
        for descriptor in entries:
            if descriptor is not None:
                descriptor.close()


_tables: WeakSet[DescriptorTable] = WeakSet()


def _after_fork() -> None:
    for table in _tables:
        table.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
