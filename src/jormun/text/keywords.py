"""The words of the text format, so that an unknown one can be told from one in the wrong place."""

from __future__ import annotations

from jormun.opcodes.ops import Shape
from jormun.opcodes.table import BY_NAME
from jormun.types import AbsHeapType, NumType, PackedType, RefType, ValType, VecType

VALUE_TYPES: dict[str, ValType] = {
    **{str(t): t for t in (*NumType, *VecType)},
    **{str(RefType(True, heap)): RefType(True, heap) for heap in AbsHeapType},
}
"""Value types that are one word, among them the short forms of nullable references."""
HEAP_TYPES: dict[str, AbsHeapType] = {str(heap): heap for heap in AbsHeapType}
PACKED_TYPES: dict[str, PackedType] = {str(t): t for t in PackedType}

LANE_SHAPES: dict[str, tuple[int, int]] = {str(shape): (shape.lanes, shape.bits) for shape in Shape}
"""How many lanes of how many bits a shape of v128.const has."""

CLAUSES = (
    "module type rec sub final import func table memory tag global export start elem data declare item offset param "
    "result local field mut ref null shared pagesize then catch catch_ref catch_all catch_all_ref"
)
SCRIPT = (
    "definition instance binary quote register invoke get either thread wait ref.host ref.extern "
    "assert_return assert_trap assert_exhaustion assert_malformed assert_malformed_custom assert_invalid "
    "assert_invalid_custom assert_unlinkable assert_exception"
)

KEYWORDS: frozenset[str] = frozenset(
    {"(", ")", *BY_NAME, *VALUE_TYPES, *HEAP_TYPES, *PACKED_TYPES, *LANE_SHAPES, *CLAUSES.split(), *SCRIPT.split()}
)
