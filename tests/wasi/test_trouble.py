"""Bad paths, impossible offsets, full disks and huge directories: an errno of POSIX's, and nothing that is not told."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jormun.wasi.abi import ALL_RIGHTS, DIRECTORY_RIGHTS, DIRENT, FILE_RIGHTS, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.filesystem import Directory
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.overlay_directory import OverlayDirectory
from jormun.wasi.quota import Quota
from jormun.wasi.scratch_directory import ScratchDirectory

from .fake_guest import ROOT, SIZE_BYTES, Guest, make_guest

EVERYTHING = {"rights": DIRECTORY_RIGHTS, "inheriting": ALL_RIGHTS}
KINDS = ["openat2", "walk", "memory", "overlay"]


def directory(kind: str, root: Path, quota: Quota | None = None) -> Directory:
    """An empty directory of that kind."""
    if kind == "memory":
        return MemoryDirectory(quota=quota or Quota())
    if kind == "overlay":
        return OverlayDirectory(root, quota=quota or Quota()).reopened()
    return HostDirectory(root, quota=quota, by_kernel=kind == "openat2")


@pytest.fixture(params=KINDS)
def anywhere(request: pytest.FixtureRequest, root: Path) -> Iterator[Guest]:
    """A guest that was given an empty directory."""
    guest = make_guest({"/": directory(request.param, root)})
    yield guest
    guest.close()


BAD = {
    b"a\0b": Errno.EINVAL,
    b"\0": Errno.EINVAL,
    b"\xff\xfe": Errno.EILSEQ,
    b"a/\xc3": Errno.EILSEQ,
    b"": Errno.ENOENT,
    b"a/" * 20_000: Errno.ENAMETOOLONG,
    b"../" * 20_000: Errno.ENAMETOOLONG,
    b"x" * 300 + b"/y": Errno.ENAMETOOLONG,
}


@pytest.mark.parametrize("path", BAD, ids=lambda path: repr(path[:8]))
def test_bad_paths(anywhere: Guest, path: bytes) -> None:
    """Every function says the same of them."""
    there, here = anywhere.path(path), anywhere.path("file")
    calls: list[tuple[str, tuple[int, ...]]] = [
        ("path_open", (ROOT, 0, *there, OFlags.CREAT, 0, 0, 0, 0)),
        ("path_create_directory", (ROOT, *there)),
        ("path_remove_directory", (ROOT, *there)),
        ("path_unlink_file", (ROOT, *there)),
        ("path_readlink", (ROOT, *there, 0, 0, 0)),
        ("path_filestat_get", (ROOT, 1, *there, 0)),
        ("path_filestat_set_times", (ROOT, 0, *there, 0, 0, 0)),
        ("path_rename", (ROOT, *there, ROOT, *here)),
        ("path_link", (ROOT, 0, *there, ROOT, *here)),
        ("path_symlink", (*here, ROOT, *there)),
    ]
    for name, arguments in calls:
        assert anywhere.call(name, *arguments) is BAD[path], name


def test_a_path_of_100_000_components(anywhere: Guest) -> None:
    """More than fits: its length is looked at before a component is."""
    anywhere.memory.data = bytearray(SIZE_BYTES) + b"a/" * 100_000
    assert anywhere.call("path_create_directory", ROOT, SIZE_BYTES, 200_000) is Errno.ENAMETOOLONG


@pytest.mark.parametrize("kind", KINDS)
def test_directories_of_any_depth(kind: str) -> None:
    """Far more levels than a path has room for, entered one at a time, in scratch space, which can remove them."""
    name = "x" * 20
    with ScratchDirectory() as scratch:
        guest = make_guest({"/": directory(kind, scratch.path)})
        fd = ROOT
        for _ in range(1200):
            guest._next = 1024
            guest.ok("path_create_directory", fd, *guest.path(name))
            guest.ok("path_symlink", *guest.path("../../.."), fd, *guest.path("up"))
            below = guest.opened(name, fd=fd, **EVERYTHING)
            if fd != ROOT:
                guest.ok("fd_close", fd)
            fd = below
        assert not isinstance(guest.open("new", fd=fd, oflags=OFlags.CREAT), Errno)
        assert guest.open("..", fd=fd) is Errno.EPERM
        assert not isinstance(guest.open(f"{name}/" * 190, **EVERYTHING), Errno)
        guest.close()
    assert not scratch.path.exists()
    assert scratch.path.parent.exists()


FAR = [1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


@pytest.mark.parametrize("offset", FAR)
def test_offsets_that_no_file_has(anywhere: Guest, offset: int) -> None:
    """Reading there finds nothing or is EINVAL; writing fails, and the file stays as it is."""
    fd = anywhere.opened("file", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    anywhere.write(fd, b"content")
    buffer, result = anywhere.put(b"x" * 8), anywhere.place(8)
    iovecs = anywhere.iovecs((buffer, 8))
    assert anywhere.call("fd_pread", fd, *iovecs, offset, result) in (Errno.SUCCESS, Errno.EINVAL)
    assert anywhere.u32(result) == 0
    error = anywhere.call("fd_pwrite", fd, *iovecs, offset, result)
    if not error:  # a sparse file, where there is no bound but that of the numbers
        assert anywhere.u32(result) == min(8, (1 << 63) - 1 - offset)
        anywhere.ok("fd_filestat_set_size", fd, 7)
    else:
        assert error in (Errno.EINVAL, Errno.EFBIG, Errno.ENOSPC)
    assert anywhere.call("fd_seek", fd, offset, 2, result) in (Errno.SUCCESS, Errno.EINVAL, Errno.EOVERFLOW)
    anywhere.call("fd_filestat_set_size", fd, offset)
    anywhere.ok("fd_filestat_set_size", fd, 7)
    assert anywhere.call("fd_allocate", fd, offset, offset) in (Errno.EFBIG, Errno.ENOSPC, Errno.EINVAL)
    assert anywhere.call("fd_advise", fd, offset, offset, 0) is Errno.EINVAL
    for times in ((offset, offset, 5), (0, offset, 4)):
        assert anywhere.call("fd_filestat_set_times", fd, *times) in (Errno.SUCCESS, Errno.EINVAL, Errno.EOVERFLOW)
    anywhere.ok("fd_seek", fd, 0, 0, result)
    assert anywhere.read(fd, 16) == b"content"


@pytest.mark.parametrize("kind", KINDS)
def test_quotas_of_bytes(kind: str, root: Path) -> None:
    """What there is room for is written, then EDQUOT; what is cut off or removed makes room again."""
    guest = make_guest({"/": directory(kind, root, Quota(10))})
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    data, result = guest.put(b"12345678"), guest.place(4)
    write = ("fd_write", fd, *guest.iovecs((data, 4), (data, 4)), result)
    guest.ok(*write)
    guest.ok(*write)
    assert guest.u32(result) == 2
    assert guest.call(*write) is Errno.EDQUOT
    assert guest.call("fd_filestat_set_size", fd, 11) is Errno.EDQUOT
    assert guest.call("fd_allocate", fd, 5, 6) is Errno.EDQUOT
    assert guest.call("fd_pwrite", fd, *guest.iovecs((data, 8)), 100, result) is Errno.EDQUOT
    guest.ok("fd_pwrite", fd, *guest.iovecs((data, 8)), 0, result)
    assert guest.u32(result) == 8
    guest.ok("fd_filestat_set_size", fd, 4)
    other = guest.opened("other", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    assert guest.write(other, b"x" * 20) == 6
    guest.ok("path_unlink_file", ROOT, *guest.path("other"))
    assert guest.call("fd_filestat_set_size", fd, 5) is Errno.EDQUOT
    guest.ok("fd_close", other)
    guest.ok("fd_filestat_set_size", fd, 10)
    guest.opened("file", oflags=OFlags.TRUNC, rights=FILE_RIGHTS)
    third = guest.opened("third", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    assert guest.write(third, b"x" * 20) == 10
    guest.ok("fd_close", third)
    guest.ok("path_rename", ROOT, *guest.path("file"), ROOT, *guest.path("third"))
    guest.ok("fd_close", fd)
    fourth = guest.opened("fourth", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    assert guest.write(fourth, b"x" * 20) == 10


@pytest.mark.parametrize("kind", KINDS)
def test_quotas_of_files(kind: str, root: Path) -> None:
    """Files, directories and links count; further names of a file do where they take memory."""
    names_count = kind in ("memory", "overlay")
    # The directory itself is one of a tree in memory, too.
    guest = make_guest({"/": directory(kind, root, Quota(files=3 + names_count + (kind == "memory")))})
    guest.opened("file", oflags=OFlags.CREAT)
    guest.ok("path_create_directory", ROOT, *guest.path("folder"))
    guest.ok("path_symlink", *guest.path("x"), ROOT, *guest.path("link"))
    guest.ok("path_link", ROOT, 0, *guest.path("file"), ROOT, *guest.path("name"))
    again = guest.call("path_link", ROOT, 0, *guest.path("file"), ROOT, *guest.path("more"))
    assert again is (Errno.EDQUOT if names_count else Errno.SUCCESS)
    assert guest.open("new", oflags=OFlags.CREAT) is Errno.EDQUOT
    assert guest.call("path_create_directory", ROOT, *guest.path("new")) is Errno.EDQUOT
    assert guest.call("path_symlink", *guest.path("x"), ROOT, *guest.path("new")) is Errno.EDQUOT
    assert guest.call("path_create_directory", ROOT, *guest.path("folder")) in (Errno.EEXIST, Errno.EDQUOT)
    for name in ("file", "name") if names_count else ("file", "name", "more"):
        guest.ok("path_unlink_file", ROOT, *guest.path(name))
    guest.opened("new", oflags=OFlags.CREAT)
    guest.ok("path_remove_directory", ROOT, *guest.path("folder"))
    guest.ok("path_create_directory", ROOT, *guest.path("again"))


def test_names_of_files_below_an_overlay(root: Path) -> None:
    """Those that are made count, and make room again; those of the host do neither."""
    (root / "file").write_bytes(b"x")
    guest = make_guest({"/": OverlayDirectory(root, quota=Quota(files=1)).reopened()})
    for _ in range(3):
        guest.ok("path_link", ROOT, 0, *guest.path("file"), ROOT, *guest.path("name"))
        assert guest.call("path_link", ROOT, 0, *guest.path("file"), ROOT, *guest.path("more")) is Errno.EDQUOT
        guest.ok("path_unlink_file", ROOT, *guest.path("name"))
    guest.ok("path_unlink_file", ROOT, *guest.path("file"))
    guest.opened("new", oflags=OFlags.CREAT)
    assert guest.open("another", oflags=OFlags.CREAT) is Errno.EDQUOT


def test_texts_of_links_count(root: Path) -> None:
    """In memory, as bytes; they make room again."""
    guest = make_guest({"/": MemoryDirectory(quota=Quota(10))})
    for _ in range(3):
        guest.ok("path_symlink", *guest.path("x" * 8), ROOT, *guest.path("link"))
        assert guest.call("path_symlink", *guest.path("y" * 3), ROOT, *guest.path("other")) is Errno.EDQUOT
        guest.ok("path_unlink_file", ROOT, *guest.path("link"))


def test_what_an_overlay_changes_counts_whole(root: Path) -> None:
    """A file that does not fit the quota stays as it is; one that was there makes no room when it is removed."""
    (root / "large").write_bytes(b"x" * 100)
    (root / "small").write_bytes(b"x" * 5)
    overlay = OverlayDirectory(root, quota=Quota(10, files=0))
    guest = make_guest({"/": overlay.reopened()})
    large = guest.opened("large", rights=FILE_RIGHTS)
    assert guest.call("fd_write", large, *guest.iovecs((0, 1)), guest.place(4)) is Errno.EDQUOT
    assert guest.read(large, 4) == b"xxxx"
    guest.write(guest.opened("small", rights=FILE_RIGHTS), b"y")
    assert overlay.files == {"small": b"yxxxx"}
    guest.ok("path_unlink_file", ROOT, *guest.path("large"))
    assert guest.open("new", oflags=OFlags.CREAT) is Errno.EDQUOT
    assert overlay.removed == {"large"}
    assert sorted(path.name for path in root.iterdir()) == ["large", "small"]


def test_files_too_large_for_the_hosts_limit(root: Path) -> None:
    """EFBIG (setrlimit(2), RLIMIT_FSIZE), after as much was written as may be."""
    guest = make_guest({"/": HostDirectory(root)})
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        assert guest.write(fd, b"x" * 16) == 10
        assert guest.call("fd_write", fd, *guest.iovecs((0, 1)), guest.place(4)) is Errno.EFBIG
        assert guest.call("fd_filestat_set_size", fd, 11) is Errno.EFBIG
        assert guest.call("fd_allocate", fd, 0, 11) is Errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (root / "file").read_bytes() == b"x" * 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB and a dozen files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = "size=64k,nr_inodes=12"
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        pytest.skip("needs to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """What fits is written and told; then ENOSPC, also for what has no bytes."""
    guest = make_guest({"/": HostDirectory(small_disk)})
    fd = guest.opened("file", oflags=OFlags.CREAT, rights=FILE_RIGHTS)
    data, result = guest.put(b"x" * 30_000), guest.place(4)
    write = ("fd_write", fd, *guest.iovecs((data, 30_000)), result)
    counts = []
    while (error := guest.call(*write)) is Errno.SUCCESS:
        counts.append(guest.u32(result))
    assert error is Errno.ENOSPC
    assert sum(counts) == 65_536 == (small_disk / "file").stat().st_size
    assert guest.call("fd_allocate", fd, 0, 100_000) is Errno.ENOSPC
    made = 0
    while (error := guest.call("path_create_directory", ROOT, *guest.path(f"d{made}"))) is Errno.SUCCESS:
        made += 1
    assert error is Errno.ENOSPC
    assert guest.open("new", oflags=OFlags.CREAT) is Errno.ENOSPC
    assert guest.call("path_symlink", *guest.path("x"), ROOT, *guest.path("link")) is Errno.ENOSPC
    guest.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_bytes", [64, 4096])
def test_directories_of_50_000_entries(kind: str, size_bytes: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry comes once, and the directory is read once, however small the buffer is."""
    count = 50_000 if size_bytes > 64 else 5_000
    given = directory(kind, root)
    guest = make_guest({"/": given})
    if kind == "memory":
        for k in range(count):
            guest._next = 1024
            guest.ok("path_create_directory", ROOT, *guest.path(f"entry{k}"))
    else:
        for k in range(count):
            (root / f"entry{k}").touch()
    reads = []
    entries = type(given).entries
    monkeypatch.setattr(type(given), "entries", lambda self: reads.append(1) or entries(self))
    buffer, result = guest.place(size_bytes), guest.place(4)
    names: set[bytes] = set()
    cookie = 0
    while True:
        guest.ok("fd_readdir", ROOT, buffer, size_bytes, cookie, result)
        used = guest.u32(result)
        at = buffer
        while at + DIRENT.size <= buffer + used:
            following, _, length, _ = guest.record(DIRENT, at)
            if at + DIRENT.size + length > buffer + used:
                break
            name = guest.bytes(at + DIRENT.size, length)
            assert name not in names
            names.add(name)
            cookie = following
            at += DIRENT.size + length
        if used < size_bytes:
            break
    assert len(names) == count + 2
    assert len(reads) == 1


