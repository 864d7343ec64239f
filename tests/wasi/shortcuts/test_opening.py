"""The host's files that machine code opens: they are sealed as Python's are, and Python's when it asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.runtime.world import CALLS, ENTRIES
from jormun.wasi.abi import ALL_RIGHTS, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.quota import Quota

from .guest import ROOT, Guest

READ = Rights.FD_READ | Rights.FD_SEEK | Rights.FD_TELL | Rights.FD_FILESTAT_GET


@pytest.fixture
def guest(module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest with a directory of the host's in which a file is."""
    folder = tmp_path / "given"
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_bytes(b"content")
    (folder / "inner" / "file").write_bytes(b"inner")
    (tmp_path / "secret").write_bytes(b"secret")
    guest = Guest(module, folder)
    guest.call("fd_tell", 99, 0)  # the first call is Python's turn
    return guest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls on directories of the host that reach Python, as they happen."""
    made: list[str] = []
    for name in ("open", "path_stat"):
        monkeypatch.setattr(HostDirectory, name, _noting(made, name, getattr(HostDirectory, name)))
    return made


def _noting(made: list[str], name: str, method: Callable[..., object]) -> Callable[..., object]:
    def noted(self: object, *arguments: object, **named: object) -> object:
        made.append(name)
        return method(self, *arguments, **named)

    return noted


def opened(guest: Guest, path: str, rights: int = READ, fd: int = ROOT) -> int | Errno:
    """The number of a file that is opened without being made, or what was said instead."""
    errno = guest.call("path_open", fd, 0, *guest.path(path), 0, rights, 0, 0, 2048)
    return errno or int.from_bytes(guest.memory.read(2048, 4), "little")


def descriptors() -> int:
    """How many the process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_python_gets_few_calls(guest: Guest, asked: list[str]) -> None:
    """One in CALLS, and the first for a number that the table has no room for yet."""
    before = descriptors()
    for k in range(CALLS):
        path, content = ("file", b"content") if k % 2 else ("inner/file", b"inner")
        assert not guest.look(path)[0]
        fd = opened(guest, path, READ if k % 3 else ALL_RIGHTS)
        assert isinstance(fd, int)
        assert guest.read(fd, 10) == content
        assert guest.attributes(fd)[1][16:17] == bytes([len(content)])
        assert not guest.call("fd_close", fd)
        assert guest.call("fd_close", fd) is Errno.EBADF
    assert len(asked) < 30
    assert descriptors() == before


def test_numbers_are_the_lowest(guest: Guest) -> None:
    """Whoever opens."""
    fds = [opened(guest, "file") for _ in range(6)]
    assert fds == [4, 5, 6, 7, 8, 9]
    for fd in (5, 8, 7):
        assert not guest.call("fd_close", fd)
    assert guest.open("made") == 5
    assert [opened(guest, "file") for _ in range(3)] == [7, 8, 10]
    assert not guest.call("fd_renumber", 10, 4)
    assert guest.call("fd_renumber", 10, 4) is Errno.EBADF
    assert guest.read(4, 3) == b"con"
    assert opened(guest, "file") == 10


def test_all_are_closed_in_the_end(guest: Guest) -> None:
    """Those that Python never heard of too."""
    before = descriptors()
    for _ in range(20):
        assert isinstance(opened(guest, "file"), int)
    assert descriptors() == before + 20
    guest.close()
    assert descriptors() == before - 1


def test_what_the_host_has_closed_is_not_open(guest: Guest) -> None:
    """And its numbers are free."""
    for fd in [opened(guest, "file") for _ in range(6)]:  # so that there is room for their numbers
        assert not guest.call("fd_close", fd)
    fds = [opened(guest, "file") for _ in range(5)]
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and entry.readlink() == guest.folder / "file":
            os.close(int(entry.name))
    for fd in fds:
        assert isinstance(fd, int) and guest.call("fd_sync", fd) is Errno.EBADF
    assert opened(guest, "file") == fds[0]
    guest.close()


def test_more_than_machine_code_knows(guest: Guest) -> None:
    """Of one guest's files."""
    fds = [opened(guest, "file") for _ in range(ENTRIES + 20)]
    assert fds == list(range(4, ENTRIES + 24))
    for fd in reversed(fds):
        assert isinstance(fd, int) and guest.read(fd, 7) == b"content"
        assert not guest.call("fd_close", fd)
    assert opened(guest, "file") == 4


