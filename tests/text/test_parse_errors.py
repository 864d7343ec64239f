"""Texts that are no modules: the standard's wording, and the line and column of what is wrong."""

from __future__ import annotations

import pytest

from jormun.errors import MalformedError
from jormun.text.module import parse_module


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("(func", "unexpected token: expected the ')' of line 1, column 1, found the end of the text", 6),
        ("(module))", "unexpected token: expected the end of the text, found )", 9),
        ("(module) (module)", "unexpected token: expected the end of the text, found (", 10),
        ("(func i32.foo)", "unknown operator i32.foo", 7),
        ("(func module)", "unexpected token: expected an instruction, found module", 7),
        ("(function)", "unknown operator function", 2),
        ("(elem 1 2)", "unexpected token", 9),
        ("(func $)", "empty identifier", 7),
        ('(func $"")', "empty identifier", 7),
        ('(func "a"b)', 'unknown operator "a"b', 7),
        ("(func $f) (func $f)", "duplicate function $f", 17),
        ("(func (param $x i32) (local $x i32))", "duplicate local $x", 29),
        ("(type $t (func)) (type $t (func))", "duplicate type $t", 24),
        ("(type (struct (field $x i32) (field $x i32)))", "duplicate field $x", 37),
        ("(func call $f)", "unknown function $f", 12),
        ("(func local.get $x)", "unknown local $x", 17),
        ("(func br $l)", "unknown label $l", 10),
        ("(func block $l end br $l)", "unknown label $l", 23),
        ("(func global.get $g)", "unknown global $g", 18),
        ("(func (type $t))", "unknown type $t", 13),
        ("(type $s (struct (field i32))) (func struct.get $s $x)", "unknown field $x", 52),
        ("(func data.drop $d)", "unknown data segment $d", 17),
        ("(func elem.drop $e)", "unknown elem segment $e", 17),
        ("(func block $l end $m)", "mismatching label $m", 20),
        ("(func block end $m)", "mismatching label $m", 17),
        ("(func i32.const 0 if $l else $m end)", "mismatching label $m", 30),
        ("(func end)", "unexpected token", 7),
        ("(func block)", "unexpected token: expected 'end', found )", 12),
        ("(func (block) else)", "unexpected token", 15),
        ("(func (block loop))", "unexpected token: expected 'end', found )", 18),
        ("(func block (end))", "unexpected token", 14),
        ("(func (if (then) (else) (else)))", "unexpected token", 25),
        ("(func (if))", "unexpected token: expected '(then', found )", 10),
        ("(func (then))", "unexpected token", 8),
        ("(func (drop i32.const 1))", "unexpected token", 13),
        ("(func i32.const 4294967296)", "constant out of range", 17),
        ("(func i32.const x)", "unknown operator x", 17),
        ("(func i32.const nop)", "unexpected token: expected an integer, found nop", 17),
        ("(func i32.const 1.5)", "unexpected token: expected an integer, found 1.5", 17),
        ("(func f32.const 1e39)", "constant out of range", 17),
        ("(func i32.load align=3)", "alignment must be a power of two", 16),
        ("(func i32.load align=0)", "alignment must be a power of two", 16),
        ("(func i32.load offset=x)", "unknown operator offset=x", 16),
        ("(func i32.load offset=18446744073709551616)", "i64 constant out of range", 16),
        ("(func i8x16.extract_lane_s 256)", "i8 constant out of range", 28),
        ("(func i8x16.shuffle 1)", "invalid lane length", 22),
        ("(func v128.const i32x4 1 2 3)", "wrong number of lane literals", 24),
        ("(func v128.const i32x4 1 2 3 4 5)", "wrong number of lane literals", 32),
        ("(type $t (func)) (func (type $t) (param i32))", "inline function type", 30),
        ("(func (type 7) (param i32))", "unknown type 7", 13),
        ("(func (result i32) (param i32))", "unexpected token", 21),
        ("(func block (param $x i32) end)", "unexpected token", 20),
        ('(func) (import "" "" (func))', "import after function", 8),
        ('(memory 0) (func (import "" ""))', "import after memory", 12),
        ("(func $f) (start $f) (start $f)", "multiple start sections", 22),
        ("(memory 0 (pagesize 3))", "invalid custom page size 3", 21),
        ("(memory 18446744073709551616)", "i64 constant out of range", 9),
        ('(import "\\ff" "" (func))', "malformed UTF-8 encoding", 9),
        ('(export 7 (func 0))', "unexpected token: expected a string, found 7", 9),
        ('(data "\\u{d800}")', "illegal escape", 7),
        ("(rec (func))", "unexpected token", 6),
        ("(type (sub (final) (func)))", "unexpected token", 12),
        ("(global (mut) i32.const 0)", "unexpected token: expected a value type, found )", 13),
        ("(table 1 i32)", "unexpected token: expected a reference type, found i32", 10),
        ("(func (local (ref any any)))", "unexpected token: expected ')', found any", 23),
        ("(@custom)", "@custom annotation: missing section name", 1),
        ('(@custom "a" (before))', "@custom annotation: malformed section kind", 15),
        ('(@custom "a" (near type))', "@custom annotation: malformed placement", 15),
        ('(@custom "a" b)', "@custom annotation: unexpected token", 14),
        ('(func (@custom "a"))', "misplaced @custom annotation", 7),
        ('(func nop (@name "a"))', "misplaced @name annotation", 11),
        ('(func (@name "a" "b"))', "@name annotation: unexpected token", 18),
        ('(func (@name "a") (@name "b"))', "@name annotation: multiple name", 19),
        ('(@metadata.code.branch_hint "\\00") (func)', "@metadata.code.branch_hint annotation: not in a function", 1),
        ('(func (@metadata.code.branch_hint "\\02") if end)', "@metadata.code.branch_hint annotation: invalid hint", 7),
        ('(func (@metadata.code.branch_hint "\\00") nop)', "@metadata.code.branch_hint annotation: invalid target", 42),
    ],
)  # fmt: skip
def test_errors(text: str, message: str, column: int) -> None:
    """The message begins with these words, and points at this column."""
    with pytest.raises(MalformedError) as caught:
        parse_module(text)
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_lines() -> None:
    """The line is that of the token at fault."""
    with pytest.raises(MalformedError) as caught:
        parse_module("(module\n  (func\n    (drop (i32.const 1)\n      oops)))\n")
    assert str(caught.value) == "line 4, column 7: unknown operator oops"
