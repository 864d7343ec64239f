"""Numbers and record layouts of WASI 0.1, and the few in which its two modules differ.

All numbers are little-endian. The source is the interface description (witx) of `wasi_snapshot_preview1` and of
`wasi_unstable`, the snapshot before it.
"""

from __future__ import annotations

from struct import Struct

from jormun.dataclass import dataclass
from jormun.enumeration import IntEnum, unique
from jormun.hints import Final
from jormun.runtime.rights import ALL_RIGHTS as ALL_RIGHTS
from jormun.runtime.rights import FILE_RIGHTS as FILE_RIGHTS
from jormun.runtime.rights import Rights as Rights

SUCCESS: Final = 0
"""What a call returns that did what it was asked."""


@unique
class FileType(IntEnum):
    """What a file is."""

    UNKNOWN = 0
    BLOCK_DEVICE = 1
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4
    SOCKET_DGRAM = 5
    SOCKET_STREAM = 6
    SYMBOLIC_LINK = 7


SEEK_RIGHTS: Final = Rights.FD_SEEK | Rights.FD_TELL
"""wasi-libc takes a character device without these for a terminal."""

STREAM_RIGHTS: Final = (
    Rights.FD_READ
    | Rights.FD_WRITE
    | Rights.FD_FDSTAT_SET_FLAGS
    | Rights.FD_SYNC
    | Rights.FD_DATASYNC
    | Rights.FD_FILESTAT_GET
    | Rights.POLL_FD_READWRITE
)
"""The rights that mean something on a pipe or a terminal."""

SOCKET_RIGHTS: Final = STREAM_RIGHTS | Rights.SOCK_SHUTDOWN | Rights.SOCK_ACCEPT
"""The rights that mean something on a socket."""

DIRECTORY_RIGHTS: Final = (
    Rights.FD_FDSTAT_SET_FLAGS
    | Rights.FD_SYNC
    | Rights.FD_DATASYNC
    | Rights.PATH_CREATE_DIRECTORY
    | Rights.PATH_CREATE_FILE
    | Rights.PATH_LINK_SOURCE
    | Rights.PATH_LINK_TARGET
    | Rights.PATH_OPEN
    | Rights.FD_READDIR
    | Rights.PATH_READLINK
    | Rights.PATH_RENAME_SOURCE
    | Rights.PATH_RENAME_TARGET
    | Rights.PATH_FILESTAT_GET
    | Rights.PATH_FILESTAT_SET_SIZE
    | Rights.PATH_FILESTAT_SET_TIMES
    | Rights.FD_FILESTAT_GET
    | Rights.FD_FILESTAT_SET_TIMES
    | Rights.PATH_SYMLINK
    | Rights.PATH_REMOVE_DIRECTORY
    | Rights.PATH_UNLINK_FILE
    | Rights.POLL_FD_READWRITE
)
"""The rights that mean something on a directory."""


class FdFlags:
    """How a descriptor reads and writes."""

    APPEND: Final = 1
    DSYNC: Final = 2
    NONBLOCK: Final = 4
    RSYNC: Final = 8
    SYNC: Final = 16


class OFlags:
    """How path_open opens."""

    CREAT: Final = 1
    DIRECTORY: Final = 2
    EXCL: Final = 4
    TRUNC: Final = 8


class LookupFlags:
    """How a path is resolved."""

    SYMLINK_FOLLOW: Final = 1


class FstFlags:
    """Which times to set, and to what."""

    ATIM: Final = 1
    ATIM_NOW: Final = 2
    MTIM: Final = 4
    MTIM_NOW: Final = 8


class RiFlags:
    """How sock_recv receives."""

    PEEK: Final = 1
    WAITALL: Final = 2


class RoFlags:
    """What sock_recv says of a message."""

    DATA_TRUNCATED: Final = 1


class SdFlags:
    """What sock_shutdown closes."""

    RD: Final = 1
    WR: Final = 2


@unique
class ClockId(IntEnum):
    """A clock."""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_CPUTIME_ID = 2
    THREAD_CPUTIME_ID = 3


@unique
class EventType(IntEnum):
    """What a subscription of poll_oneoff waits for."""

    CLOCK = 0
    FD_READ = 1
    FD_WRITE = 2


@unique
class Signal(IntEnum):
    """What proc_raise sends."""

    NONE = 0
    HUP = 1
    INT = 2
    QUIT = 3
    ILL = 4
    TRAP = 5
    ABRT = 6
    BUS = 7
    FPE = 8
    KILL = 9
    USR1 = 10
    SEGV = 11
    USR2 = 12
    PIPE = 13
    ALRM = 14
    TERM = 15
    CHLD = 16
    CONT = 17
    STOP = 18
    TSTP = 19
    TTIN = 20
    TTOU = 21
    URG = 22
    XCPU = 23
    XFSZ = 24
    VTALRM = 25
    PROF = 26
    WINCH = 27
    POLL = 28
    PWR = 29
    SYS = 30


SUBSCRIPTION_TAG_OFFSET: Final = 8
SUBSCRIPTION_CONTENT_OFFSET: Final = 16
"""Where in a subscription the tag, and what belongs to it, is; user data come first."""
SUBSCRIPTION_CLOCK_ABSTIME: Final = 1
"""The timeout of a clock subscription is a time of that clock, not a duration."""
EVENT_RW_HANGUP: Final = 1
"""The peer of a stream has closed its end."""

PREOPENTYPE_DIR: Final = 0

U32_RECORD: Final = Struct("<I")
U64_RECORD: Final = Struct("<Q")
IOVEC: Final = Struct("<II")
"""Address, length in bytes."""
FDSTAT: Final = Struct("<BxHxxxxQQ")
"""File type, flags, base rights, inheriting rights."""
PRESTAT: Final = Struct("<BxxxI")
"""Tag, length of the name in bytes."""
DIRENT: Final = Struct("<QQIBxxx")
"""Cookie of the next entry, inode, length of the name in bytes, file type; the name follows."""
EVENT: Final = Struct("<QHB5xQH6x")
"""User data, error number, event type, bytes available, flags."""


@dataclass(frozen=True, slots=True)
class Abi:
    """In what the two modules differ."""

    module: str
    """The name that guests import from."""
    filestat: Struct
    """Device, inode, file type, number of links, size, and access, modification and change time in nanoseconds."""
    whence: tuple[int, int, int]
    """For each number that a guest passes to fd_seek, the host's os.SEEK_SET, SEEK_CUR or SEEK_END."""
    subscription_size_bytes: int
    subscription_clock: Struct
    """Clock, timeout, precision (both in nanoseconds), flags; 16 bytes into a subscription."""
    has_sock_accept: bool


PREVIEW1: Final = Abi(
    module="wasi_snapshot_preview1",
    filestat=Struct("<QQB7xQQQQQ"),
    whence=(0, 1, 2),
    subscription_size_bytes=48,
    subscription_clock=Struct("<IxxxxQQH"),
    has_sock_accept=True,
)
UNSTABLE: Final = Abi(
    module="wasi_unstable",
    filestat=Struct("<QQB3xIQQQQ"),
    whence=(1, 2, 0),
    subscription_size_bytes=56,
    subscription_clock=Struct("<8xIxxxxQQH"),
    has_sock_accept=False,
)
MODULES: Final = frozenset({PREVIEW1.module, UNSTABLE.module})
"""The modules that guests import WASI from."""
