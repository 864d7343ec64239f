"""Paths in memory that machine code looks up: it finds what Python would, and nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jormun
from jormun.runtime.world import NAMES
from jormun.wasi import memory_directory, native_table
from jormun.wasi.abi import ALL_RIGHTS, FstFlags, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import FEW_LOOKS, MemoryDirectory
from jormun.wasi.native_table import FEW_USES

from .guest import ROOT, Guest, without_shortcuts

FDS = st.integers(ROOT, ROOT + 5)
RIGHTS = st.sampled_from([ALL_RIGHTS, Rights.FD_READ, Rights.FD_WRITE, Rights.FD_READ | Rights.FD_TELL, 0, 1 << 40])
PATHS = st.sampled_from(
    [
        "a",
        "b",
        "d",
        "d/a",
        "d/b",
        "d/e",
        "d/e/a",
        "e",
        "e/a",
        "l",
        "d/l",
        "l/a",
        "d/",
        "d//a",
        "./a",
        "d/../a",
        "..",
        "",
    ]
)
OPERATIONS = st.one_of(
    st.tuples(st.just("look"), PATHS, st.booleans()),
    st.tuples(st.just("look"), PATHS, st.booleans()),
    st.tuples(st.just("set_times"), PATHS, st.booleans(), st.integers(1, 9)),
    st.tuples(st.just("create"), PATHS),
    st.tuples(st.just("make"), PATHS),
    st.tuples(st.just("remove"), PATHS),
    st.tuples(st.just("unlink"), PATHS),
    st.tuples(st.just("link"), PATHS, PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("symlink"), st.sampled_from(["a", "d", "d/e", "../a", "e"]), PATHS),
    st.tuples(st.just("enter"), PATHS),
    st.tuples(st.just("read link"), PATHS, st.sampled_from([0, 1, 2, 100])),
    st.tuples(st.just("open"), PATHS, RIGHTS),
    st.tuples(st.just("open"), PATHS, RIGHTS),
    st.tuples(st.just("close"), st.just(""), FDS),
    st.tuples(st.just("renumber"), st.just(""), FDS, FDS),
    st.tuples(st.just("read"), st.just(""), FDS),
    st.tuples(st.just("write"), st.just(""), FDS),
    st.tuples(st.just("status"), st.just(""), FDS),
    st.tuples(st.just("list"), st.just(""), st.integers(0, 5), st.sampled_from([0, 30, 60, 400])),
)


def do(guest: Guest, operation: tuple[object, ...], fd: int) -> object:
    """What comes of an operation below a directory."""
    name, path, *rest = operation
    assert isinstance(path, str)
    place = guest.path(path)
    if name == "look":
        errno, told = guest.look(path, follow=bool(rest[0]), fd=fd)
        accessed = int.from_bytes(told[24:], "little")
        return errno, told[:24], accessed if accessed < 10 else None
    if name == "set_times":
        follow, accessed = rest
        flags = FstFlags.ATIM
        return guest.call("path_filestat_set_times", fd, int(follow), *place, accessed, 0, flags)  # type: ignore[call-overload, arg-type]
    if name == "create":
        errno = guest.call("path_open", fd, 0, *place, OFlags.CREAT, Rights.FD_WRITE, 0, 0, 2048)
        if not errno:
            guest.call("fd_close", int.from_bytes(guest.memory.read(2048, 4), "little"))
        return errno
    if name == "read link":
        errno = guest.call("path_readlink", fd, *place, 2200, rest[0], 2196)  # type: ignore[arg-type]
        return errno, guest.memory.read(2196, 100)
    if name == "make":
        return guest.call("path_create_directory", fd, *place)
    if name == "remove":
        return guest.call("path_remove_directory", fd, *place)
    if name == "unlink":
        return guest.call("path_unlink_file", fd, *place)
    if name == "enter":
        return guest.call("path_open", fd, 0, *place, OFlags.DIRECTORY, ALL_RIGHTS, ALL_RIGHTS, 0, 2048)
    if name == "open":
        return guest.call("path_open", fd, 0, *place, 0, rest[0], 0, 0, 2048), guest.memory.read(2048, 4)  # type: ignore[arg-type]
    if name == "close":
        return None if rest[0] == ROOT else guest.call("fd_close", rest[0])  # type: ignore[arg-type]
    if name == "renumber":
        return None if ROOT in rest else guest.call("fd_renumber", *rest)  # type: ignore[arg-type]
    if name == "read":
        guest.iovecs(0, (64, 3))
        return guest.call("fd_read", rest[0], 0, 1, 16), guest.memory.read(16, 4), guest.memory.read(64, 3)  # type: ignore[arg-type]
    if name == "write":
        return guest.write(rest[0], b"xy")  # type: ignore[arg-type]
    if name == "status":
        return guest.call("fd_fdstat_get", rest[0], 2100), guest.memory.read(2100, 24)  # type: ignore[arg-type]
    if name == "list":
        cookie, room = rest
        errno = guest.call("fd_readdir", fd, 4096, room, cookie, 2048)  # type: ignore[arg-type]
        data = guest.memory.read(4096, 400)
        guest.memory.write(4096, bytes(400))
        # On the host, directories have other inodes, and their entries an order of their own.
        return errno, guest.memory.read(2048, 4), data if isinstance(guest.tree, MemoryDirectory) else None
    assert isinstance(rest[0], str)
    other = guest.path(rest[0], 1200)
    if name == "symlink":
        return guest.call("path_symlink", *place, fd, *other)
    if name == "link":
        return guest.call("path_link", fd, 0, *place, fd, *other)
    return guest.call("path_rename", fd, *place, fd, *other)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(OPERATIONS, st.integers(ROOT, ROOT + 2)), max_size=40),
    st.sampled_from(["host", "read-only", "memory", "overlay"]),
)
def test_paths_lead_where_python_finds_them_to_lead(
    module: jormun.Module, operations: list[tuple[tuple[object, ...], int]], kind: str
) -> None:
    """Whatever is made, moved and removed meanwhile, and from whichever directory."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_table, "FEW_USES", 0)
        patch.setattr(memory_directory, "FEW_LOOKS", 0)
        guests = []
        for place in ("machine", "python"):
            folder = Path(name, place)
            (folder / "d").mkdir(parents=True)
            (folder / "d" / "a").write_bytes(b"content")
            os.mkfifo(folder / "fifo")
            (folder / "out").symlink_to("..")
            streams = "overlay" if kind == "overlay" else "memory"
            if place == "python":
                with without_shortcuts():
                    guests.append(Guest(module, folder, kind=streams))
            else:
                guests.append(Guest(module, folder, kind=streams))
        for guest in guests:
            if kind == "memory":
                guest.tree = MemoryDirectory({"d": {"a": b"content"}})
                guest.wasi.table.get(ROOT).directory = guest.tree.reopened()
            if kind == "read-only":
                guest.wasi.table.get(ROOT).directory = HostDirectory(guest.folder, is_read_only=True)
            guest.call("fd_read", 99, 0, 0, 0)  # the first call is Python's turn
            guest.wasi.table.limit(ROOT, *_rights_less(guest))
        for operation, fd in operations:
            first, second = [do(guest, operation, fd) for guest in guests]
            if operation[0] == "look" and kind != "memory":
                first, second = [_without_size_of_directory(told) for told in (first, second)]
            assert first == second, operation
        for guest in guests:
            guest.close()


