"""All kinds of directories behave alike, with the host's as the judge: the same calls on each give the same results."""

from __future__ import annotations

import gc
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jormun.wasi.abi import ALL_RIGHTS, DIRECTORY_RIGHTS, DIRENT, FILE_RIGHTS, PREVIEW1, FdFlags, FileType, OFlags
from jormun.wasi.errno import Errno
from jormun.wasi.filesystem import Directory
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.overlay_directory import OverlayDirectory
from jormun.wasi.quota import Quota

from .fake_guest import ROOT, Guest, make_guest

FILES = {"file": b"content", "dir": {"inner": b"inner", "sub": {"deep": b"deep"}}, "empty": {}}
PARTS = ["file", "dir", "inner", "sub", "deep", "empty", "new", "link", ".", "..", "dir/inner", "dir/sub", "x" * 256]
PATHS = (
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=3)
    .map("/".join)
    .flatmap(lambda path: st.sampled_from([path, path, path, path + "/", "./" + path]))
)
DATA = st.binary(max_size=12)
OFLAGS = st.sets(st.sampled_from([OFlags.CREAT, OFlags.DIRECTORY, OFlags.EXCL, OFlags.TRUNC])).map(sum)
OPENED = st.integers(0, 2)
"""Which of the descriptors that were opened; a call on one that was not does nothing."""
OPERATIONS = st.one_of(
    st.tuples(st.just("open"), PATHS, st.integers(0, 1), OFLAGS, st.booleans(), st.sampled_from([0, FdFlags.APPEND])),
    st.tuples(st.just("stat"), PATHS, st.integers(0, 1)),
    st.tuples(st.just("mkdir"), PATHS),
    st.tuples(st.just("rmdir"), PATHS),
    st.tuples(st.just("unlink"), PATHS),
    st.tuples(st.just("readlink"), PATHS),
    st.tuples(st.just("symlink"), PATHS, PATHS),
    st.tuples(st.just("link"), PATHS, PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("list"), PATHS),
    st.tuples(st.just("write"), OPENED, DATA),
    st.tuples(st.just("pwrite"), OPENED, DATA, st.integers(0, 20)),
    st.tuples(st.just("read"), OPENED, st.integers(0, 12)),
    st.tuples(st.just("seek"), OPENED, st.integers(-10, 20), st.integers(0, 2)),
    st.tuples(st.just("resize"), OPENED, st.integers(0, 20)),
    st.tuples(st.just("allocate"), OPENED, st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.just("close"), OPENED),
)


