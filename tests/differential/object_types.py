"""The types of objects that random programs have (objects.py), and what all of those programs begin with."""

from __future__ import annotations

from dataclasses import dataclass

DEPTH = 10
"""A line of subtypes goes as deep: deeper than what shapes have room for in any case."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of references: the heap type, what it is directly below, and, of structures, the fields that are set."""

    heap: str
    above: str = ""
    fields: tuple[str, ...] = ()
    element: str = ""


_P = ("i32", "i8", "P", "N")
_Q = (*_P, "f64", "i16", "A", "v128")
KINDS = {
    "N": Kind("any"),
    "G": Kind("eq", "N"),
    "S": Kind("struct", "G"),
    "Y": Kind("array", "G"),
    "I": Kind("i31", "G"),
    "P": Kind("$p", "S", _P),
    "Q": Kind("$q", "P", _Q),
    "R": Kind("$r", "Q", (*_Q, "i64", "X", "f32")),
    "E": Kind("$d3", "S", ("i8", "i8", "G", "i8")),
    "D": Kind("$d9", "E", ("i8", "i8", "G", "i8", "i8", "i8", "G", "i8", "i8", "i8")),
    "B": Kind("$bytes", "Y", element="i8"),
    "H": Kind("$halves", "Y", element="i16"),
    "W": Kind("$words", "Y", element="i32"),
    "L": Kind("$longs", "Y", element="i64"),
    "F": Kind("$floats", "Y", element="f32"),
    "V": Kind("$vectors", "Y", element="v128"),
    "A": Kind("$structs", "Y", element="P"),
    "Z": Kind("$anys", "Y", element="N"),
    "X": Kind("extern"),
}
MAKEABLE = tuple(kind for kind, what in KINDS.items() if what.fields or what.element)
PACKED = ("i8", "i16")


def type_of(storage: str) -> str:
    """The type of a value or a field, as the text format has it."""
    return f"(ref null {KINDS[storage].heap})" if storage in KINDS else storage


def below(kind: str) -> list[str]:
    """All kinds that are subtypes of one, itself first."""
    return [kind, *(each for other, what in KINDS.items() if what.above == kind for each in below(other))]


def _fields(kind: str) -> str:
    return " ".join(f"(field (mut {type_of(t)}))" for t in KINDS[kind].fields)


def _line() -> str:
    types = []
    for depth in range(DEPTH):
        above = f"$d{depth - 1}" if depth else ""
        fields = " ".join(f"(field (mut {type_of('G' if k in (2, 6) else 'i8')}))" for k in range(depth + 1))
        types.append(f"(type $d{depth} (sub {above} (struct {fields})))")
    return " ".join(types)


