"""`jormun run`: options, exit statuses, and what a guest sees."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.cli import run
from jormun.runtime.native.machine import Native

from .conftest import Command, wat

ECHO = """
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $print (param $size i32)
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (local.get $size))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 1024) (i32.const 4096)))
    (call $print (i32.load (i32.const 4)))
    (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ_get (i32.const 1024) (i32.const 4096)))
    (call $print (i32.load (i32.const 4)))))
"""
"""Prints its arguments and its environment, each with a NUL at its end."""

LIBRARY = """
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "tenth") (param f32) (result f32 f64)
    (f32.mul (local.get 0) (f32.const 0.1)) (f64.promote_f32 (local.get 0)))
  (func (export "same") (param v128) (result v128) (local.get 0))
  (func (export "keep") (param externref funcref) (result externref funcref) (local.get 0) (local.get 1))
  (func (export "nothing"))
  (memory (export "memory") 1))
"""


def exit_with(status: int) -> str:
    return (
        '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)'
        f' (func (export "_start") (call $exit (i32.const {status}))))'
    )


def test_arguments_and_environment(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All behind FILE is the guest's, options too; the environment is what --env says, and nothing else."""
    monkeypatch.setenv("TAKEN", "here")
    monkeypatch.setenv("HIDDEN", "secret")
    path = wat(tmp_path, ECHO)
    options = ["--env", "A=1", "--env", "TAKEN", "--env", "EMPTY=", "--env", "NOT_SET_ANYWHERE"]
    result = command("run", *options, path, "one", "--dir", "-x", "--", "--help")
    assert result.status == 0
    assert result.out == f"{path}\0one\0--dir\0-x\0--\0--help\0A=1\0TAKEN=here\0EMPTY=\0"


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1), (42, 42), (255, 255)])
def test_exit_status(command: Command, tmp_path: Path, status: int, expected: int) -> None:
    """The guest's is the command's."""
    assert command("run", wat(tmp_path, exit_with(status))).status == expected


def test_a_run_is_taken_apart_where_the_process_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere `command` says so, and nothing is freed."""
    path = wat(tmp_path, exit_with(0))

    def used_after() -> int:
        assert command("run", path).status == 0
        gc.collect()
        return Native.get().code.used_bytes

    before = used_after()
    assert used_after() == before
    monkeypatch.setattr(run, "to_the_end", kept := list[object]())
    assert used_after() > before
    assert [type(each).__name__ for each in kept] == ["Module", "Store"]


def test_a_bug_of_ours_ends_a_run_as_any_program(tmp_path: Path) -> None:
    """With its traceback, and without errors from what is taken apart at the end."""
    script = (
        "import sys; from jormun.cli.command import command; from jormun.runtime.function import Function\n"
        "def call(*_): raise KeyError('ours')\n"
        "Function.call = call\n"
        "command()"
    )
    words = [sys.executable, "-c", script, "run", str(wat(tmp_path, exit_with(0)))]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith("KeyError: 'ours'\n")
    assert done.stderr.startswith("Traceback")


def test_trap(command: Command, tmp_path: Path) -> None:
    """134, and the backtrace with the names of functions, on standard error."""
    module = '(module $app (func $inner unreachable) (func $outer (call $inner)) (export "_start" (func $outer)))'
    result = command("run", wat(tmp_path, module))
    assert result.status == 134
    assert "trap: unreachable" in result.err
    assert result.err.index("$inner") < result.err.index("$outer")


def test_exhaustion(command: Command, tmp_path: Path) -> None:
    """A guest that recurses without end is a trap too."""
    result = command("run", wat(tmp_path, '(module (func $f (export "_start") (call $f) (call $f)))'))
    assert result.status == 134
    assert "call stack exhausted" in result.err


INVOKED = [
    (["add", "2", "40"], "42\n"),
    (["add", "-1", "0xffffffff"], "-2\n"),
    (["add", "2147483647", "1"], "-2147483648\n"),
    (["add64", "9_000_000_000", "-0x10"], "8999999984\n"),
    (["tenth", "1"], "0.1\n1.0\n"),
    (["tenth", "inf"], "inf\ninf\n"),
    (["tenth", "-nan"], None),
    (["tenth", "0x1p-3"], "0.0125\n0.125\n"),
    (["same", "0x000102030405060708090a0b0c0d0e0f"], "0x000102030405060708090a0b0c0d0e0f\n"),
    (["same", "1"], f"0x{1:032x}\n"),
    (["keep", "hello", "null"], "hello\nnull\n"),
    (["nothing"], ""),
]


@pytest.mark.parametrize(("arguments", "out"), INVOKED)
def test_invoke(command: Command, tmp_path: Path, arguments: list[str], out: str | None) -> None:
    """Arguments by the export's type, a result a line."""
    name, *rest = arguments
    result = command("run", "--invoke", name, wat(tmp_path, LIBRARY), *rest)
    assert (result.status, result.err) == (0, "")
    assert out is None or result.out == out


