"""Files in memory that machine code reads and writes: their content, quota, times and attributes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import jormun
from jormun.runtime.function import Function
from jormun.runtime.native import pages
from jormun.runtime.world import BLOCK_BYTES, CALLS, TREE_BUSY
from jormun.wasi.abi import ALL_RIGHTS, FdFlags, FstFlags, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.memory_file import MemoryFile
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.native_table import FEW_USES
from jormun.wasi.quota import Quota
from jormun.wasi.wasi import make_wasi

from .guest import EXPORTS, IMPORTS, Guest

_GROWING = Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE


@pytest.fixture
def guest(module: jormun.Module, tmp_path: Path) -> Guest:
    """A guest whose directory is in memory, without a bound."""
    guest = Guest(module, tmp_path)
    give(guest, MemoryDirectory())
    guest.memory.grow(3)
    return guest


def give(guest: Guest, directory: MemoryDirectory | jormun.OverlayDirectory) -> None:
    """Lets the guest have another directory."""
    guest.wasi.table.get(3).directory = directory.reopened()
    guest.tree = directory


@pytest.fixture
def python_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls on files in memory that reach Python, as they happen."""
    made: list[str] = []
    for name in ("read", "write", "read_at", "write_at", "seek", "stat", "set_times"):
        monkeypatch.setattr(MemoryFile, name, _noting(made, name, getattr(MemoryFile, name)))
    return made


def _noting(made: list[str], name: str, method: Callable[..., object]) -> Callable[..., object]:
    def noted(self: object, *arguments: object) -> object:
        made.append(name)
        return method(self, *arguments)

    return noted


def served(guest: Guest, fd: int) -> int:
    """The descriptor, of which machine code has been told."""
    for _ in range(FEW_USES):
        assert not guest.call("fd_tell", fd, 16)
    return fd


def test_python_gets_few_calls(guest: Guest, python_calls: list[str]) -> None:
    """The first ones, one in CALLS, and those that need another block."""
    fd = guest.open("file")
    for k in range(20 * CALLS):
        assert not guest.write(fd, b"x")
        assert not guest.call("fd_pread", fd, 0, 1, k, 16)
        assert not guest.call("fd_tell", fd, 16)
    assert len(python_calls) < 20 * CALLS * 3 // CALLS + 30
    assert guest.tree is not None and guest.tree.files["file"] == b"x" * 20 * CALLS


def test_content_is_that_of_a_file(guest: Guest) -> None:
    """Random transfers about the edges of blocks, through two descriptors, and sizes that change between them."""
    random, expected = Random(3), bytearray()
    fds = [served(guest, guest.open("file")) for _ in range(2)]
    edges = [0, 5, BLOCK_BYTES - 3, BLOCK_BYTES, 2 * BLOCK_BYTES - 70_000, 3 * BLOCK_BYTES + 1]
    for _ in range(300):
        fd, at, kind = random.choice(fds), random.choice(edges) + random.randrange(3), random.randrange(8)
        sizes = [random.choice([1, 2, 7, 1000, 60_000]) for _ in range(random.randrange(1, 4))]
        starts = [1000, 62_000, 124_000]
        guest.iovecs(0, *zip(starts, sizes, strict=False))
        if kind == 0:
            assert not guest.call("fd_filestat_set_size", fd, at)
            expected[at:] = b""
            expected += bytes(at - len(expected))
        elif kind < 4:
            data = random.randbytes(60_000)
            for start, size in zip(starts, sizes, strict=False):
                guest.memory.write(start, data[:size])
            written = b"".join(data[:size] for size in sizes)
            assert not guest.call("fd_pwrite", fd, 0, len(sizes), at, 16)
            assert int.from_bytes(guest.memory.read(16, 4), "little") == len(written)
            expected += bytes(max(0, at - len(expected)))
            expected[at : at + len(written)] = written
        else:
            assert not guest.call("fd_pread", fd, 0, len(sizes), at, 16)
            count, got = int.from_bytes(guest.memory.read(16, 4), "little"), b""
            for start, size in zip(starts, sizes, strict=False):
                got += guest.memory.read(start, size)
            assert count == len(expected[at : at + sum(sizes)])
            assert got[:count] == expected[at : at + count]
    assert guest.tree is not None and guest.tree.files["file"] == expected


