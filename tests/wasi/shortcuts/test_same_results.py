"""Calls that machine code answers are, to guest and host, as if Python had answered them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jormun
from jormun.runtime.world import (
    ENTRIES,
)
from jormun.wasi import native_table
from jormun.wasi.abi import ALL_RIGHTS, FILE_RIGHTS, FdFlags, OFlags, Rights

from .guest import KINDS, PAGE, Guest, without_shortcuts

EDGES = st.sampled_from(
    [0, 1, 4, 8, 12, 64, 200, PAGE - 9, PAGE - 8, PAGE - 4, PAGE - 1, PAGE, PAGE + 8, 2**31, 2**32 - 1]
)
ADDRESSES = st.integers(0, 300) | EDGES
SIZES = st.integers(0, 40) | st.sampled_from([0, 1, PAGE, 2**31, 2**32 - 1])
COUNTS = st.integers(0, 3) | st.sampled_from([15, 16, 17, 1025, 2**29, 2**32 - 1])
LENGTHS = st.integers(0, 90) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])
OFFSETS = st.integers(0, 12) | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64 - 1])
_READ, _WRITE = Rights.FD_READ, Rights.FD_WRITE
FDS = st.integers(0, 7) | st.sampled_from([ENTRIES - 1, ENTRIES, 2**31, 2**32 - 1])
OPERATIONS = st.one_of(
    st.tuples(st.just("fd_read"), FDS, ADDRESSES, COUNTS, ADDRESSES),
    st.tuples(st.just("fd_write"), FDS, ADDRESSES, COUNTS, ADDRESSES),
    st.tuples(st.just("fd_pread"), FDS, ADDRESSES, COUNTS, OFFSETS, ADDRESSES),
    st.tuples(st.just("fd_pwrite"), FDS, ADDRESSES, COUNTS, OFFSETS, ADDRESSES),
    st.tuples(st.just("fd_seek"), FDS, st.integers(-3, 9) | OFFSETS, st.integers(0, 3), ADDRESSES),
    st.tuples(st.sampled_from(["fd_tell", "fd_fdstat_get", "fd_prestat_get"]), FDS, ADDRESSES),
    st.tuples(st.just("fd_prestat_dir_name"), FDS, ADDRESSES, SIZES),
    st.tuples(
        st.sampled_from(["args_sizes_get", "args_get", "environ_sizes_get", "environ_get"]), ADDRESSES, ADDRESSES
    ),
    st.tuples(st.just("random_get"), ADDRESSES, SIZES),
    st.tuples(st.just("clock_res_get"), st.integers(0, 5), ADDRESSES),
    st.tuples(st.just("sched_yield")),
    st.tuples(st.just("proc_raise"), st.sampled_from([0, 16, 17, 18, 31, 2**31])),
    st.tuples(st.just("poll"), ADDRESSES, ADDRESSES, ADDRESSES),
    st.tuples(st.just("attributes"), FDS),
    st.tuples(st.just("fd_filestat_set_size"), FDS, LENGTHS),
    st.tuples(st.just("fd_allocate"), FDS, LENGTHS, LENGTHS),
    st.tuples(st.just("fd_advise"), FDS, LENGTHS, LENGTHS, st.integers(0, 7)),
    st.tuples(st.sampled_from(["fd_sync", "fd_datasync"]), FDS),
    st.tuples(st.just("fd_filestat_set_times"), FDS, OFFSETS, OFFSETS, st.integers(0, 17)),
    st.tuples(st.just("path_filestat_get"), FDS, st.integers(0, 2), ADDRESSES, SIZES, ADDRESSES),
    st.tuples(
        st.just("path_filestat_set_times"), FDS, st.integers(0, 2), ADDRESSES, SIZES, OFFSETS, OFFSETS,
        st.integers(0, 17),
    ),
    st.tuples(st.just("truncate"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("unlink"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("fd_close"), FDS),
    st.tuples(st.just("fd_renumber"), FDS, FDS),
    st.tuples(
        st.just("fd_fdstat_set_rights"), FDS,
        st.sampled_from([0, _READ, _WRITE, _READ | _WRITE, _READ | Rights.FD_SEEK, FILE_RIGHTS]),
        st.just(0),
    ),
    st.tuples(st.just("fd_fdstat_set_flags"), FDS, st.sampled_from([0, FdFlags.APPEND, FdFlags.NONBLOCK, 32])),
    st.tuples(st.just("open"), st.sampled_from(["a", "b"]), st.sampled_from([ALL_RIGHTS, Rights.FD_READ])),
    st.tuples(st.just("iovecs"), ADDRESSES, st.lists(st.tuples(ADDRESSES, SIZES), max_size=4)),
    st.tuples(st.just("grow")),
    st.tuples(st.just("state")),
)  # fmt: skip


def do(guest: Guest, operation: tuple[object, ...]) -> object:
    """What came of an operation; of one that the test itself cannot do, nothing."""
    name, *arguments = operation
    if name == "state":
        return guest.state()
    if name == "grow":
        return guest.memory.try_grow(1)
    if name == "open":
        return guest.try_open(*arguments) if guest.call("fd_close", 99) else None  # type: ignore[arg-type]
    if name == "attributes":
        return guest.attributes(*arguments)  # type: ignore[arg-type]
    if name == "poll":
        subscription, event, result = arguments
        try:
            guest.memory.write(subscription, bytes(48))  # type: ignore[arg-type]
        except IndexError:
            pass
        else:
            return guest.call("poll_oneoff", subscription, event, 1, result)  # type: ignore[arg-type]
        return guest.call("poll_oneoff", subscription, event, 0, result)  # type: ignore[arg-type]
    if name == "truncate":
        return guest.try_open(*arguments, ALL_RIGHTS, oflags=OFlags.CREAT | OFlags.TRUNC)  # type: ignore[arg-type]
    if name == "unlink":
        return guest.unlink(*arguments)  # type: ignore[arg-type]
    if name == "iovecs":
        address, buffers = arguments
        try:
            return guest.iovecs(address, *buffers)  # type: ignore[arg-type, misc]
        except IndexError:
            return None
    return guest.call(name, *arguments)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(OPERATIONS, max_size=30), st.binary(max_size=100), st.sampled_from([*KINDS, "counted", "tree", "overlay"])
)
def test_the_same_calls_give_the_same_results(
    module: jormun.Module, operations: list[tuple[object, ...]], input: bytes, kind: str
) -> None:
    """With and without machine code: results, memory, output and files, whatever a guest passes."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_table, "FEW_USES", 0)  # machine code serves files in memory at once
        guests = []
        for place in ("machine", "python"):
            folder = Path(name, place)
            folder.mkdir()
            (folder / "a").write_bytes(b"content")
            if place == "python":
                with without_shortcuts():
                    guests.append(Guest(module, folder, input, kind))
            else:
                guests.append(Guest(module, folder, input, kind))
                # The first call is Python's turn; let it not be among those that are compared.
                guests[0].call("fd_read", 99, 0, 0, 0)
        for operation in [*operations, ("state",)]:
            by_machine, by_python = [do(guest, operation) for guest in guests]
            assert by_machine == by_python, operation
        assert guests[0].close() == guests[1].close()
