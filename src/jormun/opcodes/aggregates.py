"""Structures, arrays, i31 and casts: garbage-collected objects (core specification, section 4.4.4)."""

from __future__ import annotations

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.markers import later
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import opcode

TYPE = (Immediate.TYPE,)
FIELD = (Immediate.TYPE, Immediate.FIELD)


@opcode("struct.new", 0xFB_0000, Rule.STRUCT_NEW, immediates=TYPE, is_constant=True)
@later
def struct_new() -> None:
    """A structure with these fields."""


@opcode("struct.new_default", 0xFB_0001, Rule.STRUCT_NEW_DEFAULT, immediates=TYPE, is_constant=True)
@later
def struct_new_default() -> None:
    """A structure whose fields are zero or null."""


@opcode("struct.get", 0xFB_0002, Rule.STRUCT_GET, immediates=FIELD)
@opcode("struct.get_s", 0xFB_0003, Rule.STRUCT_GET_PACKED, immediates=FIELD)
@opcode("struct.get_u", 0xFB_0004, Rule.STRUCT_GET_PACKED, immediates=FIELD)
@later
def struct_get() -> None:
    """A field, extended if it is packed. NULL_STRUCTURE_REFERENCE."""


@opcode("struct.set", 0xFB_0005, Rule.STRUCT_SET, immediates=FIELD)
@later
def struct_set() -> None:
    """Set a field. NULL_STRUCTURE_REFERENCE."""


@opcode("array.new", 0xFB_0006, Rule.ARRAY_NEW, immediates=TYPE, is_constant=True)
@later
def array_new() -> None:
    """An array of a length, all elements the same value."""


@opcode("array.new_default", 0xFB_0007, Rule.ARRAY_NEW_DEFAULT, immediates=TYPE, is_constant=True)
@later
def array_new_default() -> None:
    """An array of a length, all elements zero or null."""


@opcode(
    "array.new_fixed", 0xFB_0008, Rule.ARRAY_NEW_FIXED, immediates=(Immediate.TYPE, Immediate.U32), is_constant=True
)
@later
def array_new_fixed() -> None:
    """An array of as many elements as the second immediate says, all on the stack."""


@opcode("array.new_data", 0xFB_0009, Rule.ARRAY_NEW_DATA, immediates=(Immediate.TYPE, Immediate.DATA))
@later
def array_new_data() -> None:
    """An array read from a data segment. MEMORY_OUT_OF_BOUNDS."""


@opcode("array.new_elem", 0xFB_000A, Rule.ARRAY_NEW_ELEM, immediates=(Immediate.TYPE, Immediate.ELEM))
@later
def array_new_elem() -> None:
    """An array read from an element segment. TABLE_OUT_OF_BOUNDS."""


@opcode("array.get", 0xFB_000B, Rule.ARRAY_GET, immediates=TYPE)
@opcode("array.get_s", 0xFB_000C, Rule.ARRAY_GET_PACKED, immediates=TYPE)
@opcode("array.get_u", 0xFB_000D, Rule.ARRAY_GET_PACKED, immediates=TYPE)
@later
def array_get() -> None:
    """An element, extended if it is packed. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""


@opcode("array.set", 0xFB_000E, Rule.ARRAY_SET, immediates=TYPE)
@later
def array_set() -> None:
    """Set an element. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""


@opcode("array.len", 0xFB_000F, Rule.ARRAY_LEN)
@later
def array_len() -> None:
    """The length. NULL_ARRAY_REFERENCE."""


@opcode("array.fill", 0xFB_0010, Rule.ARRAY_FILL, immediates=TYPE)
@later
def array_fill() -> None:
    """Set elements to one value. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""


@opcode("array.copy", 0xFB_0011, Rule.ARRAY_COPY, immediates=(Immediate.TYPE, Immediate.TYPE))
@later
def array_copy() -> None:
    """Copy elements to the first immediate's array from the second's. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS."""


@opcode("array.init_data", 0xFB_0012, Rule.ARRAY_INIT_DATA, immediates=(Immediate.TYPE, Immediate.DATA))
@later
def array_init_data() -> None:
    """Copy from a data segment. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS, MEMORY_OUT_OF_BOUNDS."""


@opcode("array.init_elem", 0xFB_0013, Rule.ARRAY_INIT_ELEM, immediates=(Immediate.TYPE, Immediate.ELEM))
@later
def array_init_elem() -> None:
    """Copy from an element segment. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS, TABLE_OUT_OF_BOUNDS."""


@opcode("ref.test", 0xFB_0014, Rule.REF_TEST, immediates=(Immediate.REF_TYPE,))
@opcode("ref.test", 0xFB_0015, Rule.REF_TEST, immediates=(Immediate.REF_TYPE_NULL,))
@later
def ref_test() -> None:
    """Whether a reference has a type."""


@opcode("ref.cast", 0xFB_0016, Rule.REF_CAST, immediates=(Immediate.REF_TYPE,))
@opcode("ref.cast", 0xFB_0017, Rule.REF_CAST, immediates=(Immediate.REF_TYPE_NULL,))
@later
def ref_cast() -> None:
    """The reference, which must have a type. CAST_FAILURE."""


@opcode("br_on_cast", 0xFB_0018, Rule.BR_ON_CAST, immediates=(Immediate.LABEL, Immediate.CAST))
@later
def br_on_cast() -> None:
    """`br` if the reference on top has the second type."""


@opcode("br_on_cast_fail", 0xFB_0019, Rule.BR_ON_CAST_FAIL, immediates=(Immediate.LABEL, Immediate.CAST))
@later
def br_on_cast_fail() -> None:
    """`br` unless the reference on top has the second type."""


@opcode("any.convert_extern", 0xFB_001A, Rule.ANY_CONVERT_EXTERN, is_constant=True)
@later
def any_convert_extern() -> None:
    """An external reference as an internal one."""


@opcode("extern.convert_any", 0xFB_001B, Rule.EXTERN_CONVERT_ANY, is_constant=True)
@later
def extern_convert_any() -> None:
    """An internal reference as an external one."""


@opcode("ref.i31", 0xFB_001C, Rule.REF_I31, is_constant=True)
@later
def ref_i31() -> None:
    """The low 31 bits of an i32, as a reference."""


@opcode("i31.get_s", 0xFB_001D, Rule.I31_GET)
@opcode("i31.get_u", 0xFB_001E, Rule.I31_GET)
@later
def i31_get() -> None:
    """The number in an i31 reference, sign- or zero-extended. NULL_I31_REFERENCE."""
