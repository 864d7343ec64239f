"""Directories of the host, sealed: every path goes through resolution.Place, no call follows a link by itself."""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Sequence

from jormun.hints import Final
from jormun.wasi.abi import FileType
from jormun.wasi.filesystem import Directory, Entry, File, OpenMode, Stat, Times
from jormun.wasi.host_file import OPEN_FLAGS, HostFile, file_type, stat_of, times_pair
from jormun.wasi.resolution import Place

_FILE_MODE: Final = 0o666
_DIRECTORY_MODE: Final = 0o777
"""Before the host's umask."""


class HostDirectory:
    """A directory of the host that a guest may use, with all below it and nothing else.

    `is_read_only` refuses every change with EROFS.
    """

    __slots__ = ("_fd", "_is_read_only")

    def __init__(self, fd: int, *, is_read_only: bool = False) -> None:
        self._fd = fd
        self._is_read_only = is_read_only

    @classmethod
    def at(cls, path: str | bytes | os.PathLike[str], *, is_read_only: bool = False) -> HostDirectory:
        """Opens a directory by a path of the host's. Raises OSError."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), is_read_only=is_read_only)

    def open(self, path: bytes, mode: OpenMode, *, follow: bool) -> File | Directory:
        """See Directory. EISDIR for a directory that is to be written or created; EROFS.

        The host is asked not to wait and not to adopt a terminal: a FIFO without a writer answers at once.
        """
        if mode.can_write or mode.create or mode.truncate:
            self._require_writable()
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        if mode.can_write:
            flags |= os.O_RDWR if mode.can_read else os.O_WRONLY
        if mode.create:
            flags |= os.O_CREAT
        if mode.exclusive:
            flags |= os.O_EXCL
        if mode.truncate:
            flags |= os.O_TRUNC
        for fd_flag, host_flag in OPEN_FLAGS:
            if mode.flags & fd_flag:
                flags |= host_flag
        # An exclusive creation never follows a link in the last place (open(2)).
        with Place(self._fd, path, follow=follow and not (mode.create and mode.exclusive)) as place:
            if mode.directory or place.is_directory:
                if mode.create:
                    raise OSError(errno.EISDIR if place.is_directory else errno.EINVAL, "create a directory")
                flags |= os.O_DIRECTORY
            fd = os.open(place.name, flags, _FILE_MODE, dir_fd=place.parent)
        try:
            kind = os.fstat(fd).st_mode
            if stat_module.S_ISDIR(kind):
                return HostDirectory(fd, is_read_only=self._is_read_only)
            if not stat_module.S_ISREG(kind):
                os.set_blocking(fd, True)
            return HostFile(fd, flags=mode.flags, is_read_only=self._is_read_only)
        except BaseException:
            os.close(fd)
            raise

    def stat(self) -> Stat:
        """See Directory."""
        return stat_of(os.fstat(self._fd))

    def set_times(self, times: Times) -> None:
        """See Directory."""
        self._require_writable()
        os.utime(self._fd, ns=times_pair(times, os.fstat(self._fd)))

    def sync(self, *, data_only: bool) -> None:
        """See Directory."""
        if data_only:
            os.fdatasync(self._fd)
        else:
            os.fsync(self._fd)

    def entries(self) -> Sequence[Entry]:
        """See Directory. `..` has the inode of the directory itself: what is above it is not the guest's to know."""
        ino = os.fstat(self._fd).st_ino
        entries = [Entry(b".", ino, FileType.DIRECTORY), Entry(b"..", ino, FileType.DIRECTORY)]
        with os.scandir(self._fd) as listing:
            for entry in listing:
                if entry.is_file(follow_symlinks=False):
                    kind = FileType.REGULAR_FILE
                elif entry.is_dir(follow_symlinks=False):
                    kind = FileType.DIRECTORY
                elif entry.is_symlink():
                    kind = FileType.SYMBOLIC_LINK
                else:
                    try:
                        kind = file_type(entry.stat(follow_symlinks=False).st_mode)
                    except FileNotFoundError:
                        kind = FileType.UNKNOWN
                entries.append(Entry(os.fsencode(entry.name), entry.inode(), kind))
        return entries

    def path_stat(self, path: bytes, *, follow: bool) -> Stat:
        """See Directory."""
        with Place(self._fd, path, follow=follow) as place:
            return stat_of(_status(place))

    def path_set_times(self, path: bytes, times: Times, *, follow: bool) -> None:
        """See Directory."""
        self._require_writable()
        with Place(self._fd, path, follow=follow) as place:
            pair = times_pair(times, _status(place))
            os.utime(place.name, ns=pair, dir_fd=place.parent, follow_symlinks=False)

    def create_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with _slashed(self._fd, path) as place:
            os.mkdir(place.name, _DIRECTORY_MODE, dir_fd=place.parent)

    def remove_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with _slashed(self._fd, path) as place:
            os.rmdir(place.name, dir_fd=place.parent)

    def unlink_file(self, path: bytes) -> None:
        """See Directory. EISDIR for a directory; ENOTDIR for a file behind whose name stands a slash."""
        self._require_writable()
        with _slashed(self._fd, path) as place:
            if place.is_directory:
                status = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
                number = errno.EISDIR if stat_module.S_ISDIR(status.st_mode) else errno.ENOTDIR
                raise OSError(number, os.strerror(number))
            os.unlink(place.name, dir_fd=place.parent)

    def read_link(self, path: bytes) -> bytes:
        """See Directory. EINVAL for what is no link."""
        with Place(self._fd, path, follow=False) as place:
            return os.readlink(place.name, dir_fd=place.parent)

    def symlink(self, target: bytes, path: bytes) -> None:
        """See Directory. An absolute target is refused (EPERM): no path of the guest's could lead through it."""
        self._require_writable()
        if b"\0" in target:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if target.startswith(b"/"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        with _slashed(self._fd, path) as place:
            _require_no_slash(place)
            os.symlink(target, place.name, dir_fd=place.parent)

    def link(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. EPERM for a directory."""
        target = self._peer(to)
        with _slashed(self._fd, path) as source, _slashed(target._fd, to_path) as place:
            if source.is_directory:
                _status(source)
            _require_no_slash(place)
            os.link(source.name, place.name, src_dir_fd=source.parent, dst_dir_fd=place.parent, follow_symlinks=False)

    def rename(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. ENOTDIR for a file when a slash stands behind either name."""
        target = self._peer(to)
        with _slashed(self._fd, path) as source, _slashed(target._fd, to_path) as place:
            if source.is_directory or place.is_directory:
                status = os.stat(source.name, dir_fd=source.parent, follow_symlinks=False)
                if not stat_module.S_ISDIR(status.st_mode):
                    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            os.rename(source.name, place.name, src_dir_fd=source.parent, dst_dir_fd=place.parent)

    def close(self) -> None:
        """See Directory."""
        os.close(self._fd)

    def _require_writable(self) -> None:
        if self._is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def _peer(self, other: Directory) -> HostDirectory:
        """`other` as the second directory of a link or rename, when both may be changed."""
        if not isinstance(other, HostDirectory):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        self._require_writable()
        other._require_writable()
        return other


def _slashed(root: int, path: bytes) -> Place:
    """The place that a path names, slashes at its end taken off: they say that it is a directory, not that a link is to
    be followed, in the calls that change a directory.
    """
    place = Place(root, path.rstrip(b"/") or path[:1], follow=False)
    place.is_directory = path.endswith(b"/")
    return place


def _status(place: Place) -> os.stat_result:
    """The attributes of what is there. ENOTDIR for a file behind whose name stands a slash."""
    status = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
    if place.is_directory and not stat_module.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return status


def _require_no_slash(place: Place) -> None:
    """Refuses a new name that a slash stands behind: only a directory could be there."""
    if place.is_directory:
        _status(place)
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
