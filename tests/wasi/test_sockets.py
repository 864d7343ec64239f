"""Sockets that are handed over, on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from jormun.wasi.abi import FDSTAT, FdFlags, FileType, Rights
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno
from jormun.wasi.socket_file import SocketFile, handed_over, listen

from .fake_guest import Guest, make_guest

PEEK, WAITALL = 1, 2
RD, WR = 1, 2


@pytest.fixture
def pair() -> Iterator[tuple[Guest, int, socket.socket]]:
    """A guest with a connection, the descriptor, and the other end."""
    ours, peer = socket.socketpair()
    ours.settimeout(20)
    peer.settimeout(20)
    guest = make_guest({})
    fd = guest.wasi.table.insert(Descriptor.of_file(handed_over(ours)))
    yield guest, fd, peer
    guest.close()
    ours.close()
    peer.close()


def receive(guest: Guest, fd: int, *sizes: int, flags: int = 0) -> bytes | Errno:
    buffers = [(guest.place(size), size) for size in sizes]
    size, message = guest.place(4), guest.place(2)
    error = guest.call("sock_recv", fd, *guest.iovecs(*buffers), flags, size, message)
    return error if error else b"".join(guest.bytes(*buffer) for buffer in buffers)[: guest.u32(size)]


def send(guest: Guest, fd: int, data: bytes, flags: int = 0) -> int | Errno:
    size = guest.place(4)
    error = guest.call("sock_send", fd, *guest.iovecs((guest.put(data), len(data))), flags, size)
    return error if error else guest.u32(size)


def test_sending_and_receiving(pair: tuple[Guest, int, socket.socket]) -> None:
    """As messages and as a file; a peek leaves what it saw; the end of the peer's sending is 0 bytes."""
    guest, fd, peer = pair
    assert send(guest, fd, b"to the peer") == 11
    assert guest.write(fd, b"!") == 1
    assert peer.recv(100) == b"to the peer!"
    peer.sendall(b"answer")
    assert receive(guest, fd, 2, 2, flags=PEEK) == b"answ"
    assert receive(guest, fd, 2, 2) == b"answ"
    assert guest.read(fd, 10) == b"er"
    peer.shutdown(socket.SHUT_WR)
    assert receive(guest, fd, 4) == b""


def test_waiting_for_all(pair: tuple[Guest, int, socket.socket]) -> None:
    """WAITALL fills the buffers, however many pieces it takes, or comes to the end."""
    guest, fd, peer = pair
    sender = threading.Thread(target=lambda: [peer.sendall(bytes([k])) for k in b"abcdef"])
    sender.start()
    assert receive(guest, fd, 1, 3, flags=WAITALL) == b"abcd"
    sender.join()
    peer.shutdown(socket.SHUT_WR)
    assert receive(guest, fd, 5, flags=WAITALL) == b"ef"


def test_non_blocking(pair: tuple[Guest, int, socket.socket]) -> None:
    """EAGAIN where it would wait; the host's own flag stays as it was."""
    guest, fd, peer = pair
    guest.ok("fd_fdstat_set_flags", fd, FdFlags.NONBLOCK)
    assert receive(guest, fd, 1) is Errno.EAGAIN
    while not isinstance(send(guest, fd, bytes(30_000)), Errno):
        guest._next = 1024
    assert send(guest, fd, b"more") is Errno.EAGAIN
    guest.ok("fd_fdstat_set_flags", fd, 0)
    peer.sendall(b"x")
    assert receive(guest, fd, 1) == b"x"


def test_a_peer_that_left(pair: tuple[Guest, int, socket.socket]) -> None:
    """EPIPE, and no signal, for a file's write too."""
    guest, fd, peer = pair
    peer.close()
    assert send(guest, fd, b"x") is Errno.EPIPE
    assert guest.call("fd_write", fd, *guest.iovecs((guest.put(b"x"), 1)), guest.place(4)) is Errno.EPIPE


@pytest.mark.parametrize(
    ("how", "sees_end", "can_send"), [(WR, True, False), (RD, False, True), (RD | WR, True, False)]
)
def test_shutdown(pair: tuple[Guest, int, socket.socket], how: int, sees_end: bool, can_send: bool) -> None:
    """Of either direction, or of both."""
    guest, fd, peer = pair
    guest.ok("sock_shutdown", fd, how)
    assert (send(guest, fd, b"x") == 1) == can_send
    peer.setblocking(False)
    if sees_end:
        assert peer.recv(1) == b""