def test_a_quota_holds(guest: Guest) -> None:
    """Of all files together, byte by byte; what was cut off makes room again."""
    give(guest, MemoryDirectory(quota=Quota(100)))
    one, two = served(guest, guest.open("one")), served(guest, guest.open("two"))
    for k in range(100):
        assert not guest.write((one, two)[k % 2], b"x")
    for fd in (one, two):
        assert guest.write(fd, b"y") is Errno.EDQUOT
    assert not guest.call("fd_filestat_set_size", one, 10)
    assert not guest.write(two, b"z" * 40)
    assert guest.write(two, b"z") is Errno.EDQUOT
    assert guest.tree is not None
    assert guest.tree.files == {"one": b"x" * 10, "two": b"x" * 50 + b"z" * 40}


def test_what_is_cut_off_reads_as_zeros(guest: Guest) -> None:
    """Also where the file then grows by machine code."""
    fd = served(guest, guest.open("file"))
    for _ in range(3):
        assert not guest.call("fd_seek", fd, 0, 0, 16)
        assert not guest.write(fd, b"secret" * 20)
        for size in (100, 10):
            assert not guest.call("fd_filestat_set_size", fd, size)
        assert not guest.call("fd_seek", fd, 90, 0, 16)
        assert not guest.write(fd, b"x")
        assert guest.tree is not None
        assert guest.tree.files["file"] == (b"secret" * 2)[:10] + bytes(80) + b"x"


def test_writing_is_seen_in_the_times(guest: Guest) -> None:
    """The time of modification is when machine code wrote, whoever is asked, and that of access stays."""
    fd = served(guest, guest.open("file"))
    assert not guest.write(fd, b"first")
    assert not guest.call("fd_filestat_get", fd, 64)
    accessed = guest.memory.read(64 + 40, 8)
    before = time.time_ns()
    assert not guest.write(fd, b"again")
    after = time.time_ns()
    for _ in range(3):
        assert not guest.call("fd_filestat_get", fd, 64)
        size, told, modified, changed = (guest.memory.read(64 + at, 8) for at in (32, 40, 48, 56))
        assert int.from_bytes(size, "little") == 10 and told == accessed
        assert before <= int.from_bytes(modified, "little") <= after
        assert modified == changed


def test_times_are_those_that_were_set(guest: Guest, python_calls: list[str]) -> None:
    """By machine code or by Python, whoever is asked; what is not set stays, and writing changes what it changes."""
    fd = served(guest, guest.open("file"))
    assert not guest.write(fd, b"content")
    times = FstFlags.ATIM | FstFlags.MTIM
    for accessed, modified, flags, expected in (
        (5, 6, times, (5, 6)),
        (7, 8, times, (7, 8)),
        (2**63, 9, FstFlags.ATIM, (2**63, 8)),
        (1, 2**64 - 1, FstFlags.MTIM, (2**63, 2**64 - 1)),
        (3, 3, 0, (2**63, 2**64 - 1)),
    ):
        before = time.time_ns()
        assert not guest.call("fd_filestat_set_times", fd, accessed, modified, flags)
        assert guest.times(fd)[:2] == expected
        assert before <= guest.times(fd)[2] <= time.time_ns()
    assert not guest.call("fd_filestat_set_times", fd, 1, 1, FstFlags.ATIM_NOW)
    assert before <= guest.times(fd)[0] <= time.time_ns()
    assert "set_times" in python_calls
    python_calls.clear()
    assert not guest.call("fd_filestat_set_times", fd, 11, 12, times)
    assert not guest.write(fd, b"content")
    assert python_calls == []
    file = guest.wasi.table.get(fd).file
    assert file is not None
    stat = file.stat()
    assert stat.accessed_ns == 11 and before <= stat.modified_ns == stat.changed_ns
    assert guest.times(fd) == (11, stat.modified_ns, stat.changed_ns)


