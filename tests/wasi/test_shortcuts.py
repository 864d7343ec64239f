"""Calls that machine code answers are, to guest and host, as if Python had answered them."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from struct import pack
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jormun
from jormun.dataclass import replace
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance
from jormun.runtime.memory import Memory
from jormun.runtime.native import pages
from jormun.runtime.native.wasi import TOPICS
from jormun.runtime.native_stream import OUTPUT_BYTES
from jormun.runtime.world import (
    ANSWERED,
    CALLS,
    ENTRIES,
    ENTRY_BYTES,
    ENTRY_OPERATIONS,
    STREAM_BUSY,
    TABLE_BUSY,
    TABLE_ENTRIES,
)
from jormun.wasi import calls
from jormun.wasi.abi import ALL_RIGHTS, PREVIEW1, FdFlags, OFlags, Rights
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno
from jormun.wasi.filesystem import Buffers
from jormun.wasi.functions import functions_of
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.native_table import NativeTable
from jormun.wasi.quota import Quota
from jormun.wasi.random_bytes import DRAWN_BYTES, RandomBytes
from jormun.wasi.threads import ThreadGroup
from jormun.wasi.trace import Trace
from jormun.wasi.wasi import Wasi, make_wasi

TYPES = {
    "clock_time_get": "i32 i64 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_tell": "i32 i32",
    "fd_fdstat_get": "i32 i32",
    "fd_filestat_get": "i32 i32",
    "fd_prestat_get": "i32 i32",
    "fd_prestat_dir_name": "i32 i32 i32",
    "args_sizes_get": "i32 i32",
    "args_get": "i32 i32",
    "environ_sizes_get": "i32 i32",
    "environ_get": "i32 i32",
    "random_get": "i32 i32",
    "clock_res_get": "i32 i32",
    "sched_yield": "",
    "fd_close": "i32",
    "fd_renumber": "i32 i32",
    "fd_fdstat_set_rights": "i32 i64 i64",
    "fd_fdstat_set_flags": "i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
}
IMPORTS = "".join(
    f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {types}) (result i32)))'
    for name, types in TYPES.items()
)
EXPORTS = "".join(f'(export "{name}" (func ${name}))' for name in TYPES)
TEXT = f'(module {IMPORTS} {EXPORTS} (memory (export "memory") 1 4))'
KINDS = ["memory", "files", "pipes"]
PAGE = 1 << 16
ROOT = 3


@pytest.fixture(scope="module")
def module() -> jormun.Module:
    """A guest that exports what it imports."""
    return jormun.Module(TEXT)


@contextmanager
def without_shortcuts() -> Iterator[None]:
    """Guests that are made in here are answered by Python alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "is_answered", lambda name, wasi: False)
        yield


