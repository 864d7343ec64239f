"""Texts that are meant to hurt: deep, long, or made to be slow. None may crash, or take more than its share of time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jormun.errors import MalformedError
from jormun.text.module import parse_module
from jormun.text.script_parser import parse_script

DEPTH = 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * DEPTH, "unexpected token"),
        ("(module " * DEPTH, "unexpected token"),
        ("(func " + "(block " * DEPTH, "unexpected token"),
        ("(func " + "block " * DEPTH + ")", "unexpected token"),
        ("(func " + "(drop " * DEPTH + ")" * DEPTH, "unexpected token"),
        ("(func " + "(if " * DEPTH + ")" * DEPTH + ")", "unexpected token"),
        ("(;" * DEPTH, "unclosed comment"),
        ("(@a " * DEPTH, "unclosed annotation"),
        ("(@a " + "(" * DEPTH, "unclosed annotation"),
        ('"' * (2 * DEPTH + 1), "unclosed string"),
        ('(data "' + "\\" * (2 * DEPTH), "unclosed string"),
        ("(func i32.const " + "1" * 10 * DEPTH + ")", "constant out of range"),
        ("(func f32.const 1e" + "9" * 10 * DEPTH + ")", "constant out of range"),
        ("(func f64.const 0x1p" + "9" * 10 * DEPTH + ")", "constant out of range"),
        ("(func " + "x" * 10 * DEPTH + ")", "unknown operator"),
        ("(func f32.const " + "1_" * DEPTH + ")", "unknown operator"),
        ("(type (func (param (ref " * DEPTH, "unexpected token"),
        ("(type (struct (field (mut " * DEPTH, "unexpected token"),
        ("(memory 1 " + "(data " * DEPTH, "unexpected token"),
        ('(data "\\u{' + "1" * DEPTH + '}")', "illegal escape"),
    ],
)
def test_hostile_texts(text: str, message: str) -> None:
    """Each is one clear error."""
    with pytest.raises(MalformedError, match=message) as caught:
        parse_module(text)
    assert caught.value.line is not None
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "(func " + "(block " * DEPTH + ")" * DEPTH + ")",
        "(func " + "block " * DEPTH + "end " * DEPTH + ")",
        "(func (param i32) " + "(if (local.get 0) (then " * DEPTH + "))" * DEPTH + ")",
        "(func (param i32) " + "(if " * DEPTH + "(local.get 0)" + " (then))" * DEPTH + ")",
        "(func (result i32) " + "(i32.eqz " * DEPTH + "(i32.const 0)" + ")" * DEPTH + ")",
        "(func block $l " + "block " * DEPTH + "br $l " * DEPTH + "end " * DEPTH + "end)",
        "(func " + "block $l " * DEPTH + "br $l " * DEPTH + "end $l " * DEPTH + ")",
        "(func (local " + "i32 " * 50_000 + "))",
        "(func " + "(local i32) " * 50_000 + ")",
        "(;" * DEPTH + ";)" * DEPTH,
        "(@a " + "(" * DEPTH + ")" * DEPTH + ")",
        "(@a " + "(@b " * DEPTH + ")" * DEPTH + ")",
        "(func) " * DEPTH,
        "(type (func)) " * DEPTH,
        "".join(f"(func $f{i} (param $p{i} i32) call $f{i}) " for i in range(20_000)),
        "(table funcref (elem " + "0 " * DEPTH + "))",
        "(table " + '(export "a") ' * 20_000 + "1 funcref)",
        "(func f64.const 0." + "0" * 10 * DEPTH + "1 drop)",
        "(func f32.const 1." + "3" * DEPTH + " drop)",
        "(func f64.const 0x0." + "0" * 10 * DEPTH + "1p" + str(40 * DEPTH) + " drop)",
        "(func i32.const " + "0" * 10 * DEPTH + "1 drop)",
        '(data "' + "\\00" * 10 * DEPTH + '")',
        "(data " + '"" ' * DEPTH + ")",
        "(rec " + "(type (func)) " * DEPTH + ")",
        "".join(f"(type $t{i} (func (param (ref null {i})))) " for i in range(20_000)),
    ],
)
def test_large_texts(text: str) -> None:
    """What is large, deep and well-formed is parsed; sizes are such that worse than linear time would not end."""
    parse_module(text)


def test_deep_scripts() -> None:
    """Scripts do not nest without bound."""
    for text in ("(thread " * DEPTH, '(assert_return (invoke "f") ' + "(either " * DEPTH):
        with pytest.raises(MalformedError):
            parse_script(text)


_WORDS = [
    "(",
    ")",
    "(",
    ")",
    "(module",
    "(func",
    "(type",
    "(rec",
    "(sub",
    "(struct",
    "(field",
    "(array",
    "(table",
    "(memory",
    "(global",
    "(tag",
    "(elem",
    "(data",
    "(export",
    "(import",
    "(start",
    "(param",
    "(result",
    "(local",
    "(ref",
    "null",
    "mut",
    "i32",
    "i64",
    "funcref",
    "$a",
    "$b",
    "0",
    "1",
    "0x7",
    "-1",
    "1.5",
    "nan:0x1",
    '"a"',
    '"\\ff"',
    "block",
    "loop",
    "if",
    "else",
    "end",
    "(if",
    "(then",
    "(else",
    "try_table",
    "(catch_all",
    "offset=1",
    "align=2",
    "i32.const",
    "i32.add",
    "br",
    "br_table",
    "call_indirect",
    "v128.const",
    "i8x16",
    "f32x4",
    "select",
    "ref.null",
    "ref.test",
    "br_on_cast",
    "struct.get",
    "memory.init",
    "table.init",
    "declare",
    "item",
    "(item",
    "(offset",
    "(@name",
    "(@custom",
    "before",
    "after",
    "(@metadata.code.branch_hint",
    "shared",
    "(pagesize",
    "i32.load",
    "v128.load8_lane",
    ";;",
    "(;",
    ";)",
    ",",
    '"',
    "\\",
    "é",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=40))
def test_soup(words: list[str]) -> None:
    """Any sequence of words is a module or MalformedError, with its place."""
    text = " ".join(words)
    for parse in (parse_module, parse_script):
        try:
            parse(text)
        except MalformedError as error:
            assert error.line is not None and error.column is not None


def test_mutations() -> None:
    """A module with tokens changed, left out or doubled is a module or MalformedError."""
    source = """(module $m (type $t (func (param i32) (result i32))) (import "a" "b" (func $i (type $t)))
      (memory $mem 1 2) (table $tab funcref (elem $f)) (global $g (mut i32) (i32.const 0)) (tag $e (param i32))
      (func $f (type $t) (local $x i64) (block $l (result i32) (br_if $l (local.get 0) (i32.const 1)))
        if (result i32) i32.const 1 else (i32.load offset=4 (i32.const 0)) end i32.add)
      (elem $s declare func $f) (data (i32.const 0) "abc") (export "f" (func $f)) (start $f))"""
    words = source.replace("(", " ( ").replace(")", " ) ").split()
    chance = random.Random(1)
    for _ in range(3000):
        mutated = list(words)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(mutated))
            match chance.randrange(4):
                case 0:
                    del mutated[at]
                case 1:
                    mutated[at] = chance.choice(words)
                case 2:
                    mutated.insert(at, chance.choice(words))
                case 3:
                    mutated[at] = chance.choice(_WORDS)
        try:
            parse_module(" ".join(mutated))
        except MalformedError as error:
            assert error.line is not None and error.column is not None


def test_a_long_name_is_shortened_in_errors() -> None:
    """A message stays readable, whatever is declared twice."""
    name = "$" + "a" * 100_000
    for text in (f"(func {name}) (func {name})", f"(type (struct (field {name} i32) (field {name} i32)))"):
        with pytest.raises(MalformedError, match="duplicate") as caught:
            parse_module(text)
        assert len(str(caught.value)) < 300
