"""The table of a guest's descriptors: numbers to open files and directories, with the rights on each."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from jormun.wasi.abi import ALL_RIGHTS, DIRECTORY_RIGHTS, FILE_RIGHTS, SEEK_RIGHTS, STREAM_RIGHTS, FileType
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.listing import Listing

DESCRIPTORS: Final = 65_536
"""How many a guest may have open at once. Ours: what the host itself bounds (RLIMIT_NOFILE) mostly comes first."""


@dataclass(slots=True)
class Descriptor:
    """What a guest's descriptor stands for: a file, or a directory, and what may be done with it.

    `inheriting` are the rights that path_open may give to what it opens below a directory.
    """

    file: File | None
    directory: Directory | None
    rights: int
    inheriting: int
    preopen: bytes | None = None
    """The guest's name of a directory that was given to it."""
    listing: Listing | None = None
    """The entries of a directory, as they were when the guest began to read them."""
    directory_flags: int = 0
    """FdFlags that were set on a directory, where they mean nothing."""

    @classmethod
    def of_file(cls, file: File, rights: int = FILE_RIGHTS) -> Descriptor:
        """A descriptor of a file, with those of `rights` that mean something on it."""
        if file.type is FileType.REGULAR_FILE:
            meaningful = FILE_RIGHTS
        elif file.is_seekable:
            meaningful = STREAM_RIGHTS | SEEK_RIGHTS
        else:
            meaningful = STREAM_RIGHTS
        return cls(file, None, rights & meaningful, 0)

    @classmethod
    def of_directory(
        cls,
        directory: Directory,
        rights: int = DIRECTORY_RIGHTS,
        inheriting: int = ALL_RIGHTS,
        preopen: bytes | None = None,
    ) -> Descriptor:
        """A descriptor of a directory, with those of `rights` that mean something on it."""
        return cls(None, directory, rights & DIRECTORY_RIGHTS, inheriting, preopen)

    def close(self) -> None:
        """Closes the file or directory."""
        if self.file is not None:
            self.file.close()
        if self.directory is not None:
            self.directory.close()


class DescriptorTable:
    """Numbers from 0; a new descriptor gets the lowest free one."""

    __slots__ = ("_entries", "_free")

    def __init__(self) -> None:
        self._entries: list[Descriptor | None] = []
        self._free: list[int] = []

    def insert(self, descriptor: Descriptor) -> int:
        """The number given to `descriptor`. Raises EMFILE when there are DESCRIPTORS open."""
        if self._free:
            fd = heapq.heappop(self._free)
            self._entries[fd] = descriptor
            return fd
        if len(self._entries) >= DESCRIPTORS:
            raise WasiError(Errno.EMFILE)
        self._entries.append(descriptor)
        return len(self._entries) - 1

    def get(self, fd: int) -> Descriptor:
        """What `fd` (unsigned) stands for. Raises EBADF."""
        if fd < len(self._entries):
            descriptor = self._entries[fd]
            if descriptor is not None:
                return descriptor
        raise WasiError(Errno.EBADF)

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
        descriptor = self.get(fd)
        self._entries[fd] = None
        heapq.heappush(self._free, fd)
        return descriptor

    def renumber(self, source: int, target: int) -> None:
        """Makes `target`, which is closed, stand for what `source` stood for, which is free then. Raises EBADF."""
        moved = self.get(source)
        replaced = self.get(target)
        if source == target:
            return
        self.remove(source)
        self._entries[target] = moved
        replaced.close()

    def close_all(self) -> None:
        """Closes everything that is open."""
        entries, self._entries, self._free = self._entries, [], []
        for descriptor in entries:
            if descriptor is not None:
                descriptor.close()
