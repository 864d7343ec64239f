"""Modules from all sources."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun

ADD = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
EMPTY = b"\0asm\1\0\0\0"


def test_sources(tmp_path: Path) -> None:
    """Paths as str and Path, of binary and text; bytes of either; text."""
    wat, wasm = tmp_path / "add.wat", tmp_path / "empty.wasm"
    wat.write_text("\n ;; a comment\n" + ADD)
    wasm.write_bytes(EMPTY)
    far = f"{' ' * 100_000}{ADD}"
    for source in (ADD, f"\n  {ADD}", f";; comment\n{ADD}", far, ADD.encode(), far.encode(), wat, str(wat)):
        assert [export.name for export in jormun.Module(source).exports] == ["add"]
    for source in (EMPTY, bytearray(EMPTY), memoryview(EMPTY), wasm, str(wasm)):
        assert jormun.Module(source).exports == ()


def test_modules_describe_themselves() -> None:
    """Imports and exports have names, kinds and types, and read well."""
    module = jormun.Module("""(module (import "a" "f" (func (param i32) (result i64)))
      (import "a" "m" (memory i64 1 2)) (import "a" "t" (table 3 funcref)) (import "a" "g" (global (mut f32)))
      (export "f" (func 0)) (export "g" (global 0)))""")
    assert [str(each) for each in module.imports] == [
        '"a" "f": a function of type [i32] -> [i64]',
        '"a" "m": a memory of i64 1 to 2 pages',
        '"a" "t": a table of i32 3 or more elements funcref',
        '"a" "g": a mutable global of type f32',
    ]
    assert [(each.name, str(each.kind), str(each)) for each in module.exports] == [
        ("f", "func", '"f": a function of type [i32] -> [i64]'),
        ("g", "global", '"g": a mutable global of type f32'),
    ]
    assert repr(module) == "<Module of 4 imports and 2 exports>"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"", jormun.MalformedError),
        (b"\0as", jormun.MalformedError),
        (EMPTY + b"\xff", jormun.MalformedError),
        (b"hello, world", jormun.MalformedError),
        (b"(module \xff)", jormun.MalformedError),
        ("(module", jormun.MalformedError),
        ("(module (func (result i32)))", jormun.InvalidError),
        ("no such file.wasm", FileNotFoundError),
        (".", IsADirectoryError),
        (1, TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_module(source, error: type[Exception]) -> None:
    """Each has its error."""
    with pytest.raises(error):
        jormun.Module(source)


def test_malformed_utf_8_has_a_place() -> None:
    """In text, a line and a column."""
    with pytest.raises(jormun.MalformedError, match="line 2, column 3: malformed UTF-8 encoding"):
        jormun.Module(b"(module\n  \xff)")


def test_compiling_ahead_shows_progress() -> None:
    """All functions are done at the end, and stay done."""
    module = jormun.Module(ADD)
    seen: list[tuple[int, int]] = []
    module.compile(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1, 1)
    assert jormun.Instance(module).exports.add(1, 2) == 3


def test_config() -> None:
    """Tiers that do not exist are refused; features are passed on."""
    for tier in ("auto", "baseline", "optimizing"):
        assert jormun.load(ADD, config=jormun.Config(tier=tier)).exports.add(1, 2) == 3
    with pytest.raises(ValueError, match="unknown tier 'fast', there are auto, baseline, optimizing"):
        jormun.Config(tier="fast")  # type: ignore[arg-type]
    shared = "(module (memory 1 1 shared))"
    jormun.Module(shared)
    with pytest.raises((jormun.InvalidError, jormun.MalformedError)):
        jormun.Module(shared, config=jormun.Config(features=jormun.Features(threads=False)))
