"""Files that machine code closes, or gives other numbers: as Python would, which is told of it when it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun
from jormun.wasi.abi import ALL_RIGHTS
from jormun.wasi.descriptors import DescriptorTable
from jormun.wasi.errno import Errno
from jormun.wasi.memory_directory import FEW_LOOKS, MemoryDirectory
from jormun.wasi.native_table import FEW_USES

from .guest import ROOT, Guest

FILES = {"one": b"1", "two": b"22", "three": b"333"}


@pytest.fixture(params=["host", "memory"])
def guest(request: pytest.FixtureRequest, module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest with a directory of some files, which it has opened and closed so often that machine code opens them."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    guest = Guest(module, tmp_path, kind={"host": "memory", "memory": "tree"}[request.param])
    for _ in range(FEW_USES + FEW_LOOKS):
        for fd in [opened(guest, name) for name in FILES]:
            assert not guest.call("fd_close", fd)
    return guest


@pytest.fixture
def renumbered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The calls that reach Python, as they do."""
    made: list[tuple[int, int]] = []
    renumber = DescriptorTable.renumber

    def noted(self: DescriptorTable, source: int, target: int) -> None:
        made.append((source, target))
        renumber(self, source, target)

    monkeypatch.setattr(DescriptorTable, "renumber", noted)
    return made


def opened(guest: Guest, path: str) -> int:
    """The number of a file that is opened without being made."""
    assert not guest.call("path_open", ROOT, 0, *guest.path(path), 0, ALL_RIGHTS, 0, 0, 2048)
    return int.from_bytes(guest.memory.read(2048, 4), "little")


def descriptors() -> int:
    """How many the process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_number_is_given_without_python(guest: Guest, renumbered: list[tuple[int, int]]) -> None:
    """To a file that keeps its position and is written like any other; what had the number is closed."""
    before = descriptors()
    one = opened(guest, "one")
    for _ in range(20):
        for name, content in (("two", b"22"), ("three", b"333")):
            fd = opened(guest, name)
            assert guest.read(fd, 1) == content[:1]
            assert not guest.call("fd_renumber", fd, one)
            assert guest.call("fd_tell", fd, 16) is Errno.EBADF
            assert guest.read(one, 9) == content[1:]
    assert not renumbered
    assert not guest.write(one, b"4")
    assert guest.attributes(one)[1][16:17] == b"\4"
    assert not guest.call("fd_close", one)
    assert descriptors() == before
    assert opened(guest, "one") == one
    guest.close()


def test_the_number_of_a_file_of_pythons(guest: Guest, renumbered: list[tuple[int, int]]) -> None:
    """Is given by Python once."""
    made = guest.open("made")
    for _ in range(5):
        fd = opened(guest, "two")
        assert not guest.call("fd_renumber", fd, made)
        assert guest.read(made, 9) == b"22"
    assert renumbered == [(fd, made)]
    assert guest.wasi.table.get(made).file is not None
    assert guest.read(made, 9) == b""
    assert guest.open("other") == fd


def test_numbers_that_are_pythons(guest: Guest, renumbered: list[tuple[int, int]]) -> None:
    """Those of standard streams, of directories, the same number twice, and none at all."""
    for _ in range(3):
        fd = opened(guest, "two")
        assert not guest.call("fd_renumber", fd, fd)
        assert not guest.call("fd_renumber", fd, 0)
        assert guest.read(0, 9) == b"22"
    fd = opened(guest, "two")
    for other in (fd + 1, 99, 2**32 - 1):
        assert guest.call("fd_renumber", fd, other) is guest.call("fd_renumber", other, fd) is Errno.EBADF
    assert not guest.call("fd_renumber", fd, ROOT)
    assert guest.read(ROOT, 9) == b"22"
    assert not guest.call("fd_renumber", ROOT, 1)
    assert guest.read(1, 9) == b"" and guest.call("fd_tell", ROOT, 16) is Errno.EBADF
    guest.close()


def test_a_file_without_a_name_is_gone_with_its_number(module: jormun.Module, tmp_path: Path) -> None:
    """Its bytes are free again."""
    guest = Guest(module, tmp_path)
    tree = MemoryDirectory({"file": b"x" * 1000, "other": ""})
    guest.wasi.table.get(ROOT).directory = tree.reopened()
    for _ in range(FEW_USES + FEW_LOOKS):
        for name in ("file", "other"):
            assert not guest.call("fd_close", opened(guest, name))
    fd, other = opened(guest, "file"), opened(guest, "other")
    assert not guest.unlink("file")
    room = tree._tree.account.room_bytes
    assert not guest.call("fd_renumber", other, fd)
    assert tree._tree.account.room_bytes == room + 1000
    assert not guest.write(fd, b"y")
    assert dict(tree.files) == {"other": b"y"}
