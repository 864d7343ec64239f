"""Second starts: nothing is compiled or validated, what is new is added, and a bad cache changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from jormun.binary.encode import encode
from jormun.text.module import parse_module

PROGRAM = """(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n") (table 2 funcref)
  (elem (i32.const 1) $say) (func $say (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "_start") (call_indirect (i32.const 1)))
  (func (export "other") (result i32) (i32.const 42)) (func (export "trap") unreachable)
  (func (export "wait") (drop (call $fib (i32.const 1))) (loop $l (br $l)))
  (func $fib (param i32) (result i32) (local.get 0)))"""
HEAVY = {"llvmlite", "jormun.baseline", "jormun.cache.artifact", "jormun.optimizing", "jormun.binary.decode",
         "jormun.runtime.allowance", "jormun.runtime.metering", "jormun.text", "jormun.validation.body",
         "jormun.opcodes", "jormun.syntax.module", "jormun.llvm.target", "dataclasses", "inspect", "typing", "argparse",
         "pathlib", "re", "platformdirs", "hashlib", "subprocess", "tempfile", "logging", "collections", "contextlib",
         "ctypes", "enum", "functools", "heapq", "importlib", "operator", "signal", "socket", "threading", "types",
         "warnings", "weakref"}  # fmt: skip
"""What a warm start does not import."""
COMMAND = "from jormun.cli.command import command; command()"
"""What the script `jormun` does."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program's file."""
    path = tmp_path / "hello.wat"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def run(tmp_path: Path, program: Path) -> Run:
    """Runs `jormun run` on the program, in a process of its own with a cache of the test's own."""

    def run(*options: str, folder: Path = tmp_path / "cache", size: str = "") -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-X", "importtime", "-c", COMMAND, "run", *options, str(program)]
        environment = {**os.environ, "JORMUN_CACHE_DIR": str(folder), "JORMUN_CACHE_SIZE": size}
        return subprocess.run(words, capture_output=True, text=True, env=environment)

    return run


def _imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The modules that a run imported."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def _said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a run wrote to standard error itself."""
    return [line for line in done.stderr.splitlines() if not line.startswith("import time:")]


