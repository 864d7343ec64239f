"""Descriptors and the attributes of what they stand for: fd_close, fd_renumber, fd_fdstat_get, fd_fdstat_set_flags,
fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times.
"""

from __future__ import annotations

import time

from jormun.hints import Final
from jormun.wasi.abi import FDSTAT, SUCCESS, FdFlags, FileType, FstFlags, Rights
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Stat, Times
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

ALL_FDFLAGS: Final = FdFlags.APPEND | FdFlags.DSYNC | FdFlags.NONBLOCK | FdFlags.RSYNC | FdFlags.SYNC
_ALL_FSTFLAGS: Final = FstFlags.ATIM | FstFlags.ATIM_NOW | FstFlags.MTIM | FstFlags.MTIM_NOW
_U32: Final = 0xFFFF_FFFF
_U64: Final = 0xFFFF_FFFF_FFFF_FFFF


@wasi_function
def fd_close(wasi: Wasi, fd: U32) -> int:
    """Closes a descriptor. Its number is free then, whatever the result.

    fd: the descriptor

    EBADF: `fd` is not open
    EIO, ENOSPC, EDQUOT: an earlier write failed
    """
    wasi.table.remove(fd).close()
    return SUCCESS


@wasi_function
def fd_renumber(wasi: Wasi, fd: U32, to: U32) -> int:
    """Moves a descriptor to a number that is in use, which is closed first; the old number is free then.

    fd: the descriptor
    to: its new number

    EBADF: `fd` or `to` is not open
    """
    wasi.table.renumber(fd, to)
    return SUCCESS


@wasi_function
def fd_fdstat_get(wasi: Wasi, fd: U32, stat: Pointer) -> int:
    """Tells a descriptor's file type, flags and rights.

    fd: the descriptor
    stat: where to write them, 24 bytes

    EBADF: `fd` is not open
    EFAULT: `stat` is outside of the memory
    """
    descriptor = wasi.table.get(fd)
    file = descriptor.file
    if file is None:
        kind, flags = int(FileType.DIRECTORY), descriptor.directory_flags
    else:
        kind, flags = file.type, file.flags
    wasi.memory.pack(FDSTAT, stat, kind, flags, descriptor.rights, descriptor.inheriting)
    return SUCCESS


@wasi_function
def fd_fdstat_set_flags(wasi: Wasi, fd: U32, flags: U32) -> int:
    """Sets how a descriptor reads and writes.

    fd: the descriptor
    flags: FdFlags. APPEND and NONBLOCK are set and cleared; the synchronous ones stay as path_open set them

    EBADF: `fd` is not open
    EINVAL: there is no such flag
    ENOTSUP: APPEND on a stream that is shared with the host
    ENOTCAPABLE: `fd` has not the right FD_FDSTAT_SET_FLAGS
    """
    if flags & ~ALL_FDFLAGS:
        raise WasiError(Errno.EINVAL)
    descriptor = wasi.table.get(fd)
    if not descriptor.rights & Rights.FD_FDSTAT_SET_FLAGS:
        raise WasiError(Errno.ENOTCAPABLE)
    if descriptor.file is not None:
        if flags == descriptor.file.flags:
            return SUCCESS
        descriptor.file.set_flags(flags)
    else:
        descriptor.directory_flags = flags
    wasi.table.flags_changed(descriptor)
    return SUCCESS


@wasi_function
def fd_fdstat_set_rights(wasi: Wasi, fd: U32, rights_base: U64, rights_inheriting: U64) -> int:
    """Takes rights from a descriptor. None can be added.

    fd: the descriptor
    rights_base: what may still be done with it
    rights_inheriting: what may still be done with what is opened below it

    EBADF: `fd` is not open
    ENOTCAPABLE: it has not all these rights
    """
    wasi.table.limit(fd, rights_base, rights_inheriting)
    return SUCCESS


@wasi_function
def fd_filestat_get(wasi: Wasi, fd: U32, buf: Pointer) -> int:
    """Tells a file's attributes.

    fd: the file or directory
    buf: where to write device, inode, file type, number of links, size in bytes, and the times of the last access,
        modification and change in nanoseconds since 1970: 64 bytes, 56 for wasi_unstable

    EBADF: `fd` is not open
    ENOTCAPABLE: `fd` has not the right FD_FILESTAT_GET
    EFAULT: `buf` is outside of the memory
    """
    write_filestat(wasi, buf, wasi.table.either(fd, Rights.FD_FILESTAT_GET).stat())
    return SUCCESS


@wasi_function
def fd_filestat_set_size(wasi: Wasi, fd: U32, size: U64) -> int:
    """Sets a file's size: cuts it off, or adds zeros.

    fd: the file
    size: its new size in bytes

    EBADF: `fd` is not open
    EISDIR: `fd` is a directory
    EINVAL: `size` is 2**63 or more, or `fd` is not open for writing
    EFBIG: the host's file system has no files as large
    ENOTCAPABLE: `fd` has not the right FD_FILESTAT_SET_SIZE
    """
    file = wasi.table.file(fd, Rights.FD_FILESTAT_SET_SIZE)
    if size >> 63:
        raise WasiError(Errno.EINVAL)
    file.set_size(size)
    return SUCCESS


@wasi_function
def fd_filestat_set_times(wasi: Wasi, fd: U32, atim: U64, mtim: U64, fst_flags: U32) -> int:
    """Sets a file's times of last access and modification.

    fd: the file or directory
    atim, mtim: the times in nanoseconds since 1970
    fst_flags: FstFlags: which of them to set, and whether to that time or to now

    EBADF: `fd` is not open
    EINVAL: there is no such flag, or a time is to be set both ways
    EPERM, EROFS: as the host says
    ENOTCAPABLE: `fd` has not the right FD_FILESTAT_SET_TIMES
    """
    times = requested_times(atim, mtim, fst_flags)
    wasi.table.either(fd, Rights.FD_FILESTAT_SET_TIMES).set_times(times)
    return SUCCESS


def write_filestat(wasi: Wasi, address: int, stat: Stat) -> None:
    """Writes attributes in the layout of the module that the call came through. Raises EFAULT."""
    links = stat.links if wasi.abi.filestat.size == 64 else min(stat.links, _U32)
    wasi.memory.pack(
        wasi.abi.filestat,
        address,
        stat.dev & _U64,
        stat.ino & _U64,
        stat.type,
        links,
        stat.size_bytes,
        stat.accessed_ns & _U64,
        stat.modified_ns & _U64,
        stat.changed_ns & _U64,
    )


def requested_times(accessed_ns: int, modified_ns: int, flags: int) -> Times:
    """What fd_filestat_set_times and path_filestat_set_times ask for. Raises EINVAL."""
    if flags & ~_ALL_FSTFLAGS:
        raise WasiError(Errno.EINVAL)
    now = time.time_ns()
    return Times(
        _requested_time(accessed_ns, now, flags & FstFlags.ATIM, flags & FstFlags.ATIM_NOW),
        _requested_time(modified_ns, now, flags & FstFlags.MTIM, flags & FstFlags.MTIM_NOW),
    )


def _requested_time(given_ns: int, now_ns: int, is_given: int, is_now: int) -> int | None:
    if is_given and is_now:
        raise WasiError(Errno.EINVAL)
    if is_given:
        return given_ns
    return now_ns if is_now else None
