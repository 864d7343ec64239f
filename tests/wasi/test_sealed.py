"""Attempts to get out of a directory: each is refused with its errno, and the host sees nothing of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, FILE_RIGHTS, OFlags, Rights
from jormun.wasi.errno import Errno

from .fake_guest import ROOT, Guest


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


ESCAPES = [
    "/etc/passwd",
    "/",
    "//etc/passwd",
    "..",
    "../",
    "../secret.txt",
    "./../secret.txt",
    ".//..//secret.txt",
    "../root/dir/file",
    "dir/../../secret.txt",
    "dir/sub/../../../secret.txt",
    "dir/./sub/.././../../secret.txt",
    "dir/../dir/../../root/dir/file",
    "absolute_dir/secret.txt",
    "relative_dir/secret.txt",
    "relative_dir/root/dir/file",
    "relative_dir/.",
    "deep/file",
    "deep/../secret.txt",
    "dir/chain/secret.txt",
    "dir/sub/up/secret.txt",
    "dir/sub/up/root/dir/file",
    "slashes/secret.txt",
    "root_link/etc/passwd",
    "proc/etc/passwd",
    "cwd/x",
]
"""Paths that lead out, whether the last place is followed or not."""
LINKS_OUT = [
    "absolute_file",
    "absolute_dir",
    "relative_file",
    "relative_dir",
    "deep",
    "dir/chain",
    "dir/sub/up",
    "slashes",
    "root_link",
    "dots",
    "new_outside",
    "proc",
]
"""Paths whose last place is a link that leads out."""
SLASHED_LINKS = ["absolute_dir/", "relative_dir/", "root_link//"]
"""A slash behind a link has it followed, except by the calls that change the directory that the link is in."""


def snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    """What a host would see of a tree: names, kinds, sizes and times."""
    paths = [folder, *sorted(folder.rglob("*"))]
    states = [(path, path.lstat()) for path in paths]
    return {str(path): (state.st_mode, state.st_size, state.st_mtime_ns, state.st_nlink) for path, state in states}


def attempts(guest: Guest, path: str, follow: int) -> dict[str, Errno | int]:
    """What every function says of a path that leads out."""
    there, here = guest.path(path), guest.path("dir/file")
    fresh = guest.path("fresh")
    buffer = guest.place(64)
    results: dict[str, Errno | int] = {
        "open": guest.open(path, follow=bool(follow), rights=0),
        "open to read": guest.open(path, follow=bool(follow), rights=Rights.FD_READ),
        "open to write": guest.open(path, follow=bool(follow), rights=Rights.FD_WRITE),
        "create": guest.open(path, follow=bool(follow), oflags=OFlags.CREAT),
        "truncate": guest.open(path, follow=bool(follow), oflags=OFlags.TRUNC),
        "open directory": guest.open(path, follow=bool(follow), oflags=OFlags.DIRECTORY, rights=0),
        "stat": guest.call("path_filestat_get", ROOT, follow, *there, buffer),
        "set times": guest.call("path_filestat_set_times", ROOT, follow, *there, 1, 1, 5),
    }
    if not follow:
        results |= {
            "create exclusively": guest.open(path, oflags=OFlags.CREAT | OFlags.EXCL),
            "mkdir": guest.call("path_create_directory", ROOT, *there),
            "rmdir": guest.call("path_remove_directory", ROOT, *there),
            "unlink": guest.call("path_unlink_file", ROOT, *there),
            "readlink": guest.call("path_readlink", ROOT, *there, buffer, 8, buffer + 8),
            "symlink": guest.call("path_symlink", *fresh, ROOT, *there),
            "link from": guest.call("path_link", ROOT, 0, *there, ROOT, *fresh),
            "link to": guest.call("path_link", ROOT, 0, *here, ROOT, *there),
            "rename from": guest.call("path_rename", ROOT, *there, ROOT, *fresh),
            "rename to": guest.call("path_rename", ROOT, *here, ROOT, *there),
        }
    return results


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("follow", [0, 1])
def test_paths_that_lead_out(guest: Guest, outside: Path, path: str, follow: int) -> None:
    """Refused by every function, with EPERM; the host's tree is as it was."""
    before = snapshot(outside)
    for name, result in attempts(guest, path, follow).items():
        assert result is Errno.EPERM, name
    assert snapshot(outside) == before


@pytest.mark.parametrize("path", SLASHED_LINKS)
@pytest.mark.parametrize("follow", [0, 1])
def test_links_with_a_slash_behind(guest: Guest, outside: Path, path: str, follow: int) -> None:
    """EPERM where the link would be followed, and as POSIX has it where it is no directory itself."""
    before = snapshot(outside)
    for name, result in attempts(guest, path, follow).items():
        assert result in (Errno.EPERM, Errno.ENOTDIR, Errno.EEXIST, Errno.EISDIR), name
    assert snapshot(outside) == before


@pytest.mark.parametrize("path", LINKS_OUT)
def test_links_that_lead_out_are_not_followed(guest: Guest, outside: Path, path: str) -> None:
    """EPERM from every function that would follow them."""
    before = snapshot(outside)
    for name, result in attempts(guest, path, 1).items():
        assert result is Errno.EPERM, name
    assert snapshot(outside) == before


