"""Sockets that were handed to a guest: those that listen, and connections. A guest can make none itself."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import suppress
from pathlib import Path

from jormun.hints import Final
from jormun.runtime.interruption import poll
from jormun.wasi.abi import FdFlags, FileType, SdFlags
from jormun.wasi.filesystem import Buffers, Stat, refusal
from jormun.wasi.host_file import stat_of, unread_bytes
from jormun.wasi.unseekable import Unseekable

_BACKLOG: Final = 128
"""How many connections wait to be accepted."""
_HOW: Final = {
    SdFlags.RD: socket.SHUT_RD,
    SdFlags.WR: socket.SHUT_WR,
    SdFlags.RD | SdFlags.WR: socket.SHUT_RDWR,
}


class SocketFile(Unseekable):
    """A socket of the host, and as a file a stream.

    NONBLOCK is done here, by asking first: a socket that was handed over shares the host's flag with whoever handed it.
    Writing to a connection that the peer has left is EPIPE, and never a signal.
    """

    __slots__ = ("_path", "_socket", "flags", "type")

    def __init__(self, given: socket.socket, *, path: str | None = None, flags: int = 0) -> None:
        """Takes the socket over. `path` is that of a Unix socket that is to vanish with it."""
        self._socket = given
        self._path = path
        self.type = FileType.SOCKET_DGRAM if given.type == socket.SOCK_DGRAM else FileType.SOCKET_STREAM
        self.flags = flags

    @property
    def address(self) -> str:
        """Where it is, as `listen` takes it."""
        name = self._socket.getsockname()
        if not isinstance(name, tuple):
            return os.fsdecode(name)
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def read(self, buffers: Buffers) -> int:
        """See File."""
        return self.receive(buffers, is_peek=False)[0]

    def write(self, buffers: Buffers) -> int:
        """See File."""
        return self.send(buffers)

    def accept(self, flags: int) -> SocketFile:
        """The next connection, as a socket with these FdFlags. Raises OSError."""
        while True:
            self._refuse_to_wait(select.POLLIN)
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                self._await(select.POLLIN)
                continue
            connection.setblocking(True)
            return SocketFile(connection, flags=flags)

    def receive(self, buffers: Buffers, is_peek: bool) -> tuple[int, bool]:
        """How many bytes were received, and whether the datagram was longer. With `is_peek` they stay to be received
        again.
        """
        flags = socket.MSG_PEEK if is_peek else 0
        while True:
            self._refuse_to_wait(select.POLLIN)
            try:
                size, _, message_flags, _ = self._socket.recvmsg_into(buffers, 0, flags)
            except BlockingIOError:
                self._await(select.POLLIN)
            else:
                return size, message_flags & socket.MSG_TRUNC != 0

    def send(self, buffers: Buffers) -> int:
        """How many bytes were sent."""
        flags = socket.MSG_NOSIGNAL | (socket.MSG_DONTWAIT if self.flags & FdFlags.NONBLOCK else 0)
        while True:
            self._refuse_to_wait(select.POLLOUT)
            try:
                return self._socket.sendmsg(buffers, (), flags)
            except BlockingIOError:
                self._await(select.POLLOUT)

    def shutdown(self, how: int) -> None:
        """Closes directions of a connection, given by SdFlags."""
        self._socket.shutdown(_HOW[how])

    def _refuse_to_wait(self, event: int) -> None:
        """EAGAIN for a guest that does not want to wait and would have to."""
        if self.flags & FdFlags.NONBLOCK and not poll({self._socket.fileno(): event}, 0):
            raise refusal(errno.EAGAIN)

    def _await(self, event: int) -> None:
        """Waits where the host's flag says not to. EAGAIN for a guest that does not want to."""
        if self.flags & FdFlags.NONBLOCK:
            raise refusal(errno.EAGAIN)
        poll({self._socket.fileno(): event}, None)

    def stat(self) -> Stat:
        """See File."""
        return stat_of(os.fstat(self._socket.fileno()))

    def set_flags(self, flags: int) -> None:
        """See File. Only NONBLOCK means something."""
        self.flags = flags & FdFlags.NONBLOCK

    def fileno(self) -> int | None:
        """See File."""
        return self._socket.fileno()

    def available(self) -> int:
        """See File."""
        return unread_bytes(self._socket.fileno())  # 0 for one that listens

    def close(self) -> None:
        """See File."""
        self._socket.close()
        if self._path is not None:
            with suppress(OSError):
                Path(self._path).unlink()


def handed_over(given: socket.socket) -> SocketFile:
    """A guest's share of a socket: closing either leaves the other open."""
    # Not given.dup(), which would take over its time limit.
    return SocketFile(socket.socket(given.family, given.type, given.proto, fileno=os.dup(given.fileno())))


def listen(address: str) -> SocketFile:
    """A socket that listens at `HOST:PORT` or `[HOST]:PORT`, or, for an address with a slash in it, at a path.

    Port 0 is any that is free. Raises ValueError for another text, OSError when it cannot be had.
    """
    if "/" in address:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            unix.bind(address)
            unix.listen(_BACKLOG)
        except BaseException:
            unix.close()
            raise
        return SocketFile(unix, path=address)
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address is written [HOST]:PORT")
    if not colon or not host or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError("an address is written HOST:PORT, or as a path with a slash in it")
    family, kind, protocol, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    server = socket.socket(family, kind, protocol)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(place)
        server.listen(_BACKLOG)
    except BaseException:
        server.close()
        raise
    return SocketFile(server)
