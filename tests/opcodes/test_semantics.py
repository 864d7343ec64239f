"""The semantics of every row, run on types alone: primitives get what they take, and results are those declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jormun.hints import members_of
from jormun.opcodes.immediates import Immediate, ImmediateValue, MemArg
from jormun.opcodes.machine import Machine
from jormun.opcodes.markers import STRUCTURAL
from jormun.opcodes.ops import Ops, Shape
from jormun.opcodes.signatures import Address, Rule, Signature
from jormun.opcodes.table import BY_CODE, Row
from jormun.types import AbsHeapType, NumType, VecType

TYPES = {
    "const": "T . -> t", "vector": ". -> v128",
    "add sub mul div and_ or_ xor copysign div_s div_u rem_s rem_u rotl rotr": "T t t -> t",
    "mul_wide_s mul_wide_u": "i64 i64 -> i64 i64", "shl shr_s shr_u": "T t by -> t",
    "clz ctz popcnt sqrt neg abs": "T t -> t", "round": "T . t -> t",
    "compare": "T . t t -> condition", "flag": "T condition -> flag", "select": "T condition t t -> t",
    "both": "bool bool -> bool", "all_of any_of": "T condition -> bool", "bits_of": "T condition -> i32",
    "trap_if": "bool . ->", "trap": ". ->",
    "wrap": "i64 -> i32", "extend_s extend_u": "i32 -> i64",
    "reinterpret promote demote convert_s convert_u trunc_s trunc_u trunc_sat_s trunc_sat_u": "T S s -> t",
    "splat": "T unpacked -> t", "extract": "T . t -> unpacked", "replace": "T . t unpacked -> t",
    "shuffle": ". v128 v128 -> v128", "swizzle mul_q15": "v128 v128 -> v128", "widen_s widen_u": "T . v128 -> v128",
    "narrow_s narrow_u avgr_u add_sat_s add_sat_u sub_sat_s sub_sat_u": "T t t -> t",
    "local_get": ". -> any", "local_set": ". any ->", "global_get": ". -> any", "global_set": ". any ->",
    "load": "T . . . address -> t", "store": "T . . address t ->",
    "memory_size": ". -> address", "memory_grow": ". address -> address", "memory_fill": ". address i32 address ->",
    "memory_copy": ". . address address address ->", "memory_init": ". . address i32 i32 ->", "data_drop": ". ->",
    "atomic_load": "T . . address -> t", "atomic_store": "T . . address t ->",
    "atomic_rmw": "T . . . address t -> t", "atomic_cmpxchg": "T . . address t t -> t",
    "atomic_wait": "T . address t i64 -> i32", "atomic_notify": ". address i32 -> i32", "atomic_fence": "->",
    "table_get": ". address -> ref", "table_set": ". address ref ->", "table_size": ". -> address",
    "table_grow": ". ref address -> address", "table_fill": ". address ref address ->",
    "table_copy": ". . address address address ->", "table_init": ". . address i32 i32 ->", "elem_drop": ". ->",
    "ref_matches": ". ref -> bool", "ref_i31": "i32 -> ref", "i31_get": ". ref -> i32",
    "struct_new": ". . -> ref", "struct_new_default": ". -> ref", "struct_get": ". . . ref -> any",
    "struct_set": ". . ref any ->", "array_new": ". any i32 -> ref", "array_new_default": ". i32 -> ref",
    "array_new_fixed": ". . -> ref", "array_new_data array_new_elem": ". . i32 i32 -> ref",
    "array_get": ". . ref i32 -> any", "array_set": ". ref i32 any ->", "array_len": "ref -> i32",
    "array_fill": ". ref i32 any i32 ->", "array_copy": ". ref i32 ref i32 i32 ->",
    "array_init_data array_init_elem": ". . ref i32 i32 i32 ->",
    "ref_null": ". -> ref", "ref_func": ". -> ref", "ref_is_null": "ref -> bool", "ref_eq": "ref ref -> bool",
}  # fmt: skip
"""The arguments and results of each primitive. T and S are types, of which t and s are values; a dot is an argument
that is not a value, and is not looked at; `by`, `condition`, `flag` and `unpacked` are what goes with T."""
PRIMITIVES = {name: types for names, types in TYPES.items() for name in names.split()}
RULES = {
    Rule.UNREACHABLE: "->",
    Rule.LOCAL_GET: "-> any",
    Rule.LOCAL_SET: "any ->",
    Rule.LOCAL_TEE: "any -> any",
    Rule.GLOBAL_GET: "-> any",
    Rule.GLOBAL_SET: "any ->",
    Rule.TABLE_GET: "address -> ref",
    Rule.TABLE_SET: "address ref ->",
    Rule.TABLE_SIZE: "-> address",
    Rule.TABLE_GROW: "ref address -> address",
    Rule.TABLE_FILL: "address ref address ->",
    Rule.TABLE_COPY: "address address address ->",
    Rule.TABLE_INIT: "address i32 i32 ->",
    Rule.ELEM_DROP: "->",
    Rule.MEMORY_SIZE: "-> address",
    Rule.MEMORY_GROW: "address -> address",
    Rule.MEMORY_FILL: "address i32 address ->",
    Rule.MEMORY_COPY: "address address address ->",
    Rule.MEMORY_INIT: "address i32 i32 ->",
    Rule.DATA_DROP: "->",
    Rule.REF_NULL: "-> ref",
    Rule.REF_IS_NULL: "ref -> i32",
    Rule.REF_FUNC: "-> ref",
    Rule.REF_EQ: "ref ref -> i32",
    Rule.REF_AS_NON_NULL: "ref -> ref",
    Rule.REF_TEST: "ref -> i32",
    Rule.REF_CAST: "ref -> ref",
    Rule.REF_I31: "i32 -> ref",
    Rule.I31_GET: "ref -> i32",
    Rule.ANY_CONVERT_EXTERN: "ref -> ref",
    Rule.EXTERN_CONVERT_ANY: "ref -> ref",
    Rule.STRUCT_NEW: "any any -> ref",
    Rule.STRUCT_NEW_DEFAULT: "-> ref",
    Rule.STRUCT_GET: "ref -> any",
    Rule.STRUCT_GET_PACKED: "ref -> any",
    Rule.STRUCT_SET: "ref any ->",
    Rule.ARRAY_NEW: "any i32 -> ref",
    Rule.ARRAY_NEW_DEFAULT: "i32 -> ref",
    Rule.ARRAY_NEW_FIXED: "any any -> ref",
    Rule.ARRAY_NEW_DATA: "i32 i32 -> ref",
    Rule.ARRAY_NEW_ELEM: "i32 i32 -> ref",
    Rule.ARRAY_GET: "ref i32 -> any",
    Rule.ARRAY_GET_PACKED: "ref i32 -> any",
    Rule.ARRAY_SET: "ref i32 any ->",
    Rule.ARRAY_LEN: "ref -> i32",
    Rule.ARRAY_FILL: "ref i32 any i32 ->",
    Rule.ARRAY_COPY: "ref i32 ref i32 i32 ->",
    Rule.ARRAY_INIT_DATA: "ref i32 i32 i32 ->",
    Rule.ARRAY_INIT_ELEM: "ref i32 i32 i32 ->",
}
"""Operands and results of the rows whose typing depends on their context, as far as this test tells types apart."""
VALUES: dict[Immediate, ImmediateValue] = {
    Immediate.LANE: 1,
    Immediate.LANES: bytes(range(16)),
    Immediate.V128: bytes(16),
    Immediate.MEMARG: MemArg(0, 0),
    Immediate.HEAP_TYPE: AbsHeapType.FUNC,
}
WRITTEN = [row for row in BY_CODE.values() if row.semantics not in STRUCTURAL]


class Types:
    """Ops on types: V is a type's name, a condition "bool" or, of lanes, "bool" and their number."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        takes, gives = (words.split() for words in PRIMITIVES[name].split("->"))

        def primitive(*arguments: object) -> str | tuple[str, ...] | None:
            assert len(arguments) == len(takes), f"{name} takes {takes}, not {arguments}"
            meaning: dict[str, str] = {}
            for word, argument in zip(takes, arguments, strict=True):
                if word in ("T", "S"):
                    assert isinstance(argument, NumType | VecType | Shape), f"{name}: {argument!r} is no type"
                    meaning |= words_for(word.lower(), argument)
                elif word == ".":
                    assert not isinstance(argument, str), f"{name}: {argument!r} is a value"
                else:
                    assert argument == meaning.get(word, word), f"{name} takes {takes}, not {arguments}"
            results = tuple(meaning.get(word, word) for word in gives)
            return results if len(results) > 1 else results[0] if results else None

        return primitive


