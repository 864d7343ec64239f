"""Directories of the host, sealed: every path goes through resolution.Place, no call follows a link by itself.

What is not kept from a guest, since the host does not tell: a hard link in the directory to a file that has another
name outside is a file of the directory, and so is what somebody mounted there.
"""

from __future__ import annotations

import _heapq  # noqa: F401, what descriptors and files import when they need it, as long as there are descriptors
import errno
import fcntl  # noqa: F401
import os
import select  # noqa: F401
import stat as stat_module
import termios  # noqa: F401

from jormun.dataclass import dataclass
from jormun.functions import cache
from jormun.hints import TYPE_CHECKING, Final, Iterator
from jormun.runtime import native_flags  # noqa: F401, likewise
from jormun.runtime.native import openat2
from jormun.wasi.abi import FileType
from jormun.wasi.filesystem import TO_LIST, Directory, Entry, File, OpenMode, Stat, Times, refusal
from jormun.wasi.guest_path import require_relative, require_target
from jormun.wasi.host_file import OPEN_FLAGS, HostFile, file_type, stat_of, times_pair
from jormun.wasi.resolution import Place

if TYPE_CHECKING:
    from jormun.wasi.host_account import HostAccount
    from jormun.wasi.quota import Quota

_FILE_MODE: Final = 0o666
_DIRECTORY_MODE: Final = 0o777
"""Before the host's umask: guests make no programs, and nothing that runs as another user."""


@dataclass(frozen=True, slots=True)
class _Seal:
    """What holds for a directory that was given, and for all that is opened below it."""

    is_read_only: bool
    account: HostAccount | None
    by_kernel: bool
    refused_device: int | None
    """The device of /proc, unless the directory itself is there: /proc/self/mem is the host's own memory."""


