"""Structures, arrays, i31 and casts: garbage-collected objects (core specification, section 4.4.4)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.machine import Machine
from jormun.opcodes.markers import structural
from jormun.opcodes.ops import Predicate, V
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import opcode
from jormun.types import I32, RefType

TYPE = (Immediate.TYPE,)
FIELD = (Immediate.TYPE, Immediate.FIELD)


@opcode("struct.new", 0xFB_0000, Rule.STRUCT_NEW, immediates=TYPE, is_constant=True)
def struct_new(op: Machine[V], type: int, *fields: V) -> V:
    """A structure with these fields."""
    return op.struct_new(type, fields)


@opcode("struct.new_default", 0xFB_0001, Rule.STRUCT_NEW_DEFAULT, immediates=TYPE, is_constant=True)
def struct_new_default(op: Machine[V], type: int) -> V:
    """A structure whose fields are zero or null."""
    return op.struct_new_default(type)


@opcode("struct.get", 0xFB_0002, Rule.STRUCT_GET, False, immediates=FIELD)
@opcode("struct.get_s", 0xFB_0003, Rule.STRUCT_GET_PACKED, True, immediates=FIELD)
@opcode("struct.get_u", 0xFB_0004, Rule.STRUCT_GET_PACKED, False, immediates=FIELD)
def struct_get(op: Machine[V], is_signed: bool, type: int, field: int, x: V) -> V:
    """A field, extended if it is packed. NULL_STRUCTURE_REFERENCE."""
    op.trap_if(op.ref_is_null(x), TrapKind.NULL_STRUCTURE_REFERENCE)
    return op.struct_get(type, field, is_signed, x)


@opcode("struct.set", 0xFB_0005, Rule.STRUCT_SET, immediates=FIELD)
def struct_set(op: Machine[V], type: int, field: int, x: V, value: V) -> None:
    """Set a field. NULL_STRUCTURE_REFERENCE."""
    op.trap_if(op.ref_is_null(x), TrapKind.NULL_STRUCTURE_REFERENCE)
    op.struct_set(type, field, x, value)


@opcode("array.new", 0xFB_0006, Rule.ARRAY_NEW, immediates=TYPE, is_constant=True)
def array_new(op: Machine[V], type: int, element: V, length: V) -> V:
    """An array of a length, all elements the same value."""
    return op.array_new(type, element, length)


@opcode("array.new_default", 0xFB_0007, Rule.ARRAY_NEW_DEFAULT, immediates=TYPE, is_constant=True)
def array_new_default(op: Machine[V], type: int, length: V) -> V:
    """An array of a length, all elements zero or null."""
    return op.array_new_default(type, length)


@opcode(
    "array.new_fixed", 0xFB_0008, Rule.ARRAY_NEW_FIXED, immediates=(Immediate.TYPE, Immediate.U32), is_constant=True
)
def array_new_fixed(op: Machine[V], type: int, length: int, *elements: V) -> V:
    """An array of as many elements as the second immediate says, all on the stack."""
    return op.array_new_fixed(type, elements)


@opcode("array.new_data", 0xFB_0009, Rule.ARRAY_NEW_DATA, immediates=(Immediate.TYPE, Immediate.DATA))
def array_new_data(op: Machine[V], type: int, data: int, start: V, length: V) -> V:
    """An array read from a data segment. MEMORY_OUT_OF_BOUNDS."""
    return op.array_new_data(type, data, start, length)


@opcode("array.new_elem", 0xFB_000A, Rule.ARRAY_NEW_ELEM, immediates=(Immediate.TYPE, Immediate.ELEM))
def array_new_elem(op: Machine[V], type: int, elem: int, start: V, length: V) -> V:
    """An array read from an element segment. TABLE_OUT_OF_BOUNDS."""
    return op.array_new_elem(type, elem, start, length)


@opcode("array.get", 0xFB_000B, Rule.ARRAY_GET, False, immediates=TYPE)
@opcode("array.get_s", 0xFB_000C, Rule.ARRAY_GET_PACKED, True, immediates=TYPE)
@opcode("array.get_u", 0xFB_000D, Rule.ARRAY_GET_PACKED, False, immediates=TYPE)
def array_get(op: Machine[V], is_signed: bool, type: int, x: V, index: V) -> V:
    """An element, extended if it is packed. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""
    _check_index(op, x, index)
    return op.array_get(type, is_signed, x, index)