def test_times_of_a_tree_that_is_read_only(guest: Guest) -> None:
    """Are not set."""
    give(guest, MemoryDirectory({"file": "content"}, is_read_only=True))
    fd = served(guest, guest.open("file", rights=ALL_RIGHTS & ~(Rights.FD_WRITE | _GROWING), oflags=0))
    told = guest.times(fd)
    for _ in range(2):
        assert guest.call("fd_filestat_set_times", fd, 5, 6, FstFlags.MTIM) is Errno.EROFS
        assert guest.times(fd) == told


def test_links_are_counted_at_once(guest: Guest) -> None:
    """What Python changes of a file's attributes machine code tells, and a file without a name is there while open."""
    fd = served(guest, guest.open("file"))
    assert guest.attributes(fd) == guest.attributes(fd) == (Errno.SUCCESS, b"\4".ljust(8, b"\0") + b"\1" + bytes(15))
    assert not guest.write(fd, b"content")
    assert not guest.unlink("file")
    assert guest.attributes(fd) == (Errno.SUCCESS, b"\4".ljust(16, b"\0") + b"\7" + bytes(7))
    assert not guest.call("fd_seek", fd, 0, 0, 16)
    assert guest.read(fd, 10) == b"content"


def test_appending_is_what_the_flags_say(guest: Guest) -> None:
    """Of the moment, for each descriptor."""
    fd, other = served(guest, guest.open("file")), served(guest, guest.open("file", fdflags=FdFlags.APPEND))
    assert not guest.write(fd, b"12345")
    assert not guest.write(other, b"6")
    assert not guest.call("fd_fdstat_set_flags", other, 0)
    assert not guest.call("fd_seek", other, 0, 0, 16)
    assert not guest.write(other, b"0")
    assert guest.tree is not None and guest.tree.files["file"] == b"023456"


def test_a_file_that_was_opened_for_reading(guest: Guest) -> None:
    """Is not written, and one that another descriptor cuts off is empty."""
    give(guest, MemoryDirectory({"file": "content"}))
    fd = served(guest, guest.open("file", rights=2 | 32 | 4))
    assert guest.write(fd, b"x") is Errno.EBADF
    assert guest.read(fd, 4) == b"cont"
    assert not guest.try_open("file", 64, oflags=OFlags.TRUNC)
    assert guest.read(fd, 4) == b""


def test_an_overlays_file_is_read_below_until_it_is_changed(guest: Guest, python_calls: list[str]) -> None:
    """By any descriptor; then in memory by all of them, and nothing changes below."""
    (guest.folder / "file").write_bytes(b"0123456789" * 1000)
    give(guest, jormun.OverlayDirectory(guest.folder))
    fds = [served(guest, guest.open("file")) for _ in range(2)]
    python_calls.clear()
    assert [guest.read(fd, 7) for fd in fds] == [b"0123456", b"0123456"]
    assert python_calls == []
    assert not guest.call("fd_seek", fds[0], 0, 0, 16)
    assert not guest.write(fds[0], b"abc")
    for fd in fds:
        assert not guest.call("fd_seek", fd, 0, 0, 16)
        assert guest.read(fd, 5) == b"abc34"
    assert not guest.call("fd_close", fds[0])
    assert guest.read(fds[1], 3) == b"567"
    assert (guest.folder / "file").read_bytes() == b"0123456789" * 1000
    assert guest.tree is not None and guest.tree.files["file"] == b"abc3456789" + b"0123456789" * 999


def test_a_position_stays_a_position(guest: Guest) -> None:
    """Before the start and beyond 2**63 there is none, and it is not moved then."""
    fd = served(guest, guest.open("file"))
    assert not guest.call("fd_seek", fd, 2**63 - 1, 0, 16)
    for offset, whence in ((1, 1), (-(2**63), 1), (-1, 0), (-1, 2)):
        assert guest.call("fd_seek", fd, offset, whence, 16) in (Errno.EINVAL, Errno.EOVERFLOW)
        assert not guest.call("fd_tell", fd, 16)
        assert int.from_bytes(guest.memory.read(16, 8), "little") == 2**63 - 1
    assert guest.read(fd, 5) == b""
    assert guest.write(fd, b"x") is Errno.EFBIG


