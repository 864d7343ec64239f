"""Reading, writing and the position of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.wasi.abi import UNSTABLE, FdFlags, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory

from .fake_guest import FILE_RIGHTS, ROOT, SIZE_BYTES, Guest, make_guest


def test_write_then_read(guest: Guest, root: Path) -> None:
    """What is written is in the host's file, and is read back from where the position is."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    assert guest.write(fd, b"hello world") == 11
    assert (root / "file").read_bytes() == b"hello world"
    assert guest.read(fd, 4) == b""
    position = guest.place(8)
    guest.ok("fd_seek", fd, -5, 2, position)
    assert guest.u64(position) == 6
    assert guest.read(fd, 100) == b"world"
    guest.ok("fd_tell", fd, position)
    assert guest.u64(position) == 11


def test_buffers_are_used_in_order(guest: Guest, root: Path) -> None:
    """Gather and scatter, an empty buffer among them."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    count = guest.place(4)
    parts = guest.iovecs((guest.put(b"ab"), 2), (0, 0), (guest.put(b"cde"), 3))
    guest.ok("fd_write", fd, *parts, count)
    assert guest.u32(count) == 5
    first, second = guest.place(1), guest.place(8)
    guest.ok("fd_pread", fd, *guest.iovecs((first, 1), (second, 8)), 1, count)
    assert guest.u32(count) == 4
    assert (guest.bytes(first, 1), guest.bytes(second, 3)) == (b"b", b"cde")


def test_offsets_leave_the_position(guest: Guest, root: Path) -> None:
    """fd_pwrite and fd_pread do not move it."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    count, position = guest.place(4), guest.place(8)
    guest.ok("fd_pwrite", fd, *guest.iovecs((guest.put(b"xyz"), 3)), 7, count)
    assert (root / "file").read_bytes() == bytes(7) + b"xyz"
    guest.ok("fd_tell", fd, position)
    assert guest.u64(position) == 0


def test_appending(guest: Guest, root: Path) -> None:
    """Writing goes to the end whatever the position; an offset counts nevertheless; the flag can be taken off."""
    (root / "file").write_bytes(b"abc")
    rights = FILE_RIGHTS | Rights.FD_FDSTAT_SET_FLAGS
    fd = guest.opened("file", rights=rights, fdflags=FdFlags.APPEND)
    guest.write(fd, b"def")
    count = guest.place(4)
    guest.ok("fd_pwrite", fd, *guest.iovecs((guest.put(b"X"), 1)), 0, count)
    assert (root / "file").read_bytes() == b"Xbcdef"
    guest.ok("fd_fdstat_set_flags", fd, 0)
    guest.ok("fd_seek", fd, 0, 0, guest.place(8))
    guest.write(fd, b"Y")
    assert (root / "file").read_bytes() == b"Ybcdef"


@pytest.mark.parametrize(("whence", "expected"), [(0, 5), (1, 12), (2, 2)])
def test_whence_of_the_older_module(root: Path, whence: int, expected: int) -> None:
    """wasi_unstable counts: 0 the position, 1 the end, 2 the start."""
    (root / "file").write_bytes(b"0123456789")
    guest = make_guest({"/": HostDirectory.at(root)}, abi=UNSTABLE)
    fd = guest.opened("file")
    position = guest.place(8)
    guest.ok("fd_seek", fd, 3, 2, position)
    guest.ok("fd_seek", fd, 2, whence, position)
    assert guest.u64(position) == expected


def test_seek_errors(guest: Guest) -> None:
    """EINVAL for a whence that there is not and for a place before the start, where the position stays."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    position = guest.place(8)
    assert guest.call("fd_seek", fd, 0, 3, position) is Errno.EINVAL
    assert guest.call("fd_seek", fd, -1, 0, position) is Errno.EINVAL
    assert guest.call("fd_seek", fd, 5, 0, -1) is Errno.EFAULT
    guest.ok("fd_tell", fd, position)
    assert guest.u64(position) == 0


def test_standard_streams() -> None:
    """Input is read to its end, output is kept, and neither can be sought."""
    guest = make_guest({}, stdin=b"line\n")
    assert guest.read(0, 3) == b"lin"
    assert guest.read(0, 100) == b"e\n"
    assert guest.read(0, 100) == b""
    assert guest.write(1, b"out") == 3
    assert bytes(guest.stdout.output) == b"out"
    assert guest.call("fd_seek", 1, 0, 1, 0) is Errno.ESPIPE
    assert guest.call("fd_tell", 0, 0) is Errno.ESPIPE


def test_nothing_is_written_when_the_count_has_no_place(guest: Guest, root: Path) -> None:
    """A partial effect would go unreported."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    parts = guest.iovecs((guest.put(b"data"), 4))
    assert guest.call("fd_write", fd, *parts, SIZE_BYTES - 3) is Errno.EFAULT
    assert guest.call("fd_pwrite", fd, *parts, 0, -1) is Errno.EFAULT
    assert (root / "file").read_bytes() == b""


