"""Threads of guests: thread-spawn, and how they all end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import jormun
from jormun.api.config import Config
from jormun.api.module import Module
from jormun.api.tier import Tier
from jormun.errors import Trap, TrapKind
from jormun.runtime.store import Store
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import run_command
from jormun.wasi.threads import THREADS, ThreadGroup

from .fake_guest import make_guest

HEAD = """
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))"""
SLEEP = "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))"


def module(start: str, thread: str, more: str = "") -> bytes:
    return f"""(module {HEAD} {more}
      (func $main (export "_start") (local $id i32) {start})
      (func $thread (export "wasi_thread_start") (param $id i32) (param $argument i32) {thread}))""".encode()


def run(text: bytes, **options: object) -> int:
    return run_command(Module(text).compiled, ["app"], **options)  # type: ignore[arg-type]


def guest_threads() -> int:
    """How many threads of guests there are."""
    return sum(thread.name.startswith("guest thread") for thread in threading.enumerate())


def wait_for_threads(number: int) -> None:
    """Until no more than these are there: those that were compiling when all ended take a moment longer."""
    while guest_threads() > number:
        time.sleep(0.01)


def test_a_thread_shares_the_memory_and_has_its_own_globals() -> None:
    """It gets its number, from 1, and what it was given; its instance begins anew."""
    text = module(
        """(global.set $count (i32.const 5))
        (call $exit (i32.add (call $spawn (i32.const 100)) (block (result i32)
          (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
          (i32.load (i32.const 4)))))""",
        """(i32.store (i32.const 4) (i32.add (global.get $count) (i32.add (local.get $argument) (local.get $id))))
        (i32.atomic.store (i32.const 0) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))""",
        "(global $count (mut i32) (i32.const 10))",
    )
    assert run(text) == 1 + 10 + 100 + 1


def test_threads_in_one_store_do_not_wait_for_their_turn() -> None:
    """A guest that was given functions of another instance has all of its threads in the store of that."""
    store = Store()
    other = jormun.load('(module (func (export "answer") (result i32) (i32.const 42)))', store=store)
    text = module(
        """(drop (call $spawn (i32.const 0)))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
        (call $exit (i32.load (i32.const 4)))""",
        """(i32.store (i32.const 4) (call $answer))
        (i32.atomic.store (i32.const 0) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))""",
        '(import "other" "answer" (func $answer (result i32)))',
    )
    assert run(text, imports={"other": other.exports}, store=store) == 42


@pytest.mark.parametrize("ending", ["main", "thread"])
def test_a_trap_in_one_ends_all(ending: str) -> None:
    """Those that wait too; the trap comes out, with the backtrace of its own thread."""
    spawn = "(drop (call $spawn (i32.const 0)))"
    trap = "(call $fail)"
    main, thread = (spawn + trap, SLEEP) if ending == "main" else (spawn + SLEEP, trap)
    with pytest.raises(Trap, match="unreachable") as trapped:
        run(module(main, thread, "(func $fail unreachable)"))
    outermost = "main" if ending == "main" else "thread"
    assert [frame.function_name for frame in trapped.value.backtrace] == ["fail", outermost]


def test_the_return_of_main_ends_all() -> None:
    """A thread that still waits does not keep the program."""
    assert run(module("(drop (call $spawn (i32.const 0)))", SLEEP)) == 0


@pytest.mark.parametrize("tier", ["baseline", "optimizing", "auto"])
def test_threads_that_compute_are_ended(tier: Tier) -> None:
    """By an exit of main, and main by an exit of a thread."""
    spin, leave = "(loop $again (br $again))", "(call $exit (i32.const 7))"
    spawn = "(drop (call $spawn (i32.const 0)))"
    before = guest_threads()
    for main, thread in ((spawn + spawn + leave, spin), (spawn + spin, leave)):
        compiled = Module(module(main, thread), config=Config(tier=tier, cache=False)).compiled
        assert run_command(compiled, ["app"]) == 7
        wait_for_threads(before)


def test_a_thread_that_returns_ends_alone() -> None:
    """Its number may be another's later, its instance is gone."""
    text = module(
        """(loop $again
          (drop (call $spawn (i32.const 0)))
          (drop (memory.atomic.wait32 (i32.const 0) (local.get $id) (i64.const -1)))
          (local.set $id (i32.add (local.get $id) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $id) (i32.const 300))))
        (call $exit (i32.load (i32.const 0)))""",
        """(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))""",
    )
    assert THREADS < 300
    before = guest_threads()
    assert run(text) == 300
    wait_for_threads(before)


