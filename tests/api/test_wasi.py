"""The world of WASI that an instance is given."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun

IMPORTS = """
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
"""
LIBRARY = f"""(module {IMPORTS}
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (data (i32.const 8) "\\40\\00\\00\\00\\06\\00\\00\\00") (data (i32.const 64) "hello\\n")
  (data (i32.const 16) "\\00\\01\\00\\00\\10\\00\\00\\00")
  (data (i32.const 80) "a")
  (data (i32.const 144) "\\01") (data (i32.const 152) "\\00\\80\\c6\\a4\\7e\\8d\\03\\00")
  (func (export "_initialize") (global.set $ready (i32.add (global.get $ready) (i32.const 1))))
  (func (export "ready") (result i32) (global.get $ready))
  (func (export "greet") (param i32) (result i32)
    (call $write (local.get 0) (i32.const 8) (i32.const 1) (i32.const 0)))
  (func (export "read") (param i32) (result i32) (call $read (local.get 0) (i32.const 16) (i32.const 1) (i32.const 0)))
  (func (export "open") (result i32) (drop (call $open (i32.const 3) (i32.const 1) (i32.const 80) (i32.const 1)
    (i32.const 9) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0))) (i32.load (i32.const 0)))
  (func (export "sleep") (result i32) (call $poll (i32.const 128) (i32.const 512) (i32.const 1) (i32.const 0)))
  (func (export "exit") (param i32) (call $exit (local.get 0)))
)"""  # `sleep` is for a million seconds


def test_output_is_captured_and_the_library_is_made_ready() -> None:
    """What a library prints is at hand while its world is open, and `_initialize` has been called once."""
    with jormun.Wasi(capture_output=True) as world:
        exports = jormun.load(LIBRARY, wasi=world).exports
        assert exports.ready() == 1
        assert (exports.greet(1), world.stdout) == (0, b"hello\n")
        assert (exports.greet(2), world.stdout, world.stderr) == (0, b"hello\n", b"hello\n")


def test_files_are_those_that_were_given() -> None:
    """A library writes into a directory in memory, which is read at any time; it has no other directories."""
    world = jormun.Wasi(dirs={"/d": {}})
    exports = jormun.Module(LIBRARY).instantiate(wasi=world).exports
    assert exports.greet(exports.open()) == 0
    assert dict(world.files) == {"/d/a": b"hello\n"}
    with jormun.Wasi() as empty:
        bare = jormun.Instance(jormun.Module(LIBRARY), wasi=empty).exports
        bare.open()
        assert bare.greet(3) == 8  # EBADF


def test_instances_share_a_world() -> None:
    """What one instance has opened is open for the other; their memories are their own."""
    world = jormun.Wasi(dirs={"/d": {}})
    module = jormun.Module(LIBRARY)
    first, second = (module.instantiate(wasi=world).exports for _ in range(2))
    fd = first.open()
    assert second.greet(fd) == 0
    assert dict(world.files) == {"/d/a": b"hello\n"}


def test_imports_come_first() -> None:
    """A function that is given under a name of WASI's is the one that is called."""
    with jormun.Wasi() as world:
        exports = jormun.load(
            LIBRARY, {"wasi_snapshot_preview1": {"fd_write": lambda fd, iovs, count, written: fd}}, wasi=world
        ).exports
        assert exports.greet(76) == 76


def test_exit_reaches_the_caller() -> None:
    """A library that ends itself raises jormun.Exit with its status, and can be called again."""
    exports = jormun.load(LIBRARY, wasi=jormun.Wasi()).exports
    with pytest.raises(jormun.Exit, match="exit status 7") as raised:
        exports.exit(7)
    assert raised.value.status == 7
    assert exports.ready() == 1


def test_without_a_world_the_error_says_how_to_give_one() -> None:
    """A module that imports WASI and is given none does not link, and its user learns what to write."""
    with pytest.raises(jormun.LinkError) as raised:
        jormun.load(LIBRARY)
    assert "wasi=jormun.Wasi()" in "".join(raised.value.__notes__)


def test_files_are_closed_with_the_last_who_uses_them(tmp_path: Path) -> None:
    """What a guest has open stays open while any function of it is in use, and no longer."""
    (tmp_path / "a").write_bytes(b"")
    assert _open_below(tmp_path) == []
    exports = jormun.load(LIBRARY, wasi=jormun.Wasi(dirs={"/d": tmp_path})).exports
    fd, greet = exports.open(), exports.greet
    del exports
    gc.collect()
    assert greet(fd) == 0
    assert (tmp_path / "a").read_bytes() == b"hello\n"
    assert _open_below(tmp_path) == [str(tmp_path), str(tmp_path / "a")]
    del greet
    gc.collect()
    assert _open_below(tmp_path) == []


