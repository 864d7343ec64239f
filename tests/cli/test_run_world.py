"""`jormun run`: sockets, time limits, determinism and traces."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from .conftest import Command, start, wat

HEAD = """
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\08\\00\\00\\00")"""
WRITE = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))"
HANGS = f'(module {HEAD} (func (export "_start") (loop (br 0))))'


def test_listening(tmp_path: Path) -> None:
    """The program accepts at the address; a free port is told on standard error."""
    path = wat(
        tmp_path,
        f"""(module {HEAD} (func (export "_start")
          (drop (call $accept (i32.const 3) (i32.const 0) (i32.const 32)))
          (drop (call $write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 16)))))""",
    )
    with start("run", "--listen", "127.0.0.1:0", path) as process:
        assert process.stderr is not None
        told = process.stderr.readline().decode().rpartition(" at ")[2].strip()
        host, port = told.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as peer:
            assert peer.recv(8) == bytes(8)
        assert process.wait(60) == 0


@pytest.mark.parametrize("address", ["8080", "nowhere.invalid:1", "127.0.0.1:x", "/no such folder/socket"])
def test_addresses_that_cannot_be_had(command: Command, tmp_path: Path, address: str) -> None:
    """A usage error, with the option as it was written."""
    result = command("run", "--listen", address, wat(tmp_path, HANGS))
    assert result.status == 2
    assert result.err.startswith(f"jormun: --listen {address}: ")


def test_time_limit(tmp_path: Path) -> None:
    """It ends a program whatever it does, as a trap."""
    with start("run", "--timeout", "0.5", wat(tmp_path, HANGS)) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 134
    assert b"trap: timed out after 0.5 s" in err


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", ""])
def test_bad_time_limits(command: Command, tmp_path: Path, text: str) -> None:
    """A usage error."""
    result = command("run", "--timeout", text, wat(tmp_path, HANGS))
    assert result.status == 2
    assert "a time is a number of seconds" in result.err


def test_interrupting_a_program_with_threads(tmp_path: Path) -> None:
    """Ctrl-C ends it as it ends a native program: by the signal."""
    path = wat(
        tmp_path,
        """(module
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "env" "memory" (memory 1 1 shared)) (export "memory" (memory 0))
          (func $sleep (drop (memory.atomic.wait32 (i32.const 1024) (i32.const 0) (i64.const -1))))
          (func (export "wasi_thread_start") (param i32 i32)
            (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (call $sleep))
          (func (export "_start") (drop (call $spawn (i32.const 0))) (call $sleep)))""",
    )
    with start("run", path) as process:
        assert process.stdout is not None
        assert process.stdout.read(8) == bytes(8)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -2


def test_determinism(command: Command, tmp_path: Path) -> None:
    """The clock shows the same time in each run."""
    path = wat(
        tmp_path,
        f"""(module {HEAD} (func (export "_start")
          (drop (call $time (i32.const 0) (i64.const 0) (i32.const 64))) {WRITE}))""",
    )
    first, second = (command("run", "--deterministic", path).out for _ in range(2))
    assert first == second != command("run", path).out


def test_trace(command: Command, tmp_path: Path) -> None:
    """Each call on standard error; the program's output is as it was."""
    path = wat(tmp_path, f'(module {HEAD} (func (export "_start") {WRITE}))')
    result = command("run", "--trace-wasi", path)
    assert result.out == "\0" * 8
    assert result.err.startswith("fd_write(1, [8], 0x10) = 0, nwritten: 8 <")
