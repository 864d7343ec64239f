"""Files of the host, behind their descriptors: regular files, and the streams and devices that a guest was given."""

from __future__ import annotations

import errno
import os
import stat as stat_module
import sys

from jormun.containers import WeakSet
from jormun.hints import TYPE_CHECKING, Final
from jormun.runtime.interruption import POLLIN, POLLOUT
from jormun.runtime.native_stream import NativeStream
from jormun.wasi.abi import FdFlags, FileType
from jormun.wasi.filesystem import Buffers, Stat, Times, refusal

if TYPE_CHECKING:
    from jormun.runtime.native_flags import NativeFlags
    from jormun.wasi.host_account import HostAccount

_TYPES: Final = {
    stat_module.S_IFREG: FileType.REGULAR_FILE,
    stat_module.S_IFDIR: FileType.DIRECTORY,
    stat_module.S_IFLNK: FileType.SYMBOLIC_LINK,
    stat_module.S_IFCHR: FileType.CHARACTER_DEVICE,
    stat_module.S_IFBLK: FileType.BLOCK_DEVICE,
    stat_module.S_IFSOCK: FileType.SOCKET_STREAM,
}
"""A FIFO has no type in WASI and is UNKNOWN."""

_ADVICE: Final = (
    os.POSIX_FADV_NORMAL,
    os.POSIX_FADV_SEQUENTIAL,
    os.POSIX_FADV_RANDOM,
    os.POSIX_FADV_WILLNEED,
    os.POSIX_FADV_DONTNEED,
    os.POSIX_FADV_NOREUSE,
)

_CHANGEABLE: Final = FdFlags.APPEND | FdFlags.NONBLOCK
"""Of an open file; the synchronous ones stay (fcntl(2), F_SETFL)."""

_MEMORY_DEVICES: Final = tuple(os.makedev(1, minor) for minor in (3, 5, 7))
"""/dev/null, /dev/zero and /dev/full of Linux: nobody ever waits for them."""

OPEN_FLAGS: Final = (
    (FdFlags.APPEND, os.O_APPEND),
    (FdFlags.DSYNC, os.O_DSYNC),
    (FdFlags.SYNC, os.O_SYNC),
    (FdFlags.RSYNC, os.O_SYNC),
)
"""FdFlags and what they are to open(2). NONBLOCK is kept apart: see HostFile."""


def file_type(mode: int) -> FileType:
    """The type that the host's st_mode tells."""
    return _TYPES.get(stat_module.S_IFMT(mode), FileType.UNKNOWN)


def unread_bytes(fd: int) -> int:
    """How many bytes can be read from a stream of the host without waiting; 0 for one that cannot tell."""
    import fcntl
    import termios

    try:
        answer = fcntl.ioctl(fd, termios.FIONREAD, bytes(4))
    except OSError:
        return 0
    return max(0, int.from_bytes(answer, sys.byteorder, signed=True))


def stat_of(status: os.stat_result) -> Stat:
    """The host's attributes as WASI has them."""
    return Stat(
        dev=status.st_dev,
        ino=status.st_ino,
        type=file_type(status.st_mode),
        links=status.st_nlink,
        size_bytes=status.st_size,
        accessed_ns=status.st_atime_ns,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
    )


def times_pair(times: Times, status: os.stat_result) -> tuple[int, int]:
    """What os.utime takes: the time that is to stay is the one that `status` has."""
    return (
        status.st_atime_ns if times.accessed_ns is None else times.accessed_ns,
        status.st_mtime_ns if times.modified_ns is None else times.modified_ns,
    )