def test_status(pair: tuple[Guest, int, socket.socket]) -> None:
    """A stream socket, with the rights that mean something on one."""
    guest, fd, _ = pair
    place = guest.place(24)
    guest.ok("fd_fdstat_get", fd, place)
    kind, flags, rights, inheriting = guest.record(FDSTAT, place)
    assert (kind, flags, inheriting) == (FileType.SOCKET_STREAM, 0, 0)
    assert rights & Rights.SOCK_SHUTDOWN and rights & Rights.FD_READ and not rights & Rights.FD_SEEK
    assert guest.call("fd_seek", fd, 0, 0, place) is Errno.ESPIPE
    assert guest.call("fd_pread", fd, 0, 0, 0, place) is Errno.ESPIPE
    assert guest.call("fd_filestat_set_size", fd, 0) is Errno.ENOTCAPABLE


def accept(guest: Guest, fd: int, flags: int = 0) -> int | Errno:
    place = guest.place(4)
    error = guest.call("sock_accept", fd, flags, place)
    return error if error else guest.u32(place)


@pytest.mark.parametrize("is_unix", [False, True])
def test_accepting(is_unix: bool, tmp_path: Path) -> None:
    """Connections of peers at the address where it listens."""
    path = f"{tmp_path}/socket"
    server = listen(path if is_unix else "127.0.0.1:0")
    host, _, port = server.address.rpartition(":")
    guest = make_guest({})
    fd = guest.wasi.table.insert(Descriptor.of_file(server))
    guest.ok("fd_fdstat_set_flags", fd, FdFlags.NONBLOCK)
    assert accept(guest, fd) is Errno.EAGAIN
    guest.ok("fd_fdstat_set_flags", fd, 0)
    with socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET) as peer:
        peer.connect(path if is_unix else (host, int(port)))
        connection = accept(guest, fd, FdFlags.NONBLOCK)
        assert not isinstance(connection, Errno)
        assert receive(guest, connection, 1) is Errno.EAGAIN
        assert send(guest, connection, b"hello") == 5
        peer.settimeout(20)
        assert peer.recv(5) == b"hello"
    assert receive(guest, fd, 1) in (Errno.ENOTCONN, Errno.EINVAL)
    guest.close()
    assert not Path(path).exists()


def test_errors(pair: tuple[Guest, int, socket.socket]) -> None:
    """What is none, what is not open, flags that there are not, places outside, missing rights."""
    guest, fd, peer = pair
    place = guest.place(64)
    for stranger, errno in ((0, Errno.ENOTSOCK), (77, Errno.EBADF)):
        assert accept(guest, stranger) is errno
        assert receive(guest, stranger, 1) is errno
        assert send(guest, stranger, b"") is errno
        assert guest.call("sock_shutdown", stranger, 1) is errno
    assert accept(guest, fd) is Errno.EINVAL
    assert accept(guest, fd, FdFlags.APPEND) is Errno.EINVAL
    assert receive(guest, fd, 1, flags=4) is Errno.EINVAL
    assert send(guest, fd, b"x", flags=1) is Errno.EINVAL
    assert guest.call("sock_shutdown", fd, 0) is guest.call("sock_shutdown", fd, 4) is Errno.EINVAL
    peer.sendall(b"kept")
    assert guest.call("sock_recv", fd, place, 1, 0, -4, place) is Errno.EFAULT
    assert guest.call("sock_recv", fd, place, 1, 0, place, -1) is Errno.EFAULT
    assert guest.call("sock_recv", fd, -8, 1, 0, place, place) is Errno.EFAULT
    assert guest.call("sock_recv", fd, place, -1, 0, place, place) is Errno.EFAULT
    assert guest.call("sock_send", fd, place, 1, 0, -4) is Errno.EFAULT
    assert guest.call("sock_accept", fd, 0, -4) is Errno.EFAULT
    assert receive(guest, fd, 4) == b"kept"
    guest.ok("fd_fdstat_set_rights", fd, Rights.FD_WRITE, 0)
    assert receive(guest, fd, 1) is accept(guest, fd) is guest.call("sock_shutdown", fd, 1) is Errno.ENOTCAPABLE


def test_a_datagram_that_is_cut(pair: tuple[Guest, int, socket.socket]) -> None:
    """Says so."""
    guest = pair[0]
    ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    fd = guest.wasi.table.insert(Descriptor.of_file(SocketFile(ours)))
    peer.send(b"long message")
    buffer, size, flags = guest.place(4), guest.place(4), guest.place(2)
    guest.ok("sock_recv", fd, *guest.iovecs((buffer, 4)), WAITALL, size, flags)
    assert (guest.bytes(buffer, guest.u32(size)), guest.bytes(flags, 2)) == (b"long", pack("<H", 1))
    peer.close()


@pytest.mark.parametrize("address", ["", "80", ":80", "host:", "::1:80", "127.0.0.1:65536", "127.0.0.1:-1", "h:1x"])
def test_addresses_that_are_none(address: str) -> None:
    """The message says how one is written."""
    with pytest.raises(ValueError, match="is written"):
        listen(address)
