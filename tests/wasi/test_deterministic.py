"""Worlds that are the same in each run."""

from __future__ import annotations

import os
from pathlib import Path

from jormun.dataclass import replace
from jormun.wasi.clocks import EPOCH_NS, READING_NS
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.wasi import Wasi

from .fake_guest import Guest
from .test_poll import PREVIEW1, clock, poll, stream

YEAR_NS = 365 * 86_400 * 10**9


def make() -> Guest:
    return Guest(Wasi(deterministic=True), MemoryStream(), MemoryStream())


def time_of(guest: Guest, clock_id: int) -> int:
    place = guest.place(8)
    guest.ok("clock_time_get", clock_id, 0, place)
    return guest.u64(place)


def test_clocks_are_fixed() -> None:
    """They begin alike and go on at each reading, all at one pace."""
    for _ in range(2):
        guest = make()
        times = [time_of(guest, clock_id) for clock_id in (0, 1, 2, 3, 0)]
        assert times == [EPOCH_NS, READING_NS, 2 * READING_NS, 3 * READING_NS, EPOCH_NS + 4 * READING_NS]


def test_a_sleep_takes_no_time() -> None:
    """But the clocks show that it was: for one with a stream that is not ready too."""
    guest = make()
    start = time_of(guest, 1)
    assert poll(guest, clock(PREVIEW1, 1, 1, YEAR_NS)) == [(1, 0, 0, 0, 0)]
    assert time_of(guest, 1) >= start + YEAR_NS
    read_end, write_end = os.pipe()
    fd = guest.wasi.table.insert(Descriptor.of_file(HostFile(read_end)))
    waits = clock(PREVIEW1, 1, 0, EPOCH_NS + 3 * YEAR_NS, is_absolute=True), stream(PREVIEW1, 2, 1, fd)
    assert poll(guest, *waits) == [(1, 0, 0, 0, 0)]
    os.write(write_end, b"x")
    assert poll(guest, *waits[1:]) == [(2, 0, 1, 1, 0)]
    guest.close()
    os.close(write_end)


def test_random_numbers_are_the_same() -> None:
    """From one world to another, and not within one; a copy of a world goes on with them."""
    drawn = []
    for _ in range(2):
        guest = make()
        place = guest.place(16)
        guest.ok("random_get", place, 8)
        guest.wasi = replace(guest.wasi)
        guest.ok("random_get", place + 8, 8)
        drawn.append(guest.bytes(place, 16))
    assert drawn[0] == drawn[1]
    assert drawn[0][:8] != drawn[0][8:]


def test_listings_are_sorted(tmp_path: Path) -> None:
    """By the bytes of the names."""
    names = ["b", "a", "Z", "é", "10", "9"]
    for name in names:
        (tmp_path / name).touch()
    guest = make()
    fd = guest.wasi.table.insert(Descriptor.of_directory(HostDirectory.at(tmp_path)))
    buffer, used = guest.place(1024), guest.place(4)
    guest.ok("fd_readdir", fd, buffer, 1024, 0, used)
    data = guest.bytes(buffer, guest.u32(used))
    found = []
    while data:
        size = int.from_bytes(data[16:20], "little")
        found.append(data[24 : 24 + size])
        data = data[24 + size :]
    assert found == [b".", b"..", *sorted(os.fsencode(name) for name in names)]
    guest.close()
