"""A directory full of ways out, a guest that was given it, and a guard who looks whether anything outside changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.overlay_directory import OverlayDirectory

from ..fake_guest import Guest, make_guest


def snapshot(folder: Path, without: Path | None = None) -> dict[str, tuple[int, ...]]:
    """What a host would see of a tree: names, kinds, sizes and times, but for what is in and below `without`."""
    found = {}
    pending = [folder]
    while pending:
        path = pending.pop()
        if path == without:
            continue
        state = path.lstat()
        found[str(path)] = (state.st_mode, state.st_size, state.st_mtime_ns, state.st_nlink, state.st_ino)
        if path.is_dir() and not path.is_symlink():
            pending += path.iterdir()
    return found


@pytest.fixture
def outside(root: Path) -> Path:
    """What is around the guest's directory, with links in it that lead there."""
    outside = root.parent
    (outside / "private").mkdir()
    (outside / "private" / "file").write_text("private")
    (root / "dir" / "sub").mkdir(parents=True)
    (root / "dir" / "file").write_text("mine")
    (root / "absolute_file").symlink_to(outside / "secret.txt")
    (root / "absolute_dir").symlink_to(outside)
    (root / "relative_file").symlink_to("../secret.txt")
    (root / "relative_dir").symlink_to("..")
    (root / "deep").symlink_to("dir/sub/../../../private")
    (root / "dir" / "chain").symlink_to("../relative_dir")
    (root / "dir" / "sub" / "up").symlink_to("../../..")
    (root / "slashes").symlink_to("..//")
    (root / "root_link").symlink_to("/")
    (root / "dots").symlink_to("../root/../secret.txt")
    (root / "new_outside").symlink_to("../created")
    (root / "proc").symlink_to("/proc/self/root")
    (root / "cwd").symlink_to("/proc/self/cwd")
    return outside


@pytest.fixture(params=["openat2", "walk", "overlay"])
def kind(request: pytest.FixtureRequest) -> str:
    """How the guest's directory is kept: with openat2, by a walk, or below an overlay."""
    return str(request.param)


@pytest.fixture
def guest(outside: Path, kind: str) -> Iterator[Guest]:
    """A guest that was given the directory, as descriptor 3.

    The guard: at the end all outside of the directory is as it was, and with an overlay the directory too.
    """
    root = outside / "root"
    spared = None if kind == "overlay" else root
    before = snapshot(outside, spared)
    given = OverlayDirectory(root) if kind == "overlay" else HostDirectory(root, by_kernel=kind == "openat2")
    guest = make_guest({"/": given.reopened()})
    yield guest
    guest.close()
    assert snapshot(outside, spared) == before


@pytest.fixture(params=["openat2", "walk"])
def host_guest(outside: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """As `guest`, for tests in which the host changes things meanwhile; without the guard."""
    guest = make_guest({"/": HostDirectory(outside / "root", by_kernel=request.param == "openat2")})
    yield guest
    guest.close()
