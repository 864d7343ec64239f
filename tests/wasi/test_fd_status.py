"""Descriptors and attributes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jormun.wasi.abi import (
    ALL_RIGHTS,
    DIRECTORY_RIGHTS,
    FDSTAT,
    PREVIEW1,
    UNSTABLE,
    Abi,
    FdFlags,
    FileType,
    FstFlags,
    OFlags,
    Rights,
)
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.host_file import HostFile
from jormun.wasi.wasi import make_wasi

from .fake_guest import ROOT, Guest, make_guest


def fdstat(guest: Guest, fd: int) -> tuple[int, ...]:
    place = guest.place(24)
    guest.ok("fd_fdstat_get", fd, place)
    return guest.record(FDSTAT, place)


def test_close(guest: Guest) -> None:
    """The number is free then, and is given out again."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    guest.ok("fd_close", fd)
    assert guest.call("fd_close", fd) is Errno.EBADF
    assert guest.opened("file") == fd


def test_numbers_of_streams_are_not_given_again(guest: Guest) -> None:
    """What a program writes to a standard stream that it has closed or renumbered goes into no file."""
    a, b = guest.opened("a", oflags=OFlags.CREAT), guest.opened("b", oflags=OFlags.CREAT)
    guest.ok("fd_renumber", 1, a)
    guest.ok("fd_close", 2)
    guest.ok("fd_close", b)
    assert guest.opened("c", oflags=OFlags.CREAT) == b
    assert guest.opened("d", oflags=OFlags.CREAT) > b


def test_renumber(guest: Guest, root: Path) -> None:
    """The target is closed, the source's number is free; both must have been open."""
    (root / "a").write_text("a")
    (root / "b").write_text("b")
    a, b = guest.opened("a"), guest.opened("b")
    guest.ok("fd_renumber", a, b)
    assert guest.read(b, 10) == b"a"
    assert guest.call("fd_close", a) is Errno.EBADF
    assert guest.call("fd_renumber", b, 99) is Errno.EBADF
    assert guest.call("fd_renumber", 99, b) is Errno.EBADF
    guest.ok("fd_renumber", b, b)
    guest.ok("fd_close", b)


def test_fdstat_of_what_was_given(guest: Guest) -> None:
    """A preopened directory passes on every right; streams in memory are no terminals."""
    assert fdstat(guest, ROOT) == (FileType.DIRECTORY, 0, DIRECTORY_RIGHTS, ALL_RIGHTS)
    kind, flags, rights, inheriting = fdstat(guest, 1)
    assert (kind, flags, inheriting) == (FileType.UNKNOWN, 0, 0)
    assert not rights & Rights.FD_SEEK


def test_a_terminal_looks_like_one() -> None:
    """A character device without the right to seek: what wasi-libc's isatty asks for. /dev/null is none."""
    terminal, other = os.openpty()
    null = os.open(os.devnull, os.O_RDWR)
    streams = [HostFile(fd, is_borrowed=True) for fd in (other, null, null)]
    guest = Guest(make_wasi([], {}, streams, {}), None, None)  # type: ignore[arg-type]
    assert fdstat(guest, 0)[0] == FileType.CHARACTER_DEVICE
    assert not fdstat(guest, 0)[2] & (Rights.FD_SEEK | Rights.FD_TELL)
    assert fdstat(guest, 1)[2] & Rights.FD_SEEK
    for fd in (terminal, other, null):
        os.close(fd)


def test_borrowed_streams_stay_open_and_blocking() -> None:
    """The host's descriptor outlives the guest, and the flags that it shares with other processes are left alone."""
    reading, writing = os.pipe()
    streams = [HostFile(fd, is_borrowed=True) for fd in (reading, writing, writing)]
    guest = Guest(make_wasi([], {}, streams, {}), None, None)  # type: ignore[arg-type]
    guest.ok("fd_fdstat_set_flags", 0, FdFlags.NONBLOCK)
    parts, count = guest.iovecs((guest.place(4), 4)), guest.place(4)
    assert guest.call("fd_read", 0, *parts, count) is Errno.EAGAIN
    assert os.get_blocking(reading)
    assert guest.call("fd_fdstat_set_flags", 1, FdFlags.APPEND) is Errno.ENOTSUP
    guest.close()
    os.write(writing, b"x")
    assert os.read(reading, 4) == b"x"
    os.close(reading)
    os.close(writing)


