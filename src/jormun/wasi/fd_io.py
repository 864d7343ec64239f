"""Reading, writing and the position of files: fd_read, fd_pread, fd_write, fd_pwrite, fd_seek, fd_tell, fd_advise,
fd_allocate, fd_sync, fd_datasync.
"""

from __future__ import annotations

import os

from jormun.hints import Final
from jormun.wasi.abi import SUCCESS, Rights
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import File
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

_READ: Final = Rights.FD_READ
_WRITE: Final = Rights.FD_WRITE
_ADVICES: Final = 6
_OFFSET_MAX: Final = (1 << 63) - 1


@wasi_function
def fd_read(wasi: Wasi, fd: U32, iovs: Pointer, iovs_len: U32, nread: Pointer) -> int:
    """Reads from a file at its position, and moves the position.

    fd: the file
    iovs, iovs_len: an array of iovecs (address and length in bytes, 4 bytes each), their number; filled in order
    nread: where to write the number of bytes read, 4 bytes; 0 at the end of the file

    Reads what is there: it waits for the first byte, and may read less than there is room for.

    EBADF: `fd` is not open, or not for reading
    EISDIR: `fd` is a directory
    EAGAIN: `fd` is non-blocking and nothing is there yet
    EFAULT: the array, a buffer or `nread` does not fit the memory
    """
    # FAST: repeats DescriptorTable.file; reading and writing are the calls that programs make by the million
    descriptor = wasi.table.get(fd)
    file = descriptor.file
    if file is None:
        raise WasiError(Errno.EISDIR)
    if not descriptor.rights & _READ:
        raise WasiError(Errno.EBADF)
    memory = wasi.memory
    if nread + 4 > memory.size_bytes:
        memory.require(nread, 4)
    buffers = memory.buffers(iovs, iovs_len)
    if wasi.threads is not None and buffers:
        from jormun.wasi.waiting import await_reading  # most guests cannot be stopped

        await_reading(wasi.threads, file)
    memory.write_u32(nread, file.read(buffers) if buffers else 0)
    return SUCCESS


@wasi_function
def fd_write(wasi: Wasi, fd: U32, iovs: Pointer, iovs_len: U32, nwritten: Pointer) -> int:
    """Writes to a file at its position, or at its end when it appends, and moves the position.

    fd: the file
    iovs, iovs_len: an array of iovecs (address and length in bytes, 4 bytes each), their number; written in order
    nwritten: where to write the number of bytes written, 4 bytes

    EBADF: `fd` is not open, or not for writing
    EISDIR: `fd` is a directory
    EAGAIN: `fd` is non-blocking and there is no room now
    EPIPE: nobody reads the other end
    ENOSPC, EDQUOT, EFBIG, EIO: as the host says
    EFAULT: the array, a buffer or `nwritten` does not fit the memory; nothing is written then
    """
    descriptor = wasi.table.get(fd)
    file = descriptor.file
    if file is None:
        raise WasiError(Errno.EISDIR)
    if not descriptor.rights & _WRITE:
        raise WasiError(Errno.EBADF)
    memory = wasi.memory
    if nwritten + 4 > memory.size_bytes:
        memory.require(nwritten, 4)
    buffers = memory.buffers(iovs, iovs_len)
    if wasi.threads is not None:
        from jormun.wasi.waiting import await_writing

        buffers = await_writing(wasi.threads, file, buffers)
    memory.write_u32(nwritten, file.write(buffers) if buffers else 0)
    return SUCCESS


@wasi_function
def fd_pread(wasi: Wasi, fd: U32, iovs: Pointer, iovs_len: U32, offset: U64, nread: Pointer) -> int:
    """Reads from a file at an offset, and leaves the position where it is.

    fd: the file
    iovs, iovs_len: as for fd_read
    offset: where to read, in bytes from the file's start
    nread: where to write the number of bytes read, 4 bytes; 0 at and behind the end of the file

    EBADF: `fd` is not open, or not for reading
    EISDIR: `fd` is a directory
    ESPIPE: `fd` is a stream
    EINVAL: `offset` is 2**63 or more
    ENOTCAPABLE: `fd` has not the right FD_SEEK
    EFAULT: the array, a buffer or `nread` does not fit the memory
    """
    file = _positioned(wasi, fd, _READ)
    wasi.memory.require(nread, 4)
    buffers = wasi.memory.buffers(iovs, iovs_len)
    offset = _signed_offset(offset)
    wasi.memory.write_u32(nread, file.read_at(buffers, offset) if buffers else 0)
    return SUCCESS


@wasi_function
def fd_pwrite(wasi: Wasi, fd: U32, iovs: Pointer, iovs_len: U32, offset: U64, nwritten: Pointer) -> int:
    """Writes to a file at an offset, and leaves the position where it is.

    fd: the file
    iovs, iovs_len: as for fd_write
    offset: where to write, in bytes from the file's start; it counts for a file that appends too
    nwritten: where to write the number of bytes written, 4 bytes

    EBADF: `fd` is not open, or not for writing
    EISDIR: `fd` is a directory
    ESPIPE: `fd` is a stream
    EINVAL: `offset` is 2**63 or more
    ENOTCAPABLE: `fd` has not the right FD_SEEK
    ENOSPC, EDQUOT, EFBIG, EIO: as the host says
    EFAULT: the array, a buffer or `nwritten` does not fit the memory; nothing is written then
    """
    file = _positioned(wasi, fd, _WRITE)
    wasi.memory.require(nwritten, 4)
    buffers = wasi.memory.buffers(iovs, iovs_len)
    offset = _signed_offset(offset)
    wasi.memory.write_u32(nwritten, file.write_at(buffers, offset) if buffers else 0)
    return SUCCESS


