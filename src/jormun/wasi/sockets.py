"""Sockets: sock_accept, sock_recv, sock_send, sock_shutdown. A guest has those that it was given, and accepts more."""

from __future__ import annotations

from struct import Struct

from jormun.hints import TYPE_CHECKING, Final
from jormun.wasi.abi import SUCCESS, FdFlags, FileType, RiFlags, Rights, RoFlags, SdFlags
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.function import U32, Pointer, wasi_function
from jormun.wasi.waiting import await_reading, await_writing
from jormun.wasi.wasi import Wasi

if TYPE_CHECKING:
    from jormun.wasi.socket_file import SocketFile

_U16: Final = Struct("<H")


@wasi_function
def sock_accept(wasi: Wasi, fd: U32, flags: U32, accepted: Pointer) -> int:
    """Accepts a connection: waits for one, unless `fd` is non-blocking.

    fd: a listening socket
    flags: FdFlags of the new descriptor, of which NONBLOCK alone may be set
    accepted: where to write the new descriptor, 4 bytes

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    EINVAL: `fd` does not listen, or another flag is set
    EAGAIN: `fd` is non-blocking and there is no connection
    ECONNABORTED: the peer has left before
    EMFILE: there are too many descriptors
    ENOTCAPABLE: `fd` has not the right SOCK_ACCEPT
    EFAULT: `accepted` is outside of the memory; nothing is accepted then
    """
    file = _socket(wasi, fd, Rights.SOCK_ACCEPT)
    if flags & ~FdFlags.NONBLOCK:
        raise WasiError(Errno.EINVAL)
    wasi.memory.require(accepted, 4)
    if wasi.threads is not None:
        await_reading(wasi.threads, file)
    connection = file.accept(flags)
    try:
        number = wasi.table.insert(Descriptor.of_file(connection))
    except WasiError:
        connection.close()
        raise
    wasi.memory.write_u32(accepted, number)
    return SUCCESS


@wasi_function
def sock_recv(
    wasi: Wasi,
    fd: U32,
    ri_data: Pointer,
    ri_data_len: U32,
    ri_flags: U32,
    ro_datalen: Pointer,
    ro_flags: Pointer,
) -> int:
    """Receives from a connection: what is there; it waits for the first byte.

    fd: a connected socket
    ri_data, ri_data_len: an array of iovecs, their number; filled in order
    ri_flags: RiFlags: PEEK leaves in the queue what is received, WAITALL waits until the buffers are full
    ro_datalen: where to write the number of bytes received, 4 bytes; 0 when the peer sends no more
    ro_flags: where to write RoFlags, 2 bytes: DATA_TRUNCATED for a datagram that was longer

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    ENOTCONN: `fd` listens
    EINVAL: there is no such flag
    EAGAIN: `fd` is non-blocking and nothing is there yet
    ECONNRESET: the peer has broken the connection
    ENOTCAPABLE: `fd` has not the right FD_READ
    EFAULT: the array, a buffer, `ro_datalen` or `ro_flags` does not fit the memory; nothing is received then
    """
    file = _socket(wasi, fd, Rights.FD_READ)
    if ri_flags & ~(RiFlags.PEEK | RiFlags.WAITALL):
        raise WasiError(Errno.EINVAL)
    wasi.memory.require(ro_datalen, 4)
    wasi.memory.require(ro_flags, 2)
    buffers = list(wasi.memory.buffers(ri_data, ri_data_len))
    is_peek = ri_flags & RiFlags.PEEK != 0
    total, is_cut = 0, False
    while buffers:
        if wasi.threads is not None:
            await_reading(wasi.threads, file)
        size, is_cut = file.receive(buffers, is_peek)
        total += size
        if not ri_flags & RiFlags.WAITALL or is_peek or not size or file.type is FileType.SOCKET_DGRAM:
            break
        buffers = _behind(buffers, size)
    wasi.memory.write_u32(ro_datalen, total)
    wasi.memory.pack(_U16, ro_flags, RoFlags.DATA_TRUNCATED if is_cut else 0)
    return SUCCESS


@wasi_function
def sock_send(wasi: Wasi, fd: U32, si_data: Pointer, si_data_len: U32, si_flags: U32, so_datalen: Pointer) -> int:
    """Sends on a connection.

    fd: a connected socket
    si_data, si_data_len: an array of iovecs, their number; sent in order
    si_flags: none are defined
    so_datalen: where to write the number of bytes sent, 4 bytes

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    ENOTCONN, EPIPE: `fd` listens, or its sending direction is closed
    EINVAL: a flag is set
    EAGAIN: `fd` is non-blocking and there is no room now
    EPIPE, ECONNRESET: the peer has left
    EMSGSIZE: the datagram is too long
    ENOTCAPABLE: `fd` has not the right FD_WRITE
    EFAULT: the array, a buffer or `so_datalen` does not fit the memory; nothing is sent then
    """
    file = _socket(wasi, fd, Rights.FD_WRITE)
    if si_flags:
        raise WasiError(Errno.EINVAL)
    wasi.memory.require(so_datalen, 4)
    buffers = wasi.memory.buffers(si_data, si_data_len)
    if wasi.threads is not None:
        buffers = await_writing(wasi.threads, file, buffers)
    wasi.memory.write_u32(so_datalen, file.send(buffers))
    return SUCCESS


@wasi_function
def sock_shutdown(wasi: Wasi, fd: U32, how: U32) -> int:
    """Closes one or both directions of a connection; the peer learns of it.

    fd: a connected socket
    how: SdFlags: RD for receiving, WR for sending, both

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    ENOTCONN: the connection is gone
    EINVAL: `how` is neither of these
    ENOTCAPABLE: `fd` has not the right SOCK_SHUTDOWN
    """
    file = _socket(wasi, fd, Rights.SOCK_SHUTDOWN)
    if how not in (SdFlags.RD, SdFlags.WR, SdFlags.RD | SdFlags.WR):
        raise WasiError(Errno.EINVAL)
    file.shutdown(how)
    return SUCCESS


def _socket(wasi: Wasi, fd: int, right: int) -> SocketFile:
    from jormun.wasi.socket_file import SocketFile  # 10 ms, and most guests that import these functions have no socket

    descriptor = wasi.table.get(fd)
    if not isinstance(descriptor.file, SocketFile):
        raise WasiError(Errno.ENOTSOCK)
    if not descriptor.rights & right:
        raise WasiError(Errno.ENOTCAPABLE)
    return descriptor.file


def _behind(buffers: list[memoryview], size: int) -> list[memoryview]:
    """What is left of the buffers behind the first `size` bytes."""
    left = []
    for buffer in buffers:
        if size < len(buffer):
            left.append(buffer[size:])
        size = max(0, size - len(buffer))
    return left