@pytest.mark.parametrize("what", ["sleep", "read"])
@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_waiting_calls_are_interrupted(what: str, tier: str) -> None:
    """A library that sleeps, or reads from an empty pipe, ends by another thread's `interrupt`, and by the time limit
    of its store.
    """
    reading, writing = os.pipe()
    try:
        config = jormun.Config(tier=tier)  # type: ignore[arg-type]
        instance = jormun.load(LIBRARY, wasi=jormun.Wasi(stdin=reading), config=config)
        call: Callable[[], object] = instance.exports.sleep if what == "sleep" else lambda: instance.exports.read(0)
        _interrupted(instance, call)
        _interrupted(instance, call)  # and again: an interruption counts for the calls that it finds
        limited = jormun.load(
            LIBRARY, wasi=jormun.Wasi(stdin=reading), config=config, limits=jormun.Limits(timeout=0.05)
        )
        with pytest.raises(jormun.TimeoutError):
            limited.exports.sleep() if what == "sleep" else limited.exports.read(0)
        os.write(writing, b"x")
        assert instance.exports.read(0) == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_the_event_loop_runs_on_while_an_awaited_call_waits() -> None:
    """A guest that sleeps or reads an empty pipe suspends an awaited call: others run, and cancelling ends it."""
    reading, writing = os.pipe()

    async def main() -> None:
        exports = jormun.load(LIBRARY, wasi=jormun.Wasi(stdin=reading)).exports
        sleeping = asyncio.ensure_future(exports.sleep.call_async())
        await asyncio.sleep(0.01)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        asking = asyncio.ensure_future(exports.read.call_async(0))
        await asyncio.sleep(0.01)
        assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        asking = asyncio.ensure_future(exports.read.call_async(0))
        await asyncio.sleep(0.01)
        os.write(writing, b"abc")
        assert await asking == 0
        assert exports.memory[256:259] == b"abc"

    try:
        asyncio.run(main())
    finally:
        os.close(reading)
        os.close(writing)


def test_an_awaited_sleep_ends_when_its_time_has_come() -> None:
    """Many guests sleep at once, for the time that they asked for in the first place."""

    async def main() -> None:
        module = jormun.Module(LIBRARY)
        guests = [module.instantiate(wasi=jormun.Wasi(stdin=-1)).exports for _ in range(50)]
        for guest in guests:
            guest.memory.write(152, (20_000_000).to_bytes(8, "little"))
        started = time.monotonic()
        assert await asyncio.gather(*(guest.sleep.call_async() for guest in guests)) == [0] * 50
        assert time.monotonic() - started >= 0.02
        assert all(guest.memory.read(0, 4) == b"\1\0\0\0" for guest in guests)

    asyncio.run(main())


def test_an_awaited_call_has_its_time_limit() -> None:
    """Also while it sleeps."""

    async def main() -> None:
        limits = jormun.Limits(timeout=0.02)
        exports = jormun.load(LIBRARY, wasi=jormun.Wasi(), limits=limits).exports
        with pytest.raises(jormun.TimeoutError):
            await exports.sleep.call_async()

    asyncio.run(main())


def _open_below(folder: Path) -> list[str]:
    """What this process has open of a folder: other tests' garbage may be closed at any time."""
    links = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sorted(str(link) for link in links if link.is_relative_to(folder))


def _interrupted(instance: jormun.Instance, call: Callable[[], object]) -> None:
    ended: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except jormun.Trap as trap:
            ended.append(trap)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():  # the call may not have begun yet
        time.sleep(0.02)
        instance.interrupt()
    assert [each.kind for each in ended if isinstance(each, jormun.Trap)] == [jormun.TrapKind.INTERRUPTED]


def test_what_was_reached_is_a_snapshot() -> None:
    """A snapshot of a library imports WASI as the library did, and is not made ready a second time."""
    instance = jormun.load(LIBRARY, wasi=jormun.Wasi())
    with jormun.Wasi(capture_output=True) as world:
        exports = instance.snapshot().instantiate(wasi=world).exports
        assert exports.ready() == 1
        assert (exports.greet(1), world.stdout) == (0, b"hello\n")


def test_lines_without_an_end_are_handed_on_at_the_end() -> None:
    """A function that takes lines gets the last one, which is none, when the world is closed."""
    lines: list[str] = []
    with jormun.Wasi(stdout=lines.append, text=True) as world:
        instance = jormun.load(LIBRARY, wasi=world)
        instance.exports.memory[12] = 3
        instance.exports.greet(1)
        assert lines == []
    assert lines == ["hel"]


def test_a_closed_world_has_no_files() -> None:
    """Functions can be called when their world is closed; what they ask of it fails as with a closed descriptor."""
    world = jormun.Wasi(capture_output=True)
    exports = jormun.load(LIBRARY, wasi=world).exports
    world.close()
    world.close()
    assert exports.greet(1) == 8
    assert exports.ready() == 1


def test_what_cannot_be_given_is_said(tmp_path: Path) -> None:
    """As run says it, before any guest is there."""
    with pytest.raises(FileNotFoundError):
        jormun.Wasi(dirs={"/d": tmp_path / "none"})
    with pytest.raises(ValueError, match="environment variable"):
        jormun.Wasi(env={"a=b": ""})
    with pytest.raises(ValueError, match="capture_output"):
        jormun.Wasi(capture_output=True, stdout=1)
    with pytest.raises(TypeError, match="not copied or pickled"):
        __import__("pickle").dumps(jormun.Wasi())