@opcode("array.set", 0xFB_000E, Rule.ARRAY_SET, immediates=TYPE)
def array_set(op: Machine[V], type: int, x: V, index: V, value: V) -> None:
    """Set an element. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""
    _check_index(op, x, index)
    op.array_set(type, x, index, value)


@opcode("array.len", 0xFB_000F, Rule.ARRAY_LEN)
def array_len(op: Machine[V], x: V) -> V:
    """The length. NULL_ARRAY_REFERENCE."""
    op.trap_if(op.ref_is_null(x), TrapKind.NULL_ARRAY_REFERENCE)
    return op.array_len(x)


def _check_index(op: Machine[V], x: V, index: V) -> None:
    is_beyond = op.compare(I32, Predicate.GE_U, index, array_len(op, x))
    op.trap_if(is_beyond, TrapKind.ARRAY_OUT_OF_BOUNDS)


@opcode("array.fill", 0xFB_0010, Rule.ARRAY_FILL, immediates=TYPE)
def array_fill(op: Machine[V], type: int, x: V, start: V, element: V, size: V) -> None:
    """Set elements to one value. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""
    op.array_fill(type, x, start, element, size)


@opcode("array.copy", 0xFB_0011, Rule.ARRAY_COPY, immediates=(Immediate.TYPE, Immediate.TYPE))
def array_copy(op: Machine[V], target: int, source: int, x: V, to: V, y: V, start: V, size: V) -> None:
    """Copy elements to the first immediate's array from the second's. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""
    op.array_copy(target, x, to, y, start, size)


@opcode("array.init_data", 0xFB_0012, Rule.ARRAY_INIT_DATA, immediates=(Immediate.TYPE, Immediate.DATA))
def array_init_data(op: Machine[V], type: int, data: int, x: V, to: V, start: V, size: V) -> None:
    """Copy from a data segment. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS, MEMORY_OUT_OF_BOUNDS."""
    op.array_init_data(type, data, x, to, start, size)


@opcode("array.init_elem", 0xFB_0013, Rule.ARRAY_INIT_ELEM, immediates=(Immediate.TYPE, Immediate.ELEM))
def array_init_elem(op: Machine[V], type: int, elem: int, x: V, to: V, start: V, size: V) -> None:
    """Copy from an element segment. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS, TABLE_OUT_OF_BOUNDS."""
    op.array_init_elem(type, elem, x, to, start, size)


@opcode("ref.test", 0xFB_0014, Rule.REF_TEST, immediates=(Immediate.REF_TYPE,))
@opcode("ref.test", 0xFB_0015, Rule.REF_TEST, immediates=(Immediate.REF_TYPE_NULL,))
def ref_test(op: Machine[V], target: RefType, x: V) -> V:
    """Whether a reference has a type."""
    return op.flag(I32, op.ref_matches(target, x))


@opcode("ref.cast", 0xFB_0016, Rule.REF_CAST, immediates=(Immediate.REF_TYPE,))
@opcode("ref.cast", 0xFB_0017, Rule.REF_CAST, immediates=(Immediate.REF_TYPE_NULL,))
def ref_cast(op: Machine[V], target: RefType, x: V) -> V:
    """The reference, which must have a type. CAST_FAILURE."""
    matches = op.flag(I32, op.ref_matches(target, x))
    op.trap_if(op.compare(I32, Predicate.EQ, matches, op.const(I32, 0)), TrapKind.CAST_FAILURE)
    return x


@opcode("br_on_cast", 0xFB_0018, Rule.BR_ON_CAST, immediates=(Immediate.LABEL, Immediate.CAST))
@structural
def br_on_cast() -> None:
    """`br` if the reference on top has the second type."""


@opcode("br_on_cast_fail", 0xFB_0019, Rule.BR_ON_CAST_FAIL, immediates=(Immediate.LABEL, Immediate.CAST))
@structural
def br_on_cast_fail() -> None:
    """`br` unless the reference on top has the second type."""


@opcode("any.convert_extern", 0xFB_001A, Rule.ANY_CONVERT_EXTERN, is_constant=True)
def any_convert_extern(op: Machine[V], x: V) -> V:
    """An external reference as an internal one."""
    return x


@opcode("extern.convert_any", 0xFB_001B, Rule.EXTERN_CONVERT_ANY, is_constant=True)
def extern_convert_any(op: Machine[V], x: V) -> V:
    """An internal reference as an external one."""
    return x


@opcode("ref.i31", 0xFB_001C, Rule.REF_I31, is_constant=True)
def ref_i31(op: Machine[V], x: V) -> V:
    """The low 31 bits of an i32, as a reference."""
    return op.ref_i31(x)


@opcode("i31.get_s", 0xFB_001D, Rule.I31_GET, True)
@opcode("i31.get_u", 0xFB_001E, Rule.I31_GET, False)
def i31_get(op: Machine[V], is_signed: bool, x: V) -> V:
    """The number in an i31 reference, sign- or zero-extended. NULL_I31_REFERENCE."""
    op.trap_if(op.ref_is_null(x), TrapKind.NULL_I31_REFERENCE)
    return op.i31_get(is_signed, x)