def test_too_many_threads_are_refused() -> None:
    """With a negative number, as a module is that does not say what threads do."""
    text = module(
        """(loop $again
          (local.set $id (i32.add (local.get $id) (i32.const 1)))
          (br_if $again (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))))
        (call $exit (local.get $id))""",
        SLEEP,
    )
    assert run(text) == THREADS + 1
    assert run(text.replace(b"wasi_thread_start", b"another name")) == 1


def test_many_threads_count() -> None:
    """Atomic additions of many threads, and their waits for each other, lose nothing."""
    text = module(
        """(loop $again
          (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then unreachable))
          (br_if $again (i32.lt_u (local.tee $id (i32.add (local.get $id) (i32.const 1))) (i32.const 16))))
        (loop $wait
          (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 1000000)))
          (br_if $wait (i32.lt_u (i32.atomic.load (i32.const 4)) (i32.const 16))))
        (call $exit (i32.load (i32.const 0)))""",
        """(local $k i32)
        (loop $again
          (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
          (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 10000))))
        (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))""",
    )
    assert run(text) == 160_000


READ = "(i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 1)) (drop (call $read {}))"
WRITE = "(i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 60000)) {}"


def test_threads_that_read_and_write_are_ended() -> None:
    """One waits for input that never comes, one for room in a pipe that nobody empties."""
    reading, writing = os.pipe(), os.pipe()
    text = module(
        "(drop (call $spawn (i32.const 0))) (drop (call $spawn (i32.const 1)))"
        "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 200000000))) (call $exit (i32.const 3))",
        "(if (local.get $argument) (then"
        + READ.format("(i32.const 0) (i32.const 8) (i32.const 1) (i32.const 16)")
        + ") (else "
        + WRITE.format(
            "(loop $again (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))) (br $again))"
        )
        + "))",
    )
    before = guest_threads()
    files = HostFile(reading[0]), HostFile(writing[1])
    assert run(text, stdin=files[0], stdout=files[1]) == 3
    wait_for_threads(before)
    os.close(reading[1])
    os.close(writing[0])


def test_a_descriptor_closes_behind_its_last_call() -> None:
    """The host's descriptor stays while a call of another thread uses it, and new calls find it closed."""
    guest = make_guest({})
    table = guest.wasi.table
    table.share()
    read_end, write_end = os.pipe()
    fd = table.insert(Descriptor.of_file(HostFile(read_end)))
    descriptor = table.get(fd)
    guest.ok("fd_close", fd)
    with pytest.raises(WasiError) as error:
        table.get(fd)
    assert error.value.errno is Errno.EBADF
    os.fstat(read_end)
    table.unpin([])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read_end)
    with pytest.raises(WasiError):
        descriptor.pin()
    os.close(write_end)


def test_time_limits(tmp_path: Path) -> None:
    """A program that waits has ended when its time is up."""
    before = guest_threads()
    with pytest.raises(jormun.TimeoutError, match="timed out"):
        run(module(SLEEP, ""), timeout_s=0.05)
    wait_for_threads(before)
    assert run(module("(call $exit (i32.const 4))", ""), timeout_s=60.0) == 4


def test_what_python_raises_comes_out() -> None:
    """From a function of Python's that a thread called, unchanged."""

    def sink(data: bytes) -> None:
        raise ZeroDivisionError("by a stream")

    text = module(
        "(drop (call $spawn (i32.const 0)))" + SLEEP,
        WRITE.format("(drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))"),
    )
    with pytest.raises(ZeroDivisionError, match="by a stream"):
        run(text, stdout=MemoryStream(sink=sink))