def test_a_warm_start_imports_nothing_heavy(run: Run) -> None:
    """The first run compiles, the second prints the same with no compiler, decoder, validator or text format, and no
    module that mypyc has compiled.
    """
    cold, warm = run(), run()
    assert cold.stdout == warm.stdout == "hello\n"
    assert "jormun.baseline.compile" in _imported(cold)
    python = subprocess.run([sys.executable, "-X", "importtime", "-c", "pass"], capture_output=True, text=True)
    own = _imported(warm) - _imported(python)
    assert not {name for name in own for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")}
    for spec in [find_spec(name) for name in own if name.startswith("jormun.")]:  # loading a shared library takes 2 ms
        assert spec is not None and spec.origin is not None and spec.origin.endswith(".py")


def test_a_first_start_imports_no_more_than_it_compiles_with(run: Run, program: Path) -> None:
    """What takes as long as to compile a small program stays away, but for what mypyc's vectors bring; other settings
    have entries of their own.
    """
    program.write_bytes(encode(parse_module(PROGRAM)))
    run()
    cold = run("--tier", "baseline")
    assert cold.stdout == "hello\n" and "jormun.baseline.compile" in _imported(cold)
    vectors = "import librt.vecs" if "librt.vecs" in _imported(cold) else "pass"
    brought = subprocess.run([sys.executable, "-X", "importtime", "-c", vectors], capture_output=True, text=True)
    unwanted = {"dataclasses", "inspect", "enum", "typing", "re", "argparse", "llvmlite", "jormun.optimizing.engine"}
    assert not (_imported(cold) - _imported(brought)) & unwanted


def test_functions_of_sockets_take_none(run: Run, program: Path) -> None:
    """A guest that imports them and has no socket, as CPython does, starts without loading the module."""
    imported = '(module (import "wasi_snapshot_preview1" "sock_shutdown" (func (param i32 i32) (result i32)))'
    program.write_text(PROGRAM.replace("(module", imported, 1))
    run()
    done = run()
    assert done.stdout == "hello\n" and not {"socket", "_socket"} & _imported(done)


def test_a_second_run_compiles_only_what_is_new(run: Run) -> None:
    """Each function once, whichever run it was needed in."""
    run()
    assert run("--invoke", "other").stdout == "42\n"
    for options, output in (((), "hello\n"), (("--invoke", "other"), "42\n")):
        done = run(*options)
        assert done.stdout == output and "jormun.baseline.compile" not in _imported(done)


def test_traps_name_functions(run: Run) -> None:
    """A backtrace out of code that was compiled by another process is the same."""
    cold, warm = run("--invoke", "trap"), run("--invoke", "trap")
    assert cold.returncode == warm.returncode == 134
    assert _said(cold) == _said(warm) != []
    assert "jormun.baseline.compile" not in _imported(warm)


def test_no_cache(run: Run, tmp_path: Path) -> None:
    """--no-cache and a cache of size 0 neither read nor write."""
    assert run("--no-cache").stdout == run(size="0").stdout == "hello\n"
    assert not (tmp_path / "cache" / "code").exists()


def test_another_file_is_another_entry(run: Run, program: Path) -> None:
    """The key is in the bytes."""
    run()
    program.write_text(PROGRAM.replace("hello", "olleh"))
    assert run().stdout == "olleh\n"


@pytest.mark.parametrize("damage", [lambda d: d[:-3], lambda d: d[:300] + b"??" + d[302:], lambda d: b""])
def test_a_damaged_entry_is_made_again(run: Run, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Without a word: the run after the next is warm again."""
    run()
    (entry,) = (tmp_path / "cache" / "code").iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    again = run()
    assert again.stdout == "hello\n" and _said(again) == []
    assert "jormun.baseline.compile" not in _imported(run())


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_folder_that_cannot_be_used(run: Run, tmp_path: Path, kind: str) -> None:
    """The run goes on, and one line says what is wrong."""
    folder = tmp_path / "bad"
    if kind == "file":
        folder.write_text("")
    elif os.geteuid() == 0:
        folder = Path("/proc/self/no")  # nobody may write there, root included
    else:
        folder.mkdir(0o500)
    done = run(folder=folder)
    assert done.stdout == "hello\n" and done.returncode == 0
    assert [line.startswith("jormun: warning: the code cache cannot be used: ") for line in _said(done)] == [True]


def test_a_killed_guest_loses_little(tmp_path: Path, program: Path) -> None:
    """Code is saved while the guest runs, a second after it was compiled, whether more is compiled or not."""
    script = f"""
import os, time, jormun
from jormun.cache import kept
kept._INTERVAL_S = 0.01
exports = jormun.load({str(program)!r}, {{"wasi_snapshot_preview1": {{"fd_write": lambda *a: 0}}}}).exports
exports.other()
folder = {str(tmp_path / "cache" / "code")!r}
while not (os.path.isdir(folder) and any(name.endswith(".code") for name in os.listdir(folder))):
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""
    environment = {**os.environ, "JORMUN_CACHE_DIR": str(tmp_path / "cache"), "JORMUN_CACHE_SIZE": ""}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert [path.suffix for path in (tmp_path / "cache" / "code").iterdir()] == [".code"]


def test_config(tmp_path: Path) -> None:
    """`Config(cache=...)`: a folder of one's own, or none; two modules of the same bytes in turn."""
    script = f"""
import sys, jormun
from jormun.cache.kept import save_all
for cache in (False, {str(tmp_path / "own")!r}, {str(tmp_path / "own")!r}):
    calc = jormun.load('(module (func (export "f") (result i32) (i32.const 5)))', config=jormun.Config(cache=cache))
    assert calc.exports.f() == 5
    save_all()
"""
    environment = {**os.environ, "JORMUN_CACHE_DIR": str(tmp_path / "users"), "JORMUN_CACHE_SIZE": ""}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert len(list((tmp_path / "own" / "code").iterdir())) == 1
    assert not (tmp_path / "users" / "code").exists()


def test_command(tmp_path: Path, run: Run) -> None:
    """`jormun cache` shows the folder, its size and its entries; `jormun cache clear` empties it."""
    run()
    environment = {**os.environ, "JORMUN_CACHE_DIR": str(tmp_path / "cache"), "JORMUN_CACHE_SIZE": "5MiB"}

    def command(*words: str) -> str:
        words = (sys.executable, "-m", "jormun", "cache", *words)
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=True).stdout

    shown = command()
    assert f"folder:  {tmp_path}/cache/code\n" in shown and "of at most 5.0 MiB\nentries: 1\n" in shown
    assert command("clear") == "removed 1 entry\n"
    assert "entries: 0\n" in command()
