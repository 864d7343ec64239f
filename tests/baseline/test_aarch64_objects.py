"""Baseline code for aarch64 about structures, arrays, i31 and casts, emulated, does what it does on this machine."""

from __future__ import annotations

import pytest

import jormun
from jormun.baseline.catalogue import HEIGHTS
from jormun.errors import TrapKind
from tests.baseline.aarch64_emulator import EmulatedInstance
from tests.baseline.test_aarch64 import BASELINE
from tests.baseline.test_places import outcome

STORAGES = "i8", "i16", "i32", "i64", "f32", "f64", "v128"
PACKED = "i8", "i16"
PATTERN = 0xFEDC_BA98_7654_3210_8899_AABB_CCDD_EEFF
WIDTHS = {"i32": 32, "f32": 32, "i64": 64, "f64": 64, "v128": 128}


def compared(text: str, calls: list[list[int]]) -> list[object]:
    """What each function of a module returns for each list of arguments, here and there the same."""
    module = jormun.Module(text, config=BASELINE)
    emulated = EmulatedInstance(module)
    exports = jormun.Instance(module).exports
    found = []
    for export in module.blueprint.exports:
        for arguments in calls:
            here = outcome(exports[export.name], arguments)
            assert emulated.call(export.index, arguments) == here, (export.name, arguments)
            found.append(here)
    return found


def above(height: int, code: str, result: str) -> str:
    """Code whose operands are above others, and whose result goes to a local."""
    return f"{'(local.get $under)' * height} {code} (local.set {result}) {'(drop)' * height}"


def gets(t: str) -> list[str]:
    """How what is stored as `t` is read."""
    return ["get_s", "get_u"] if t in PACKED else ["get"]


@pytest.mark.parametrize("t", STORAGES)
def test_fields(t: str) -> None:
    """A field is set by itself, in a new structure and later, and read in full, at all heights of the stack."""
    value = "i32" if t in PACKED else t
    made = "(struct.new $s (i32.const 0x55) (local.get $x) (i32.const 0x66) (local.get $x))"
    functions = []
    for height in range(HEIGHTS):
        for k, get in enumerate(gets(t)):
            for how, begin in (
                ("new", f"(local.set $o {made})"),
                (
                    "set",
                    "(local.set $o (struct.new_default $s)) (struct.set $s 0 (local.get $o) (i32.const 0x55))"
                    f"{'(local.get $under)' * height} (struct.set $s 1 (local.get $o) (local.get $x)) "
                    f"(struct.set $s 3 (local.get $o) (local.get $x)) {'(drop)' * height}"
                    "(struct.set $s 2 (local.get $o) (i32.const 0x66))",
                ),
            ):
                functions.append(
                    f"""(func (export "{how}.{height}.{k}") (param $x {value}) (result {value} {value} i32 i32)
                      (local $o (ref null $s)) (local $under i64) (local $y {value}) (local $z {value}) {begin}
                      {above(height, f"(struct.{get} $s 1 (local.get $o))", "$y")}
                      {above(height, f"(struct.{get} $s 3 (local.get $o))", "$z")}
                      (local.get $y) (local.get $z)
                      (struct.get_u $s 0 (local.get $o)) (struct.get_u $s 2 (local.get $o)))"""
                )
        functions.append(
            f"""(func (export "null.{height}") (param $x {value}) (local $o (ref null $s)) (local $under i64)
              {"(local.get $under)" * height} (struct.set $s 1 (local.get $o) (local.get $x)) {"(drop)" * height})"""
        )
    text = f"""(module (memory 1)
      (type $s (struct (field (mut i8)) (field (mut {t})) (field (mut i8)) (field (mut {t})))) {" ".join(functions)})"""
    bits = PATTERN & (1 << WIDTHS[value]) - 1
    found = compared(text, [[bits], [bits >> 1]])
    assert found.count(TrapKind.NULL_STRUCTURE_REFERENCE) == 2 * HEIGHTS
    if t not in PACKED:
        assert found[0] == [bits, bits, 0x55, 0x66]


