"""Which functions may keep the GIL: those that end in a moment, whatever they are given."""

from __future__ import annotations

import pytest

from jormun.runtime.short import short_functions
from jormun.text.module import parse_module
from jormun.validation.module import validate

SHORT = [
    '(func (export "f") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))',
    '(func (export "f"))',
    '(func (export "f") (param i32) (if (local.get 0) (then (i32.store (i32.const 0) (i32.const 1)))))',
    '(func (export "f") (block (br 0)))',
    '(func $g (param i32) (result i32) (local.get 0)) (func (export "f") (result i32) (call $g (i32.const 1)))',
    '(func $g) (func (export "f") (return_call $g))',
    f'(func $g) (func (export "f") {"(call $g)" * 50})',
    '(func (export "f") (global.set 0 (i32.const 1)))',
]
LONG = [
    '(func (export "f") (loop))',
    '(func (export "f") (loop (br 0)))',
    '(func (export "f") (call $host))',
    '(func $f (export "f") (call $f))',
    '(func $f (export "f") (return_call $f))',
    '(func $f (export "f") (call $g)) (func $g (call $f))',
    '(func $g (loop)) (func (export "f") (call $g))',
    '(func (export "f") (call_indirect (i32.const 0)))',
    '(func (export "f") (drop (memory.grow (i32.const 1))))',
    '(func (export "f") (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)))',
    '(func (export "f") (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))',
    '(func (export "f") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))',
    f'(func (export "f") {"nop " * 600})',
    "(func $a (nop) (nop) (nop) (nop) (nop) (nop))"
    + "".join(f"(func ${b} {f'(call ${a})' * 8})" for a, b in zip("abc", "bcd", strict=True))
    + '(func (export "f") (call $d))',
]
REST = '(import "env" "host" (func $host)) (memory 1 1 shared) (table 1 funcref) (global (mut i32) (i32.const 0))'


@pytest.mark.parametrize("text", SHORT)
def test_short(text: str) -> None:
    """No loops, nothing that calls who knows whom, and little code in all."""
    valid = validate(parse_module(f"(module {REST} {text})"))
    assert short_functions(valid) == tuple(e.index for e in valid.module.exports)


@pytest.mark.parametrize("text", LONG)
def test_long(text: str) -> None:
    """All others."""
    assert short_functions(validate(parse_module(f"(module {REST} {text})"))) == ()


def test_imports_are_long() -> None:
    """An import that is exported again is nobody knows what."""
    text = '(module (import "env" "f" (func $f)) (export "f" (func $f)))'
    assert short_functions(validate(parse_module(text))) == ()


def test_little_is_read() -> None:
    """Of a module with many exports those that are read first are known."""
    functions = "".join(f'(func (export "{k}") {"nop " * 400})' for k in range(1000))
    found = short_functions(validate(parse_module(f"(module {functions})")))
    assert 10 < len(found) < 200