@wasi_function
def fd_seek(wasi: Wasi, fd: U32, offset: U64, whence: U32, newoffset: Pointer) -> int:
    """Moves a file's position.

    fd: the file
    offset: how far to move, in bytes, signed
    whence: from where: 0 the start, 1 the position, 2 the end; wasi_unstable has 0 the position, 1 the end, 2 the start
    newoffset: where to write the new position in bytes from the start, 8 bytes

    EBADF: `fd` is not open
    EISDIR: `fd` is a directory
    ESPIPE: `fd` is a stream
    EINVAL: there is no such whence, or the position would be before the start
    ENOTCAPABLE: `fd` has not the right FD_SEEK; FD_TELL is enough to move by 0 from the position
    EFAULT: `newoffset` is outside of the memory; nothing is moved then
    """
    if whence >= len(wasi.abi.whence):
        raise WasiError(Errno.EINVAL)
    host_whence = wasi.abi.whence[whence]
    is_tell = not offset and host_whence == os.SEEK_CUR
    file = _seekable(wasi, fd, Rights.FD_SEEK | Rights.FD_TELL if is_tell else Rights.FD_SEEK)
    wasi.memory.require(newoffset, 8)
    if offset > _OFFSET_MAX:
        offset -= 1 << 64
    wasi.memory.write_u64(newoffset, file.seek(offset, host_whence))
    return SUCCESS


@wasi_function
def fd_tell(wasi: Wasi, fd: U32, offset: Pointer) -> int:
    """Tells a file's position.

    fd: the file
    offset: where to write the position in bytes from the start, 8 bytes

    EBADF: `fd` is not open
    EISDIR: `fd` is a directory
    ESPIPE: `fd` is a stream
    ENOTCAPABLE: `fd` has not the right FD_TELL
    EFAULT: `offset` is outside of the memory
    """
    file = _seekable(wasi, fd, Rights.FD_TELL)
    wasi.memory.write_u64(offset, file.seek(0, os.SEEK_CUR))
    return SUCCESS


@wasi_function
def fd_advise(wasi: Wasi, fd: U32, offset: U64, length: U64, advice: U32) -> int:
    """Says how a range of a file is going to be used, so that the host may prepare.

    fd: the file
    offset, length: the range in bytes; a length of 0 means to the end of the file
    advice: 0 normal, 1 sequential, 2 random, 3 will need, 4 will not need, 5 will use once

    EBADF: `fd` is not open
    EISDIR: `fd` is a directory
    EINVAL: there is no such advice, or the range reaches beyond 2**63
    ESPIPE: `fd` is a stream
    ENOTCAPABLE: `fd` has not the right FD_ADVISE
    """
    file = _seekable(wasi, fd, Rights.FD_ADVISE)
    if advice >= _ADVICES or offset + length > _OFFSET_MAX:
        raise WasiError(Errno.EINVAL)
    file.advise(offset, length, advice)
    return SUCCESS


@wasi_function
def fd_allocate(wasi: Wasi, fd: U32, offset: U64, length: U64) -> int:
    """Makes sure that there is room for a range of a file; the file grows to its end when that lies beyond.

    fd: the file
    offset, length: the range in bytes

    EBADF: `fd` is not open, or not for writing
    EISDIR: `fd` is a directory
    EINVAL: the length is 0
    EFBIG: the range reaches beyond 2**63, or beyond what the host's file system has
    ENOSPC: the disk is full
    ESPIPE: `fd` is a stream
    ENOTCAPABLE: `fd` has not the right FD_ALLOCATE
    """
    file = _seekable(wasi, fd, Rights.FD_ALLOCATE)
    if not length:
        raise WasiError(Errno.EINVAL)
    if offset + length > _OFFSET_MAX:
        raise WasiError(Errno.EFBIG)
    file.allocate(offset, length)
    return SUCCESS


@wasi_function
def fd_sync(wasi: Wasi, fd: U32) -> int:
    """Waits until a file's data and attributes are on its device.

    fd: the file or directory

    EBADF: `fd` is not open
    EINVAL: `fd` is a stream
    EIO: the device failed
    ENOTCAPABLE: `fd` has not the right FD_SYNC
    """
    wasi.table.either(fd, Rights.FD_SYNC).sync(data_only=False)
    return SUCCESS


@wasi_function
def fd_datasync(wasi: Wasi, fd: U32) -> int:
    """Waits until a file's data are on its device, and as much of its attributes as reading them back needs.

    fd: the file or directory

    EBADF: `fd` is not open
    EINVAL: `fd` is a stream
    EIO: the device failed
    ENOTCAPABLE: `fd` has not the right FD_DATASYNC
    """
    wasi.table.either(fd, Rights.FD_DATASYNC).sync(data_only=True)
    return SUCCESS


def _seekable(wasi: Wasi, fd: int, right: int) -> File:
    """The file `fd`. ESPIPE comes before ENOTCAPABLE: streams have no rights to seek, and programs know that errno."""
    descriptor = wasi.table.get(fd)
    file = descriptor.file
    if file is None:
        raise WasiError(Errno.EISDIR)
    if not file.is_seekable:
        raise WasiError(Errno.ESPIPE)
    if not descriptor.rights & right:
        raise WasiError(Errno.ENOTCAPABLE)
    return file


def _positioned(wasi: Wasi, fd: int, right: int) -> File:
    """The file `fd`, to read or write at an offset."""
    if not wasi.table.get(fd).rights & right and wasi.table.get(fd).file is not None:
        raise WasiError(Errno.EBADF)
    return _seekable(wasi, fd, Rights.FD_SEEK)


def _signed_offset(offset: int) -> int:
    """`offset` when it is one that a file can have. Raises EINVAL."""
    if offset > _OFFSET_MAX:
        raise WasiError(Errno.EINVAL)
    return offset