def test_no_file_of_the_host_is_left_open() -> None:
    """Threads or not."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    threads = guest_threads()
    run(module("(drop (call $spawn (i32.const 0)))", SLEEP))
    wait_for_threads(threads)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_group_that_has_ended_starts_nothing() -> None:
    """A thread that spawns at that time is ended itself."""
    group = ThreadGroup()
    group.run(lambda: None)
    with pytest.raises(Trap) as trapped:
        group.spawn(lambda thread_id: time.monotonic)
    assert trapped.value.kind is TrapKind.INTERRUPTED
    group.close()


def test_a_signal_ends_the_guest() -> None:
    """What its handler raises in the caller's thread comes out, as Ctrl-C does, and no thread goes on."""

    class Tapped(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Tapped

    started = threading.Event()
    before = signal.signal(signal.SIGUSR1, handler)
    threads = guest_threads()
    try:
        sender = threading.Thread(target=lambda: started.wait() and os.kill(os.getpid(), signal.SIGUSR1))
        sender.start()
        text = module(
            "(drop (call $spawn (i32.const 0)))" + SLEEP,
            WRITE.format("(drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))") + SLEEP,
        )
        with pytest.raises(Tapped):
            run(text, stdout=MemoryStream(sink=lambda data: started.set()))
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    wait_for_threads(threads)


RACE = """(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared)) (export "memory" (memory 0))
  (data (i32.const 512) "file")
  (func (export "wasi_thread_start") (param $id i32) (param i32) (local $k i32) (local $base i32)
    (local.set $base (i32.mul (local.get $id) (i32.const 1024)))
    (i32.store (local.get $base) (i32.const 512))
    (i32.store offset=4 (local.get $base) (i32.const 4))
    (loop $again
      (drop (call $open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 4) (i32.const 1) (i64.const 64)
        (i64.const 0) (i32.const 0) (i32.add (local.get $base) (i32.const 16))))
      (drop (call $write (i32.load offset=16 (local.get $base)) (local.get $base) (i32.const 1)
        (i32.add (local.get $base) (i32.const 20))))
      (drop (call $write (i32.const 5) (local.get $base) (i32.const 1) (i32.add (local.get $base) (i32.const 20))))
      (drop (call $renumber (i32.const 5) (i32.const 6)))
      (drop (call $close (i32.const 4)))
      (drop (call $close (i32.load offset=16 (local.get $base))))
      (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 100))))
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
  (func (export "_start") (local $k i32) (local $done i32)
    (loop $again
      (drop (call $spawn (i32.const 0)))
      (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 6))))
    (loop $wait
      (local.set $done (i32.atomic.load (i32.const 0)))
      (if (i32.lt_u (local.get $done) (i32.const 6)) (then
        (drop (memory.atomic.wait32 (i32.const 0) (local.get $done) (i64.const -1)))
        (br $wait))))))"""
"""Six threads open, write and close the same few descriptors, each other's too."""


def test_threads_never_write_to_files_of_the_host(tmp_path: Path) -> None:
    """However they race: a descriptor that one thread closes is not another file under a call of a second one."""
    box, own = tmp_path / "box", tmp_path / "own"
    box.mkdir()
    own.touch()
    is_over = threading.Event()

    def open_own_files() -> None:
        while not is_over.is_set():
            os.close(os.open(own, os.O_RDWR))

    before = sys.getswitchinterval()
    host = threading.Thread(target=open_own_files)
    host.start()
    sys.setswitchinterval(1e-5)
    try:
        assert run(RACE.encode(), directories={"/": box}) == 0
    finally:
        sys.setswitchinterval(before)
        is_over.set()
        host.join()
    assert own.stat().st_size == 0
    assert (box / "file").stat().st_size > 0


def test_the_store_of_a_guest_with_threads_dies_with_it() -> None:
    """At once, and without the help of garbage collection."""
    compiled = Module(module("(drop (call $spawn (i32.const 0)))", "")).compiled
    store = Store(compiled.engine)
    gc.collect()
    gc.disable()
    try:
        threads = guest_threads()
        run_command(compiled, ["app"], store=store)
        wait_for_threads(threads)
        reference = weakref.ref(store)
        del store
        assert reference() is None
    finally:
        gc.enable()


def test_no_thread_is_left_a_moment_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the guest's end is told its threads have ended, not just what they did."""
    run = threading.Thread.run

    def run_slowly(thread: threading.Thread) -> None:
        run(thread)
        time.sleep(0.05)

    monkeypatch.setattr(threading.Thread, "run", run_slowly)
    assert run_command(Module('(module (func (export "_start")))').compiled, ["app"], timeout_s=60) == 0
    assert not [each for each in threading.enumerate() if each.name.startswith("guest thread")]