HEAD = f"""(module
  (rec (type $p (sub (struct {_fields("P")}))) (type $q (sub $p (struct {_fields("Q")})))
    (type $r (sub final $q (struct {_fields("R")}))) (type $structs (array (mut (ref null $p)))))
  {_line()}
  {" ".join(f"(type {KINDS[k].heap} (array (mut {type_of(KINDS[k].element)})))" for k in "BHWLFVZ")}
  (type $one (func (param i32 (ref null $p) anyref) (result (ref null $p))))
  (type $many (func (param i32 (ref null $p) anyref) (result anyref i32 (ref null $structs))))
  (import "host" "again" (func $again (param i32) (result i32)))
  (tag $ref (param anyref)) (tag $two (param i32 (ref null $p)))
  (global $const (ref $p) (struct.new $p (i32.const 40) (i32.const 200) (ref.null none) (ref.i31 (i32.const -3))))
  (global $row (ref $structs) (array.new_fixed $structs 4 (global.get $const) (ref.null none) (global.get $const)
    (global.get $const)))
  (global $bytes anyref (array.new $bytes (i32.const 300) (i32.const 5)))
  (global $deep (mut (ref null $d9)) (struct.new_default $d9))
  (global $gP (mut (ref null $p)) (struct.new $p (i32.const 1) (i32.const 2) (global.get $const) (global.get $row)))
  (global $gN (mut anyref) (global.get $bytes)) (global $gA (mut (ref null $structs)) (global.get $row))
  (global $gX (mut externref) (extern.convert_any (global.get $const)))
  (global $h (export "h") (mut i32) (i32.const 0)) (global $left (export "left") (mut i32) (i32.const 0))
  (table $tP 6 9 (ref null $p) (struct.new_default $q)) (table $tN 4 20 anyref (array.new_default $longs (i32.const 3)))
  (data $data "\\01\\ff\\80\\7f\\00\\10\\20\\30\\40\\50\\60\\70\\80\\90\\a0\\b0\\c0\\d0"
    "\\e0\\f0\\01\\02\\03\\04{"more numbers " * 8}")
  (elem $elem (ref null $p) (item (global.get $const)) (item (struct.new_default $p))
    (item (struct.new_default $r)) (item (struct.new_default $q)) (item (ref.null none)))
  (elem $items anyref (item (ref.i31 (i32.const 77))) (item (global.get $row)) (item (struct.new_default $d3))
    (item (global.get $bytes)) (item (struct.new_default $d9)))
  (func $tick (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (if (i32.lt_s (global.get $left) (i32.const 0)) (then unreachable)))
  (func $note (param i32)
    (global.set $h (i32.add (i32.mul (global.get $h) (i32.const 31)) (local.get 0))))
  (func $fold (param $x anyref) (param $d i32) (result i32) (local $s i32) (local $k i32)
    (if (ref.is_null (local.get $x)) (then (return (i32.const 1))))
    (if (i32.eqz (local.get $d)) (then (return (i32.const 2))))
    (local.set $d (i32.sub (local.get $d) (i32.const 1)))
    (if (ref.test (ref i31) (local.get $x)) (then (return (i31.get_s (ref.cast i31ref (local.get $x))))))
    (if (ref.test (ref $p) (local.get $x)) (then
      (local.set $s (i32.add (i32.mul (struct.get $p 0 (ref.cast (ref $p) (local.get $x))) (i32.const 5))
        (struct.get_s $p 1 (ref.cast (ref $p) (local.get $x)))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 7))
        (call $fold (struct.get $p 2 (ref.cast (ref $p) (local.get $x))) (local.get $d))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 11))
        (call $fold (struct.get $p 3 (ref.cast (ref $p) (local.get $x))) (local.get $d))))))
    (if (ref.test (ref $q) (local.get $x)) (then
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 13)) (i32.add
        (i32.trunc_sat_f64_s (struct.get $q 4 (ref.cast (ref $q) (local.get $x))))
        (struct.get_u $q 5 (ref.cast (ref $q) (local.get $x))))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 17)) (i32.add
        (i32x4.extract_lane 2 (struct.get $q 7 (ref.cast (ref $q) (local.get $x))))
        (call $fold (struct.get $q 6 (ref.cast (ref $q) (local.get $x))) (local.get $d)))))))
    (if (ref.test (ref $r) (local.get $x)) (then
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 19)) (i32.add
        (i32.wrap_i64 (struct.get $r 8 (ref.cast (ref $r) (local.get $x))))
        (call $fold (any.convert_extern (struct.get $r 9 (ref.cast (ref $r) (local.get $x)))) (local.get $d)))))
      (local.set $s (i32.xor (local.get $s)
        (i32.trunc_sat_f32_s (struct.get $r 10 (ref.cast (ref $r) (local.get $x))))))))
    (if (ref.test (ref $d9) (local.get $x)) (then (local.set $s (i32.add (i32.const 1000)
        (struct.get_s $d9 9 (ref.cast (ref $d9) (local.get $x)))))))
    (if (ref.test (ref $d3) (local.get $x)) (then (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 23))
      (i32.add (struct.get_u $d3 3 (ref.cast (ref $d3) (local.get $x)))
        (call $fold (struct.get $d3 2 (ref.cast (ref $d3) (local.get $x))) (local.get $d)))))))
    (if (i32.eqz (ref.test (ref array) (local.get $x))) (then (return (local.get $s))))
    (local.set $k (array.len (ref.cast (ref array) (local.get $x))))
    (local.set $s (i32.mul (local.get $k) (i32.const 3)))
    (if (i32.gt_u (local.get $k) (i32.const 12)) (then (local.set $k (i32.const 12))))
    (block $end (loop $again
      (br_if $end (i32.eqz (local.get $k)))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 29)) (call $element (local.get $x) (local.get $k)
        (local.get $d))))
      (br $again)))
    (local.get $s))
  (func $element (param $x anyref) (param $k i32) (param $d i32) (result i32)
{{elements}}
    (i32.const 3))
"""
_TO_I32 = {
    "i8": "{}", "i16": "{}", "i32": "{}", "i64": "(i32.wrap_i64 {})", "f32": "(i32.trunc_sat_f32_s {})",
    "v128": "(i32x4.extract_lane 1 {})", "P": "(call $fold {} (local.get $d))", "N": "(call $fold {} (local.get $d))",
}  # fmt: skip


def to_i32(storage: str, value: str) -> str:
    """A value of a field as a number."""
    return _TO_I32[storage].format(value)


def head() -> str:
    """The text, up to the program's own functions."""
    lines = []
    for what in KINDS.values():
        if what.element:
            get = "array.get_s" if what.element in PACKED else "array.get"
            element = f"({get} {what.heap} (ref.cast (ref {what.heap}) (local.get $x)) (local.get $k))"
            lines.append(
                f"    (if (ref.test (ref {what.heap}) (local.get $x)) (then (return {to_i32(what.element, element)})))"
            )
    return HEAD.replace("{elements}", "\n".join(lines))