@pytest.mark.parametrize("path", LINKS_OUT)
def test_links_that_lead_out_are_themselves_the_guests(guest: Guest, outside: Path, path: str) -> None:
    """Without following, the link is what is opened (ELOOP), examined, read, renamed and removed; never its target."""
    target = (outside / "root" / path).readlink()
    for rights in (0, Rights.FD_READ, Rights.FD_WRITE):
        assert guest.open(path, rights=rights) is Errno.ELOOP
    buffer = guest.place(64)
    guest.ok("path_filestat_get", ROOT, 0, *guest.path(path), buffer)
    assert guest.bytes(buffer + 16, 1) == b"\x07"
    guest.ok("path_rename", ROOT, *guest.path(path), ROOT, *guest.path("moved"))
    assert (outside / "root" / "moved").readlink() == target
    guest.ok("path_unlink_file", ROOT, *guest.path("moved"))
    assert (outside / "secret.txt").read_text() == "secret"
    assert not (outside / "created").exists()


@pytest.mark.parametrize("target", ["/", "/etc/passwd", "//x"])
def test_absolute_links_are_not_made(guest: Guest, outside: Path, target: str) -> None:
    """A host's program that follows it would be led astray."""
    assert guest.call("path_symlink", *guest.path(target), ROOT, *guest.path("fresh")) is Errno.EPERM
    assert not (outside / "root" / "fresh").is_symlink()


def test_links_that_the_guest_makes_lead_nowhere(guest: Guest, outside: Path) -> None:
    """Neither relative ones that lead up, nor those moved to where they lead up."""
    guest.ok("path_symlink", *guest.path("../secret.txt"), ROOT, *guest.path("up"))
    assert guest.open("up", follow=True) is Errno.EPERM
    guest.ok("path_symlink", *guest.path("../secret.txt"), ROOT, *guest.path("dir/fine"))
    guest.ok("path_rename", ROOT, *guest.path("dir/fine"), ROOT, *guest.path("fine"))
    assert guest.open("fine", follow=True) is Errno.EPERM


def test_a_directory_moved_away_under_a_descriptor(guest: Guest, outside: Path) -> None:
    """The guest keeps what it had opened and all below it; `..` does not lead to where the directory went."""
    fd = guest.opened("dir", rights=DIRECTORY_RIGHTS, inheriting=DIRECTORY_RIGHTS | FILE_RIGHTS)
    (outside / "root" / "dir").rename(outside / "private" / "dir")
    assert isinstance(guest.open("file", fd=fd, rights=Rights.FD_READ), int)
    assert guest.open("../file", fd=fd) is Errno.EPERM
    assert guest.open("sub/../../file", fd=fd) is Errno.EPERM


def test_many_links_end(guest: Guest, outside: Path) -> None:
    """Doubling links cost no more than forty steps: ELOOP."""
    root = outside / "root"
    (root / "d0").symlink_to("dir")
    for k in range(1, 30):
        (root / f"d{k}").symlink_to(f"d{k - 1}/../d{k - 1}/sub/..")
    assert guest.open("d29/file", follow=True) is Errno.ELOOP


def test_no_descriptor_of_the_host_is_lost(guest: Guest, outside: Path) -> None:
    """Walks that fail close what they opened."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ESCAPES + LINKS_OUT:
        for follow in (0, 1):
            guest.call("path_filestat_get", ROOT, follow, *guest.path(path), 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("path", ["swap/secret.txt", "dir/../swap/secret.txt", "swap/./secret.txt"])
def test_renames_that_race(guest: Guest, outside: Path, path: str) -> None:
    """While a component turns from a directory into a link that leads out and back, the secret is never read."""
    root = outside / "root"
    (root / "real").mkdir()
    (root / "real" / "secret.txt").write_text("decoy")
    (root / "out").symlink_to("..")
    (root / "swap").symlink_to("real")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for target in ("..", "real"):
                fresh = root / "next"
                fresh.symlink_to(target)
                fresh.rename(root / "swap")

    thread = threading.Thread(target=exchange)
    thread.start()
    seen: list[object] = []
    address = guest.path(path)
    result = guest.place(4)
    try:
        for _ in range(1000):
            error = guest.call("path_open", ROOT, 1, *address, 0, Rights.FD_READ, 0, 0, result)
            if error:
                seen.append(error)
                continue
            fd = guest.u32(result)
            guest._next = 8192
            seen.append(guest.read(fd, 16))
            guest.ok("fd_close", fd)
    finally:
        stop.set()
        thread.join()
    assert set(seen) <= {b"decoy", Errno.EPERM, Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP}


def host_functions() -> list[Callable[..., object]]:
    """Where a name is handed to the host: each takes a directory's descriptor with it."""
    return [os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename, os.link, os.symlink, os.readlink, os.utime]


def test_the_host_can_seal() -> None:
    """Every call that the walk relies on takes a descriptor on this system."""
    for function in host_functions():
        assert function in os.supports_dir_fd