class Guest:
    """A guest with one directory, and its standard streams in memory, in files or in pipes."""

    def __init__(self, module: jormun.Module, folder: Path, input: bytes = b"", kind: str = "memory") -> None:
        self.folder = folder
        self.reader: threading.Thread | None = None
        self.received = b""
        self.streams: list[MemoryStream] | list[HostFile]
        if kind in ("memory", "counted"):
            self.streams = [MemoryStream(input), MemoryStream()]
        elif kind == "files":
            (folder / "stdin").write_bytes(input)
            self.streams = [
                HostFile(os.open(folder / "stdin", os.O_RDONLY)),
                HostFile(os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT)),
            ]
        else:
            (stdin, source), (target, stdout) = os.pipe(), os.pipe()
            os.write(source, input)
            os.close(source)
            self.streams = [HostFile(stdin), HostFile(stdout)]
            self.reader = threading.Thread(target=self.receive, args=(target,))
            self.reader.start()
        environment = {"KEY": "value", "EMPTY": ""}
        streams = [*self.streams, MemoryStream()]
        directory = HostDirectory(folder, quota=Quota(60, files=9) if kind == "counted" else None)
        wasi = make_wasi(["guest", "", "two"], environment, streams, {"/": directory})
        self.wasi: Wasi = replace(wasi, random=RandomBytes(Random(7).randbytes))
        self.instance: Instance = instantiate_with_wasi(module.compiled, self.wasi)
        memory = self.instance.exports["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory

    def receive(self, fd: int) -> None:
        """Takes all that comes out of the pipe that the guest writes to."""
        with open(fd, "rb") as file:
            self.received = file.read()

    def close(self) -> bytes:
        """Ends it; what it wrote to a pipe."""
        self.wasi.close()
        if self.reader is not None:
            self.reader.join()
        return self.received

    def call(self, name: str, *arguments: int) -> Errno:
        function = self.instance.exports[name]
        assert isinstance(function, Function)
        widths = [t.bits for t in function.func_type.params]  # type: ignore[union-attr]
        return Errno(function.call_bits([n % (1 << w) for n, w in zip(arguments, widths, strict=True)])[0])

    def open(self, name: str, *, rights: int = ALL_RIGHTS, fdflags: int = 0) -> int:
        errno = self.try_open(name, rights, fdflags)
        assert not errno
        return int.from_bytes(self.memory.read(2048, 4), "little")

    def try_open(self, name: str, rights: int, fdflags: int = 0) -> Errno:
        self.memory.write(1024, name.encode())
        return self.call("path_open", ROOT, 0, 1024, len(name), OFlags.CREAT, rights, 0, fdflags, 2048)

    def iovecs(self, address: int, *buffers: tuple[int, int]) -> None:
        self.memory.write(address, b"".join(pack("<II", *buffer) for buffer in buffers))

    def write(self, fd: int, data: bytes) -> Errno:
        self.memory.write(64, data)
        self.iovecs(0, (64, len(data)))
        return self.call("fd_write", fd, 0, 1, 16)

    def read(self, fd: int, size: int) -> bytes:
        self.iovecs(0, (64, size))
        assert not self.call("fd_read", fd, 0, 1, 16)
        return self.memory.read(64, int.from_bytes(self.memory.read(16, 4), "little"))

    def state(self) -> object:
        """All that a call may have changed: the memory, what was written, the host's files."""
        output = self.streams[1].output if isinstance(self.streams[1], MemoryStream) else b""
        files = {path.name: path.read_bytes() for path in sorted(self.folder.iterdir()) if path.is_file()}
        return self.memory.view().tobytes(), bytes(output), files


EDGES = st.sampled_from(
    [0, 1, 4, 8, 12, 64, 200, PAGE - 9, PAGE - 8, PAGE - 4, PAGE - 1, PAGE, PAGE + 8, 2**31, 2**32 - 1]
)
ADDRESSES = st.integers(0, 300) | EDGES
SIZES = st.integers(0, 40) | st.sampled_from([0, 1, PAGE, 2**31, 2**32 - 1])
COUNTS = st.integers(0, 3) | st.sampled_from([15, 16, 17, 1025, 2**29, 2**32 - 1])
OFFSETS = st.integers(0, 12) | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64 - 1])
_READ, _WRITE = Rights.FD_READ, Rights.FD_WRITE
FDS = st.integers(0, 7) | st.sampled_from([ENTRIES - 1, ENTRIES, 2**31, 2**32 - 1])
OPERATIONS = st.one_of(
    st.tuples(st.just("fd_read"), FDS, ADDRESSES, COUNTS, ADDRESSES),
    st.tuples(st.just("fd_write"), FDS, ADDRESSES, COUNTS, ADDRESSES),
    st.tuples(st.just("fd_pread"), FDS, ADDRESSES, COUNTS, OFFSETS, ADDRESSES),
    st.tuples(st.just("fd_pwrite"), FDS, ADDRESSES, COUNTS, OFFSETS, ADDRESSES),
    st.tuples(st.just("fd_seek"), FDS, st.integers(-3, 9) | OFFSETS, st.integers(0, 3), ADDRESSES),
    st.tuples(st.sampled_from(["fd_tell", "fd_fdstat_get", "fd_prestat_get"]), FDS, ADDRESSES),
    st.tuples(st.just("fd_prestat_dir_name"), FDS, ADDRESSES, SIZES),
    st.tuples(
        st.sampled_from(["args_sizes_get", "args_get", "environ_sizes_get", "environ_get"]), ADDRESSES, ADDRESSES
    ),
    st.tuples(st.just("random_get"), ADDRESSES, SIZES),
    st.tuples(st.just("clock_res_get"), st.integers(0, 5), ADDRESSES),
    st.tuples(st.just("sched_yield")),
    st.tuples(st.just("fd_close"), FDS),
    st.tuples(st.just("fd_renumber"), FDS, FDS),
    st.tuples(
        st.just("fd_fdstat_set_rights"), FDS,
        st.sampled_from([0, _READ, _WRITE, _READ | _WRITE, _READ | Rights.FD_SEEK, _WRITE | Rights.FD_TELL]),
        st.just(0),
    ),
    st.tuples(st.just("fd_fdstat_set_flags"), FDS, st.sampled_from([0, FdFlags.APPEND, FdFlags.NONBLOCK])),
    st.tuples(st.just("open"), st.sampled_from(["a", "b"]), st.sampled_from([ALL_RIGHTS, Rights.FD_READ])),
    st.tuples(st.just("iovecs"), ADDRESSES, st.lists(st.tuples(ADDRESSES, SIZES), max_size=4)),
    st.tuples(st.just("grow")),
    st.tuples(st.just("state")),
)  # fmt: skip


