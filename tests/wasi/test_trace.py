"""Traces of calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest

from jormun.dataclass import replace
from jormun.wasi.abi import OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.functions import FUNCTIONS
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.trace import _ARGUMENTS, _RESULTS, Trace

from .fake_guest import Guest, make_guest


@pytest.fixture
def traced(tmp_path: Path) -> tuple[Guest, list[str]]:
    lines: list[str] = []
    guest = make_guest({"/": HostDirectory.at(tmp_path)})
    guest.wasi = replace(guest.wasi, trace=Trace(lines.append))
    return guest, lines


def open_file(guest: Guest) -> None:
    guest.opened("data é.txt", oflags=OFlags.CREAT | OFlags.TRUNC, rights=Rights.FD_READ | Rights.FD_WRITE)


CALLS: list[tuple[Callable[[Guest], object], str]] = [
    (
        open_file,
        'path_open(3, 0, "data é.txt", CREAT|TRUNC, FD_READ|FD_WRITE, 0, 0, 0x400) = 0, opened_fd: 4',
    ),
    (lambda g: g.write(1, b"hello"), "fd_write(1, [5], 0x400) = 0, nwritten: 5"),
    (lambda g: g.call("fd_close", 9), "fd_close(9) = EBADF"),
    (lambda g: g.call("clock_res_get", 9, 0), "clock_res_get(9, 0x0) = EINVAL"),
    (lambda g: g.call("fd_seek", 3, -5, 1, 16), "fd_seek(3, -5, 1, 0x10) = EISDIR"),
    (lambda g: g.call("fd_read", 0, -8, 1, 16), "fd_read(0, 0xfffffff8, 1, 0x10) = EFAULT"),
    (lambda g: g.call("fd_read", 0, 0, 9, 16), "fd_read(0, [0, 0, 0, 0, 0, 0, 0, 0, ...], 0x10) = 0, nread: 0"),
    (lambda g: g.call("fd_prestat_get", 3, 16), "fd_prestat_get(3, 0x10) = 0, buf: {DIR, name_len: 1}"),
    (lambda g: g.call("path_unlink_file", 3, *g.path("a\n\xff" * 30)), None),  # type: ignore[list-item]
    (
        lambda g: g.call("poll_oneoff", g.put(pack("<QQIxxxxQQH6x", 7, 0, 1, 5, 0, 0)), 512, 1, 600),
        "poll_oneoff([MONOTONIC in 5 ns], 0x200, 1, 0x258) = 0, nevents: 1, events: [CLOCK]",
    ),
]


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_lines(traced: tuple[Guest, list[str]], call: Callable[[Guest], object], expected: str | None) -> None:
    """A line a call: arguments in words, the result, what was returned, the time."""
    guest, lines = traced
    call(guest)
    (line,) = lines
    assert re.search(r" <\d+\.\d{6}>\n$", line)
    if expected is not None:
        pattern = re.escape(expected).replace("0x400", r"0x[0-9a-f]+")
        assert re.match(f"{pattern} <", line), line
    assert line.count("\n") == 1


def test_a_call_that_does_not_return(traced: tuple[Guest, list[str]]) -> None:
    """Has no result."""
    guest, lines = traced
    with pytest.raises(Exception, match="3"):
        guest.call("proc_exit", 3)
    assert lines[0].startswith("proc_exit(3) = ? <")


def test_results_do_not_change(traced: tuple[Guest, list[str]]) -> None:
    """Structures are decoded when the call has succeeded."""
    guest, lines = traced
    assert guest.call("fd_filestat_get", 3, 64) is Errno.SUCCESS
    assert guest.call("fd_fdstat_get", 0, 64) is Errno.SUCCESS
    assert "DIRECTORY, links: " in lines[0] and "POLL_FD_READWRITE" in lines[1]


def test_every_name_is_a_parameter() -> None:
    """What is said of a parameter is said of one that there is."""
    names = {name for each in FUNCTIONS.values() for name in each.parameters}
    names |= {f"{each.name}.{name}" for each in FUNCTIONS.values() for name in each.parameters}
    assert set(_ARGUMENTS) | set(_RESULTS) <= names
