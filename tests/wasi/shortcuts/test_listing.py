"""Directories that machine code lists: it gives what Python would, and leaves to it to look at the host."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun
from jormun.runtime.world import LISTING_BYTES
from jormun.wasi.abi import DIRECTORY_RIGHTS, DIRENT, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.listing import Listing, Listings
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.native_table import FEW_USES

from .guest import PAGE, ROOT, Guest

KINDS = {"host": "memory", "memory": "tree", "overlay": "overlay"}


@pytest.fixture(params=KINDS)
def guest(request: pytest.FixtureRequest, module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest with a directory of some files, which it has used a few times."""
    for name in ("one", "two", "three"):
        (tmp_path / name).touch()
    guest = Guest(module, tmp_path, kind=KINDS[request.param])
    for _ in range(FEW_USES):
        guest.look("nothing")
    return guest


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cookies of the calls that reach Python, as they do."""
    cookies: list[int] = []
    copy = Listing.copy

    def noted(self: Listing, cookie: int, buffer: memoryview) -> int:
        cookies.append(cookie)
        return copy(self, cookie, buffer)

    monkeypatch.setattr(Listing, "copy", noted)
    return cookies


def piece(guest: Guest, cookie: int, room: int, fd: int = ROOT) -> bytes:
    """What one call writes."""
    guest.memory.write(4096, b"\xaa" * (room + 1))
    assert not guest.call("fd_readdir", fd, 4096, room, cookie, 4088)
    used = int.from_bytes(guest.memory.read(4088, 4), "little")
    assert guest.memory.read(4096 + used, 1) == b"\xaa"
    return guest.memory.read(4096, used)


def names(guest: Guest, room: int = 100, fd: int = ROOT) -> list[bytes]:
    """All of a directory, call by call, as C libraries list it."""
    found, cookie = [], 0
    while True:
        data, at = piece(guest, cookie, room, fd), 0
        is_last = len(data) < room
        while at + DIRENT.size <= len(data):
            cookie_after, _, length, _ = DIRENT.unpack_from(data, at)
            at += DIRENT.size + length
            if at <= len(data):
                found.append(data[at - length : at])
                cookie = cookie_after
        if is_last:
            return found


def test_a_listing_is_gone_through_without_python(guest: Guest, copied: list[int]) -> None:
    """It is asked for the start. What is written ends where the room does."""
    whole = piece(guest, 0, 500)
    assert sorted(names(guest, 60)) == [b".", b"..", b"one", b"three", b"two"]
    first = DIRENT.size + 1
    assert [piece(guest, 1, room) for room in (0, 1, 30, 500)] == [whole[first:][:room] for room in (0, 1, 30, 500)]
    assert piece(guest, 5, 9) == b""
    assert copied.count(0) == len(copied)
    assert piece(guest, 6, 9) == piece(guest, 2**64 - 1, 9) == b""


def test_what_changes_is_seen_from_the_start(guest: Guest) -> None:
    """And not by who goes on: that is the directory as it was."""
    for _ in range(3):
        names(guest)
    rest = piece(guest, 2, 500)
    assert not guest.call("path_create_directory", ROOT, *guest.path("new"))
    assert piece(guest, 2, 500) == rest
    assert b"new" in names(guest)
    assert not guest.call("path_rename", ROOT, *guest.path("new"), ROOT, *guest.path("moved", 1200))
    assert b"new" not in names(guest) and b"moved" in names(guest)
    assert not guest.call("path_remove_directory", ROOT, *guest.path("moved"))
    assert not guest.unlink("one")
    assert sorted(names(guest)) == [b".", b"..", b"three", b"two"]
    guest.open("four")
    assert len(names(guest)) == 5


def test_a_directory_in_memory_is_listed_again_without_python(
    module: jormun.Module, tmp_path: Path, copied: list[int]
) -> None:
    """As long as nothing changes its names; what is written to its files does not."""
    guest = Guest(module, tmp_path)
    guest.wasi.table.get(ROOT).directory = MemoryDirectory({"a": "1", "b/c": "2"}).reopened()
    for _ in range(FEW_USES):
        guest.look("a")
    listings = []
    for _ in range(5):
        listings.append(piece(guest, 0, 500))
        guest.write(guest.open("a", oflags=0), b"more")
        guest.call("path_create_directory", ROOT, *guest.path("b/d"))
    assert len({*listings}) == 1
    assert copied == [0]


def test_what_is_gone_below_an_overlay(module: jormun.Module, tmp_path: Path) -> None:
    """Is listed until somebody finds that out."""
    (tmp_path / "file").touch()
    guest = Guest(module, tmp_path, kind="overlay")
    for _ in range(FEW_USES):
        assert len(names(guest)) == 3
    (tmp_path / "file").unlink()
    assert len(names(guest)) == 3
    assert guest.look("file")[0] is Errno.ENOENT
    assert len(names(guest)) == 2


def test_a_right_is_needed(guest: Guest) -> None:
    """At once, in the middle of a listing too."""
    for _ in range(3):
        names(guest)
    descriptor = guest.wasi.table.get(ROOT)
    guest.wasi.table.limit(ROOT, descriptor.rights & ~Rights.FD_READDIR, descriptor.inheriting)
    for cookie in (0, 2):
        assert guest.call("fd_readdir", ROOT, 4096, 100, cookie, 4088) is Errno.ENOTCAPABLE


def test_memory_that_is_not_there(guest: Guest) -> None:
    """EFAULT, and nothing is written."""
    for _ in range(3):
        names(guest)
    for place, room, result in ((PAGE - 8, 9, 0), (2**32 - 1, 1, 0), (0, 2**32 - 1, 0), (0, 8, PAGE - 3)):
        for cookie in (0, 2):
            before = guest.memory.view().tobytes()
            assert guest.call("fd_readdir", ROOT, place, room, cookie, result) is Errno.EFAULT
            assert guest.memory.view().tobytes() == before


def test_a_listing_that_makes_room_for_another(guest: Guest) -> None:
    """Is read again, of the directory as it is by then."""
    listings = guest.wasi.table._listings = Listings(200)
    assert not guest.call("path_open", ROOT, 0, *guest.path("."), OFlags.DIRECTORY, DIRECTORY_RIGHTS, 0, 0, 2048)
    other = int.from_bytes(guest.memory.read(2048, 4), "little")
    for _ in range(FEW_USES):
        piece(guest, 0, 50)
    piece(guest, 0, 50, other)
    assert guest.wasi.table.get(ROOT).listing is None
    assert not guest.unlink("one")
    assert len(piece(guest, 2, 500)) == 2 * DIRENT.size + len("two" + "three")
    assert not guest.call("fd_close", other)
    assert listings.size_bytes == guest.wasi.table.get(ROOT).listing.size_bytes  # type: ignore[union-attr]


def test_a_large_listing_goes_with_its_end(module: jormun.Module, tmp_path: Path) -> None:
    """Small ones are kept until the descriptor is closed."""
    guest = Guest(module, tmp_path)
    count = LISTING_BYTES // 34
    for directory, kept in ((MemoryDirectory({f"{k:05}": "" for k in range(count)}), False), (tmp_path, True)):
        opened = directory.reopened() if isinstance(directory, MemoryDirectory) else HostDirectory(directory)
        guest.wasi.table.get(ROOT).directory = opened
        assert len(names(guest, 60_000)) == (2 if kept else count + 2)
        assert (guest.wasi.table.get(ROOT).listing is not None) is kept