class HostFile:
    """A descriptor of the host.

    A borrowed one (a standard stream that the guest inherits) is not closed, and its flags, which belong to all
    processes that share it, are not touched: appending is refused and NONBLOCK is done here, by asking first. A regular
    file may have an `account` that bounds how it grows.

    One that reads ahead, as C libraries do on standard input, has the host's position where it belongs again whenever
    something else than machine code looks at it, and when it is closed. Only a regular file that is open for nothing
    but reading does.
    """

    __slots__ = (
        "__weakref__",
        "_account",
        "_fd",
        "_flags",
        "_is_borrowed",
        "_is_read_only",
        "_unwaiting",
        "ahead",
        "is_memory_device",
        "is_pipe",
        "is_seekable",
        "native_flags",
        "type",
    )

    def __init__(
        self,
        fd: int,
        *,
        flags: int = 0,
        is_borrowed: bool = False,
        is_read_only: bool = False,
        reads_ahead: bool = False,
        account: HostAccount | None = None,
        status: os.stat_result | None = None,
    ) -> None:
        """`status` are its attributes, where they are known."""
        self._fd = fd
        self._flags = flags
        self._is_borrowed = is_borrowed
        self._is_read_only = is_read_only
        self._account = account
        self._unwaiting: int | None = None
        if account is not None:
            account.opened(fd)
        if status is None:
            status = os.fstat(fd)
        self.type = file_type(status.st_mode)
        self.is_pipe: Final = stat_module.S_ISFIFO(status.st_mode)
        self.is_memory_device: Final = stat_module.S_ISCHR(status.st_mode) and status.st_rdev in _MEMORY_DEVICES
        """Whether it is /dev/null or one of its like."""
        self.is_seekable = True
        self.ahead: NativeStream | None = None
        """What machine code has read ahead."""
        if reads_ahead and self.type is FileType.REGULAR_FILE and _is_for_reading(fd):
            self.ahead = NativeStream.ahead()
            _reading_ahead.add(self)
        self.native_flags: NativeFlags | None = None
        """The flags where machine code changes them too, from the first time that they are set."""
        if self.type is not FileType.REGULAR_FILE:
            try:
                os.lseek(fd, 0, os.SEEK_CUR)
            except OSError:
                self.is_seekable = False

    def read(self, buffers: Buffers) -> int:
        """See File."""
        if self.flags & FdFlags.NONBLOCK:
            self._require_ready(POLLIN)
        if self.ahead is not None:
            return self._read_ahead(self.ahead, buffers)
        return os.readv(self._fd, buffers)

    def _read_ahead(self, ahead: NativeStream, buffers: Buffers) -> int:
        with ahead:
            wanted = sum(map(len, buffers))
            if wanted > ahead.left:
                self._give_back(ahead)
                return os.readv(self._fd, buffers)
            for buffer in buffers:
                buffer[:] = ahead.take(len(buffer))
            return wanted

    def _give_back(self, ahead: NativeStream) -> None:
        if ahead.left:
            os.lseek(self._fd, -ahead.left, os.SEEK_CUR)
            ahead.empty()

    def settle(self) -> None:
        """Moves the host's position to that of the guest."""
        if self.ahead is not None and not self.ahead.is_mine:
            with self.ahead:
                self._give_back(self.ahead)

    def write(self, buffers: Buffers) -> int:
        """See File."""
        if self.flags & FdFlags.NONBLOCK:
            self._require_ready(POLLOUT)
        if self._account is not None:
            return self._account.write(self._fd, buffers, None, appends=bool(self.flags & FdFlags.APPEND))
        return os.writev(self._fd, buffers)

    def _require_ready(self, event: int) -> None:
        if self.type is FileType.REGULAR_FILE:
            return
        import select

        poll = select.poll()
        poll.register(self._fd, event)
        if not poll.poll(0):
            raise refusal(errno.EAGAIN)

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """See File."""
        return os.preadv(self._fd, buffers, offset)

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """See File. The offset counts even for a file that appends, as POSIX says and Linux alone does not."""
        if self.flags & FdFlags.APPEND and not self._is_borrowed:
            host_flags = _host_flags(self._fd)
            _append(self._fd, host_flags, 0)
            try:
                return self._write_at(buffers, offset)
            finally:
                _append(self._fd, host_flags, FdFlags.APPEND)
        return self._write_at(buffers, offset)

    def _write_at(self, buffers: Buffers, offset: int) -> int:
        if self._account is not None:
            return self._account.write(self._fd, buffers, offset, appends=False)
        return os.pwritev(self._fd, buffers, offset)

    def seek(self, offset: int, whence: int) -> int:
        """See File."""
        self.settle()
        return os.lseek(self._fd, offset, whence)

    def stat(self) -> Stat:
        """See File."""
        return stat_of(os.fstat(self._fd))

    def set_times(self, times: Times) -> None:
        """See File. EROFS below a read-only directory: the host would not ask for a descriptor that can write."""
        if self._is_read_only:
            raise refusal(errno.EROFS)
        os.utime(self._fd, ns=times_pair(times, os.fstat(self._fd)))

    def set_size(self, size_bytes: int) -> None:
        """See File."""
        if self._account is not None:
            self._account.resize(self._fd, size_bytes)
        else:
            os.ftruncate(self._fd, size_bytes)

    def allocate(self, offset: int, size_bytes: int) -> None:
        """See File."""
        if self._account is not None:
            self._account.allocate(self._fd, offset, size_bytes)
        else:
            os.posix_fallocate(self._fd, offset, size_bytes)

    def advise(self, offset: int, size_bytes: int, advice: int) -> None:
        """See File."""
        os.posix_fadvise(self._fd, offset, size_bytes, _ADVICE[advice])

    def sync(self, *, data_only: bool) -> None:
        """See File."""
        if data_only:
            os.fdatasync(self._fd)
        else:
            os.fsync(self._fd)

    @property
    def flags(self) -> int:
        """See File."""
        return self._flags if self.native_flags is None else self.native_flags.flags

    def set_flags(self, flags: int) -> None:
        """See File. ENOTSUP to have a borrowed one append."""
        before = self.flags
        if (flags ^ before) & FdFlags.APPEND and self._is_borrowed:
            raise refusal(errno.ENOTSUP)
        flags = (before & ~_CHANGEABLE) | (flags & _CHANGEABLE)
        if self.type is FileType.REGULAR_FILE and not self._is_borrowed:
            self._set_own_flags(flags)
        else:
            if (flags ^ before) & FdFlags.APPEND:
                _append(self._fd, _host_flags(self._fd), flags)
            self._flags = flags

    def _set_own_flags(self, flags: int) -> None:
        """Those of a file that nobody else has open here: what the host's are is known from the first time on."""
        native = self.native_flags
        if native is None:
            from jormun.runtime.native_flags import NativeFlags  # few guests come here

            native = NativeFlags(self._flags, _host_flags(self._fd))
        if (flags ^ native.flags) & FdFlags.APPEND:
            _append(self._fd, native.host_flags, flags)
        native.flags = flags
        self.native_flags = native

    @property
    def host_fd(self) -> int:
        """The host's descriptor."""
        return self._fd

    def unwaiting(self) -> int:
        """A descriptor of a pipe that is read, which fails where the file itself would wait; -1 where there is none.

        It is another opening of the same pipe: the flag does not touch those who share ours. Reading by it takes two
        thirds of the time of preadv2(2) with a flag for each call.
        """
        if self._unwaiting is None:
            self._unwaiting = -1
            if self.is_pipe and _is_for_reading(self._fd):
                try:
                    self._unwaiting = os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError:
                    pass  # there is no /proc, or the pipe is another user's
        return self._unwaiting

    @property
    def is_counted(self) -> bool:
        """Whether what is written is counted."""
        return self._account is not None

    def fileno(self) -> int | None:
        """See File."""
        return None if self.type is FileType.REGULAR_FILE else self._fd

    def available(self) -> int:
        """See File."""
        if self.type is FileType.REGULAR_FILE:
            self.settle()
            return max(0, os.fstat(self._fd).st_size - os.lseek(self._fd, 0, os.SEEK_CUR))
        return unread_bytes(self._fd)

    def close(self) -> None:
        """See File."""
        try:
            self.settle()
        except OSError:
            pass  # the host has closed a descriptor that it lent: there is no position
        if self._unwaiting is not None and self._unwaiting >= 0:
            os.close(self._unwaiting)
            self._unwaiting = -1
        if self._is_borrowed:
            return
        if self._account is not None:
            self._account.closing(self._fd)
        os.close(self._fd)


def _host_flags(fd: int) -> int:
    """What the flags of a descriptor are to the host, without O_APPEND."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_APPEND


def _append(fd: int, host_flags: int, flags: int) -> None:
    """Has a descriptor append or not, as FdFlags say."""
    import fcntl

    fcntl.fcntl(fd, fcntl.F_SETFL, host_flags | os.O_APPEND if flags & FdFlags.APPEND else host_flags)


def _is_for_reading(fd: int) -> bool:
    """Whether a regular file or a pipe is open for reading, and not for writing."""
    # FAST: of no bytes both have no effect, and do not wait; to import fcntl for its F_GETFL takes 0.2 ms of a start.
    try:
        os.read(fd, 0)
    except OSError:
        return False
    try:
        os.write(fd, b"")
    except OSError:
        return True
    return False


_reading_ahead: WeakSet[HostFile] = WeakSet()


def _before_fork() -> None:
    """The new process shares the host's positions. What is read ahead later it does not have."""
    for file in _reading_ahead:
        file.settle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