@pytest.mark.parametrize("t", STORAGES[:-1])
def test_fields_that_offsets_do_not_reach(t: str) -> None:
    """A field beyond what an access has room for is reached all the same."""
    value = "i32" if t in PACKED else t
    filler = "(field v128)" * {"i8": 260, "i16": 520, "i32": 1030, "f32": 1030}.get(t, 2040)
    last = filler.count("field")
    text = f"""(module (memory 1) (type $s (struct {filler} (field (mut i8)) (field (mut {t})) (field (mut i8))))
      (func (export "f") (param $x {value}) (result {value} i32 i32 v128) (local $o (ref null $s))
        (local.set $o (struct.new_default $s)) (struct.set $s {last} (local.get $o) (i32.const 0x155))
        (struct.set $s {last + 2} (local.get $o) (i32.const 0x166))
        (struct.set $s {last + 1} (local.get $o) (local.get $x))
        (struct.{gets(t)[0]} $s {last + 1} (local.get $o)) (struct.get_u $s {last} (local.get $o))
        (struct.get_u $s {last + 2} (local.get $o)) (struct.get $s {last - 1} (local.get $o))))"""
    compared(text, [[PATTERN & (1 << WIDTHS[value]) - 1]])


@pytest.mark.parametrize("t", STORAGES)
def test_elements(t: str) -> None:
    """An element is set by itself and read in full, at all heights; null and what is beyond are traps. The upper half
    of an index's register is not part of it.
    """
    value = "i32" if t in PACKED else t
    beside = "(i32.xor (i32.wrap_i64 (local.get $i)) (i32.const 1))"
    functions = []
    for height in range(HEIGHTS):
        under, drop = "(local.get $under)" * height, "(drop)" * height
        for k, get in enumerate(gets(t)):
            functions.append(
                f"""(func (export "{height}.{k}") (param $n i32) (param $i i64) (param $x {value})
                  (result {value} {value} i32) (local $a (ref null $a)) (local $under i64)
                  (local $y {value}) (local $z {value}) (local $l i32)
                  (if (local.get $n) (then (local.set $a (array.new_default $a (local.get $n)))))
                  {under} (array.set $a (local.get $a) (i32.wrap_i64 (local.get $i)) (local.get $x)) {drop}
                  {above(height, f"(array.{get} $a (local.get $a) (i32.wrap_i64 (local.get $i)))", "$y")}
                  {above(height, f"(array.{get} $a (local.get $a) {beside})", "$z")}
                  {above(height, "(array.len (local.get $a))", "$l")}
                  (local.get $y) (local.get $z) (local.get $l))"""
            )
    text = f"(module (memory 1) (type $a (array (mut {t}))) {' '.join(functions)})"
    bits = PATTERN & (1 << WIDTHS[value]) - 1
    indices = [0, 1, 5, 1 << 32 | 3, 6, 0xFFFF_FFFF]
    found = compared(text, [*([6, i, bits] for i in indices), [0, 0, bits]])
    assert found[4:7] == [TrapKind.ARRAY_OUT_OF_BOUNDS, TrapKind.ARRAY_OUT_OF_BOUNDS, TrapKind.NULL_ARRAY_REFERENCE]


@pytest.mark.parametrize("t", STORAGES)
def test_arrays_as_they_begin(t: str) -> None:
    """With one element for all, with those on the stack, or with another array's."""
    value = "i32" if t in PACKED else t
    gotten = " ".join(f"(array.{gets(t)[-1]} $a (local.get $a) (i32.const {k}))" for k in range(3))
    head = f"(param $x {value}) (param $y {value}) (result {value} {value} {value}) (local $a (ref null $a))"
    text = f"""(module (memory 1) (type $a (array (mut {t})))
      (func (export "new") {head} (local.set $a (array.new $a (local.get $x) (i32.const 3)))
        (array.set $a (local.get $a) (i32.const 1) (local.get $y)) {gotten})
      (func (export "fixed") {head}
        (local.set $a (array.new_fixed $a 3 (local.get $x) ({value}.const {"i64x2 5 6" if t == "v128" else 5})
          (local.get $y))) {gotten})
      (func (export "fill") {head} (local.set $a (array.new $a (local.get $x) (i32.const 3)))
        (array.fill $a (local.get $a) (i32.const 1) (local.get $y) (i32.const 2)) {gotten})
      (func (export "copy") {head}
        (local.set $a (array.new_fixed $a 3 (local.get $x) (local.get $y) (local.get $y)))
        (array.copy $a $a (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 2)) {gotten}))"""
    bits = PATTERN & (1 << WIDTHS[value]) - 1
    compared(text, [[bits, bits >> 2]])


