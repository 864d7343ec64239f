"""A descriptor of a guest: what it stands for, and how long that stays open."""

from __future__ import annotations

import os

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.locks import RLock
from jormun.wasi.abi import (
    ALL_RIGHTS,
    DIRECTORY_RIGHTS,
    FILE_RIGHTS,
    SEEK_RIGHTS,
    SOCKET_RIGHTS,
    STREAM_RIGHTS,
    FileType,
)
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Directory, File

if TYPE_CHECKING:
    from jormun.wasi.listing import Listing

_pinning = RLock()
"""Guards pins and is_closed of all descriptors: each time for a moment."""


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
    uses: int = 0
    """How many calls Python has had on it."""
    pins: int = 0
    """How many calls of the guest's threads are using it."""
    is_closed: bool = False

    @classmethod
    def of_file(cls, file: File, rights: int = ALL_RIGHTS) -> Descriptor:
        """A descriptor of a file, with those of `rights` that mean something on it."""
        if file.type is FileType.REGULAR_FILE:
            meaningful = FILE_RIGHTS
        elif file.type in (FileType.SOCKET_STREAM, FileType.SOCKET_DGRAM):
            meaningful = SOCKET_RIGHTS
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

    def pin(self) -> None:
        """Keeps it open for a call. Raises EBADF when it was closed."""
        with _pinning:
            if self.is_closed:
                raise WasiError(Errno.EBADF)
            self.pins += 1

    def unpin(self) -> None:
        """Undoes a `pin`; the last one closes what was to be closed meanwhile."""
        with _pinning:
            self.pins -= 1
            is_last = self.is_closed and not self.pins
        if is_last:
            self._close()

    def close(self) -> None:
        """Closes the file or directory, or leaves that to the last call that uses it.

        So the host's descriptor is not one of another file, or of somebody else, before all have left it.
        """
        with _pinning:
            if self.is_closed:
                return
            self.is_closed = True
            if self.pins:
                return
        self._close()

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
        if self.directory is not None:
            self.directory.close()


def _after_fork() -> None:
    global _pinning
    _pinning = RLock()  # which another thread may have had


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
