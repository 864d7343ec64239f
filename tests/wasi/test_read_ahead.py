"""Standard input that is a regular file is read ahead, and nobody but the guest's clock can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import jormun
from jormun.runtime.function import Function
from jormun.runtime.memory import Memory
from jormun.runtime.world import AHEAD_BYTES, AHEAD_LEAST_BYTES
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.streams import open_input
from jormun.wasi.wasi import make_wasi

TEXT = """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 8)
  (export "read" (func $read)) (export "seek" (func $seek)) (export "pread" (func $pread)))"""
DATA = bytes(k * k // 7 % 251 for k in range(3 * AHEAD_BYTES + 100))
SIZES = [1, 1, 100, AHEAD_LEAST_BYTES, AHEAD_LEAST_BYTES + 1, 7, AHEAD_BYTES - 8000, 300, AHEAD_BYTES + 5, 1, 2]


class Reader:
    """A guest whose standard input is a file, from its tenth byte on."""

    def __init__(self, path: Path) -> None:
        self.host_fd = os.open(path, os.O_RDONLY)
        os.lseek(self.host_fd, 10, os.SEEK_SET)
        stdin = open_input(self.host_fd).file
        assert isinstance(stdin, HostFile)
        self.stdin = stdin
        self.wasi = make_wasi([], {}, [stdin, MemoryStream(), MemoryStream()], {})
        exports = instantiate_with_wasi(jormun.Module(TEXT).compiled, self.wasi).exports
        memory = exports["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory
        self.functions = {name: exports[name] for name in ("read", "seek", "pread")}

    def call(self, name: str, *arguments: int) -> None:
        function = self.functions[name]
        assert isinstance(function, Function)
        assert function.call(*arguments) == 0

    def read(self, *sizes: int) -> bytes:
        place = 1000
        for k, size in enumerate(sizes):
            self.memory.write(8 * k, place.to_bytes(4, "little") + size.to_bytes(4, "little"))
            place += size
        self.call("read", 0, 0, len(sizes), 512)
        return self.memory.read(1000, int.from_bytes(self.memory.read(512, 4), "little"))

    def seek(self, offset: int, whence: int) -> int:
        self.call("seek", 0, offset, whence, 512)
        return int.from_bytes(self.memory.read(512, 8), "little")

    @property
    def host_position(self) -> int:
        return os.lseek(self.host_fd, 0, os.SEEK_CUR)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """The guest."""
    path = tmp_path / "input"
    path.write_bytes(DATA)
    reader = Reader(path)
    yield reader
    reader.wasi.close()
    os.close(reader.host_fd)


def test_every_read_is_whole(reader: Reader) -> None:
    """As of any regular file, whatever the sizes, until the file ends."""
    at = 10
    for size in SIZES * 2:
        assert reader.read(size) == DATA[at : at + size]
        at = min(at + size, len(DATA))
    while piece := reader.read(999, 1):
        assert piece == DATA[at : at + 1000]
        at += len(piece)
    assert at == len(DATA)
    assert reader.read(1) == b""


def test_it_is_read_ahead(reader: Reader) -> None:
    """The host's position is beyond the guest's while only the guest looks."""
    for _ in range(5):
        reader.read(1)
    assert reader.host_position == 11 + AHEAD_BYTES


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_the_hosts_position_is_the_guests_at_the_end(reader: Reader, size: int) -> None:
    """So that the next program that reads from the same file goes on there."""
    for _ in range(4):
        reader.read(size)
    reader.wasi.close()
    assert reader.host_position == 10 + 4 * size


def test_the_position_can_be_told_and_moved(reader: Reader) -> None:
    """It is that of what was read, and what is read next is from the new one."""
    for _ in range(3):
        reader.read(2)
    assert reader.seek(0, os.SEEK_CUR) == 16
    assert reader.read(2) == DATA[16:18]
    assert reader.seek(-4, os.SEEK_CUR) == 14
    for k in range(3):
        assert reader.read(2) == DATA[14 + 2 * k : 16 + 2 * k]
    assert reader.seek(100, os.SEEK_SET) == 100
    assert reader.read(1) == DATA[100:101]


def test_reading_at_an_offset_leaves_the_position(reader: Reader) -> None:
    """And sees the file."""
    for k in range(4):
        assert reader.read(1) == DATA[10 + k : 11 + k]
        reader.memory.write(0, (900).to_bytes(4, "little") + (5).to_bytes(4, "little"))
        reader.call("pread", 0, 0, 1, 77, 512)
        assert reader.memory.read(900, 5) == DATA[77:82]


def test_what_is_added_to_the_file_is_found(reader: Reader, tmp_path: Path) -> None:
    """An end is where the file ends now."""
    while reader.read(AHEAD_LEAST_BYTES):
        pass
    with (tmp_path / "input").open("ab") as file:
        file.write(b"more")
    assert reader.read(1) + reader.read(10) == b"more"


def test_a_forked_process_shares_the_position(reader: Reader) -> None:
    """It goes on where the guest was, and what it reads the guest does not."""
    for _ in range(3):
        reader.read(1)
    child = os.fork()
    if not child:
        try:
            is_well = os.read(reader.host_fd, 5) == DATA[13:18]
        finally:
            os._exit(0 if is_well else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert reader.read(1) == DATA[18:19]


@pytest.mark.parametrize("mode", [os.O_RDWR, os.O_WRONLY])
def test_only_files_for_reading_are_read_ahead(tmp_path: Path, mode: int) -> None:
    """One that can be written must be read as it is."""
    fd = os.open(tmp_path / "file", mode | os.O_CREAT)
    stdin = open_input(fd).file
    assert isinstance(stdin, HostFile) and stdin.ahead is None
    os.close(fd)


def test_pipes_are_not_read_ahead() -> None:
    """What was taken out of one could not be given back."""
    reading, writing = os.pipe()
    stdin = open_input(reading).file
    assert isinstance(stdin, HostFile) and stdin.ahead is None
    os.close(reading)
    os.close(writing)


def test_a_file_that_the_host_has_closed(tmp_path: Path) -> None:
    """The end of the guest is as it would be without."""
    path = tmp_path / "input"
    path.write_bytes(DATA)
    reader = Reader(path)
    for _ in range(3):
        reader.read(1)
    os.close(reader.host_fd)
    reader.wasi.close()