BAD_CALLS = [
    (["add", "1"], 2, "takes 2 arguments, found 1"),
    (["add", "1", "x"], 2, "argument 2: 'x' is no integer"),
    (["add", "1", "4294967296"], 2, "does not fit into 32 bits"),
    (["tenth", "x"], 2, "'x' is no f32"),
    (["keep", "x", "y"], 2, "only null can be written"),
    (["nowhere"], 1, "exported functions: add, add64"),
    (["memory"], 1, "no function is exported as 'memory'"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), BAD_CALLS)
def test_bad_calls(command: Command, tmp_path: Path, arguments: list[str], status: int, message: str) -> None:
    """2 for arguments that the type does not take, 1 for a function that is not there."""
    name, *rest = arguments
    result = command("run", "--invoke", name, wat(tmp_path, LIBRARY), *rest)
    assert result.status == status
    assert message in result.err


def test_a_reactor_is_initialized_first(command: Command, tmp_path: Path) -> None:
    """_initialize runs before what is invoked."""
    module = """(module (global $ready (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $ready (i32.const 1)))
      (func (export "ready") (result i32) (global.get $ready)))"""
    assert command("run", "--invoke", "ready", wat(tmp_path, module)).out == "1\n"


def test_a_library_is_no_program(command: Command, tmp_path: Path) -> None:
    """The message says how its functions are called."""
    result = command("run", wat(tmp_path, LIBRARY))
    assert result.status == 1
    assert "--invoke NAME: add, add64" in result.err


@pytest.mark.parametrize(
    "module",
    ['(module (import "env" "f" (func)) (func (export "_start")))', '(module (func (export "_start") (param i32)))'],
)
def test_what_cannot_be_linked(command: Command, tmp_path: Path, module: str) -> None:
    """A missing import, a start function of another type: 1 and one line."""
    result = command("run", wat(tmp_path, module))
    assert result.status == 1
    assert "cannot be linked" in result.err
    assert result.err.count("\n") == 1


def test_preload(command: Command, tmp_path: Path) -> None:
    """Modules in a row, each of which may import from those before it."""
    one = wat(tmp_path, '(module (func (export "one") (result i32) (i32.const 1)))', "one.wat")
    two = wat(
        tmp_path,
        '(module (import "a" "one" (func $one (result i32)))'
        ' (func (export "two") (result i32) (i32.add (call $one) (call $one))))',
        "two.wat",
    )
    app = wat(
        tmp_path,
        '(module (import "b" "two" (func $two (result i32))) (func (export "f") (result i32) (call $two)))',
    )
    result = command("run", "--preload", f"a={one}", "--preload", f"b={two}", "--invoke", "f", app)
    assert (result.status, result.out) == (0, "2\n")
    assert command("run", "--preload", f"b={two}", app).status == 1
    assert command("run", "--preload", "nothing", app).status == 2


def test_a_start_function_may_call_wasi(command: Command, tmp_path: Path) -> None:
    """Before the instance is there, its memory is."""
    module = """(module
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\n")
      (func $main (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))))
      (func (export "_start"))
      (start $main))"""
    assert command("run", wat(tmp_path, module)).out == "hi\n"


OPEN = """
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "file")
  (func (export "open") (param $oflags i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (local.get $oflags)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
  (func (export "name") (param $size i32) (result i32)
    (call $name (i32.const 3) (i32.const 200) (local.get $size))))
"""


@pytest.mark.parametrize(("suffix", "errno"), [("", 0), ("::/data", 0), ("::/data:ro", 69)])
def test_directories(command: Command, tmp_path: Path, suffix: str, errno: int) -> None:
    """Writable unless the option ends in :ro."""
    (tmp_path / "box").mkdir()
    result = command("run", "--dir", f"{tmp_path}/box{suffix}", "--invoke", "open", wat(tmp_path, OPEN), "1")
    assert result.out == f"{errno}\n"
    assert (tmp_path / "box" / "file").exists() == (errno == 0)


BAD_DIRECTORIES = ["none", "none:ro", "::/data", "box::", "module.wat"]


@pytest.mark.parametrize("option", BAD_DIRECTORIES)
def test_bad_directories(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    """A usage error, with the option as it was written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "box").mkdir()
    result = command("run", "--dir", option, wat(tmp_path, OPEN))
    assert result.status == 2
    assert result.err.startswith(f"jormun: --dir {option}: ")


def test_a_tier_that_is_not_there(command: Command, tmp_path: Path) -> None:
    """Refused, not replaced by another."""
    result = command("run", "--tier", "fast", wat(tmp_path, LIBRARY))
    assert result.status == 2
    assert "'fast' is no tier" in result.err


def test_two_directories_of_one_name(command: Command, tmp_path: Path) -> None:
    """Which of them would be meant?"""
    result = command("run", "--dir", f"{tmp_path}::/x", "--dir", f"{tmp_path}::/x", wat(tmp_path, OPEN))
    assert result.status == 2
    assert "another directory called /x" in result.err


def test_no_descriptor_is_left_open(command: Command, tmp_path: Path) -> None:
    """Neither after success nor after failure."""
    path = wat(tmp_path, exit_with(3))
    command("run", path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    command("run", "--dir", tmp_path, path)
    command("run", "--dir", tmp_path, wat(tmp_path, LIBRARY))
    command("run", "--dir", tmp_path, "--dir", tmp_path / "none", path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
