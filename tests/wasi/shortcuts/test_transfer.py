"""What machine code reads and writes: files, pipes, devices, streams in memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from struct import pack

import pytest

import jormun
from jormun.runtime.function import Function
from jormun.runtime.memory import Memory
from jormun.runtime.native_stream import OUTPUT_BYTES
from jormun.runtime.world import (
    CALLS,
)
from jormun.wasi.abi import FdFlags
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.wasi import make_wasi

from .guest import KINDS, Guest, looping


@pytest.mark.parametrize("kind", KINDS)
def test_python_is_not_asked(module: jormun.Module, tmp_path: Path, python_calls: list[str], kind: str) -> None:
    """Of many plain calls, Python gets one in CALLS."""
    guest = Guest(module, tmp_path, b"abc" * CALLS, kind)
    for _ in range(3 * CALLS):
        assert guest.read(0, 1) + guest.read(0, 1) + guest.read(0, 1) in (b"abc", b"")
        assert not guest.write(1, b"x")
    assert len(python_calls) == -(-12 * CALLS // (CALLS + 1))
    guest.close()


def test_a_wide_call_is_pythons(module: jormun.Module, tmp_path: Path) -> None:
    """More buffers than machine code takes, and more bytes than it keeps, are written in their order."""
    guest = Guest(module, tmp_path)
    expected = b""
    for count in (1, 2, 16, 17, 40, 3):
        guest.memory.write(1000, bytes(range(40)))
        guest.iovecs(0, *[(1000 + k, 1) for k in range(count)])
        assert not guest.call("fd_write", 1, 0, count, 900)
        expected += bytes(range(count))
    guest.memory.grow(1)
    for size in (OUTPUT_BYTES - 100, 99, 100, OUTPUT_BYTES, OUTPUT_BYTES + 1, 1):
        guest.iovecs(0, (500, size))
        assert not guest.call("fd_write", 1, 0, 1, 16)
        expected += guest.memory.read(500, size)
    stdout = guest.streams[1]
    assert isinstance(stdout, MemoryStream)
    assert bytes(stdout.output) == expected == bytes(stdout.output)


def test_overlapping_buffers_are_filled_in_order(module: jormun.Module, tmp_path: Path) -> None:
    """Also when they cover the iovecs themselves, and the place of the result."""
    for kind in KINDS:
        guest = Guest(module, tmp_path, bytes(range(1, 60)), kind)
        guest.read(0, 1)
        guest.iovecs(0, (4, 10), (8, 10), (0, 4))
        assert not guest.call("fd_read", 0, 0, 3, 2)
        assert guest.memory.read(0, 18) == bytes([22, 23, 24, 0, 0, 0, 4, 5, *range(12, 22)])
        guest.close()


def test_python_waits_for_pipes(module: jormun.Module, tmp_path: Path) -> None:
    """A guest that finds a pipe empty gets what comes later, and one that finds it full gets rid of all."""
    (stdin, source), (target, stdout) = os.pipe(), os.pipe()
    guest = Guest(module, tmp_path)
    table = guest.wasi.table
    for fd, host_fd in enumerate((stdin, stdout)):
        table.renumber(table.insert(Descriptor.of_file(HostFile(host_fd))), fd)
    assert guest.call("fd_read", 99, 0, 0, 0) is Errno.EBADF  # Python's turn
    feeding = threading.Timer(0.05, os.write, (source, b"late"))
    feeding.start()
    assert guest.read(0, 10) == b"late"
    guest.reader = threading.Timer(0.05, guest.receive, (target,))
    guest.reader.start()
    expected = b""
    for k, size in enumerate([4096] * 20 + [1, 4097, 5000, 30_000, 3]):
        assert not guest.write(1, bytes([k]) * size)
        assert int.from_bytes(guest.memory.read(16, 4), "little") == size
        expected += bytes([k]) * size
    assert guest.close() == expected
    os.close(source)


def _openings(fd: int) -> int:
    """How many descriptors of this process are of the same pipe."""
    pipe = os.fstat(fd).st_ino
    return sum(each.exists() and each.stat().st_ino == pipe for each in Path("/proc/self/fd").iterdir())


def test_a_pipe_is_opened_once_more_and_closed_with_it(module: jormun.Module, tmp_path: Path) -> None:
    """What never waits does not make those wait less who share the pipe, and is closed when the guest has closed it."""
    stdin, source = os.pipe()
    guest = Guest(module, tmp_path)
    table = guest.wasi.table
    table.renumber(table.insert(Descriptor.of_file(HostFile(stdin, is_borrowed=True))), 0)
    os.write(source, b"abc")
    assert guest.read(0, 2) == b"ab"
    assert guest.read(0, 2) == b"c"
    assert _openings(stdin) == 3  # ours are two of them, with the end that is written to
    assert os.get_blocking(stdin)
    os.close(source)
    assert guest.read(0, 2) == b""
    guest.close()
    assert _openings(stdin) == 1
    os.close(stdin)


def test_nobody_reads_a_pipe(module: jormun.Module, tmp_path: Path) -> None:
    """EPIPE, and no signal ends the process."""
    target, stdout = os.pipe()
    guest = Guest(module, tmp_path)
    table = guest.wasi.table
    table.renumber(table.insert(Descriptor.of_file(HostFile(stdout))), 0)
    assert not guest.write(0, b"x")
    assert not guest.write(0, b"x")
    os.close(target)
    assert guest.write(0, b"x") is Errno.EPIPE
    guest.close()


def test_what_is_appended_goes_to_the_end(module: jormun.Module, tmp_path: Path) -> None:
    """Machine code writes as the flags of the moment say."""
    guest = Guest(module, tmp_path)
    fd, other = guest.open("file"), guest.open("file")
    assert not guest.write(fd, b"12345")
    assert not guest.call("fd_fdstat_set_flags", other, FdFlags.APPEND)
    assert not guest.write(other, b"6")
    assert not guest.call("fd_fdstat_set_flags", other, 0)
    assert not guest.call("fd_seek", other, 0, 0, 16)
    assert not guest.write(other, b"0")
    assert (tmp_path / "file").read_text() == "023456"
    guest.close()


def test_two_descriptors_of_one_stream_share_it(module: jormun.Module) -> None:
    """Output through either is in order, as with standard error that goes to standard output."""
    stream = MemoryStream()
    wasi = make_wasi([], {}, [MemoryStream(), stream, stream], {})
    instance = instantiate_with_wasi(module.compiled, wasi)
    memory, write = instance.exports["memory"], instance.exports["fd_write"]
    assert isinstance(memory, Memory) and isinstance(write, Function)
    memory.write(0, pack("<II", 64, 1))
    for k in range(600):
        memory[64] = k % 251
        assert write.call(1 + k % 2, 0, 1, 16) == 0
    assert bytes(stream.output) == bytes(k % 251 for k in range(600))


def test_python_may_look_at_output_at_any_time() -> None:
    """Several threads of Python's run guests of one world while another reads what they wrote: no byte is lost."""
    stream = MemoryStream()
    loop = looping(stream)
    threads = [threading.Thread(target=loop, args=(30_000,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        now = len(stream.output)
        assert now >= seen
        seen = now
    assert len(stream.output) == 90_000


def test_writing_at_an_offset_of_a_file_that_appends(module: jormun.Module, tmp_path: Path) -> None:
    """The offset counts, as POSIX says."""
    guest = Guest(module, tmp_path)
    fd = guest.open("file")
    assert not guest.write(fd, b"12345")
    guest.iovecs(0, (64, 1))
    for flags in (FdFlags.APPEND, 0, FdFlags.APPEND):
        assert not guest.call("fd_fdstat_set_flags", fd, flags)
        assert not guest.call("fd_pwrite", fd, 0, 1, 2, 16)
    assert (tmp_path / "file").read_text() == "12145"


def test_devices_that_never_wait(module: jormun.Module, tmp_path: Path, python_calls: list[str]) -> None:
    """/dev/null, /dev/zero and /dev/full are as files; what fails there is Python's to say."""
    guest = Guest(module, tmp_path)
    for fd, name in enumerate(("zero", "null", "full")):
        device = HostFile(os.open(f"/dev/{name}", os.O_RDWR))
        guest.wasi.table.renumber(guest.wasi.table.insert(Descriptor.of_file(device)), fd)
    assert not guest.call("random_get", 0, 8)  # Python's turn
    python_calls.clear()
    guest.memory.write(64, b"xyz")
    assert guest.read(0, 3) == bytes(3)
    assert guest.read(1, 3) == b""
    assert not guest.write(1, b"text")
    assert python_calls == []
    assert guest.write(2, b"text") is Errno.ENOSPC
