"""proc_exit, proc_raise, sched_yield, random_get."""

from __future__ import annotations

import pytest

from jormun.errors import Exit
from jormun.wasi.errno import Errno

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


@pytest.mark.parametrize(("sent", "status"), [(6, 128 + 6), (9, 128 + 9), (15, 128 + 15), (24, 128 + 25)])
def test_signals_end_the_guest(guest: Guest, sent: int, status: int) -> None:
    """With the status that a shell reports, by the host's numbers."""
    with pytest.raises(Exit) as caught:
        guest.call("proc_raise", sent)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("sent", "errno"),
    [
        (0, 0),
        (16, 0),
        (17, 0),
        (27, 0),
        (18, Errno.ENOTSUP),
        (21, Errno.ENOTSUP),
        (31, Errno.EINVAL),
        (-1, Errno.EINVAL),
    ],
)
def test_signals_that_do_not(guest: Guest, sent: int, errno: int) -> None:
    """Those that are ignored, that would stop it, that there are not."""
    assert guest.call("proc_raise", sent) == errno


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