def do(guest: Guest, operation: tuple[object, ...]) -> object:
    """What came of an operation; of one that the test itself cannot do, nothing."""
    name, *arguments = operation
    if name == "state":
        return guest.state()
    if name == "grow":
        return guest.memory.try_grow(1)
    if name == "open":
        return guest.try_open(*arguments) if guest.call("fd_close", 99) else None  # type: ignore[arg-type]
    if name == "iovecs":
        address, buffers = arguments
        try:
            return guest.iovecs(address, *buffers)  # type: ignore[arg-type, misc]
        except IndexError:
            return None
    return guest.call(name, *arguments)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPERATIONS, max_size=30), st.binary(max_size=100), st.sampled_from([*KINDS, "counted"]))
def test_the_same_calls_give_the_same_results(
    module: jormun.Module, operations: list[tuple[object, ...]], input: bytes, kind: str
) -> None:
    """With and without machine code: results, memory, output and files, whatever a guest passes."""
    with tempfile.TemporaryDirectory() as name:
        guests = []
        for place in ("machine", "python"):
            folder = Path(name, place)
            folder.mkdir()
            (folder / "a").write_bytes(b"content")
            if place == "python":
                with without_shortcuts():
                    guests.append(Guest(module, folder, input, kind))
            else:
                guests.append(Guest(module, folder, input, kind))
                # The first call is Python's turn; let it not be among those that are compared.
                guests[0].call("fd_read", 99, 0, 0, 0)
        for operation in [*operations, ("state",)]:
            by_machine, by_python = [do(guest, operation) for guest in guests]
            assert by_machine == by_python, operation
        assert guests[0].close() == guests[1].close()