class Program:
    """Does operations on a guest, and says what came of each."""

    def __init__(self, directory: Directory) -> None:
        self.guest: Guest = make_guest({"/": directory})
        self.opened: list[int] = []

    def do(self, operation: tuple[object, ...]) -> object:
        self.guest._next = 1024
        name, *arguments = operation
        return getattr(self, f"do_{name}")(*arguments)

    def do_open(self, path: str, follow: int, oflags: int, writes: bool, fdflags: int) -> object:
        rights = FILE_RIGHTS if writes else FILE_RIGHTS & ~0x400140
        fd = self.guest.open(
            path, follow=bool(follow), oflags=oflags, rights=rights, inheriting=ALL_RIGHTS, fdflags=fdflags
        )
        if isinstance(fd, Errno):
            return fd
        self.opened.append(fd)
        return self.stat_of(fd)

    def stat_of(self, fd: int) -> object:
        place = self.guest.place(64)
        return self.guest.call("fd_filestat_get", fd, place) or self.stat(place)

    def stat(self, place: int) -> object:
        _, _, kind, links, size, *_ = self.guest.record(PREVIEW1.filestat, place)
        return (kind, None, None) if kind == FileType.DIRECTORY else (kind, links, size)

    def do_stat(self, path: str, follow: int) -> object:
        place = self.guest.place(64)
        return self.guest.call("path_filestat_get", ROOT, follow, *self.guest.path(path), place) or self.stat(place)

    def do_mkdir(self, path: str) -> object:
        return self.guest.call("path_create_directory", ROOT, *self.guest.path(path))

    def do_rmdir(self, path: str) -> object:
        return self.guest.call("path_remove_directory", ROOT, *self.guest.path(path))

    def do_unlink(self, path: str) -> object:
        return self.guest.call("path_unlink_file", ROOT, *self.guest.path(path))

    def do_readlink(self, path: str) -> object:
        place, used = self.guest.place(64), self.guest.place(4)
        error = self.guest.call("path_readlink", ROOT, *self.guest.path(path), place, 64, used)
        return error or self.guest.bytes(place, self.guest.u32(used))

    def do_symlink(self, target: str, path: str) -> object:
        return self.guest.call("path_symlink", *self.guest.path(target), ROOT, *self.guest.path(path))

    def do_link(self, path: str, other: str) -> object:
        return self.guest.call("path_link", ROOT, 0, *self.guest.path(path), ROOT, *self.guest.path(other))

    def do_rename(self, path: str, other: str) -> object:
        return self.guest.call("path_rename", ROOT, *self.guest.path(path), ROOT, *self.guest.path(other))

    def do_list(self, path: str) -> object:
        fd = self.guest.open(path, follow=True, oflags=OFlags.DIRECTORY, rights=DIRECTORY_RIGHTS)
        if isinstance(fd, Errno):
            return fd
        place, used = self.guest.place(8192), self.guest.place(4)
        self.guest.ok("fd_readdir", fd, place, 8192, 0, used)
        self.guest.ok("fd_close", fd)
        end, found = place + self.guest.u32(used), set()
        while place < end:
            _, _, length, kind = self.guest.record(DIRENT, place)
            found.add((self.guest.bytes(place + DIRENT.size, length), kind))
            place += DIRENT.size + length
        return found

    def do_write(self, which: int, data: bytes) -> object:
        return self.transfer("fd_write", which, data)

    def do_pwrite(self, which: int, data: bytes, offset: int) -> object:
        return self.transfer("fd_pwrite", which, data, offset)

    def transfer(self, name: str, which: int, data: bytes, *offset: int) -> object:
        if which >= len(self.opened):
            return None
        result = self.guest.place(4)
        iovecs = self.guest.iovecs((self.guest.put(data), len(data)))
        error = self.guest.call(name, self.opened[which], *iovecs, *offset, result)
        return error or (self.guest.u32(result), self.stat_of(self.opened[which]))

    def do_read(self, which: int, size: int) -> object:
        if which >= len(self.opened):
            return None
        buffer, result = self.guest.place(size), self.guest.place(4)
        error = self.guest.call("fd_read", self.opened[which], *self.guest.iovecs((buffer, size)), result)
        return error or self.guest.bytes(buffer, self.guest.u32(result))

    def do_seek(self, which: int, offset: int, whence: int) -> object:
        if which >= len(self.opened):
            return None
        place = self.guest.place(8)
        return self.guest.call("fd_seek", self.opened[which], offset, whence, place) or self.guest.u64(place)

    def do_resize(self, which: int, size: int) -> object:
        return which < len(self.opened) and self.guest.call("fd_filestat_set_size", self.opened[which], size)

    def do_allocate(self, which: int, offset: int, size: int) -> object:
        return which < len(self.opened) and self.guest.call("fd_allocate", self.opened[which], offset, size)

    def do_close(self, which: int) -> object:
        return which < len(self.opened) and self.guest.call("fd_close", self.opened.pop(which))


def fill(folder: Path, files: dict[str, object]) -> Path:
    """Makes these files on the host."""
    folder.mkdir()
    for name, content in files.items():
        if isinstance(content, dict):
            fill(folder / name, content)
        else:
            assert isinstance(content, bytes)
            (folder / name).write_bytes(content)
    return folder