class HostDirectory:
    """A directory of the host that guests may use, with all below it and nothing else.

    `path` is the host's. `is_read_only` refuses every change with EROFS; `quota` bounds what a guest adds. Paths are
    kept inside with the kernel's help where it has openat2; `by_kernel` False does without. Raises OSError when there
    is no such directory.

    A guest finds devices there as on a file system that is mounted `nodev`: they can be looked at, not opened (EACCES).
    The same goes for the files of /proc, unless the directory is in /proc itself.

    >>> import jormun
    >>> data = jormun.HostDirectory(".", is_read_only=True)
    >>> data.close()
    """

    __slots__ = ("_fd", "_seal")

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        *,
        is_read_only: bool = False,
        quota: Quota | None = None,
        by_kernel: bool | None = None,
    ) -> None:
        self._fd = -1
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        proc = _device_of_proc()
        self._seal = _Seal(
            is_read_only=is_read_only,
            account=None if quota is None else _account(quota),
            by_kernel=openat2.is_available() if by_kernel is None else by_kernel,
            refused_device=None if os.fstat(self._fd).st_dev == proc else proc,
        )

    @classmethod
    def at(cls, path: str | bytes | os.PathLike[str], *, is_read_only: bool = False) -> HostDirectory:
        """The directory at a path of the host's. Raises OSError."""
        return cls(path, is_read_only=is_read_only)

    @classmethod
    def _below(cls, fd: int, seal: _Seal) -> HostDirectory:
        directory = cls.__new__(cls)
        directory._fd = fd
        directory._seal = seal
        return directory

    @property
    def host_fd(self) -> int:
        """The host's descriptor."""
        return self._fd

    @property
    def is_plain(self) -> bool:
        """Whether the kernel alone keeps paths below it, and what is done there is not counted."""
        return self._seal.by_kernel and self._seal.account is None

    @property
    def is_read_only(self) -> bool:
        """Whether every change is refused."""
        return self._seal.is_read_only

    @property
    def refused_device(self) -> int | None:
        """The device whose files are not opened, if any."""
        return self._seal.refused_device

    def open(self, path: bytes, mode: OpenMode, *, follow: bool) -> File | Directory:
        """See Directory. EISDIR for a directory that is to be written or created; EROFS; EACCES for a device.

        The host is asked not to wait and not to adopt a terminal: a FIFO without a writer answers at once.
        """
        seal = self._seal
        if mode.changes:
            self._require_writable()
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        if mode.can_write:
            flags |= os.O_RDWR if mode.can_read else os.O_WRONLY
        if mode.exclusive:
            flags |= os.O_EXCL
        if mode.truncate:
            flags |= os.O_TRUNC
        if mode.flags:
            for fd_flag, host_flag in OPEN_FLAGS:
                if mode.flags & fd_flag:
                    flags |= host_flag
        # An exclusive creation never follows a link in the last place (open(2)).
        with self._place(path, follow=follow and not (mode.create and mode.exclusive)) as place:
            status = self._what_is_there(place)
            if mode.directory or place.is_directory:
                if mode.create:
                    raise refusal(errno.EISDIR if place.is_directory else errno.EINVAL)
                flags |= os.O_DIRECTORY
            if mode.create:
                fd = self._create(place, flags, status)
            else:
                fd = os.open(place.name, flags, dir_fd=place.parent)
        try:
            opened = os.fstat(fd)
            if stat_module.S_ISDIR(opened.st_mode):
                return HostDirectory._below(fd, seal)
            is_regular = stat_module.S_ISREG(opened.st_mode)
            if not is_regular:
                self._require_harmless(opened)  # again, since it may be another one by now
                os.set_blocking(fd, True)
            elif mode.truncate and seal.account is not None and status is not None:
                seal.account.truncated(status)
            account = seal.account if is_regular else None
            return HostFile(fd, flags=mode.flags, is_read_only=seal.is_read_only, account=account, status=opened)
        except BaseException:
            os.close(fd)
            raise

    def _what_is_there(self, place: Place) -> os.stat_result | None:
        """The attributes of what is about to be opened, or None. EACCES for a device: to open some has effects."""
        status = place.status
        if status is None:
            try:
                status = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
            except FileNotFoundError:
                return None
        self._require_harmless(status)
        return status

    def _require_harmless(self, status: os.stat_result) -> None:
        kind = status.st_mode
        if stat_module.S_ISCHR(kind) or stat_module.S_ISBLK(kind):
            raise refusal(errno.EACCES)
        if status.st_dev == self._seal.refused_device and stat_module.S_ISREG(kind):
            raise refusal(errno.EACCES)

    def _create(self, place: Place, flags: int, status: os.stat_result | None) -> int:
        """Opens what is there, or else makes a file."""
        with _Creation(self._seal.account if status is None else None):
            return os.open(place.name, flags | os.O_CREAT, _FILE_MODE, dir_fd=place.parent)

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

    def entries(self) -> Iterator[Entry]:
        """See Directory. `..` has the inode of the directory itself: what is above it is not the guest's to know."""
        ino = os.fstat(self._fd).st_ino
        yield Entry(b".", ino, FileType.DIRECTORY)
        yield Entry(b"..", ino, FileType.DIRECTORY)
        # Behind a descriptor of its own, since threads of a guest may list one directory at once.
        fd = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        with _Closing(fd), os.scandir(fd) as listing:
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
                yield Entry(os.fsencode(entry.name), entry.inode(), kind)

    def path_stat(self, path: bytes, *, follow: bool) -> Stat:
        """See Directory."""
        with self._place(path, follow=follow) as place:
            return stat_of(place.examine())

    def path_set_times(self, path: bytes, times: Times, *, follow: bool) -> None:
        """See Directory."""
        self._require_writable()
        with self._place(path, follow=follow) as place:
            pair = times_pair(times, place.examine())
            os.utime(place.name, ns=pair, dir_fd=place.parent, follow_symlinks=False)

    def create_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with self._slashed(path) as place, _Creation(self._seal.account):
            os.mkdir(place.name, _DIRECTORY_MODE, dir_fd=place.parent)

    def remove_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with self._slashed(path) as place:
            status = self._counted(place)
            os.rmdir(place.name, dir_fd=place.parent)
            self._removed(status)

    def unlink_file(self, path: bytes) -> None:
        """See Directory. EISDIR for a directory; ENOTDIR for a file behind whose name stands a slash."""
        self._require_writable()
        with self._slashed(path) as place:
            if place.is_directory:
                place.examine()
                raise refusal(errno.EISDIR)
            status = self._counted(place)
            os.unlink(place.name, dir_fd=place.parent)
            self._removed(status)

    def read_link(self, path: bytes) -> bytes:
        """See Directory. EINVAL for what is no link; EPERM for one with an absolute path, which is the host's own."""
        with self._place(path, follow=False) as place:
            if place.is_directory:
                place.examine()
            text = os.readlink(place.name, dir_fd=place.parent)
        require_relative(text)
        return text

    def symlink(self, target: bytes, path: bytes) -> None:
        """See Directory. An absolute target is refused (EPERM): no path of the guest's could lead through it."""
        self._require_writable()
        require_target(target)
        with self._slashed(path) as place:
            _require_no_slash(place)
            with _Creation(self._seal.account):
                os.symlink(target, place.name, dir_fd=place.parent)

    def link(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. EPERM for a directory; EXDEV where the two do not share one account."""
        target = self._peer(to)
        with self._slashed(path) as source, target._slashed(to_path) as place:
            if source.is_directory:
                source.examine()
            _require_no_slash(place)
            os.link(source.name, place.name, src_dir_fd=source.parent, dst_dir_fd=place.parent, follow_symlinks=False)

    def rename(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. ENOTDIR for a file when a slash stands behind either name; EXDEV as for `link`."""
        target = self._peer(to)
        with self._slashed(path) as source, target._slashed(to_path) as place:
            if source.is_directory or place.is_directory:
                source.is_directory = True
                source.examine()
            replaced = target._counted(place)
            moved = self._counted(source)
            os.rename(source.name, place.name, src_dir_fd=source.parent, dst_dir_fd=place.parent)
            if replaced is not None and moved is not None and not os.path.samestat(replaced, moved):
                target._removed(replaced)

    def close(self) -> None:
        """See Directory."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def reopened(self) -> HostDirectory:
        """The same directory behind a descriptor of its own."""
        directory = self.open(b".", TO_LIST, follow=False)
        assert isinstance(directory, HostDirectory)
        return directory

    def _place(self, path: bytes, *, follow: bool) -> Place:
        return Place(self._fd, path, follow=follow, by_kernel=self._seal.by_kernel)

    def _slashed(self, path: bytes) -> Place:
        """The place that a path names, slashes at its end taken off: they say that it is a directory, not that a link
        is to be followed, in the calls that change a directory.
        """
        place = self._place(path.rstrip(b"/") or path[:1], follow=False)
        place.is_directory = path.endswith(b"/")
        return place

    def _require_writable(self) -> None:
        if self._seal.is_read_only:
            raise refusal(errno.EROFS)

    def _peer(self, other: Directory) -> HostDirectory:
        """`other` as the second directory of a link or rename, when both may be changed."""
        if not isinstance(other, HostDirectory):
            raise refusal(errno.EXDEV)
        self._require_writable()
        other._require_writable()
        if self._seal.account is not other._seal.account:
            raise refusal(errno.EXDEV)
        return other

    def _counted(self, place: Place) -> os.stat_result | None:
        """The attributes of what is about to lose its name, where an account needs them."""
        if self._seal.account is None:
            return None
        try:
            return os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
        except OSError:
            return None  # the call that is about to be made says what the matter is

    def _removed(self, status: os.stat_result | None) -> None:
        if self._seal.account is not None and status is not None:
            self._seal.account.removed(status)


class _Closing:
    """A descriptor of the host that is closed at the end."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class _Creation:
    """Something is made in a directory that may have an account."""

    __slots__ = ("_account",)

    def __init__(self, account: HostAccount | None) -> None:
        self._account = account

    def __enter__(self) -> None:
        if self._account is not None:
            self._account.create()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._account is not None and kind is not None:
            self._account.not_created()


def _require_no_slash(place: Place) -> None:
    """Refuses a new name that a slash stands behind: only a directory could be there."""
    if place.is_directory:
        place.examine()
        raise refusal(errno.EEXIST)


def _account(quota: Quota) -> HostAccount:
    from jormun.wasi.host_account import HostAccount

    return HostAccount(quota)


@cache
def _device_of_proc() -> int | None:
    """The device that /proc is, or None on a system without it."""
    try:
        return os.stat("/proc/self").st_dev
    except OSError:
        return None