@pytest.fixture
def python_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reads and writes that reach Python, as they happen."""
    made: list[str] = []
    for kind in (HostFile, MemoryStream):
        for name in ("read", "write"):
            monkeypatch.setattr(kind, name, _noting(made, name, getattr(kind, name)))
    return made


def _noting(made: list[str], name: str, method: Callable[..., int]) -> Callable[..., int]:
    def noted(self: object, buffers: Buffers) -> int:
        made.append(name)
        return method(self, buffers)

    return noted


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
        table.remove(fd).close()
        assert table.insert(Descriptor.of_file(HostFile(host_fd))) == fd
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


def test_nobody_reads_a_pipe(module: jormun.Module, tmp_path: Path) -> None:
    """EPIPE, and no signal ends the process."""
    target, stdout = os.pipe()
    guest = Guest(module, tmp_path)
    guest.wasi.table.remove(0).close()
    assert guest.wasi.table.insert(Descriptor.of_file(HostFile(stdout))) == 0
    assert not guest.write(0, b"x")
    assert not guest.write(0, b"x")
    os.close(target)
    assert guest.write(0, b"x") is Errno.EPIPE
    guest.close()


def test_a_closed_descriptor_is_closed_at_once(module: jormun.Module, tmp_path: Path) -> None:
    """Its number leads to nothing, and then to what took its place, by fd_close, fd_renumber and Wasi.close."""
    guest = Guest(module, tmp_path)
    one, two = guest.open("one"), guest.open("two")
    for fd in (one, two):
        assert not guest.write(fd, b"a")
    assert not guest.call("fd_renumber", two, one)
    assert not guest.write(one, b"b")
    assert guest.write(two, b"c") is Errno.EBADF
    assert guest.open("three") == two
    assert not guest.write(two, b"d")
    guest.close()
    assert guest.write(one, b"e") is guest.write(1, b"e") is Errno.EBADF
    assert {name: (tmp_path / name).read_text() for name in ("one", "two", "three")} == {
        "one": "a",
        "two": "ab",
        "three": "d",
    }


def test_rights_that_were_taken_are_gone(module: jormun.Module, tmp_path: Path) -> None:
    """From files and from streams, at once."""
    guest = Guest(module, tmp_path, b"input")
    fd = guest.open("file")
    for each in (fd, 0, 1):
        assert not guest.write(each, b"x")
        assert not guest.call("fd_fdstat_set_rights", each, 0, 0)
        assert guest.write(each, b"x") is Errno.EBADF
        assert guest.call("fd_read", each, 0, 1, 16) is Errno.EBADF
    assert (tmp_path / "file").read_text() == "x"


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


def test_memory_that_has_grown_is_inside(module: jormun.Module, tmp_path: Path) -> None:
    """At once, and nothing beyond it."""
    guest = Guest(module, tmp_path)
    for size_pages in (1, 2, 3):
        end = size_pages * PAGE
        assert not guest.call("clock_time_get", 0, 0, end - 8)
        assert guest.call("clock_time_get", 0, 0, end - 7) is Errno.EFAULT
        guest.iovecs(0, (end - 5, 5))
        assert not guest.call("fd_write", 1, 0, 1, end - 4)
        guest.iovecs(0, (end - 5, 6))
        assert guest.call("fd_write", 1, 0, 1, 16) is Errno.EFAULT
        guest.memory.grow(1)


@pytest.mark.parametrize(
    "memory",
    ["", '(memory (export "other") 1)', '(memory 1) (memory (export "memory") 0)'],
    ids=["none", "other", "empty"],
)
def test_without_a_memory_every_address_is_outside(memory: str) -> None:
    """A guest that exports no memory by that name, or an empty one, gets EFAULT, or what comes before it."""
    wasi = make_wasi([], {}, [MemoryStream(b"x"), MemoryStream()], {})
    exports = instantiate_with_wasi(jormun.Module(f"(module {IMPORTS} {EXPORTS} {memory})").compiled, wasi).exports
    for _ in range(2):
        for name, arguments in {
            "clock_time_get": (0, 0, 0),
            "fd_read": (0, 0, 1, 0),
            "fd_write": (1, 0, 1, 0),
        }.items():
            function = exports[name]
            assert isinstance(function, Function)
            assert function.call(*arguments) == Errno.EFAULT
        assert exports["fd_read"](9, 0, 1, 0) == Errno.EBADF  # type: ignore[operator]


def test_clocks_are_those_of_the_host(module: jormun.Module, tmp_path: Path) -> None:
    """Each shows what Python's does, and there is no fifth."""
    guest = Guest(module, tmp_path)
    for clock, read in enumerate(guest.wasi.clocks.readers):
        for _ in range(3):
            before = read()
            assert not guest.call("clock_time_get", clock, 0, 17)
            assert before <= int.from_bytes(guest.memory.read(17, 8), "little") <= read()
    for clock in (4, 2**31, 2**32 - 1):
        assert guest.call("clock_time_get", clock, 0, 16) is Errno.EINVAL


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


class Stopped(Exception):
    pass


LOOP = f"""(module {IMPORTS} (memory (export "memory") 1) (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
  (func (export "loop") (param $count i32) (result i32) (local $failed i32)
    (loop $again
      (local.set $failed (i32.or (local.get $failed)
        (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
      (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 24)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $failed)))"""


def looping(stream: MemoryStream, tier: str = "auto") -> Callable[[int], object]:
    """A guest's function that writes so many bytes to the stream, and reads the clock as often."""
    module = jormun.Module(LOOP, config=jormun.Config(tier=tier))  # type: ignore[arg-type]
    wasi = make_wasi([], {}, [MemoryStream(), stream], {})
    function = instantiate_with_wasi(module.compiled, wasi).exports["loop"]
    assert isinstance(function, Function)
    return function


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_both_tiers_call_machine_code(tier: str) -> None:
    """Every byte arrives."""
    stream = MemoryStream()
    assert looping(stream, tier)(100_000) == 0
    assert stream.output == bytes(100_000)