def words_for(letter: str, t: NumType | VecType | Shape) -> dict[str, str]:
    """What the words of `TYPES` stand for by a type."""
    if isinstance(t, Shape):
        words = {"by": "i32", "condition": f"bool{t.lanes}", "flag": "v128", "unpacked": str(t.unpacked)}
        return {letter: "v128", **words}
    return {letter: str(t), "by": str(t), "condition": "bool", "flag": "i32"}


def declared(row: Row) -> tuple[list[str], list[str]]:
    """Operands and results by the row's signature."""
    if isinstance(row.signature, Signature):
        sides = (row.signature.params, row.signature.results)
        operands, results = (["address" if isinstance(t, Address) else str(t) for t in side] for side in sides)
        return operands, results
    operands, results = (side.split() for side in RULES[row.signature].split("->"))
    return operands, results


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: f"{row.name}-{row.code:#x}")
def test_semantics_have_the_declared_types(row: Row) -> None:
    """Run on types, the semantics of a row use primitives as they are meant and give the results of its signature."""
    operands, results = declared(row)
    immediates = [VALUES.get(kind, 0) for kind in row.immediates]
    outcome = row.semantics(Types(), *row.static, *immediates, *operands)
    assert list(outcome if isinstance(outcome, tuple) else () if outcome is None else (outcome,)) == results


def test_every_primitive_is_typed_and_used() -> None:
    """The vocabulary holds what this test has types for, and nothing that no instruction needs."""
    vocabulary = {name for protocol in (Ops, Machine) for name in members_of(protocol)}
    assert vocabulary <= set(PRIMITIVES)
    used: set[str] = set()

    class Recording(Types):
        def __getattr__(self, name: str) -> Callable[..., Any]:
            used.add(name)
            return super().__getattr__(name)

    for row in WRITTEN:
        operands, _ = declared(row)
        row.semantics(Recording(), *row.static, *[VALUES.get(kind, 0) for kind in row.immediates], *operands)
    assert used == vocabulary
