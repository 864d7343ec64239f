"""Constant expressions are evaluated."""

from __future__ import annotations

import pytest

CASES = [
    ("i32", "(i32.const -1)", -1),
    ("i32", "(i32.add (i32.const 0x7fffffff) (i32.const 1))", -(2**31)),
    ("i32", "(i32.sub (i32.const 1) (i32.mul (i32.const 0x10000) (i32.const 0x10001)))", 1 - 0x10000),
    ("i64", "(i64.add (i64.const -1) (i64.const 3))", 2),
    ("i64", "(i64.sub (i64.const 0) (i64.const 1))", -1),
    ("i64", "(i64.mul (i64.const 0x100000000) (i64.const 0x100000000))", 0),
    ("f32", "(f32.const 1.5)", 1.5),
    ("f64", "(f64.const -0x1p-1074)", -5e-324),
    ("v128", "(v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)", bytes(range(16))),
    ("funcref", "(ref.null func)", None),
    ("externref", "(ref.null extern)", None),
    ("i32", "(i32.add (global.get $own) (global.get $imported))", 42),
    ("i31ref", "(ref.i31 (i32.const -7))", -7),
    ("anyref", "(any.convert_extern (ref.null extern))", None),
    ("externref", "(extern.convert_any (ref.i31 (i32.const 3)))", 3),
]


@pytest.mark.parametrize(("type", "expression", "value"), CASES)
def test_values(make, type: str, expression: str, value: object) -> None:
    """The global that is initialised by the expression has its value."""
    instance = make(
        f"""(module (import "env" "imported" (global $imported i32)) (global $own i32 (i32.const 2))
        (global (export "g") {type} {expression}))""",
        {"env": {"imported": 40}},
    )
    assert instance.exports["g"].value == value


def test_ref_func_is_the_function(make) -> None:
    """An own function and an imported one, each with its identity."""
    instance = make(
        """(module (import "env" "print" (func $print)) (func $own (export "own"))
        (global (export "a") funcref (ref.func $own)) (global (export "b") (ref func) (ref.func $print))
        (export "print" (func $print)))""",
        {"env": {"print": lambda: None}},
    )
    exports = instance.exports
    assert exports["a"].value is exports["own"]
    assert exports["b"].value is exports["print"]


def test_objects_are_made_anew_for_each_instance(make) -> None:
    """A structure within a structure, and arrays; no two instances share one."""
    text = """(module (type $a (array (mut i16))) (type $s (struct (field i32) (field (ref null $s)) (field (ref $a))))
        (global (export "s") (ref $s) (struct.new $s (i32.const 1)
            (struct.new $s (i32.const 2) (ref.null $s) (array.new $a (i32.const -1) (i32.const 3)))
            (array.new_fixed $a 2 (i32.const 4) (i32.const 5)))))"""
    first, second = (make(text).exports["s"].value for _ in range(2))
    assert (first[0], list(first[2]), first[1][0], list(first[1][2])) == (1, [4, 5], 2, [0xFFFF] * 3)
    assert first[1][1] is None
    assert first is not second