def test_signals_reach_a_guest_that_only_calls() -> None:
    """A handler runs while the guest goes on calling what machine code answers, and may end it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    loop = looping(MemoryStream())
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)  # again, should what the handler raises be lost
        with pytest.raises(Stopped):
            loop(0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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


def test_whom_machine_code_serves() -> None:
    """All guests but one that is traced, and not the clock of one whose time is fixed."""
    plain = make_wasi([], {}, [MemoryStream()], {})
    shared = replace(make_wasi([], {}, [MemoryStream()], {}), threads=ThreadGroup())
    served = {
        world: [name for name in functions_of(PREVIEW1) if calls.is_answered(name, wasi)]
        for world, wasi in {
            "plain": plain,
            "traced": replace(plain, trace=Trace(lambda line: None)),
            "fixed": make_wasi([], {}, [MemoryStream()], {}, deterministic=True),
            "shared": shared,
        }.items()
    }
    shared.close()
    without_clocks = [name for name in ANSWERED if not name.startswith("clock")]
    assert {world: sorted(names) for world, names in served.items()} == {
        "plain": list(ANSWERED),
        "traced": [],
        "fixed": without_clocks,
        "shared": list(ANSWERED),
    }


def test_what_is_answered_is_there() -> None:
    """Each function that is said to have machine code has it, and no other."""
    assert sorted(call.name for topic in TOPICS for call in topic.CALLS) == list(ANSWERED)


def test_closing_waits_for_machine_code() -> None:
    """A descriptor of the host is not closed under a call of another thread, which leaves when it is done."""
    table = NativeTable()
    with tempfile.TemporaryFile() as file:
        table.put(5, Descriptor.of_file(HostFile(file.fileno(), is_borrowed=True)))
    pages.write_u32(table.address + TABLE_BUSY, 1)  # as machine code does
    closing = threading.Thread(target=table.put, args=(5, None))
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    pages.write_u32(table.address + TABLE_BUSY, 0)
    closing.join()
    entries = pages.read_u64(table.address + TABLE_ENTRIES)
    assert pages.read_u32(entries + 5 * ENTRY_BYTES + ENTRY_OPERATIONS) == 0


def test_the_attributes_of_a_file_are_the_same(module: jormun.Module, tmp_path: Path) -> None:
    """By machine code and by Python: of files with times before 1970, and of what is not regular."""
    (tmp_path / "file").write_bytes(b"12345")
    os.utime(tmp_path / "file", ns=(-1_500_000_001, 2**62))
    guest = Guest(module, tmp_path)
    with without_shortcuts():
        other = Guest(module, tmp_path)
    assert guest.call("fd_tell", 99, 0) is Errno.EBADF  # Python's turn
    fds = guest.open("file"), other.open("file")
    for one, two in (fds, (0, 0), (ROOT, ROOT), (77, 77)):
        results = guest.call("fd_filestat_get", one, 3000), other.call("fd_filestat_get", two, 3000)
        assert results[0] is results[1]
        assert guest.memory.read(3000, 70) == other.memory.read(3000, 70)
    for end in (PAGE - 64, PAGE - 63):
        assert guest.call("fd_filestat_get", fds[0], end) is other.call("fd_filestat_get", fds[1], end)


def test_flags_are_those_of_now(module: jormun.Module, tmp_path: Path) -> None:
    """fd_fdstat_get tells what fd_fdstat_set_flags has set, on every descriptor of the stream."""
    stream = MemoryStream()
    wasi = make_wasi([], {}, [MemoryStream(), stream, stream], {})
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    memory, get, set_flags = exports["memory"], exports["fd_fdstat_get"], exports["fd_fdstat_set_flags"]
    assert isinstance(memory, Memory) and isinstance(get, Function) and isinstance(set_flags, Function)
    for flags in (FdFlags.NONBLOCK, 0, FdFlags.APPEND, 0):
        assert set_flags.call(1, flags) == 0
        for fd in (1, 2, 1):
            assert get.call(fd, 64) == 0
            assert memory[66] == flags


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


@pytest.mark.parametrize("sizes", [[1] * 9000, [3, 5000, 7, 0, 4096, 4095, 1, 2**17, 33], [DRAWN_BYTES] * 3])
def test_random_bytes_do_not_depend_on_cuts(module: jormun.Module, tmp_path: Path, sizes: list[int]) -> None:
    """A guest gets the bytes of its source in order, and each once."""
    guest = Guest(module, tmp_path)
    guest.memory.grow(3)
    drawn = b""
    for size in sizes:
        assert not guest.call("random_get", 1000, size)
        drawn += guest.memory.read(1000, size)
    assert drawn == Random(7).randbytes(-(-len(drawn) // 4) * 4)[: len(drawn)]


def test_random_bytes_are_the_hosts(module: jormun.Module) -> None:
    """What a world gets that is not made the same in each run repeats nothing."""
    wasi = make_wasi([], {}, [], {})
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    memory, random_get = exports["memory"], exports["random_get"]
    assert isinstance(memory, Memory) and isinstance(random_get, Function)
    drawn = set()
    for _ in range(1000):
        assert random_get.call(0, 16) == 0
        drawn.add(memory.read(0, 16))
    assert len(drawn) == 1000


def test_a_fork_does_not_wait_for_machine_code(module: jormun.Module, tmp_path: Path) -> None:
    """A process that was forked while another thread was in machine code goes on, and draws other random bytes."""
    guest = Guest(module, tmp_path, b"input")
    for _ in range(2):
        assert not guest.call("random_get", 0, 8)
    native = guest.streams[0].native  # type: ignore[union-attr]
    assert native is not None
    host_random = RandomBytes()
    host_random.take(8)
    # As machine code does that is running in threads of the parent.
    pages.write_u32(guest.wasi.table.native.address + TABLE_BUSY, 1)
    pages.write_u32(native.address + STREAM_BUSY, 1)
    holder = threading.Thread(target=_hold, args=(host_random, held := threading.Event(), over := threading.Event()))
    holder.start()
    held.wait()
    closer = threading.Thread(target=guest.wasi.table.remove, args=(2,))  # waits, and has the table's own lock
    closer.start()
    closer.join(0.05)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.alarm(10)
            guest.wasi.table.remove(1)
            os.write(writing, guest.read(0, 5) + host_random.take(16))
        finally:
            os._exit(0)
    over.set()
    pages.write_u32(guest.wasi.table.native.address + TABLE_BUSY, 0)
    for thread in (holder, closer):
        thread.join()
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    pages.write_u32(native.address + STREAM_BUSY, 0)
    assert told[:5] == b"input" and len(told) == 21
    assert told[5:] != host_random.take(16)
    guest.close()


def _hold(random: RandomBytes, held: threading.Event, over: threading.Event) -> None:
    with random.native:
        held.set()
        over.wait()


def test_devices_that_never_wait(module: jormun.Module, tmp_path: Path, python_calls: list[str]) -> None:
    """/dev/null, /dev/zero and /dev/full are as files; what fails there is Python's to say."""
    guest = Guest(module, tmp_path)
    for fd, name in enumerate(("zero", "null", "full")):
        guest.wasi.table.remove(fd).close()
        device = HostFile(os.open(f"/dev/{name}", os.O_RDWR))
        assert guest.wasi.table.insert(Descriptor.of_file(device)) == fd
    assert not guest.call("random_get", 0, 8)  # Python's turn
    python_calls.clear()
    guest.memory.write(64, b"xyz")
    assert guest.read(0, 3) == bytes(3)
    assert guest.read(1, 3) == b""
    assert not guest.write(1, b"text")
    assert python_calls == []
    assert guest.write(2, b"text") is Errno.ENOSPC