def test_a_position_is_kept(guest: Guest) -> None:
    """When Python takes a file over."""
    fd = opened(guest, "file")
    assert isinstance(fd, int) and guest.read(fd, 3) == b"con"
    guest.wasi.table.get(fd)
    assert guest.read(fd, 3) == b"ten"
    assert guest.call("fd_fdstat_set_rights", fd, Rights.FD_TELL, 0) is Errno.SUCCESS
    assert guest.call("fd_read", fd, 0, 1, 16) is Errno.EBADF


def test_no_path_leads_out(guest: Guest) -> None:
    """By dots, links, or both; what Python finds in the end is refused as ever."""
    given = guest.folder
    for name, target in (
        ("out", "../secret"), ("above", ".."), ("absolute", str(given / "file")), ("inner/up", "../../secret"),
        ("loop", "loop"),
    ):  # fmt: skip
        (given / name).symlink_to(target)
    (given / "in").symlink_to("inner/../file")
    for path, expected in (
        ("../secret", Errno.EPERM), ("inner/../../secret", Errno.EPERM), ("above/secret", Errno.EPERM),
        ("inner/up", Errno.ELOOP), ("out", Errno.ELOOP), ("loop", Errno.ELOOP), ("in", Errno.ELOOP),
        (str(given / "file"), Errno.EPERM), ("absolute", Errno.ELOOP), ("file/", Errno.ENOTDIR),
        ("file\0", Errno.EINVAL), ("", Errno.ENOENT), ("nothing", Errno.ENOENT), ("x" * 300, Errno.ENAMETOOLONG),
        ("inner/" * 700, Errno.ENAMETOOLONG),
    ):  # fmt: skip
        for _ in range(3):
            assert opened(guest, path) == expected, path
    for path in ("out", "above", "absolute", "inner/up", "above/secret"):
        for _ in range(3):
            assert guest.look(path, follow=True)[0] is Errno.EPERM, path
    assert guest.look("in", follow=True) == guest.look("file")
    assert guest.look("in")[1][:1] == b"\7"


def test_devices_and_proc_are_not_opened(module: jormun.Module, tmp_path: Path) -> None:
    """They can be looked at."""
    guest = Guest(module, tmp_path)
    guest.wasi.table.get(ROOT).directory = HostDirectory("/")
    descriptor = guest.wasi.table.get(ROOT)
    guest.wasi.table.limit(ROOT, descriptor.rights & ~Rights.FD_SYNC, descriptor.inheriting)
    for path, kind in (("dev/null", b"\2"), ("proc/self/environ", b"\4"), ("proc/version", b"\4")):
        for _ in range(3):
            assert opened(guest, path) is Errno.EACCES
            assert guest.look(path, follow=True)[1][:1] == kind


def test_rights_are_those_of_the_directory(guest: Guest) -> None:
    """Which may not open, or not let write; below one that is read-only nothing is opened to be written."""
    descriptor = guest.wasi.table.get(ROOT)
    guest.wasi.table.limit(ROOT, descriptor.rights, descriptor.inheriting & ~Rights.FD_WRITE)
    assert opened(guest, "file", ALL_RIGHTS) is Errno.ENOTCAPABLE
    assert opened(guest, "file") == 4
    assert guest.write(4, b"x") is Errno.EBADF
    guest.wasi.table.limit(ROOT, descriptor.rights & ~Rights.PATH_OPEN, descriptor.inheriting)
    assert opened(guest, "file") is Errno.ENOTCAPABLE
    descriptor.directory = HostDirectory(guest.folder, is_read_only=True)
    guest.wasi.table.renumber(ROOT, 4)
    descriptor.rights |= Rights.PATH_OPEN
    guest.wasi.table.limit(4, descriptor.rights & ~Rights.FD_SYNC, descriptor.inheriting)
    for _ in range(3):
        assert opened(guest, "file", Rights.FD_ALLOCATE, 4) is Errno.EROFS
        fd = opened(guest, "file", fd=4)
        assert isinstance(fd, int)
        assert guest.call("fd_filestat_set_times", fd, 1, 1, 1) is Errno.ENOTCAPABLE


def test_what_is_counted_is_pythons(guest: Guest, asked: list[str]) -> None:
    """An account has to know of each file that is open."""
    descriptor = guest.wasi.table.get(ROOT)
    descriptor.directory = HostDirectory(guest.folder, quota=Quota(100))
    guest.wasi.table.limit(ROOT, descriptor.rights & ~Rights.FD_SYNC, descriptor.inheriting)
    for _ in range(5):
        assert isinstance(opened(guest, "file"), int)
    assert asked.count("open") == 5
