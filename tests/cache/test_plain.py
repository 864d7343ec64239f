"""Blueprints survive being written as plain values: to equal ones, of the same canonical types."""

from __future__ import annotations

import marshal

import pytest

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.cache.plain import from_plain, part_of, to_plain
from jormun.runtime.blueprint import Blueprint, DataBlueprint, blueprint_of
from jormun.text.module import parse_module
from jormun.validation.module import validate

MODULES = {
    "empty": "(module)",
    "imports": """(module (type $t (func (param i32 i64 f32 f64 v128 funcref externref) (result i32 i32)))
        (import "a" "f" (func (type $t))) (import "a" "g" (global (mut f64))) (import "b" "t" (table 1 9 externref))
        (import "b" "m" (memory 1 2 shared)) (import "c" "e" (tag (param i32))) (export "f" (func 0)))""",
    "types": """(module (rec (type $a (sub (struct (field (mut i8) (ref null $b))))) (type $b (array (mut i16))))
        (type $c (sub final $a (struct (field (mut i8) (ref null $b)) (field (ref any)))))
        (type $d (func (param (ref $a) (ref null $c)) (result (ref func))))
        (import "m" "d" (func (type $d))) (global (ref null $c) (ref.null none)) (table 0 (ref null $d)))""",
    "segments": """(module (import "e" "g" (global $g i32)) (import "e" "f" (func $f)) (func $h) (func $k)
        (memory 1) (memory i64 2 3) (table $t 9 funcref) (table 9 externref)
        (data (i32.const 8) "one") (data "two") (data (memory 1) (i64.const -1) "") (data (global.get $g) "one")
        (data (i32.add (global.get $g) (i32.const 4)) "four")
        (elem (i32.const 1) $f $h) (elem func $k $h) (elem declare func $k)
        (elem (table $t) (global.get $g) funcref (ref.func $h) (ref.null func))
        (elem externref (ref.null extern)) (start $h))""",
    "globals": """(module (global $a i32 (i32.const -1)) (global f32 (f32.const nan:0x200001))
        (global $f funcref (ref.func 0))
        (global v128 (v128.const i64x2 1 2)) (global i32 (global.get $a)) (global externref (ref.null extern))
        (func) (export "f" (global $f)) (tag (param f32)) (export "t" (tag 0)))""",
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("is_text", [True, False], ids=["text", "binary"])
def test_round_trip(name: str, is_text: bool) -> None:
    """What was marshalled and read is the blueprint that validation gives, with the same type objects."""
    module = parse_module(MODULES[name])
    file = MODULES[name].encode() if is_text else encode(module)
    if not is_text:
        module = decode(file)
    blueprint = blueprint_of(validate(module))
    plain, own = to_plain(blueprint, module.types, file)
    again = from_plain(marshal.loads(marshal.dumps(plain, 4)), part_of(file), own)
    assert all(x is y for x, y in zip(blueprint.types, again.types, strict=True))
    assert tuple(again.function_types) == blueprint.function_types
    for field in Blueprint.__slots__:
        if field not in ("datas", "contents", "function_types"):
            assert getattr(again, field) == getattr(blueprint, field), field
    for ours, theirs in ((again.datas, blueprint.datas), (again.contents, blueprint.contents)):
        assert [_shown(d) for d in ours] == [_shown(d) for d in theirs]
    if not is_text:
        assert all(d.source is file for d in again.datas)


def _shown(data: DataBlueprint) -> tuple[object, ...]:
    return data.index, data.memory, data.offset, bytes(data.contents)
