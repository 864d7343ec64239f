"""`jormun.run_async`: programs in event loops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from pathlib import Path

import pytest

import jormun

HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $exit (i32.const 3))))"""
SPIN = '(module (func (export "_start") (loop $again (br $again))))'
READ = """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
  (func (export "_start") (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))))"""
SLEEP = """(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 100000000000))
    (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))))"""


def program(folder: Path, text: str) -> Path:
    """The file of a program."""
    path = folder / "program.wat"
    path.write_text(text)
    return path


def guests() -> list[str]:
    """The names of threads that run guests."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("guest thread")]


def test_results_are_those_of_run(tmp_path: Path) -> None:
    """Exit status and output; several at once."""

    async def main() -> list[jormun.CompletedProcess]:
        hello = program(tmp_path, HELLO)
        return await asyncio.gather(*(jormun.run_async([hello], capture_output=True, text=True) for _ in range(5)))

    for done in asyncio.run(main()):
        assert (done.returncode, done.stdout, done.stderr) == (3, "hello\n", "")


def test_fuel_is_that_of_run(tmp_path: Path) -> None:
    """What computes for ever ends when it is used up."""
    with pytest.raises(jormun.ExhaustionError, match="0 left of 5,000,000"):
        asyncio.run(jormun.run_async([program(tmp_path, SPIN)], fuel=5_000_000))


def test_exceptions_are_those_of_run(tmp_path: Path) -> None:
    """Wherever they come from."""
    hello = program(tmp_path, HELLO)
    with pytest.raises(subprocess.CalledProcessError):
        asyncio.run(jormun.run_async([hello], capture_output=True, check=True))
    with pytest.raises(subprocess.TimeoutExpired):
        asyncio.run(jormun.run_async([program(tmp_path, SPIN)], timeout=0.05))
    with pytest.raises(FileNotFoundError):
        asyncio.run(jormun.run_async([tmp_path / "none.wasm"]))
    with pytest.raises(jormun.LinkError, match="not a program"):
        asyncio.run(jormun.run_async([program(tmp_path, "(module)")]))


@pytest.mark.parametrize("text", [SPIN, READ, SLEEP])
def test_cancelling(tmp_path: Path, text: str) -> None:
    """Ends a program that computes, reads from a pipe that stays empty, or sleeps; its threads are gone then."""
    reading_end, writing_end = os.pipe()

    async def main() -> None:
        rounds = 0
        task = asyncio.ensure_future(jormun.run_async([program(tmp_path, text)], stdin=reading_end))
        while not guests():
            rounds += 1
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await jormun.run_async([program(tmp_path, text)], stdin=reading_end)
        assert rounds

    try:
        asyncio.run(main())
    finally:
        os.close(reading_end)
        os.close(writing_end)
    assert guests() == []


def test_functions_as_streams(tmp_path: Path) -> None:
    """They are called in the program's thread."""
    lines: list[tuple[str, bool]] = []

    def note(line: str) -> None:
        lines.append((line, threading.current_thread() is threading.main_thread()))

    asyncio.run(jormun.run_async([program(tmp_path, HELLO)], stdout=note, text=True))
    assert lines == [("hello", False)]
