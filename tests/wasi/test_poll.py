"""poll_oneoff."""

from __future__ import annotations

import os
import time
from struct import pack

import pytest

from jormun.wasi.abi import EVENT, PREVIEW1, UNSTABLE, Abi, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_file import HostFile
from jormun.wasi.wasi import make_wasi

from .fake_guest import ROOT, Guest, make_guest

CLOCK, READ, WRITE = 0, 1, 2


def clock(abi: Abi, userdata: int, clock_id: int, timeout_ns: int, *, is_absolute: bool = False) -> bytes:
    data = pack("<QB7x", userdata, CLOCK) + abi.subscription_clock.pack(clock_id, timeout_ns, 0, int(is_absolute))
    return data.ljust(abi.subscription_size_bytes, b"\0")


def stream(abi: Abi, userdata: int, tag: int, fd: int) -> bytes:
    return pack("<QB7xI", userdata, tag, fd).ljust(abi.subscription_size_bytes, b"\0")


def poll(guest: Guest, *subscriptions: bytes) -> list[tuple[int, ...]]:
    """The events: user data, error, type, bytes available, flags."""
    out, count = guest.place(32 * len(subscriptions)), guest.place(4)
    guest.ok("poll_oneoff", guest.put(b"".join(subscriptions)), out, len(subscriptions), count)
    return [guest.record(EVENT, out + 32 * k) for k in range(guest.u32(count))]


@pytest.mark.parametrize("abi", [PREVIEW1, UNSTABLE])
def test_a_clock_alone_sleeps(abi: Abi) -> None:
    """At least as long as asked."""
    guest = make_guest({}, abi=abi)
    start = time.monotonic()
    assert poll(guest, clock(abi, 42, 1, 50_000_000)) == [(42, 0, CLOCK, 0, 0)]
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize("clock_id", [0, 1])
def test_times_of_a_clock(guest: Guest, clock_id: int) -> None:
    """A moment that is past is ready at once; one to come is waited for."""
    now = time.time_ns() if clock_id == 0 else time.monotonic_ns()
    past = clock(PREVIEW1, 1, clock_id, now - 10**9, is_absolute=True)
    later = clock(PREVIEW1, 2, clock_id, now + 3600 * 10**9, is_absolute=True)
    assert poll(guest, past, later) == [(1, 0, CLOCK, 0, 0)]


def test_the_earliest_of_several(guest: Guest) -> None:
    """Only those that are due make events; the longest time there is does no harm."""
    late = clock(PREVIEW1, 1, 1, (1 << 64) - 1)
    assert poll(guest, late, clock(PREVIEW1, 2, 1, 1_000_000)) == [(2, 0, CLOCK, 0, 0)]


def test_files_and_streams_in_memory_are_always_ready() -> None:
    """With the number of bytes that can be read."""
    guest = make_guest({}, stdin=b"abc")
    events = poll(guest, stream(PREVIEW1, 1, READ, 0), stream(PREVIEW1, 2, WRITE, 1), clock(PREVIEW1, 3, 1, 10**12))
    assert events == [(1, 0, READ, 3, 0), (2, 0, WRITE, 0, 0)]


def test_a_pipe_of_the_hosts() -> None:
    """Waits for the first byte, or for the other end to hang up."""
    reading, writing = os.pipe()
    streams = [HostFile(reading), HostFile(writing), HostFile(os.dup(writing))]
    guest = Guest(make_wasi([], {}, streams, {}), None, None)  # type: ignore[arg-type]
    wait = stream(PREVIEW1, 1, READ, 0), clock(PREVIEW1, 2, 1, 5_000_000)
    assert poll(guest, *wait) == [(2, 0, CLOCK, 0, 0)]
    assert poll(guest, stream(PREVIEW1, 3, WRITE, 1)) == [(3, 0, WRITE, 0, 0)]
    guest.write(1, b"four")
    assert poll(guest, *wait) == [(1, 0, READ, 4, 0)]
    guest.read(0, 10)
    guest.ok("fd_close", 1)
    guest.ok("fd_close", 2)
    assert poll(guest, *wait) == [(1, 0, READ, 0, 1)]
    guest.close()


def test_what_cannot_be_waited_for(guest: Guest) -> None:
    """Makes an event with an error, and the others are still told of."""
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=Rights.FD_READ)
    subscriptions = (
        stream(PREVIEW1, 1, READ, 99),
        stream(PREVIEW1, 2, READ, ROOT),
        stream(PREVIEW1, 3, READ, fd),
        clock(PREVIEW1, 4, 2, 1),
        clock(PREVIEW1, 5, 9, 1),
        clock(PREVIEW1, 6, 1, 10**15),
    )
    assert [(event[0], Errno(event[1])) for event in poll(guest, *subscriptions)] == [
        (1, Errno.EBADF),
        (2, Errno.EISDIR),
        (3, Errno.ENOTCAPABLE),
        (4, Errno.ENOTSUP),
        (5, Errno.EINVAL),
    ]


def test_errors(guest: Guest) -> None:
    """EINVAL for none and for a tag that there is not; EFAULT for places outside, of any number."""
    bad_tag = guest.put(pack("<QB", 0, 3).ljust(48, b"\0"))
    assert guest.call("poll_oneoff", 0, 0, 0, 0) is Errno.EINVAL
    assert guest.call("poll_oneoff", bad_tag, 0, 1, 0) is Errno.EINVAL
    assert guest.call("poll_oneoff", 0, 0, -1, 0) is Errno.EFAULT
    assert guest.call("poll_oneoff", 0, -8, 1, 0) is Errno.EFAULT
    assert guest.call("poll_oneoff", 0, 0, 1, -2) is Errno.EFAULT
