"""Operand types as small ints, so that the validator's common check is one comparison of ints.

A number or vector type is its byte in the binary format. A reference type is `heap << 1 | nullable`, where heap is the
byte of an abstract heap type, or FIRST_CONCRETE plus the least index of an equal definition in the module. Two types
of one module are equal exactly when their codes are. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Final, i64
from jormun.types import AbsHeapType, NumType, PackedType, VecType
from jormun.validation.matching import ABSTRACT_SUPERTYPES

BOT: Final = 0
"""The bottom type, which unreachable code yields and which matches every type."""
I32: Final = 0x7F
I64: Final = 0x7E
F32: Final = 0x7D
F64: Final = 0x7C
V128: Final = 0x7B
I8: Final = 0x78
I16: Final = 0x77

FLOOR: Final = -1
"""Lies on the operand stack below the operands of a block; no operand type, so that no check takes it for one."""
POLY: Final = -2
"""A FLOOR in unreachable code: as many operands of the bottom type as anyone may pop."""
UNSET: Final = -3
"""In place of the type of a local that must be set before it is read and was not."""
NO_MEMORY: Final = -4
"""In place of the address type of a memory that is not there."""

FIRST_REFERENCE: Final = 0xD0
"""All codes from here on are reference types."""

HEAP_BOT: Final = 0x68
"""The bottom heap type: of a reference that unreachable code yields."""
HEAP_EXN: Final = 0x69
HEAP_ARRAY: Final = 0x6A
HEAP_STRUCT: Final = 0x6B
HEAP_I31: Final = 0x6C
HEAP_EQ: Final = 0x6D
HEAP_ANY: Final = 0x6E
HEAP_EXTERN: Final = 0x6F
HEAP_FUNC: Final = 0x70
HEAP_NONE: Final = 0x71
HEAP_NOEXTERN: Final = 0x72
HEAP_NOFUNC: Final = 0x73
HEAP_NOEXN: Final = 0x74
FIRST_CONCRETE: Final = 0x80

NULLABLE: Final = 1

BOT_REF: Final = HEAP_BOT << 1
FUNCREF: Final = HEAP_FUNC << 1 | NULLABLE
EXTERNREF: Final = HEAP_EXTERN << 1 | NULLABLE
ANYREF: Final = HEAP_ANY << 1 | NULLABLE
EQREF: Final = HEAP_EQ << 1 | NULLABLE
I31REF: Final = HEAP_I31 << 1 | NULLABLE
ARRAYREF: Final = HEAP_ARRAY << 1 | NULLABLE
EXNREF: Final = HEAP_EXN << 1 | NULLABLE

_PAIRS: Final[frozenset[int]] = frozenset(
    low.value << 8 | high.value for low, highs in ABSTRACT_SUPERTYPES.items() for high in highs
)
"""Each abstract heap type with each that it matches, itself left out."""


def match_abstract(a: i64, b: i64) -> bool:
    """Whether an abstract heap type matches another (3.3.3)."""
    return a in (b, HEAP_BOT) or (a << 8 | b) in _PAIRS


def top_of(abstract: i64) -> i64:
    """The heap type that all of the hierarchy of this abstract heap type match."""
    if abstract in (HEAP_FUNC, HEAP_NOFUNC):
        return HEAP_FUNC
    if abstract in (HEAP_EXTERN, HEAP_NOEXTERN):
        return HEAP_EXTERN
    if abstract in (HEAP_EXN, HEAP_NOEXN):
        return HEAP_EXN
    return HEAP_ANY


def bottom_of(abstract: i64) -> i64:
    """The heap type that matches all of the hierarchy of this abstract heap type."""
    top = top_of(abstract)
    if top == HEAP_FUNC:
        return HEAP_NOFUNC
    if top == HEAP_EXTERN:
        return HEAP_NOEXTERN
    return HEAP_NOEXN if top == HEAP_EXN else HEAP_NONE


def is_reference(t: i64) -> bool:
    """Whether the operand type is a reference type."""
    return t >= FIRST_REFERENCE


def is_number_or_vector(t: i64) -> bool:
    """Whether the operand type is i32, i64, f32, f64 or v128."""
    return V128 <= t <= I32


def is_defaultable(t: i64) -> bool:
    """Whether locals, fields and elements of this storage type may start as 0 or null (3.2.5)."""
    return t < FIRST_REFERENCE or t & NULLABLE != 0


_NAMES: Final[dict[int, str]] = {BOT: "bot", **{t.value: str(t) for t in (*NumType, *VecType, *PackedType)}}
_HEAP_NAMES: Final[dict[int, str]] = {HEAP_BOT: "bot", **{heap.value: str(heap) for heap in AbsHeapType}}


def describe(t: i64) -> str:
    """The type in the text format, for messages; a definition by the least of its indices."""
    if t < FIRST_REFERENCE:
        return _NAMES[t]
    heap = t >> 1
    name = _HEAP_NAMES[heap] if heap < FIRST_CONCRETE else str(heap - FIRST_CONCRETE)
    return f"(ref null {name})" if t & NULLABLE else f"(ref {name})"


def describe_all(types: list[int]) -> str:
    """A result type, in brackets."""
    shown = " ".join([describe(t) for t in types[:_MOST_SHOWN]])
    return f"[{shown} ...]" if len(types) > _MOST_SHOWN else f"[{shown}]"


_MOST_SHOWN: Final = 16
"""Longer result types are cut short in messages."""
