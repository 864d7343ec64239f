"""`jormun stubs`, judged by mypy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SOURCE, Command, wat

TEXT = """(module
  (import "host" "log" (func))
  (type $f (func (param i32)))
  (func (export "add") (param $left i32) (param $right i64) (result i64) (local.get 1))
  (func (export "mean") (param f32 f64) (result f32 f64) (local.get 0) (local.get 1))
  (func (export "same") (param $x i32) (param i32) (result i32) (local.get 0))
  (func (export "lanes") (param v128) (result v128) (local.get 0))
  (func (export "call") (param funcref externref (ref null $f)) (result externref) (local.get 1))
  (func (export "nothing")) (func (export "_private")) (func (export "two words")) (func (export "lambda"))
  (func (export "__spec__")) (func (export "\\22\\22\\22\\n\\\\"))
  (memory (export "memory") 1) (table (export "table") 1 funcref)
  (global (export "count") (mut i32) (i32.const 0)) (tag (export "tag")))"""
USE = """
import calc, jormun, jormun.hook
reveal_type(calc.add(1, 2))
reveal_type(calc.mean(1, 2.5))
reveal_type(calc.lanes(bytes(16)))
reveal_type(calc.nothing())
reveal_type(calc.memory)
reveal_type(calc.count)
calc.call(None, object(), calc.add)
calc.__wasm__.exports["two words"]()
jormun.vectorize(calc.add)
calc.add("1", 2)
calc.add(1)
calc.add(left=1, right=2)
calc.missing
"""


def mypy(folder: Path, *files: str) -> list[str]:
    (folder / "mypy.ini").write_text("[mypy]\n[mypy-llvmlite.*]\nignore_missing_imports = true\n")
    words = ["--strict", "--no-error-summary", "--cache-dir", str(folder / "cache"), *files]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=folder,
        env={} if SOURCE.name == "site-packages" else {"MYPYPATH": str(SOURCE)},  # which mypy knows
        capture_output=True,
        text=True,
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_mypy_understands_it(command: Command, tmp_path: Path) -> None:
    """The stub is correct, and programs that import the module are checked by it."""
    assert command("stubs", wat(tmp_path, TEXT, "calc.wat")).status == 0
    assert mypy(tmp_path, "calc.pyi") == []
    (tmp_path / "use.py").write_text(USE.lstrip())
    told = [line.partition(": ")[2] for line in mypy(tmp_path, "use.py")]
    assert [line.split('"')[1] for line in told if line.startswith("note: Revealed")] == [
        "int", "tuple[float, float]", "bytes", "None", "jormun.runtime.memory.Memory", "jormun.runtime.globals.Global",
    ]  # fmt: skip
    errors = [line for line in told if line.startswith("error")]
    assert len(errors) == 5  # "nothing" returns none too, which mypy dislikes to be used
    for text in ('incompatible type "str"', "Too few arguments", "Unexpected keyword", 'has no attribute "missing"'):
        assert any(text in error for error in errors)


def test_what_it_says(command: Command, tmp_path: Path) -> None:
    """Names of parameters where all have some; names that are none of Python's in comments."""
    assert command("stubs", wat(tmp_path, TEXT, "calc.wat"), "-o", "-").out.splitlines() == [
        '"""calc.wat: a WebAssembly module. Written by `jormun stubs`."""',
        "",
        "from collections.abc import Callable",
        "from typing import Any, SupportsFloat, SupportsIndex",
        "",
        "import jormun",
        "",
        "__wasm__: jormun.Instance",
        "def add(left: SupportsIndex, right: SupportsIndex, /) -> int: ...",
        "def mean(param0: SupportsFloat | SupportsIndex, param1: SupportsFloat | SupportsIndex, /)"
        " -> tuple[float, float]: ...",
        "def same(param0: SupportsIndex, param1: SupportsIndex, /) -> int: ...",
        "def lanes(param0: bytes | bytearray | memoryview, /) -> bytes: ...",
        "def call(param0: Callable[..., Any] | None, param1: Any, param2: Callable[..., Any] | None, /) -> Any: ...",
        "def nothing() -> None: ...",
        "def _private() -> None: ...",
        "# 'two words': a function of type [] -> []: in __wasm__.exports",
        "# 'lambda': a function of type [] -> []: in __wasm__.exports",
        "# '__spec__': a function of type [] -> []: in __wasm__.exports",
        "# '<22><22><22><a><5c>': a function of type [] -> []: in __wasm__.exports",
        "memory: jormun.Memory",
        "table: jormun.Table",
        "count: jormun.Global",
        "tag: jormun.Tag",
        "__all__ = ['add', 'mean', 'same', 'lanes', 'call', 'nothing', 'memory', 'table', 'count', 'tag']",
    ]


def test_files(command: Command, tmp_path: Path) -> None:
    """Beside the module by default; a module that is none writes nothing."""
    assert command("stubs", wat(tmp_path, "(module)", "empty.wat")).out == ""
    assert (tmp_path / "empty.pyi").read_text().endswith("__all__: list[str] = []\n")
    for text in ("(module (func (result i32)))", "(modul)"):
        result = command("stubs", wat(tmp_path, text, "bad.wat"))
        assert result.status == 1 and result.err.startswith(f"jormun: {tmp_path}/bad.wat: ")
    assert not (tmp_path / "bad.pyi").exists()
    assert command("stubs", "-").status == 2
    assert command("stubs", tmp_path / "none.wasm").status == 1