def test_i31() -> None:
    """Numbers keep their low 31 bits; null is a trap."""
    functions = [
        f"""(func (export "{get}.{height}") (param $x i32) (param $is_null i32) (result i32)
          (local $r i31ref) (local $under i64) (local $y i32)
          (if (i32.eqz (local.get $is_null)) (then {above(height, "(ref.i31 (local.get $x))", "$r")}))
          {above(height, f"(i31.{get} (local.get $r))", "$y")} (local.get $y))"""
        for get in ("get_s", "get_u")
        for height in range(HEIGHTS)
    ]
    numbers = [0, 1, 0x3FFF_FFFF, 0x4000_0000, 0x7FFF_FFFF, 0x8000_0001, 0xFFFF_FFFF]
    found = compared(f"(module (memory 1) {' '.join(functions)})", [*([x, 0] for x in numbers), [0, 1]])
    assert found[:8] == [
        *([x] for x in (0, 1, 0x3FFF_FFFF, 0xC000_0000, 0xFFFF_FFFF, 1, 0xFFFF_FFFF)),
        TrapKind.NULL_I31_REFERENCE,
    ]


DEEP = 10
"""Depth of a type whose place shape records of other types do not have."""
TYPES = f"""(type $t0 (sub (struct (field i32))))
  {" ".join(f"(type $t{k} (sub $t{k - 1} (struct (field i32))))" for k in range(1, DEEP + 1))}
  (type $other (sub (struct (field i64)))) (type $last (sub final $t1 (struct (field i32) (field f32))))
  (type $a (array i8)) (type $b (sub (array (mut i32))))"""
MADE = [
    "(ref.null none)", "(ref.i31 (i32.const 5))", "(struct.new_default $t0)", "(struct.new_default $t1)",
    "(struct.new_default $t2)", f"(struct.new_default $t{DEEP})", f"(struct.new_default $t{DEEP - 1})",
    "(struct.new_default $other)", "(struct.new_default $last)", "(array.new_default $a (i32.const 0))",
    "(array.new_default $b (i32.const 1))",
]  # fmt: skip
TARGETS = "$t0", "$t1", "$t2", f"$t{DEEP}", "$other", "$last", "$a", "$b", "i31", "eq", "struct", "array"


@pytest.mark.parametrize("target", [f"(ref {null}{each})" for each in TARGETS for null in ("", "null ")])
def test_casts(target: str) -> None:
    """Tests, casts, and branches on casts, of references of all kinds, at all heights."""
    source = "(ref null any)"
    labels = " ".join(f"$l{k}" for k in range(len(MADE)))
    begin = (
        "".join(f"(block $l{k} " for k in reversed(range(len(MADE)))) + f"(br_table {labels} (local.get $which)))"
    ) + "".join(f"(local.set $r {each}) (br $made){')' if k < len(MADE) - 1 else ''}" for k, each in enumerate(MADE))
    begin = f"(block $made {begin})"
    functions = []
    for height in range(HEIGHTS):
        head = f"(param $which i32) (result i32) (local $r {source}) (local $under i64) (local $y i32) {begin}"
        under, drop = "(local.get $under)" * height, "(drop)" * height
        for name, code in (
            ("test", f"(ref.test {target} (local.get $r))"),
            ("cast", f"(ref.is_null (ref.cast {target} (local.get $r)))"),
            (
                "on_cast",
                f"""(block $b (result i64 {target}) (i64.const 3) (br_on_cast $b {source} {target} (local.get $r))
                  (drop) (drop) (return (i32.const 7))) (drop) (i32.wrap_i64)""",
            ),
            (
                "on_fail",
                f"""(block $b (result i64 {source}) (i64.const 3) (br_on_cast_fail $b {source} {target} (local.get $r))
                  (drop) (drop) (return (i32.const 7))) (drop) (i32.wrap_i64)""",
            ),
            (
                "on_cast_below",  # the branch drops what is between
                f"""(block $b (result {target}) (i64.const 3) (br_on_cast $b {source} {target} (local.get $r))
                  (return (i32.const 7))) (ref.is_null)""",
            ),
        ):
            functions.append(
                f'(func (export "{name}.{height}") {head} {under} {code} (local.set $y) {drop} (local.get $y))'
            )
    found = compared(f"(module (memory 1) {TYPES} {' '.join(functions)})", [[k] for k in range(len(MADE))])
    assert (TrapKind.CAST_FAILURE in found) == (target != "(ref null eq)")
