"""What a file and a directory are to WASI functions: the seam between descriptors and the places that files live in.

Implementations raise OSError with the number that POSIX gives; one table translates it (errno.py). Paths are UTF-8
bytes, relative to the directory, and never lead out of it.
"""

from __future__ import annotations

import os

from jormun.dataclass import dataclass
from jormun.hints import Final, Iterable, Protocol, Sequence, TypeAlias, runtime_checkable
from jormun.wasi.abi import FileType

PATH_BYTES: Final = 4096
"""The longest path (PATH_MAX of Linux)."""
NAME_BYTES: Final = 255
"""The longest name of an entry (NAME_MAX of Linux), where the host does not say."""
LINKS: Final = 40
"""Symbolic links that one path may lead through (as Linux allows)."""

Buffers: TypeAlias = Sequence[memoryview]
"""Places in the guest's memory, in order; at most memory.IOVECS of them, none empty."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The attributes of a file. Times are nanoseconds since 1970-01-01 00:00 UTC."""

    dev: int
    ino: int
    type: FileType
    links: int
    size_bytes: int
    accessed_ns: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory."""

    name: bytes
    ino: int
    type: FileType


@dataclass(frozen=True, slots=True)
class Times:
    """What to set a file's times to, in nanoseconds since 1970-01-01 00:00 UTC; None leaves one as it is."""

    accessed_ns: int | None
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class OpenMode:
    """How a path is opened."""

    can_read: bool
    can_write: bool
    create: bool
    exclusive: bool
    truncate: bool
    directory: bool
    """Fail with ENOTDIR when it is none."""
    flags: int
    """FdFlags."""

    @property
    def changes(self) -> bool:
        """Whether a directory cannot be opened so, and nothing where nothing may be changed."""
        return self.can_write or self.create or self.truncate


TO_LIST: Final = OpenMode(True, False, False, False, False, True, 0)
"""How a directory is opened, to be listed and to find paths from."""


@runtime_checkable
class File(Protocol):
    """An open file, stream or device."""

    @property
    def type(self) -> FileType: ...

    @property
    def is_seekable(self) -> bool: ...

    def read(self, buffers: Buffers) -> int:
        """Reads at the position and moves it; 0 at the end. May read less than there is room for."""

    def write(self, buffers: Buffers) -> int:
        """Writes at the position, or at the end of a file that appends, and moves it. May write less."""

    def read_at(self, buffers: Buffers, offset: int) -> int: ...

    def write_at(self, buffers: Buffers, offset: int) -> int: ...

    def seek(self, offset: int, whence: int) -> int:
        """Moves the position, which it returns. `whence` is os.SEEK_SET, SEEK_CUR or SEEK_END."""

    def stat(self) -> Stat: ...

    def set_times(self, times: Times) -> None: ...

    def set_size(self, size_bytes: int) -> None: ...

    def allocate(self, offset: int, size_bytes: int) -> None:
        """Makes sure that the range is there: grows the file to its end when that lies beyond."""

    def advise(self, offset: int, size_bytes: int, advice: int) -> None:
        """Says how a range is going to be used. `advice` is what fd_advise takes."""

    def sync(self, *, data_only: bool) -> None: ...

    def set_flags(self, flags: int) -> None:
        """Sets FdFlags; those that the host cannot change on an open file stay as they were."""

    @property
    def flags(self) -> int: ...

    def fileno(self) -> int | None:
        """The host's descriptor to wait on, or None for a file that never blocks."""

    def available(self) -> int:
        """How many bytes can be read without waiting, as far as is known."""

    def close(self) -> None: ...


@runtime_checkable
class Directory(Protocol):
    """An open directory. `follow` says whether a symbolic link in a path's last place is followed."""

    def open(self, path: bytes, mode: OpenMode, *, follow: bool) -> File | Directory: ...

    def stat(self) -> Stat: ...

    def set_times(self, times: Times) -> None: ...

    def sync(self, *, data_only: bool) -> None: ...

    def entries(self) -> Iterable[Entry]:
        """All entries as of now, `.` and `..` first. To be gone through once, at once; may raise meanwhile."""

    def path_stat(self, path: bytes, *, follow: bool) -> Stat: ...

    def path_set_times(self, path: bytes, times: Times, *, follow: bool) -> None: ...

    def create_directory(self, path: bytes) -> None: ...

    def remove_directory(self, path: bytes) -> None: ...

    def unlink_file(self, path: bytes) -> None: ...

    def read_link(self, path: bytes) -> bytes: ...

    def symlink(self, target: bytes, path: bytes) -> None:
        """Makes `path` a symbolic link whose text is `target`."""

    def link(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """Makes `to_path` in `to` a further name of the file `path`. EXDEV when `to` is of another kind."""

    def rename(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """Moves `path` to `to_path` in `to`. EXDEV when `to` is of another kind."""

    def close(self) -> None: ...


def cut(buffers: Buffers, size_bytes: int) -> Buffers:
    """The first `size_bytes` of the buffers."""
    kept = []
    for buffer in buffers:
        if size_bytes <= 0:
            break
        kept.append(buffer[:size_bytes])
        size_bytes -= len(buffer)
    return kept


def refusal(number: int) -> OSError:
    """The OSError with this number, as the host would raise it."""
    return OSError(number, os.strerror(number))
