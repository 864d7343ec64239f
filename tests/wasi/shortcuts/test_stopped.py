"""Calls that machine code answers, in guests that have threads or a time limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import jormun
from jormun.api.module import Module
from jormun.runtime.world import CALLS
from jormun.wasi.filesystem import Buffers
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import run_command

HEAD = """
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"""
IOVECS = '(data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00\\40\\00\\00\\00\\00\\00\\f0\\00")'
"""At address 0 one of a byte, at address 8 one of 15 MiB."""
CALLS_WITHOUT_END = {
    "write": "(call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))",
    "read": "(call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 32))",
    "read at": "(call $pread (i32.const 0) (i32.const 8) (i32.const 1) (i64.const 0) (i32.const 32))",
    "random": "(call $random (i32.const 64) (i32.const 8))",
    "yield": "(call $yield)",
}


def program(call: str, calls: int | None = None) -> bytes:
    """Makes a call again and again, and exits with 9 when one fails; with 0 when all are done."""
    again = "(br $again)" if calls is None else f"(br_if $again (i32.lt_u (local.get $k) (i32.const {calls})))"
    return f"""(module {HEAD} (memory (export "memory") 256) {IOVECS}
      (func (export "_start") (local $k i32) (loop $again
        (if {call} (then (call $exit (i32.const 9))))
        (local.set $k (i32.add (local.get $k) (i32.const 1)))
        {again})))""".encode()


@pytest.mark.parametrize("name", CALLS_WITHOUT_END)
@pytest.mark.parametrize("kind", ["files", "memory"])
def test_a_guest_that_does_nothing_but_call_is_stopped(tmp_path: Path, name: str, kind: str) -> None:
    """When its time is up."""
    if kind == "memory" and name in ("read", "read at"):
        return
    (tmp_path / "in").write_bytes(bytes(20 << 20))
    stdin = HostFile(os.open(tmp_path / "in", os.O_RDONLY))
    stdout = HostFile(os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)) if kind == "files" else MemoryStream()
    module = Module(program(CALLS_WITHOUT_END[name]))
    module.compile()
    with pytest.raises(jormun.TimeoutError, match="timed out"):
        run_command(module.compiled, ["app"], stdin=stdin, stdout=stdout, timeout_s=0.1)


def test_python_is_not_asked_for_a_guest_with_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for one call in CALLS."""
    asked: list[int] = []
    write = HostFile.write

    def noting(self: HostFile, buffers: Buffers) -> int:
        asked.append(1)
        return write(self, buffers)

    monkeypatch.setattr(HostFile, "write", noting)
    stdout = HostFile(os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT))
    module = Module(program(CALLS_WITHOUT_END["write"], 10 * CALLS))
    module.compile()
    assert run_command(module.compiled, ["app"], stdout=stdout, timeout_s=60.0) == 0
    assert len(asked) == 10
    assert (tmp_path / "out").stat().st_size == 10 * CALLS


APPENDING = f"""(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32))) {HEAD}
  (import "env" "memory" (memory 1 1 shared)) (export "memory" (memory 0))
  {IOVECS} (data (i32.const 100) "file")
  (func (export "wasi_thread_start") (param i32 i32) (local $k i32)
    (loop $again
      (drop (call $pwrite (i32.const 4) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 40)))
      (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 2000))))
    (i32.atomic.store (i32.const 200) (i32.const 1)))
  (func (export "_start") (local $k i32)
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 1)
      (i64.const 0x3fffffff) (i64.const 0) (i32.const 1) (i32.const 32)))
    (drop (call $write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 32)))
    (drop (call $spawn (i32.const 0)))
    (loop $again
      (drop (call $write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 32)))
      (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 2000))))
    (loop $wait (br_if $wait (i32.eqz (i32.atomic.load (i32.const 200)))))))"""
"""One thread appends to a file while another one writes over its first byte."""


def test_what_a_thread_appends_is_appended(tmp_path: Path) -> None:
    """Whatever another one does with the file meanwhile."""
    assert run_command(Module(APPENDING.encode()).compiled, ["app"], directories={"/": tmp_path}) == 0
    assert (tmp_path / "file").stat().st_size == 2001
