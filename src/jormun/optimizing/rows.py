"""How rows of the instruction table are lowered: by a handler, or by their semantics, and then with which results.

To be compiled by mypyc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF
from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.signatures import Address, Rule, Signature
from jormun.opcodes.table import BY_CODE, Row
from jormun.optimizing import calls, control, exceptions, objects
from jormun.optimizing.objects import memory_type
from jormun.optimizing.shapes import ModuleShape
from jormun.types import ArrayType, StructType

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering


_BY_RULE: dict[Rule, Callable[[FunctionLowering], None]] = {
    Rule.UNREACHABLE: control.unreachable,
    Rule.BLOCK: control.block,
    Rule.LOOP: control.loop,
    Rule.IF: control.if_,
    Rule.ELSE: control.else_,
    Rule.END: control.end,
    Rule.BR: control.br,
    Rule.BR_IF: control.br_if,
    Rule.BR_TABLE: control.br_table,
    Rule.BR_ON_NULL: control.br_on_null,
    Rule.BR_ON_NON_NULL: control.br_on_non_null,
    Rule.RETURN: control.return_,
    Rule.DROP: control.drop,
    Rule.SELECT: control.select,
    Rule.SELECT_TYPED: control.select_typed,
    Rule.GLOBAL_GET: control.global_get,
    Rule.GLOBAL_SET: control.global_set,
    Rule.TRY_TABLE: exceptions.try_table,
    Rule.THROW: exceptions.throw,
    Rule.THROW_REF: exceptions.throw_ref,
    Rule.STRUCT_NEW: objects.struct_new,
    Rule.STRUCT_NEW_DEFAULT: objects.struct_new_default,
    Rule.ARRAY_NEW: objects.array_new,
    Rule.ARRAY_NEW_DEFAULT: objects.array_new_default,
    Rule.ARRAY_NEW_FIXED: objects.array_new_fixed,
    Rule.ARRAY_NEW_DATA: objects.array_new_data,
    Rule.ARRAY_NEW_ELEM: objects.array_new_elem,
    Rule.BR_ON_CAST: objects.br_on_cast,
    Rule.BR_ON_CAST_FAIL: objects.br_on_cast_fail,
    Rule.CALL: calls.call,
    Rule.CALL_INDIRECT: calls.call_indirect,
    Rule.CALL_REF: calls.call_ref,
    Rule.RETURN_CALL: calls.return_call,
    Rule.RETURN_CALL_INDIRECT: calls.return_call_indirect,
    Rule.RETURN_CALL_REF: calls.return_call_ref,
}
HANDLERS: dict[int, Callable[[FunctionLowering], None]] = {
    code: _BY_RULE[row.signature]
    for code, row in BY_CODE.items()
    if isinstance(row.signature, Rule) and row.signature in _BY_RULE
}
"""What lowers the instructions that are about the shape of a function, and globals, by code."""

_BY_STATE: dict[Rule, tuple[int, str]] = {
    Rule.TABLE_GET: (1, REF),
    Rule.TABLE_SET: (2, ""),
    Rule.TABLE_SIZE: (0, "table"),
    Rule.TABLE_GROW: (2, "table"),
    Rule.TABLE_FILL: (3, ""),
    Rule.TABLE_COPY: (3, ""),
    Rule.TABLE_INIT: (3, ""),
    Rule.ELEM_DROP: (0, ""),
    Rule.MEMORY_SIZE: (0, "memory"),
    Rule.MEMORY_GROW: (1, "memory"),
    Rule.MEMORY_FILL: (3, ""),
    Rule.MEMORY_COPY: (3, ""),
    Rule.MEMORY_INIT: (3, ""),
    Rule.DATA_DROP: (0, ""),
    Rule.REF_NULL: (0, REF),
    Rule.REF_IS_NULL: (1, "i32"),
    Rule.REF_AS_NON_NULL: (1, REF),
    Rule.REF_FUNC: (0, REF),
    Rule.REF_EQ: (2, "i32"),
    Rule.REF_TEST: (1, "i32"),
    Rule.REF_CAST: (1, REF),
    Rule.REF_I31: (1, REF),
    Rule.I31_GET: (1, "i32"),
    Rule.ANY_CONVERT_EXTERN: (1, REF),
    Rule.EXTERN_CONVERT_ANY: (1, REF),
    Rule.STRUCT_GET: (1, "field"),
    Rule.STRUCT_GET_PACKED: (1, "i32"),
    Rule.STRUCT_SET: (2, ""),
    Rule.ARRAY_GET: (2, "element"),
    Rule.ARRAY_GET_PACKED: (2, "i32"),
    Rule.ARRAY_SET: (3, ""),
    Rule.ARRAY_LEN: (1, "i32"),
    Rule.ARRAY_FILL: (4, ""),
    Rule.ARRAY_COPY: (5, ""),
    Rule.ARRAY_INIT_DATA: (4, ""),
    Rule.ARRAY_INIT_ELEM: (4, ""),
}
"""How many operands an instruction takes whose typing is a rule, and the LLVM type of its result, if it has one: given,
or that of the table, memory, array or field that its first
immediates name."""


_FIXED: dict[int, tuple[int, list[str]]] = {
    code: (len(row.signature.params), [llvm_type(t) for t in row.signature.results if not isinstance(t, Address)])
    for code, row in BY_CODE.items()
    if isinstance(row.signature, Signature)
}
"""The same for rows with a signature, by code. No result depends on a memory's address type."""


def operands_of(shape: ModuleShape, row: Row, immediates: Sequence[ImmediateValue]) -> tuple[int, list[str]]:
    """How many operands a row takes, and the LLVM types of its results."""
    fixed = _FIXED.get(row.code)
    if fixed is not None:
        return fixed
    assert isinstance(row.signature, Rule)
    count, result = _BY_STATE[row.signature]
    if not result:
        return count, []
    index = immediates[0] if immediates else 0
    if isinstance(index, int):
        if result == "table":
            return count, [llvm_type(shape.valid.table_types[index].address)]
        if result == "memory":
            return count, [llvm_type(shape.memory(index).address)]
        if result in ("field", "element"):
            composite = shape.valid.types[index].composite
            if isinstance(composite, ArrayType):
                storage = composite.field.storage
            else:
                assert isinstance(composite, StructType)
                field = immediates[1]
                assert isinstance(field, int)
                storage = composite.fields[field].storage
            return count, [memory_type(storage)]
    return count, [result]
