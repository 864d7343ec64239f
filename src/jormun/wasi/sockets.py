"""Sockets: sock_accept, sock_recv, sock_send, sock_shutdown.

No socket can be handed to a guest yet, so that each of these finds a descriptor that is none.
"""

from __future__ import annotations

from jormun.wasi.errno import Errno
from jormun.wasi.function import U32, Pointer, wasi_function
from jormun.wasi.wasi import Wasi


@wasi_function
def sock_accept(wasi: Wasi, fd: U32, flags: U32, accepted: Pointer) -> int:
    """Would accept a connection.

    fd: a listening socket
    flags: FdFlags of the new descriptor
    accepted: where to write the new descriptor, 4 bytes

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    """
    return _require_socket(wasi, fd)


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
    """Would receive a message.

    fd: a socket
    ri_data, ri_data_len: an array of iovecs, their number
    ri_flags: 1 to leave the message in the queue, 2 to wait for the whole of it
    ro_datalen: where to write the number of bytes received, 4 bytes
    ro_flags: where to write flags, 2 bytes: 1 for a message that was truncated

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    """
    return _require_socket(wasi, fd)


@wasi_function
def sock_send(wasi: Wasi, fd: U32, si_data: Pointer, si_data_len: U32, si_flags: U32, so_datalen: Pointer) -> int:
    """Would send a message.

    fd: a socket
    si_data, si_data_len: an array of iovecs, their number
    si_flags: none are defined
    so_datalen: where to write the number of bytes sent, 4 bytes

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    """
    return _require_socket(wasi, fd)


@wasi_function
def sock_shutdown(wasi: Wasi, fd: U32, how: U32) -> int:
    """Would close one or both directions of a connection.

    fd: a socket
    how: 1 for receiving, 2 for sending, 3 for both

    EBADF: `fd` is not open
    ENOTSOCK: `fd` is no socket
    """
    return _require_socket(wasi, fd)


def _require_socket(wasi: Wasi, fd: int) -> int:
    wasi.table.get(fd)
    return Errno.ENOTSOCK