def test_directories_that_change_while_they_are_read(anywhere: Guest) -> None:
    """Names that come and go meanwhile may be listed or not; the others are, once each."""
    for k in range(100):
        anywhere.ok("path_create_directory", ROOT, *anywhere.path(f"stays{k}"))
    buffer, result = anywhere.place(256), anywhere.place(4)
    names: list[bytes] = []
    cookie = 0
    while True:
        anywhere.call("path_create_directory", ROOT, *anywhere.path(f"new{cookie}"))
        anywhere.call("path_remove_directory", ROOT, *anywhere.path(f"new{cookie - 5}"))
        anywhere.ok("fd_readdir", ROOT, buffer, 256, cookie, result)
        at, end = buffer, buffer + anywhere.u32(result)
        while at + DIRENT.size <= end:
            following, _, length, _ = anywhere.record(DIRENT, at)
            if at + DIRENT.size + length > end:
                break
            names.append(anywhere.bytes(at + DIRENT.size, length))
            cookie, at = following, at + DIRENT.size + length
        if end - buffer < 256:
            break
    stays = [name for name in names if name.startswith(b"stays")]
    assert len(stays) == len(set(stays)) == 100


def test_too_many_descriptors_of_the_host(root: Path) -> None:
    """EMFILE, and all is well when some are closed."""
    guest = make_guest({"/": HostDirectory(root)})
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 8, before[1]))  # noqa: PTH208
    opened = []
    try:
        while not isinstance(fd := guest.open("file", oflags=OFlags.CREAT, rights=Rights.FD_READ), Errno):
            guest._next = 1024
            opened.append(fd)
        assert fd is Errno.EMFILE
        guest.ok("fd_close", opened.pop())
        assert not isinstance(guest.open("file"), Errno)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        guest.close()
