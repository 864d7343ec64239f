"""Files in memory that machine code opens: they are there while they are open, and Python's when it asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun
from jormun.runtime.world import CALLS
from jormun.wasi.abi import ALL_RIGHTS, FdFlags, FstFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.memory_directory import FEW_LOOKS, MemoryDirectory
from jormun.wasi.native_table import FEW_USES
from jormun.wasi.quota import Quota

from .guest import ROOT, Guest
from .test_opening import opened


def guest_with(module: jormun.Module, folder: Path, tree: MemoryDirectory) -> Guest:
    """A guest that has this directory, which machine code knows of."""
    guest = Guest(module, folder)
    guest.wasi.table.get(ROOT).directory = tree.reopened()
    guest.tree = tree
    for _ in range(FEW_USES):
        guest.look("nothing")
    fd = opened(guest, ".", Rights.FD_READDIR)
    assert isinstance(fd, int)  # so that there is room for numbers that machine code may give
    assert not guest.call("fd_close", fd)
    return guest


@pytest.fixture
def guest(module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest whose file, of half of what its quota allows, machine code finds."""
    guest = guest_with(module, tmp_path, MemoryDirectory({"file": b"0123456789"}, quota=Quota(20)))
    for _ in range(FEW_LOOKS):
        assert not guest.look("file")[0]
    return guest


def unheard_of(guest: Guest, fd: int | Errno) -> bool:
    """Whether Python knows nothing of a descriptor that is open."""
    entries = guest.wasi.table._entries
    return fd >= len(entries) or entries[fd] is None


def test_python_gets_few_calls(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones, and one in CALLS."""
    asked: list[bytes] = []
    method = MemoryDirectory.open

    def noted(self: MemoryDirectory, path: bytes, *arguments: object, **named: object) -> object:
        asked.append(path)
        return method(self, path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryDirectory, "open", noted)
    for k in range(CALLS):
        fd = opened(guest, "file", ALL_RIGHTS)
        assert isinstance(fd, int) and guest.read(fd, 3) == b"012"
        assert not guest.call("fd_pwrite", fd, 0, 1, 5, 16)
        assert not guest.call("fd_filestat_set_times", fd, k, k, FstFlags.ATIM)
        assert not guest.call("fd_close", fd)
    assert len(asked) < 20


def test_a_file_without_a_name_is_there_while_it_is_open(guest: Guest) -> None:
    """And gives its room back then, when the last descriptor is closed, whoever opened which."""
    first, second = opened(guest, "file"), opened(guest, "file", ALL_RIGHTS)
    assert isinstance(first, int) and isinstance(second, int)
    assert unheard_of(guest, first) and unheard_of(guest, second)
    assert not guest.unlink("file")
    other = guest.open("other")
    guest.memory.write(64, bytes(20))
    for fd, expected in ((first, 10), (second, 10)):
        assert guest.read(fd, 10) == b"0123456789"
        assert guest.call("fd_filestat_set_size", other, 11) is Errno.EDQUOT, expected
        assert not guest.call("fd_close", fd)
    assert not guest.call("fd_filestat_set_size", other, 20)


def test_room_is_given_back_in_the_end(guest: Guest, module: jormun.Module, tmp_path: Path) -> None:
    """Of what has no name and is open when a guest ends; other guests have the same tree."""
    assert isinstance(guest.tree, MemoryDirectory)
    other = guest_with(module, tmp_path, guest.tree)
    fd, its = opened(guest, "file"), opened(other, "file")
    assert isinstance(fd, int) and isinstance(its, int) and unheard_of(other, its)
    assert not guest.unlink("file")
    guest.close()
    assert other.read(its, 10) == b"0123456789"
    assert other.call("fd_filestat_set_size", other.open("made"), 11) is Errno.EDQUOT
    other.close()
    last = guest_with(module, tmp_path, guest.tree)
    assert not last.call("fd_filestat_set_size", last.open("made"), 20)


def test_python_goes_on_where_machine_code_was(guest: Guest) -> None:
    """With the position, the flags, and the rights."""
    fd = opened(guest, "file", Rights.FD_READ | Rights.FD_WRITE | Rights.FD_FDSTAT_SET_FLAGS)
    assert isinstance(fd, int) and guest.read(fd, 4) == b"0123"
    assert not guest.call("fd_fdstat_set_flags", fd, FdFlags.APPEND)
    assert unheard_of(guest, fd)
    descriptor = guest.wasi.table.get(fd)
    assert descriptor.file is not None and descriptor.file.flags == FdFlags.APPEND
    assert descriptor.rights == Rights.FD_READ | Rights.FD_WRITE | Rights.FD_FDSTAT_SET_FLAGS
    assert guest.read(fd, 2) == b"45"
    assert guest.call("fd_seek", fd, 0, 0, 16) is Errno.ENOTCAPABLE
    assert not guest.write(fd, b"ab")
    assert guest.tree is not None and guest.tree.files["file"] == b"0123456789ab"


def test_a_tree_that_is_read_only(module: jormun.Module, tmp_path: Path) -> None:
    """Has files that are read."""
    guest = guest_with(module, tmp_path, MemoryDirectory({"file": "content"}, is_read_only=True))
    for _ in range(FEW_LOOKS + 2):
        assert opened(guest, "file", Rights.FD_WRITE) is Errno.EROFS
        fd = opened(guest, "file", ALL_RIGHTS & ~(Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE))
        assert isinstance(fd, int) and guest.read(fd, 7) == b"content"
        assert guest.call("fd_filestat_set_times", fd, 1, 1, FstFlags.ATIM) is Errno.EROFS
        assert not guest.call("fd_close", fd)
