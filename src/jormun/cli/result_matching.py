"""Whether a result is what a test script asks for: bits against values and patterns (the interpreter's README)."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from jormun.runtime.references import NULL, is_external, is_i31
from jormun.text.code_printer import float_text
from jormun.text.keywords import LANE_SHAPES
from jormun.text.script import (
    Either,
    ExternReference,
    HostReference,
    NanKind,
    NanPattern,
    Null,
    Number,
    ReferencePattern,
    Result,
    Value,
    Vector,
)
from jormun.types import F32, F64, V128, AbsHeapType, NumType, ValType


def matches(found: int, expected: Result, to_bits: Callable[[Value], int]) -> bool:
    """Whether bits are what a result asks for. `to_bits` gives the bits of values, which references need."""
    match expected:
        case Number() | Null() | ExternReference() | HostReference():
            return found == to_bits(expected)
        case NanPattern(t, kind):
            return _is_nan(found, kind, t.bits)
        case Vector(shape, lanes):
            width = LANE_SHAPES[shape][1]
            mask = (1 << width) - 1
            return all(_matches_lane(found >> width * i & mask, lane, width) for i, lane in enumerate(lanes))
        case ReferencePattern(heap):
            return _matches_reference(found, heap)
        case Either(alternatives):
            return any(matches(found, alternative, to_bits) for alternative in alternatives)
    assert_never(expected)


def _matches_lane(found: int, expected: int | NanKind, width: int) -> bool:
    return _is_nan(found, expected, width) if isinstance(expected, NanKind) else found == expected


def _is_nan(bits: int, kind: NanKind, width: int) -> bool:
    """Whether bits are a NaN: of the canonical ones, or of those that arithmetic may give."""
    mantissa = 23 if width == 32 else 52
    canonical = (1 << width - 1) - (1 << mantissa - 1)
    magnitude = bits & (1 << width - 1) - 1
    return magnitude == canonical if kind is NanKind.CANONICAL else magnitude & canonical == canonical


def _matches_reference(found: int, heap: AbsHeapType) -> bool:
    """Whether a reference is not null and, as far as its bits tell, of a type."""
    match heap:
        case AbsHeapType.EXTERN | AbsHeapType.ANY:
            return found != NULL
        case AbsHeapType.EQ:
            return found != NULL and not is_external(found)
        case AbsHeapType.I31:
            return is_i31(found)
        case _:
            return found != NULL and not is_i31(found) and not is_external(found)


def show_result(expected: Result) -> str:
    """A result as scripts write it."""
    match expected:
        case Number(t, bits):
            return show_bits(t, bits)
        case NanPattern(t, kind):
            return f"({t}.const {kind.value})"
        case Vector(shape, lanes):
            width = LANE_SHAPES[shape][1]
            words = (lane.value if isinstance(lane, NanKind) else _show_lane(lane, shape, width) for lane in lanes)
            return f"(v128.const {shape} {' '.join(words)})"
        case Null(heap):
            return f"(ref.null {heap})" if heap else "(ref.null)"
        case ExternReference(number):
            return f"(ref.extern {number})"
        case HostReference(number):
            return f"(ref.host {number})"
        case ReferencePattern(heap):
            return f"(ref.{heap})"
        case Either(alternatives):
            return f"(either {' '.join(map(show_result, alternatives))})"
    assert_never(expected)


def _show_lane(lane: int, shape: str, width: int) -> str:
    return float_text(lane, width) if shape.startswith("f") else f"{lane:#0{width // 4 + 2}x}"


def show_bits(t: ValType, bits: int) -> str:
    """A value as scripts write it; floats with their bits."""
    match t:
        case NumType():
            if t in (F32, F64):
                return f"({t}.const {float_text(bits, t.bits)} = {bits:#x})"
            return f"({t}.const {bits})"
        case _ if t is V128:
            return f"(v128.const i32x4 {' '.join(f'{bits >> 32 * i & 0xFFFFFFFF:#010x}' for i in range(4))})"
        case _:
            return f"(ref.null) of type {t}" if bits == NULL else f"a reference of type {t}"