def test_iovecs_outside(guest: Guest) -> None:
    """The array, and each buffer in it, must be inside; 2**32 - 1 of them cannot be."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    count = guest.place(4)
    assert guest.call("fd_write", fd, 0, -1, count) is Errno.EFAULT
    assert guest.call("fd_write", fd, SIZE_BYTES - 4, 1, count) is Errno.EFAULT
    assert guest.call("fd_read", fd, *guest.iovecs((SIZE_BYTES - 1, 2)), count) is Errno.EFAULT
    assert guest.call("fd_read", fd, *guest.iovecs((0, 0), (-1 & 0xFFFF_FFFF, 1)), count) is Errno.EFAULT


def test_rights(guest: Guest, root: Path) -> None:
    """EBADF without the right to read or write, as POSIX has it; ENOTCAPABLE without the others."""
    (root / "file").write_bytes(b"abc")
    parts, place = guest.iovecs((guest.place(4), 4)), guest.place(8)
    reader = guest.opened("file", rights=Rights.FD_READ)
    writer = guest.opened("file", rights=Rights.FD_WRITE)
    assert guest.call("fd_write", reader, *parts, place) is Errno.EBADF
    assert guest.call("fd_read", writer, *parts, place) is Errno.EBADF
    assert guest.call("fd_pread", reader, *parts, 0, place) is Errno.ENOTCAPABLE
    assert guest.call("fd_pread", writer, *parts, 0, place) is Errno.EBADF
    assert guest.call("fd_seek", reader, 0, 0, place) is Errno.ENOTCAPABLE
    assert guest.call("fd_tell", reader, place) is Errno.ENOTCAPABLE
    assert guest.call("fd_sync", reader) is Errno.ENOTCAPABLE
    assert guest.call("fd_advise", reader, 0, 0, 0) is Errno.ENOTCAPABLE
    assert guest.call("fd_allocate", reader, 0, 1) is Errno.ENOTCAPABLE


DIRECTORY_CALLS = [
    ("fd_read", (0, 0, 0)),
    ("fd_write", (0, 0, 0)),
    ("fd_pread", (0, 0, 0, 0)),
    ("fd_pwrite", (0, 0, 0, 0)),
    ("fd_seek", (0, 0, 0)),
    ("fd_tell", (0,)),
    ("fd_advise", (0, 0, 0)),
    ("fd_allocate", (0, 1)),
    ("fd_filestat_set_size", (0,)),
]


@pytest.mark.parametrize(("name", "rest"), DIRECTORY_CALLS)
def test_a_directory_is_no_file(guest: Guest, name: str, rest: tuple[int, ...]) -> None:
    """EISDIR; EBADF for a descriptor that is not open."""
    assert guest.call(name, ROOT, *rest) is Errno.EISDIR
    assert guest.call(name, 99, *rest) is Errno.EBADF
    assert guest.call(name, -1, *rest) is Errno.EBADF


def test_allocate_and_advise(guest: Guest, root: Path) -> None:
    """Allocation grows a file and never shrinks it; advice is taken."""
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_ADVISE)
    guest.ok("fd_allocate", fd, 10, 90)
    assert (root / "file").stat().st_size == 100
    guest.ok("fd_allocate", fd, 0, 1)
    assert (root / "file").stat().st_size == 100
    assert guest.call("fd_allocate", fd, 0, 0) is Errno.EINVAL
    assert guest.call("fd_allocate", fd, -1, 1) is Errno.EFBIG
    for advice in range(6):
        guest.ok("fd_advise", fd, 0, 100, advice)
    assert guest.call("fd_advise", fd, 0, 100, 6) is Errno.EINVAL
    assert guest.call("fd_advise", fd, -1, 100, 0) is Errno.EINVAL


@pytest.mark.parametrize("offset", [1 << 63, (1 << 64) - 1])
def test_offsets_beyond_what_files_have(guest: Guest, offset: int) -> None:
    """EINVAL, not an OverflowError."""
    fd = guest.opened("file", oflags=OFlags.CREAT)
    parts, count = guest.iovecs((guest.place(4), 4)), guest.place(4)
    assert guest.call("fd_pread", fd, *parts, offset, count) is Errno.EINVAL
    assert guest.call("fd_pwrite", fd, *parts, offset, count) is Errno.EINVAL


def test_sync(guest: Guest) -> None:
    """Files and directories; a pipe cannot be."""
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=Rights.FD_SYNC | Rights.FD_DATASYNC)
    guest.ok("fd_sync", fd)
    guest.ok("fd_datasync", fd)
    guest.ok("fd_sync", ROOT)
    assert guest.call("fd_sync", 1) is Errno.EINVAL
