"""clock_res_get and clock_time_get."""

from __future__ import annotations

import time

import pytest

from jormun.wasi.errno import Errno

from .fake_guest import Guest


@pytest.mark.parametrize("clock", range(4))
def test_clocks_advance(guest: Guest, clock: int) -> None:
    """Each clock has a resolution, and never goes backwards."""
    place = guest.place(8)
    guest.ok("clock_res_get", clock, place)
    assert 1 <= guest.u64(place) < 10**9
    times = []
    for _ in range(3):
        guest.ok("clock_time_get", clock, 0, place)
        times.append(guest.u64(place))
    assert times == sorted(times)


def test_realtime_is_the_hosts(guest: Guest) -> None:
    """Nanoseconds since 1970."""
    place = guest.place(8)
    before = time.time_ns()
    guest.ok("clock_time_get", 0, 0, place)
    assert before <= guest.u64(place) <= time.time_ns()


def test_errors(guest: Guest) -> None:
    """EINVAL for a clock that there is not, EFAULT for a place outside of the memory."""
    assert guest.call("clock_time_get", 4, 0, 0) is Errno.EINVAL
    assert guest.call("clock_time_get", -1, 0, 0) is Errno.EINVAL
    assert guest.call("clock_res_get", 4, 0) is Errno.EINVAL
    assert guest.call("clock_time_get", 0, 0, -4) is Errno.EFAULT