DEEP_CALLS = (
    "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))",
    "(call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16))",
    "(call $fd_pread (i32.const 3) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 16))",
    "(call $fd_tell (i32.const 3) (i32.const 16))",
    "(call $fd_fdstat_get (i32.const 1) (i32.const 16))",
    "(call $fd_filestat_get (i32.const 3) (i32.const 16))",
    "(call $random_get (i32.const 16) (i32.const 8))",
    "(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 16))",
)


@pytest.mark.parametrize("locals_count", [0, 1, 3, 7, 13])
def test_a_stack_that_ends_in_machine_code_leaves_nothing_locked(tmp_path: Path, locals_count: int) -> None:
    """Wherever it ends: the next call is answered."""
    (tmp_path / "file").write_bytes(b"content")
    locals_text, functions = "(local i64)" * locals_count, ""
    for k, call in enumerate(DEEP_CALLS):
        functions += f"""(func $deep{k} (export "deep{k}") (result i32) {locals_text}
          (drop {call}) (i32.add (i32.const 1) (call $deep{k})))"""
    module = jormun.Module(
        f"""(module {IMPORTS} {EXPORTS} (memory (export "memory") 1 4)
        (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00") {functions})""",
        config=jormun.Config(tier="baseline"),
    )
    file = HostFile(os.open(tmp_path / "file", os.O_RDONLY))
    stdin, random = MemoryStream(bytes(1 << 20)), RandomBytes()
    wasi = replace(make_wasi([], {}, [stdin, MemoryStream(), MemoryStream(), file], {}), random=random)
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    for k in range(len(DEEP_CALLS)):
        deep = exports[f"deep{k}"]
        assert isinstance(deep, Function)
        with pytest.raises(jormun.ExhaustionError):
            deep.call()
        assert stdin.native is not None
        assert not pages.read_u32(wasi.table.native.address + TABLE_BUSY)
        assert not pages.read_u32(stdin.native.address + STREAM_BUSY)
        assert not pages.read_u32(random.native.address + STREAM_BUSY)