def test_a_reader_that_is_gone() -> None:
    """EPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    output = HostFile(writing)
    guest = Guest(make_wasi([], {}, [output, output, output], {}), None, None)  # type: ignore[arg-type]
    parts, count = guest.iovecs((guest.place(4), 4)), guest.place(4)
    assert guest.call("fd_write", 1, *parts, count) is Errno.EPIPE
    os.close(writing)


def test_rights_can_only_be_taken(guest: Guest) -> None:
    """ENOTCAPABLE when one is added."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    guest.ok("fd_fdstat_set_rights", fd, Rights.FD_SEEK, 0)
    assert fdstat(guest, fd)[2] == Rights.FD_SEEK
    assert guest.call("fd_fdstat_set_rights", fd, Rights.FD_SEEK | Rights.FD_READ, 0) is Errno.ENOTCAPABLE
    assert guest.call("fd_fdstat_set_rights", fd, 0, 1) is Errno.ENOTCAPABLE


def test_unknown_flags(guest: Guest) -> None:
    """EINVAL."""
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=Rights.FD_FDSTAT_SET_FLAGS)
    assert guest.call("fd_fdstat_set_flags", fd, 32) is Errno.EINVAL
    assert guest.open("file", fdflags=32) is Errno.EINVAL


@pytest.mark.parametrize("abi", [PREVIEW1, UNSTABLE])
def test_filestat(root: Path, abi: Abi) -> None:
    """The host's attributes in the layout of the module, no byte more."""
    (root / "file").write_bytes(b"12345")
    os.link(root / "file", root / "link")
    host = (root / "file").stat()
    guest = make_guest({"/": HostDirectory.at(root)}, abi=abi)
    expected = (
        host.st_dev,
        host.st_ino,
        FileType.REGULAR_FILE,
        2,
        5,
        host.st_atime_ns,
        host.st_mtime_ns,
        host.st_ctime_ns,
    )
    size = abi.filestat.size
    place = guest.put(b"\xaa" * (size + 8))
    fd = guest.opened("file", rights=Rights.FD_FILESTAT_GET)
    guest.ok("fd_filestat_get", fd, place)
    assert guest.record(abi.filestat, place) == expected
    assert guest.bytes(place + size, 8) == b"\xaa" * 8
    guest.ok("path_filestat_get", ROOT, 0, *guest.path("file"), place)
    assert guest.record(abi.filestat, place) == expected


def test_set_size(guest: Guest, root: Path) -> None:
    """Cuts off, and adds zeros; EINVAL beyond 2**63."""
    (root / "file").write_bytes(b"12345")
    fd = guest.opened("file", rights=Rights.FD_FILESTAT_SET_SIZE)
    guest.ok("fd_filestat_set_size", fd, 2)
    guest.ok("fd_filestat_set_size", fd, 4)
    assert (root / "file").read_bytes() == b"12\0\0"
    assert guest.call("fd_filestat_set_size", fd, 1 << 63) is Errno.EINVAL


def test_set_times(guest: Guest, root: Path) -> None:
    """One time alone, both, now; EINVAL for a time that is to be set both ways."""
    (root / "file").write_bytes(b"")
    os.utime(root / "file", ns=(1, 2))
    fd = guest.opened("file", rights=Rights.FD_FILESTAT_SET_TIMES)
    guest.ok("fd_filestat_set_times", fd, 7 * 10**9, 9, FstFlags.ATIM)
    host = (root / "file").stat()
    assert (host.st_atime_ns, host.st_mtime_ns) == (7 * 10**9, 2)
    before = time.time_ns()
    guest.ok("path_filestat_set_times", ROOT, 0, *guest.path("file"), 0, 0, FstFlags.MTIM_NOW)
    assert before - 10**9 <= (root / "file").stat().st_mtime_ns <= time.time_ns() + 10**9
    both = FstFlags.ATIM | FstFlags.ATIM_NOW
    assert guest.call("fd_filestat_set_times", fd, 0, 0, both) is Errno.EINVAL
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 16) is Errno.EINVAL


def test_a_guest_cannot_open_more_than_the_host_lets_it(guest: Guest) -> None:
    """EMFILE, and what was open goes on working."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 32 + max(int(each.name) for each in Path("/proc/self/fd").iterdir())  # whatever other tests have open
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        opened = []
        while not isinstance(fd := guest.open("file", oflags=OFlags.CREAT), Errno):
            opened.append(fd)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert fd is Errno.EMFILE
    assert guest.write(opened[-1], b"x") == 1
