"""The rights of descriptors in WASI 0.1, and what machine code needs to do what it may do with one."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world


class Rights:
    """What may be done with a descriptor. Bits are plain numbers, here and below: an IntFlag is slow to combine."""

    FD_DATASYNC: Final = 1 << 0
    FD_READ: Final = 1 << 1
    FD_SEEK: Final = 1 << 2
    FD_FDSTAT_SET_FLAGS: Final = 1 << 3
    FD_SYNC: Final = 1 << 4
    FD_TELL: Final = 1 << 5
    FD_WRITE: Final = 1 << 6
    FD_ADVISE: Final = 1 << 7
    FD_ALLOCATE: Final = 1 << 8
    PATH_CREATE_DIRECTORY: Final = 1 << 9
    PATH_CREATE_FILE: Final = 1 << 10
    PATH_LINK_SOURCE: Final = 1 << 11
    PATH_LINK_TARGET: Final = 1 << 12
    PATH_OPEN: Final = 1 << 13
    FD_READDIR: Final = 1 << 14
    PATH_READLINK: Final = 1 << 15
    PATH_RENAME_SOURCE: Final = 1 << 16
    PATH_RENAME_TARGET: Final = 1 << 17
    PATH_FILESTAT_GET: Final = 1 << 18
    PATH_FILESTAT_SET_SIZE: Final = 1 << 19
    PATH_FILESTAT_SET_TIMES: Final = 1 << 20
    FD_FILESTAT_GET: Final = 1 << 21
    FD_FILESTAT_SET_SIZE: Final = 1 << 22
    FD_FILESTAT_SET_TIMES: Final = 1 << 23
    PATH_SYMLINK: Final = 1 << 24
    PATH_REMOVE_DIRECTORY: Final = 1 << 25
    PATH_UNLINK_FILE: Final = 1 << 26
    POLL_FD_READWRITE: Final = 1 << 27
    SOCK_SHUTDOWN: Final = 1 << 28
    SOCK_ACCEPT: Final = 1 << 29


ALL_RIGHTS: Final = (1 << 30) - 1
"""Every right there is; bits above are reserved and ignored."""

FILE_RIGHTS: Final = (
    Rights.FD_DATASYNC
    | Rights.FD_READ
    | Rights.FD_SEEK
    | Rights.FD_FDSTAT_SET_FLAGS
    | Rights.FD_SYNC
    | Rights.FD_TELL
    | Rights.FD_WRITE
    | Rights.FD_ADVISE
    | Rights.FD_ALLOCATE
    | Rights.FD_FILESTAT_GET
    | Rights.FD_FILESTAT_SET_SIZE
    | Rights.FD_FILESTAT_SET_TIMES
    | Rights.POLL_FD_READWRITE
)
"""The rights that mean something on a file."""

NEEDS: Final = (
    (world.READ_FILE | world.READ_STREAM | world.READ_PIPE | world.READ_AHEAD | world.READ_AT, Rights.FD_READ),
    (world.WRITE_FILE | world.WRITE_STREAM | world.WRITE_PIPE | world.WRITE_AT, Rights.FD_WRITE),
    (world.READ_AT | world.WRITE_AT | world.SEEK, Rights.FD_SEEK),
    (world.TELL, Rights.FD_TELL),
    (world.FILE_STATUS | world.BLANK, Rights.FD_FILESTAT_GET),
    (world.RESIZE, Rights.FD_FILESTAT_SET_SIZE),
    (world.ALLOCATE, Rights.FD_ALLOCATE),
    (world.SET_TIMES, Rights.FD_FILESTAT_SET_TIMES),
    (world.SET_FLAGS, Rights.FD_FDSTAT_SET_FLAGS),
    (world.ADVISE, Rights.FD_ADVISE),
    (world.LOOK_BELOW, Rights.PATH_FILESTAT_GET),
    (world.SET_TIMES_BELOW, Rights.PATH_FILESTAT_SET_TIMES),
    (world.OPEN_BELOW, Rights.PATH_OPEN),
    (world.READ_LINKS_BELOW, Rights.PATH_READLINK),
    (world.READ_LISTING, Rights.FD_READDIR),
    (world.SYNC, Rights.FD_SYNC),
    (world.SYNC_DATA, Rights.FD_DATASYNC),
)
"""Operations, and the right that each of them needs."""
READING: Final = Rights.FD_READ | Rights.FD_READDIR
WRITING: Final = Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE
"""Rights that need a file open for reading on the host, and for writing."""
