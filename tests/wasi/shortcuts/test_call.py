"""What all calls have in common that machine code answers: memory, signals, forks, stack."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import pytest

import jormun
from jormun.dataclass import replace
from jormun.runtime.function import Function
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.native.wasi import TOPICS
from jormun.runtime.world import (
    ANSWERED,
    STREAM_BUSY,
    TABLE_BUSY,
)
from jormun.wasi import calls
from jormun.wasi.abi import PREVIEW1
from jormun.wasi.errno import Errno
from jormun.wasi.functions import functions_of
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.random_bytes import RandomBytes
from jormun.wasi.threads import ThreadGroup
from jormun.wasi.trace import Trace
from jormun.wasi.wasi import make_wasi

from .guest import EXPORTS, IMPORTS, PAGE, Guest, looping


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
    without_clocks = [name for name in ANSWERED if not name.startswith(("clock", "poll"))]
    assert {world: sorted(names) for world, names in served.items()} == {
        "plain": list(ANSWERED),
        "traced": [],
        "fixed": without_clocks,
        "shared": list(ANSWERED),
    }


def test_what_is_answered_is_there() -> None:
    """Each function that is said to have machine code has it, and no other."""
    assert sorted(call.name for topic in TOPICS for call in topic.CALLS) == list(ANSWERED)


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


class Stopped(Exception):
    pass


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_both_tiers_call_machine_code(tier: str) -> None:
    """Every byte arrives."""
    stream = MemoryStream()
    assert looping(stream, tier)(100_000) == 0
    assert stream.output == bytes(100_000)


def test_signals_reach_a_guest_that_only_calls() -> None:
    """A handler runs while the guest goes on calling what machine code answers, and may end it."""

    def stop(number: int, frame: FrameType | None) -> None:
        if Native.get().is_running:  # else, on a busy machine, it would raise before the guest runs, or behind it
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
