"""Directories that were given, and listing."""

from __future__ import annotations

import os
from pathlib import Path

from jormun.wasi.abi import DIRECTORY_RIGHTS, DIRENT, FileType, OFlags
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory

from .fake_guest import ROOT, Guest, make_guest

Listing = list[tuple[int, int, int, bytes]]


def listed(guest: Guest, fd: int, size_bytes: int, cookie: int = 0) -> tuple[Listing, int]:
    """The whole entries of one call (cookie, inode, type, name), and how many bytes it used."""
    buffer, result = guest.place(size_bytes), guest.place(4)
    guest.ok("fd_readdir", fd, buffer, size_bytes, cookie, result)
    used = guest.u32(result)
    entries: Listing = []
    at = buffer
    while at + DIRENT.size <= buffer + used:
        next_cookie, ino, length, kind = guest.record(DIRENT, at)
        at += DIRENT.size
        if at + length > buffer + used:
            break
        entries.append((next_cookie, ino, kind, guest.bytes(at, length)))
        at += length
    return entries, used


def test_prestat(root: Path) -> None:
    """Directories in the order given, from descriptor 3 on; the name without a NUL."""
    guest = make_guest({"/": HostDirectory.at(root), "data": HostDirectory.at(root)})
    place = guest.place(8)
    names = []
    for fd in (3, 4):
        guest.ok("fd_prestat_get", fd, place)
        assert guest.u32(place) == 0
        length = guest.u32(place + 4)
        name = guest.put(b"\xaa" * 16)
        guest.ok("fd_prestat_dir_name", fd, name, length)
        names.append(guest.bytes(name, length + 1))
    assert names == [b"/\xaa", b"data\xaa"]
    assert guest.call("fd_prestat_get", 5, place) is Errno.EBADF
    assert guest.call("fd_prestat_get", 0, place) is Errno.EBADF
    assert guest.call("fd_prestat_dir_name", 4, 0, 3) is Errno.ENAMETOOLONG


def test_a_directory_that_the_guest_opened_was_not_given(guest: Guest, root: Path) -> None:
    """EBADF, though it is open."""
    fd = guest.opened(".", oflags=OFlags.DIRECTORY, rights=DIRECTORY_RIGHTS)
    assert guest.call("fd_prestat_get", fd, 0) is Errno.EBADF


def test_entries(guest: Guest, root: Path) -> None:
    """The directory itself and its parent come first; each has its type and inode. What is above is not shown."""
    (root / "file").touch()
    (root / "dir").mkdir()
    (root / "link").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    entries, _ = listed(guest, ROOT, 1000)
    assert [name for *_, name in entries[:2]] == [b".", b".."]
    assert {ino for _, ino, _, name in entries[:2]} == {root.stat().st_ino}
    found = {name: (ino, kind) for _, ino, kind, name in entries[2:]}
    assert {name: kind for name, (_, kind) in found.items()} == {
        b"file": FileType.REGULAR_FILE,
        b"dir": FileType.DIRECTORY,
        b"link": FileType.SYMBOLIC_LINK,
        b"fifo": FileType.UNKNOWN,
    }
    assert found[b"file"][0] == (root / "file").stat().st_ino


def test_cookies_go_on_where_the_last_entry_ended(guest: Guest, root: Path) -> None:
    """However small the buffer, every entry comes once; a buffer that is not full is the end."""
    for k in range(50):
        (root / f"file{k}").touch()
    cookie = 0
    names = []
    while True:
        entries, used = listed(guest, ROOT, 100, cookie)
        names += [name for *_, name in entries]
        if used < 100:
            break
        cookie = entries[-1][0]
    assert len(names) == len(set(names)) == 52


def test_a_listing_is_of_one_moment(guest: Guest, root: Path) -> None:
    """Files that are removed meanwhile do not shift the others; a new start sees the change."""
    for k in range(5):
        (root / f"file{k}").touch()
    entries, _ = listed(guest, ROOT, 80)
    for k in range(5):
        (root / f"file{k}").unlink()
    rest, _ = listed(guest, ROOT, 1000, entries[-1][0])
    assert len(entries) + len(rest) == 7
    assert len(listed(guest, ROOT, 1000)[0]) == 2


def test_cookies_beyond_the_end(guest: Guest) -> None:
    """No entries, no error."""
    assert listed(guest, ROOT, 100, 1 << 63) == ([], 0)


def test_errors(guest: Guest, root: Path) -> None:
    """ENOTDIR for a file, EFAULT for places outside."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    assert guest.call("fd_readdir", fd, 0, 0, 0, 0) is Errno.ENOTDIR
    assert guest.call("fd_readdir", ROOT, 0, -1, 0, 0) is Errno.EFAULT
    assert guest.call("fd_readdir", ROOT, 0, 0, 0, -1) is Errno.EFAULT
    assert guest.call("fd_readdir", 99, 0, 0, 0, 0) is Errno.EBADF
