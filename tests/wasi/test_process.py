"""proc_exit, proc_raise, sched_yield, random_get, and the sockets that there are not."""

from __future__ import annotations

import pytest

from jormun.wasi.errno import Errno
from jormun.wasi.process import Exit

from .fake_guest import SIZE_BYTES, Guest


@pytest.mark.parametrize(("given", "status"), [(0, 0), (7, 7), (-1, 0xFFFF_FFFF)])
def test_exit_ends_the_guest(guest: Guest, given: int, status: int) -> None:
    """The status is unsigned."""
    with pytest.raises(Exit) as caught:
        guest.call("proc_exit", given)
    assert caught.value.status == status


def test_yield(guest: Guest) -> None:
    """Always succeeds."""
    guest.ok("sched_yield")


def test_no_signals(guest: Guest) -> None:
    """Documented as not there."""
    assert guest.call("proc_raise", 6) is Errno.ENOSYS


def test_random_fills_the_buffer(guest: Guest) -> None:
    """All of it, and nothing beside it."""
    place = guest.place(64)
    guest.ok("random_get", place + 8, 48)
    data = guest.bytes(place, 64)
    assert data[:8] == bytes(8)
    assert data[56:] == bytes(8)
    assert len(set(data[8:56])) > 8
    guest.ok("random_get", 0, 0)


def test_random_outside(guest: Guest) -> None:
    """EFAULT, and nothing is written."""
    assert guest.call("random_get", SIZE_BYTES - 4, 5) is Errno.EFAULT
    assert guest.bytes(SIZE_BYTES - 4, 4) == bytes(4)


@pytest.mark.parametrize(
    ("name", "rest"), [("sock_recv", 5), ("sock_send", 4), ("sock_shutdown", 1), ("sock_accept", 2)]
)
def test_sockets(guest: Guest, name: str, rest: int) -> None:
    """A descriptor that is open is no socket."""
    assert guest.call(name, 0, *[0] * rest) is Errno.ENOTSOCK
    assert guest.call(name, 99, *[0] * rest) is Errno.EBADF
