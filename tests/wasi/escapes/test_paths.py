"""Attempts to get out of a directory: each is refused with its errno, and the host sees nothing of it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from jormun.wasi.abi import OFlags, Rights
from jormun.wasi.errno import Errno

from ..fake_guest import ROOT, Guest

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
def test_paths_that_lead_out(guest: Guest, path: str, follow: int) -> None:
    """Refused by every function, with EPERM."""
    for name, result in attempts(guest, path, follow).items():
        assert result is Errno.EPERM, name


@pytest.mark.parametrize("path", SLASHED_LINKS)
@pytest.mark.parametrize("follow", [0, 1])
def test_links_with_a_slash_behind(guest: Guest, path: str, follow: int) -> None:
    """EPERM where the link would be followed, and as POSIX has it where it is no directory itself."""
    for name, result in attempts(guest, path, follow).items():
        assert result in (Errno.EPERM, Errno.ENOTDIR, Errno.EEXIST, Errno.EISDIR), name


@pytest.mark.parametrize("path", LINKS_OUT)
def test_links_that_lead_out_are_not_followed(guest: Guest, path: str) -> None:
    """EPERM from every function that would follow them."""
    for name, result in attempts(guest, path, 1).items():
        assert result is Errno.EPERM, name


@pytest.mark.parametrize("path", LINKS_OUT)
def test_links_that_lead_out_are_themselves_the_guests(guest: Guest, kind: str, outside: Path, path: str) -> None:
    """Without following, the link is what is opened (ELOOP), examined, read, renamed and removed; never its target."""
    target = (outside / "root" / path).readlink()
    for rights in (0, Rights.FD_READ, Rights.FD_WRITE):
        assert guest.open(path, rights=rights) is Errno.ELOOP
    buffer = guest.place(64)
    guest.ok("path_filestat_get", ROOT, 0, *guest.path(path), buffer)
    assert guest.bytes(buffer + 16, 1) == b"\x07"
    guest.ok("path_rename", ROOT, *guest.path(path), ROOT, *guest.path("moved"))
    if kind != "overlay":
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


def test_many_links_end(guest: Guest) -> None:
    """Doubling links cost no more than forty steps: ELOOP."""
    guest.ok("path_symlink", *guest.path("dir"), ROOT, *guest.path("d0"))
    for k in range(1, 30):
        text = f"d{k - 1}/../d{k - 1}/sub/.."
        guest.ok("path_symlink", *guest.path(text), ROOT, *guest.path(f"d{k}"))
    assert guest.open("d29/file", follow=True) is Errno.ELOOP


def test_no_descriptor_of_the_host_is_lost(guest: Guest, outside: Path) -> None:
    """Walks that fail close what they opened."""
    gc.collect()  # what tests before this one left
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ESCAPES + LINKS_OUT:
        for follow in (0, 1):
            guest.call("path_filestat_get", ROOT, follow, *guest.path(path), 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
