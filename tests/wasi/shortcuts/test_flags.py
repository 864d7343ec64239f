"""Flags of the host's files that machine code sets: the host and Python know of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun
from jormun.wasi.abi import FdFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_file import HostFile

from .guest import Guest, without_shortcuts

APPEND, NONBLOCK = FdFlags.APPEND, FdFlags.NONBLOCK


@pytest.fixture
def guest(module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest with a directory of the host's."""
    return Guest(module, tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The flags that reach Python to be set, as they do."""
    flags: list[int] = []
    set_flags = HostFile.set_flags

    def noted(self: HostFile, given: int) -> None:
        flags.append(given)
        set_flags(self, given)

    monkeypatch.setattr(HostFile, "set_flags", noted)
    return flags


def told(guest: Guest, fd: int) -> int:
    """The flags that fd_fdstat_get tells."""
    assert not guest.call("fd_fdstat_get", fd, 3000)
    return int.from_bytes(guest.memory.read(3002, 2), "little")


def host_append(fd: int) -> bool:
    """Whether the host has the file append."""
    for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines():
        if line.startswith("flags:"):
            return bool(int(line.split()[1], 8) & 0o2000)
    raise AssertionError("no flags")


def test_python_sets_them_once(guest: Guest, asked: list[int]) -> None:
    """From then on machine code does; all that looks at them agrees."""
    fd = guest.open("file")
    file = guest.wasi.table.get(fd).file
    assert isinstance(file, HostFile)
    for k, flags in enumerate((APPEND, 0, NONBLOCK, APPEND | NONBLOCK, APPEND, APPEND, NONBLOCK, 0) * 3):
        assert not guest.call("fd_fdstat_set_flags", fd, flags)
        assert told(guest, fd) == file.flags == flags
        assert host_append(file.host_fd) is bool(flags & APPEND)
        assert len(asked) == 1, k


def test_synchronous_flags_stay(guest: Guest) -> None:
    """As path_open set them."""
    fd = guest.open("file", fdflags=FdFlags.DSYNC)
    for flags in (APPEND, 0, FdFlags.SYNC, FdFlags.DSYNC | APPEND, APPEND):
        assert not guest.call("fd_fdstat_set_flags", fd, flags)
        assert told(guest, fd) == FdFlags.DSYNC | flags & APPEND
    assert guest.call("fd_fdstat_set_flags", fd, 32) is Errno.EINVAL


def test_writing_follows_them(module: jormun.Module, tmp_path: Path) -> None:
    """At the position, at the end, and at an offset, which counts even for a file that appends."""
    results = []
    for place in ("machine", "python"):
        (tmp_path / place).mkdir()
        if place == "python":
            with without_shortcuts():
                guest = Guest(module, tmp_path / place)
        else:
            guest = Guest(module, tmp_path / place)
        fd = guest.open("file")
        for _ in range(3):
            for flags in (0, APPEND, NONBLOCK, APPEND | NONBLOCK):
                assert not guest.call("fd_fdstat_set_flags", fd, flags)
                assert not guest.call("fd_seek", fd, 1, 0, 16)
                assert not guest.write(fd, b"%d12" % flags)
                assert not guest.call("fd_pwrite", fd, 0, 1, 5, 16)
                assert not guest.call("fd_tell", fd, 24)
        results.append((tmp_path / place / "file").read_bytes() + guest.memory.read(24, 8))
        guest.close()
    assert results[0] == results[1]


def test_a_right_is_needed(guest: Guest) -> None:
    """Where flags were set before, too."""
    fd = guest.open("file")
    for flags in (APPEND, 0, APPEND):
        assert not guest.call("fd_fdstat_set_flags", fd, flags)
    descriptor = guest.wasi.table.get(fd)
    guest.wasi.table.limit(fd, descriptor.rights & ~Rights.FD_FDSTAT_SET_FLAGS, 0)
    assert guest.call("fd_fdstat_set_flags", fd, 0) is Errno.ENOTCAPABLE
    assert told(guest, fd) == APPEND


def test_they_move_with_the_number(guest: Guest) -> None:
    """And another file of that number has its own."""
    one, two = guest.open("one"), guest.open("two")
    for flags in (APPEND, NONBLOCK, APPEND):
        assert not guest.call("fd_fdstat_set_flags", one, flags)
    assert not guest.call("fd_renumber", one, two)
    assert told(guest, two) == APPEND
    assert not guest.call("fd_fdstat_set_flags", two, 0)
    assert told(guest, two) == 0
    assert told(guest, guest.open("one")) == 0


def test_threads_have_python_set_them(guest: Guest, asked: list[int]) -> None:
    """Another may be writing at an offset meanwhile, for which Python takes APPEND off."""
    guest.wasi.table.share()
    fd = guest.open("file")
    for flags in (APPEND, 0, APPEND):
        assert not guest.call("fd_fdstat_set_flags", fd, flags)
        guest.wasi.table.unpin([])
    assert asked == [APPEND, 0, APPEND]