def test_python_reads_while_machine_code_writes() -> None:
    """Guests of several threads of Python's append to one file, and the tree is read meanwhile: no byte is lost."""
    module = jormun.Module(f"""(module {IMPORTS} {EXPORTS} (memory (export "memory") 1)
      (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00") (data (i32.const 64) "x")
      (func (export "loop") (param $fd i32) (param $count i32) (result i32) (local $failed i32)
        (loop $again
          (local.set $failed (i32.or (local.get $failed)
            (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16))))
          (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.get $failed)))""")
    tree, results = MemoryDirectory(quota=Quota(50_000)), []

    def run() -> None:
        wasi = make_wasi([], {}, [MemoryStream(), MemoryStream(), MemoryStream()], {"/": tree.reopened()})
        exports = instantiate_with_wasi(module.compiled, wasi).exports
        memory, open_path, loop = exports["memory"], exports["path_open"], exports["loop"]
        assert isinstance(open_path, Function) and isinstance(loop, Function)
        memory.write(1024, b"file")  # type: ignore[union-attr]
        assert not open_path(3, 0, 1024, 4, OFlags.CREAT, (1 << 30) - 1, 0, FdFlags.APPEND, 2048)
        results.append(loop(4, 15_000))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        now = len(tree.files.get("file", b""))
        assert now >= seen
        seen = now
    assert results == [0, 0, 0]
    assert tree.files["file"] == b"x" * 45_000


def test_a_fork_does_not_wait_for_machine_code(guest: Guest) -> None:
    """A process that was forked while another thread was in machine code reads and writes the file all the same."""
    fd = served(guest, guest.open("file"))
    assert not guest.write(fd, b"12345")
    assert isinstance(guest.tree, MemoryDirectory)
    record = guest.tree._tree.lock.record
    pages.write_u32(record.address + TREE_BUSY, 1)  # as machine code does in a thread of the parent
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.alarm(10)
            guest.call("fd_seek", fd, 1, 0, 16)
            os.write(writing, guest.read(fd, 3) + dict(guest.tree.files)["file"])
        finally:
            os._exit(0)
    pages.write_u32(record.address + TREE_BUSY, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"23412345"
    os.waitpid(child, 0)


def test_a_stack_that_ends_in_machine_code_leaves_nothing_locked(guest: Guest) -> None:
    """Wherever it ends: the next call is answered."""
    module = jormun.Module(
        f"""(module {IMPORTS} {EXPORTS} (memory (export "memory") 1)
          (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
          (func $deep (export "deep") (result i32)
            (drop (call $fd_write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 16)))
            (drop (call $fd_seek (i32.const 3) (i64.const 0) (i32.const 0) (i32.const 16)))
            (drop (call $fd_filestat_get (i32.const 3) (i32.const 64)))
            (i32.add (i32.const 1) (call $deep))))""",
        config=jormun.Config(tier="baseline"),
    )
    fd = served(guest, guest.open("file"))
    table = guest.wasi.table
    file = table.get(fd).file
    assert isinstance(file, MemoryFile)
    wasi = make_wasi([], {}, [MemoryStream(), MemoryStream(), MemoryStream(), file], {})
    deep = instantiate_with_wasi(module.compiled, wasi).exports["deep"]
    assert isinstance(deep, Function)
    for _ in range(3):
        with pytest.raises(jormun.ExhaustionError):
            deep()
        assert isinstance(guest.tree, MemoryDirectory)
        assert not pages.read_u32(guest.tree._tree.lock.record.address + TREE_BUSY)
    assert len(guest.tree.files["file"]) == 1


def test_buffers_are_whole(guest: Guest) -> None:
    """A file that is given as a buffer of none, or of many, is read and written as any other."""
    fd = served(guest, guest.open("file"))
    guest.memory.write(64, bytes(range(40)))
    guest.iovecs(200, *[(64 + k, k % 3) for k in range(40)])
    for count in (1, 16, 17, 40):
        assert not guest.call("fd_write", fd, 200, count, 16)
    expected = b"".join(bytes(range(k, k + k % 3)) for count in (1, 16, 17, 40) for k in range(count))
    assert guest.tree is not None and guest.tree.files["file"] == expected
