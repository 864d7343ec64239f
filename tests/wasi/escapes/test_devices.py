"""Attempts to reach the host by files that are none: devices, FIFOs, sockets, /proc; and by what the host runs."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory

from ..fake_guest import ROOT, Guest, make_guest

READ_WRITE = Rights.FD_READ | Rights.FD_WRITE
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes device files")


@pytest.fixture
def special(root: Path) -> Path:
    """Things that are no files, in the directory before the guest gets it."""
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
    if os.geteuid() == 0:
        os.mknod(root / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root / "mem", 0o666 | stat.S_IFCHR, os.makedev(1, 1))
        os.mknod(root / "disk", 0o666 | stat.S_IFBLK, os.makedev(254, 0))
    return root


@needs_root
@pytest.mark.parametrize("name", ["null", "mem", "disk"])
@pytest.mark.parametrize("follow", [False, True])
def test_devices(special: Path, guest: Guest, name: str, follow: bool) -> None:
    """They are seen, and not opened: EACCES, as on a file system that is mounted nodev."""
    guest.ok("path_filestat_get", ROOT, 0, *guest.path(name), guest.place(64))
    for rights in (0, Rights.FD_READ, READ_WRITE):
        assert guest.open(name, follow=follow, rights=rights) is Errno.EACCES
    assert guest.open(name, follow=follow, oflags=OFlags.CREAT, rights=READ_WRITE) is Errno.EACCES
    guest.ok("path_symlink", *guest.path(name), ROOT, *guest.path("to_it"))
    assert guest.open("to_it", follow=True) is Errno.EACCES


def test_opening_a_fifo_does_not_wait(special: Path, guest: Guest, kind: str) -> None:
    """To read, it is open at once; to write, without a reader, ENXIO. An overlay, which it would change, refuses it."""
    is_overlay = kind == "overlay"
    assert guest.open("fifo", rights=Rights.FD_WRITE) is (Errno.EACCES if is_overlay else Errno.ENXIO)
    opened = guest.open("fifo", rights=Rights.FD_READ)
    assert opened is Errno.EACCES if is_overlay else not isinstance(opened, Errno)


def test_sockets(special: Path, guest: Guest, kind: str) -> None:
    """They cannot be opened."""
    assert guest.open("socket", rights=READ_WRITE) is (Errno.EACCES if kind == "overlay" else Errno.ENXIO)


PROC = [
    "proc/self/mem",
    "proc/self/environ",
    "proc/self/maps",
    "proc/version",
    "proc/self/task/../mem",
    "proc/self/cmdline",
]
DOORS = [
    "proc/self/root/etc/passwd",
    "proc/self/cwd/x",
    "proc/self/fd/0",
    "proc/self/exe",
    "proc/self/task/../root/etc",
    "proc/PID/root/etc",
]


@pytest.mark.parametrize("by_kernel", [True, False])
@pytest.mark.parametrize("path", PROC)
def test_files_of_proc(path: str, by_kernel: bool) -> None:
    """A guest that was given `/` does not get at the host's memory and environment: EACCES."""
    guest = make_guest({"/": HostDirectory("/", by_kernel=by_kernel)})
    for rights in (Rights.FD_READ, Rights.FD_WRITE):
        assert guest.open(path, follow=True, rights=rights) is Errno.EACCES
    guest.close()


@pytest.mark.parametrize("by_kernel", [True, False])
@pytest.mark.parametrize("path", DOORS)
def test_doors_of_proc(path: str, by_kernel: bool) -> None:
    """Its links that lead to other places without being paths are not followed: EPERM."""
    guest = make_guest({"/": HostDirectory("/", by_kernel=by_kernel)})
    found = guest.open(path.replace("PID", str(os.getpid())), follow=True)
    # Standard input may be a pipe, whose link has the text of no path.
    assert found in (Errno.EPERM, *((Errno.ENOENT,) if path.endswith("fd/0") else ()))
    guest.close()


def test_proc_when_it_is_what_was_given() -> None:
    """Then its files can be read; its doors stay shut."""
    guest = make_guest({"/proc": HostDirectory("/proc")})
    assert isinstance(guest.open("version", rights=Rights.FD_READ), int)
    assert guest.open("self/root/etc/passwd", follow=True) is Errno.EPERM
    guest.close()


def test_descriptors_are_not_for_programs_that_the_host_starts(guest: Guest, outside: Path) -> None:
    """All that a guest opens is closed in them, and so is its directory."""
    guest.opened("dir/file", rights=Rights.FD_READ)
    guest.opened("dir", rights=DIRECTORY_RIGHTS)
    guest.opened("new", oflags=OFlags.CREAT, rights=READ_WRITE)
    program = "import os; print(*(os.path.realpath(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')))"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, close_fds=False)
    assert str(outside) not in listed.stdout


def test_what_guests_make_cannot_be_run(host_guest: Guest, outside: Path) -> None:
    """Files are made without execution, and nothing with the bits that change who runs it; the umask counts."""
    before = os.umask(0o027)
    try:
        host_guest.opened("made", oflags=OFlags.CREAT, rights=READ_WRITE)
        host_guest.ok("path_create_directory", ROOT, *host_guest.path("folder"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((outside / "root" / "made").stat().st_mode) == 0o640
    assert stat.S_IMODE((outside / "root" / "folder").stat().st_mode) & 0o7777 == 0o750


def test_hard_links_to_outside_are_files_of_the_directory(host_guest: Guest, outside: Path) -> None:
    """Nothing tells them from others, and the host made them: documented, not refused."""
    os.link(outside / "secret.txt", outside / "root" / "hard")
    assert host_guest.read(host_guest.opened("hard", rights=Rights.FD_READ), 16) == b"secret"


@pytest.mark.parametrize("path", ["relative_file", "absolute_file", "relative_dir", "root_link"])
def test_hard_links_to_links_that_lead_out(guest: Guest, path: str) -> None:
    """The new name is a link like the old one, and leads nowhere either."""
    guest.ok("path_link", ROOT, 0, *guest.path(path), ROOT, *guest.path("again"))
    assert guest.open("again", follow=True) is Errno.EPERM
    assert guest.open("again/secret.txt", follow=True) is Errno.EPERM


def test_appending_is_no_way_around(guest: Guest, outside: Path) -> None:
    """Flags do not change where a path leads, nor what may be written."""
    for fdflags in (1, 2, 4, 8, 16, 31):
        assert guest.open("relative_file", follow=True, rights=READ_WRITE, fdflags=fdflags) is Errno.EPERM
    fd = guest.opened("dir/file", rights=Rights.FD_READ | Rights.FD_FDSTAT_SET_FLAGS)
    guest.ok("fd_fdstat_set_flags", fd, 1)
    assert guest.call("fd_write", fd, *guest.iovecs((0, 4)), guest.place(4)) is Errno.EBADF
    assert (outside / "secret.txt").read_text() == "secret"
