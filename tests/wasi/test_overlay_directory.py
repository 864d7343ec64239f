"""Overlays: the host's directory is seen and stays as it is; what changed is in memory."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, FILE_RIGHTS, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.overlay_directory import OverlayDirectory

from .fake_guest import ROOT, Guest, make_guest


@pytest.fixture
def lower(root: Path) -> Path:
    """What is on the host."""
    (root / "file").write_bytes(b"content")
    (root / "dir" / "sub").mkdir(parents=True)
    (root / "dir" / "inner").write_bytes(b"inner")
    (root / "dir" / "sub" / "deep").write_bytes(b"deep")
    (root / "twin").hardlink_to(root / "file")
    (root / "other").mkdir()
    (root / "other" / "triplet").hardlink_to(root / "file")
    (root / "link").symlink_to("dir/inner")
    return root


@pytest.fixture
def overlay(lower: Path) -> OverlayDirectory:
    return OverlayDirectory(lower)


@pytest.fixture
def guest(overlay: OverlayDirectory) -> Guest:
    return make_guest({"/": overlay.reopened()})


def test_nothing_changes_below(guest: Guest, overlay: OverlayDirectory, lower: Path) -> None:
    """Whatever a guest does; and what it did is told."""
    before = {path: path.lstat() for path in [lower, *lower.rglob("*")]}
    guest.write(guest.opened("file", rights=FILE_RIGHTS), b"C")
    guest.opened("dir/inner", rights=FILE_RIGHTS, oflags=OFlags.TRUNC)
    guest.ok("path_rename", ROOT, *guest.path("dir/sub"), ROOT, *guest.path("moved"))
    guest.ok("path_unlink_file", ROOT, *guest.path("link"))
    guest.ok("path_filestat_set_times", ROOT, 0, *guest.path("dir"), 1, 1, 5)
    guest.ok("path_link", ROOT, 0, *guest.path("moved/deep"), ROOT, *guest.path("name"))
    guest.close()
    gc.collect()
    after = {path: path.lstat() for path in [lower, *lower.rglob("*")]}
    assert {path: state.st_mtime_ns for path, state in after.items()} == {
        path: state.st_mtime_ns for path, state in before.items()
    }
    assert overlay.files == {
        "file": b"Content",
        "twin": b"Content",
        "other/triplet": b"Content",
        "dir/inner": b"",
        "moved/deep": b"deep",
        "name": b"deep",
    }
    assert overlay.removed == {"dir/sub", "link"}


def test_names_of_one_file_stay_one(guest: Guest) -> None:
    """A change through one name of the host's is seen through the other."""
    twin = guest.opened("twin", rights=FILE_RIGHTS)
    guest.write(guest.opened("file", rights=FILE_RIGHTS), b"CON")
    assert guest.read(twin, 10) == b"CONtent"


def test_names_that_were_only_looked_at_are_not_changed(guest: Guest, overlay: OverlayDirectory) -> None:
    """Nor are those of a file with several names."""
    for path in ("twin", "file", "other/triplet", "dir/inner"):
        guest.read(guest.opened(path, rights=Rights.FD_READ), 3)
    assert overlay.files == {}
    assert overlay.removed == set()


def test_a_directory_made_anew_is_empty(guest: Guest) -> None:
    """Its old entries do not shine through."""
    for path in ("dir/sub/deep", "dir/inner"):
        guest.ok("path_unlink_file", ROOT, *guest.path(path))
    for path in ("dir/sub", "dir"):
        guest.ok("path_remove_directory", ROOT, *guest.path(path))
    guest.ok("path_create_directory", ROOT, *guest.path("dir"))
    assert guest.open("dir/inner") is Errno.ENOENT
    guest.ok("path_remove_directory", ROOT, *guest.path("dir"))


def test_a_directory_that_is_not_empty_below(guest: Guest) -> None:
    """ENOTEMPTY, though nobody has looked into it yet."""
    assert guest.call("path_remove_directory", ROOT, *guest.path("dir")) is Errno.ENOTEMPTY
    guest.ok("path_create_directory", ROOT, *guest.path("new"))
    assert guest.call("path_rename", ROOT, *guest.path("new"), ROOT, *guest.path("dir")) is Errno.ENOTEMPTY


def test_inodes_are_those_of_the_host(guest: Guest, lower: Path) -> None:
    """They stay when a file is changed or moved; new files have others."""
    place = guest.place(64)
    guest.write(guest.opened("file", rights=FILE_RIGHTS), b"x")
    guest.ok("path_rename", ROOT, *guest.path("file"), ROOT, *guest.path("dir/new"))
    guest.ok("path_filestat_get", ROOT, 0, *guest.path("dir/new"), place)
    assert guest.u64(place + 8) == (lower / "file").stat().st_ino
    guest.opened("made", oflags=OFlags.CREAT)
    guest.ok("path_filestat_get", ROOT, 0, *guest.path("made"), place)
    assert guest.u64(place + 8) >= 1 << 62


def test_what_the_host_takes_away(guest: Guest, lower: Path) -> None:
    """A file that is gone below is gone, ESTALE when it has become something else; others are not touched by that."""
    guest.ok("path_filestat_get", ROOT, 0, *guest.path("dir/inner"), guest.place(64))
    (lower / "dir" / "inner").unlink()
    assert guest.open("dir/inner") is Errno.ENOENT
    os.mkfifo(lower / "dir" / "inner")
    assert guest.open("dir/inner") is Errno.ESTALE
    (lower / "file").unlink()
    assert guest.open("file") is Errno.ENOENT
    assert guest.read(guest.opened("twin"), 10) == b"content"


def test_over_any_directory(lower: Path) -> None:
    """Over one of the host's that was opened, over one in memory, and over another overlay's directory."""
    memory = MemoryDirectory({"file": b"content", "d": {"e": b"e"}})
    for given in (HostDirectory(lower), memory, OverlayDirectory(memory).reopened()):
        overlay = OverlayDirectory(given)
        guest = make_guest({"/": overlay.reopened()})
        guest.write(guest.opened("file", rights=FILE_RIGHTS), b"C")
        guest.ok("path_create_directory", ROOT, *guest.path("made"))
        guest.close()
        assert {path for path in overlay.files if "/" not in path} <= {"file", "twin"}
        assert overlay.files["file"] == b"Content"
    assert memory.files == {"file": b"content", "d/e": b"e"}


def test_a_read_only_host_is_enough(lower: Path) -> None:
    """Changes never go there."""
    guest = make_guest({"/": OverlayDirectory(HostDirectory(lower, is_read_only=True)).reopened()})
    guest.opened("new", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    guest.opened("dir", rights=DIRECTORY_RIGHTS)
    guest.write(guest.opened("file", rights=FILE_RIGHTS), b"C")
    guest.close()