def on_host(folder: Path) -> dict[str, bytes]:
    """The regular files below a folder."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink() and path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPERATIONS, max_size=25))
def test_the_same_calls_give_the_same_results(operations: list[tuple[object, ...]]) -> None:
    """On the host by openat2, by walk, with a quota; in memory; on an overlay, whose lower directory stays as it is."""
    with tempfile.TemporaryDirectory() as name:
        folders = [fill(Path(name, place), FILES) for place in ("openat2", "walk", "quota", "lower")]
        before = on_host(folders[3])
        memory = MemoryDirectory(FILES)
        overlay = OverlayDirectory(folders[3])
        programs = {
            "openat2": Program(HostDirectory(folders[0])),
            "walk": Program(HostDirectory(folders[1], by_kernel=False)),
            "quota": Program(HostDirectory(folders[2], quota=Quota("1MiB", 100))),
            "memory": Program(memory.reopened()),
            "overlay": Program(overlay.reopened()),
        }
        for operation in operations:
            results = {kind: program.do(operation) for kind, program in programs.items()}
            expected = results["walk"]
            assert {kind: result for kind, result in results.items() if result != expected} == {}, (
                operation,
                expected,
            )
        expected_files = on_host(folders[1])
        for program in programs.values():
            program.guest.close()
        assert on_host(folders[0]) == on_host(folders[2]) == expected_files
        assert memory.files == expected_files
        changed = {path: content for path, content in before.items() if path in expected_files} | dict(overlay.files)
        assert changed == expected_files
        assert on_host(folders[3]) == before


@pytest.fixture(params=["openat2", "walk", "memory", "overlay"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    """A program in a directory of any kind, with FILES in it."""
    if request.param == "memory":
        return Program(MemoryDirectory(FILES))
    folder = fill(tmp_path / "root", FILES)
    if request.param == "overlay":
        return Program(OverlayDirectory(folder).reopened())
    return Program(HostDirectory(folder, by_kernel=request.param == "openat2"))


def test_a_file_without_a_name_lives_until_it_is_closed(anywhere: Program) -> None:
    """Its bytes can be read and changed, and it has no links."""
    assert anywhere.do_open("file", 0, 0, True, 0) == (FileType.REGULAR_FILE, 1, 7)
    assert anywhere.do_unlink("file") is Errno.SUCCESS
    assert anywhere.do_write(0, b"C") == (1, (FileType.REGULAR_FILE, 0, 7))
    assert anywhere.do_read(0, 12) == b"ontent"
    assert anywhere.do_stat("file", 0) is Errno.ENOENT


def test_a_directory_that_was_removed_is_empty_and_stays_so(anywhere: Program) -> None:
    """Nothing can be made in it any more: ENOENT."""
    fd = anywhere.guest.opened("empty", rights=DIRECTORY_RIGHTS, inheriting=ALL_RIGHTS)
    assert anywhere.do_rmdir("empty") is Errno.SUCCESS
    assert anywhere.guest.open("new", fd=fd, oflags=OFlags.CREAT) is Errno.ENOENT
    assert anywhere.guest.call("path_create_directory", fd, *anywhere.guest.path("new")) is Errno.ENOENT


def test_two_descriptors_of_one_file_see_each_others_changes(anywhere: Program) -> None:
    """Also through a further name, and when one of them was open before the file was changed."""
    anywhere.do_open("file", 0, 0, False, 0)
    assert anywhere.do_link("file", "other") is Errno.SUCCESS
    anywhere.do_open("other", 0, 0, True, 0)
    anywhere.do_write(1, b"new")
    assert anywhere.do_read(0, 12) == b"newtent"
    anywhere.do_resize(1, 5)
    assert anywhere.do_seek(0, 0, 2) == 5


def test_all_kinds_are_torn_down(tmp_path: Path) -> None:
    """Guests that end without closing anything leave no descriptor of the host open."""
    folder = fill(tmp_path / "root", FILES)
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for directory in (HostDirectory(folder), OverlayDirectory(folder).reopened(), MemoryDirectory(FILES)):
        program = Program(directory)
        program.do_open("file", 0, 0, True, 0)
        program.do_open("dir", 0, 0, False, 0)
        program.guest.close()
        del program, directory
    gc.collect()  # nodes of an overlay know their parents
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    shutil.rmtree(folder)