def _without_size_of_directory(told: object) -> object:
    """Which file systems may say as they like."""
    assert isinstance(told, tuple)
    errno, status, *rest = told
    return errno, status[:16] if status[0] == 3 else status, *rest


def _rights_less(guest: Guest) -> tuple[int, int]:
    """Those of the root but one that nothing here needs: machine code is told of the directory then."""
    descriptor = guest.wasi.table.get(ROOT)
    return descriptor.rights & ~Rights.FD_DATASYNC, descriptor.inheriting


@pytest.fixture
def guest(module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest whose directory is in memory, and which machine code knows of."""
    guest = Guest(module, tmp_path)
    give(guest, MemoryDirectory({"file": "content", "directory/inner/file": "12"}))
    return guest


def give(guest: Guest, directory: MemoryDirectory) -> None:
    """Lets the guest have another directory, which it has used a few times."""
    guest.wasi.table.get(ROOT).directory = directory.reopened()
    guest.tree = directory
    for _ in range(FEW_USES):
        guest.look("nothing")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths that reach Python, as they do."""
    paths: list[bytes] = []
    for name in ("path_stat", "path_set_times"):
        monkeypatch.setattr(MemoryDirectory, name, _noting(paths, getattr(MemoryDirectory, name)))
    return paths


def _noting(paths: list[bytes], method: Callable[..., object]) -> Callable[..., object]:
    def noted(self: object, path: bytes, *arguments: object, **named: object) -> object:
        paths.append(path)
        return method(self, path, *arguments, **named)

    return noted


def test_python_is_asked_a_few_times(guest: Guest, asked: list[bytes]) -> None:
    """For each path."""
    for path, told in (("file", b"\4"), ("directory/inner/file", b"\4"), ("directory/inner", b"\3")):
        asked.clear()
        answers = {guest.look(path) for _ in range(5 + FEW_LOOKS)}
        assert len(answers) == 1 and answers.pop()[1][:1] == told
        assert len(asked) <= FEW_LOOKS
        assert not guest.call("path_filestat_set_times", ROOT, 0, *guest.path(path), 7, 8, FstFlags.ATIM)
        assert len(asked) <= FEW_LOOKS
        assert guest.look(path)[1][24:] == (7).to_bytes(8, "little")


def test_a_link_is_told_and_not_followed(guest: Guest) -> None:
    """Unless it is to be."""
    assert not guest.call("path_symlink", *guest.path("file"), ROOT, *guest.path("link", 1200))
    for _ in range(3 + FEW_LOOKS):
        assert guest.look("link")[1][:1] == b"\7"
        assert guest.look("link", follow=True)[1][:1] == b"\4"
        assert guest.look("link/file")[0] is Errno.ENOTDIR


def test_the_text_of_a_link(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told, as far as there is room; Python is asked a few times."""
    asked: list[bytes] = []
    monkeypatch.setattr(MemoryDirectory, "read_link", _noting(asked, MemoryDirectory.read_link))
    assert not guest.call("path_symlink", *guest.path("some/text"), ROOT, *guest.path("link", 1200))
    for _ in range(9 + FEW_LOOKS):
        for room in (100, 4, 0):
            guest.memory.write(2200, bytes(100))
            assert not guest.call("path_readlink", ROOT, *guest.path("link"), 2200, room, 2196)
            text = b"some/text"[:room]
            assert guest.memory.read(2196, 20) == len(text).to_bytes(4, "little") + text.ljust(16, b"\0")
    assert len(asked) <= FEW_LOOKS
    assert guest.call("path_readlink", ROOT, *guest.path("file"), 2200, 9, 2196) is Errno.EINVAL


def test_a_right_is_needed(guest: Guest) -> None:
    """To look, and another one to set times."""
    for _ in range(3 + FEW_LOOKS):
        assert not guest.look("file")[0]
    descriptor = guest.wasi.table.get(ROOT)
    rights = descriptor.rights & ~Rights.PATH_FILESTAT_SET_TIMES
    guest.wasi.table.limit(ROOT, rights, descriptor.inheriting)
    assert guest.call("path_filestat_set_times", ROOT, 0, *guest.path("file"), 7, 8, 1) is Errno.ENOTCAPABLE
    guest.wasi.table.limit(ROOT, rights & ~Rights.PATH_FILESTAT_GET, descriptor.inheriting)
    assert guest.look("file")[0] is Errno.ENOTCAPABLE


def test_more_names_than_there_is_room_for(guest: Guest) -> None:
    """Are found all the same: some by Python."""
    count = NAMES + NAMES // 4
    give(guest, MemoryDirectory({f"directory/{k}": bytes(k % 10) for k in range(count)}))
    for _ in range(FEW_LOOKS + 1):
        for k in range(count):
            assert guest.look(f"directory/{k}")[1][16:24] == (k % 10).to_bytes(8, "little")


def test_a_path_that_is_too_long(guest: Guest) -> None:
    """Is refused, whatever it leads to."""
    guest.memory.grow(1)
    for _ in range(3 + FEW_LOOKS):
        assert not guest.look("file")[0]
    text = "file".ljust(4097, "\0")
    assert guest.call("path_filestat_get", ROOT, 0, *guest.path(text, 8192), 3000) is Errno.ENAMETOOLONG
