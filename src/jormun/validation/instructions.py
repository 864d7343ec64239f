"""What each opcode does to the state of a body: the table's rows as the validator reads them (section 3.4).

A row with a fixed signature pops its operands and pushes its results; a row with a rule has a function in `rules`.
To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import Callable, Final, TypeAlias, i64
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Address, OperandType, Rule, Signature
from jormun.opcodes.table import BY_CODE, Row
from jormun.syntax.leb128 import UNEXPECTED_END
from jormun.types import NumType, RefType, VecType
from jormun.validation.code_reader import (
    read_byte,
    read_memarg,
    read_u32,
    skip_s32,
    skip_s64,
)
from jormun.validation.control_stack import Body
from jormun.validation.operand import NO_MEMORY
from jormun.validation.rules import aggregates, control, memories, references, tables, variables

RuleFunction: TypeAlias = Callable[[Body, Row], None]

RULES: Final[dict[Rule, RuleFunction]] = {
    Rule.UNREACHABLE: control.unreachable,
    Rule.BLOCK: control.block,
    Rule.LOOP: control.loop,
    Rule.IF: control.if_,
    Rule.ELSE: control.else_,
    Rule.END: control.end,
    Rule.TRY_TABLE: control.try_table,
    Rule.THROW: control.throw,
    Rule.THROW_REF: control.throw_ref,
    Rule.BR: control.br,
    Rule.BR_IF: control.br_if,
    Rule.BR_TABLE: control.br_table,
    Rule.BR_ON_NULL: control.br_on_null,
    Rule.BR_ON_NON_NULL: control.br_on_non_null,
    Rule.BR_ON_CAST: control.br_on_cast,
    Rule.BR_ON_CAST_FAIL: control.br_on_cast_fail,
    Rule.RETURN: control.return_,
    Rule.CALL: control.call,
    Rule.CALL_INDIRECT: control.call_indirect,
    Rule.CALL_REF: control.call_ref,
    Rule.RETURN_CALL: control.return_call,
    Rule.RETURN_CALL_INDIRECT: control.return_call_indirect,
    Rule.RETURN_CALL_REF: control.return_call_ref,
    Rule.DROP: variables.drop,
    Rule.SELECT: variables.select,
    Rule.SELECT_TYPED: variables.select_typed,
    Rule.LOCAL_GET: variables.local_get,
    Rule.LOCAL_SET: variables.local_set,
    Rule.LOCAL_TEE: variables.local_tee,
    Rule.GLOBAL_GET: variables.global_get,
    Rule.GLOBAL_SET: variables.global_set,
    Rule.TABLE_GET: tables.table_get,
    Rule.TABLE_SET: tables.table_set,
    Rule.TABLE_SIZE: tables.table_size,
    Rule.TABLE_GROW: tables.table_grow,
    Rule.TABLE_FILL: tables.table_fill,
    Rule.TABLE_COPY: tables.table_copy,
    Rule.TABLE_INIT: tables.table_init,
    Rule.ELEM_DROP: tables.elem_drop,
    Rule.MEMORY_SIZE: memories.memory_size,
    Rule.MEMORY_GROW: memories.memory_grow,
    Rule.MEMORY_FILL: memories.memory_fill,
    Rule.MEMORY_COPY: memories.memory_copy,
    Rule.MEMORY_INIT: memories.memory_init,
    Rule.DATA_DROP: memories.data_drop,
    Rule.REF_NULL: references.ref_null,
    Rule.REF_IS_NULL: references.ref_is_null,
    Rule.REF_AS_NON_NULL: references.ref_as_non_null,
    Rule.REF_FUNC: references.ref_func,
    Rule.REF_EQ: references.ref_eq,
    Rule.REF_TEST: references.ref_test,
    Rule.REF_CAST: references.ref_cast,
    Rule.REF_I31: references.ref_i31,
    Rule.I31_GET: references.i31_get,
    Rule.STRUCT_NEW: aggregates.struct_new,
    Rule.STRUCT_NEW_DEFAULT: aggregates.struct_new_default,
    Rule.STRUCT_GET: aggregates.struct_get,
    Rule.STRUCT_GET_PACKED: aggregates.struct_get_packed,
    Rule.STRUCT_SET: aggregates.struct_set,
    Rule.ARRAY_NEW: aggregates.array_new,
    Rule.ARRAY_NEW_DEFAULT: aggregates.array_new_default,
    Rule.ARRAY_NEW_FIXED: aggregates.array_new_fixed,
    Rule.ARRAY_NEW_DATA: aggregates.array_new_data,
    Rule.ARRAY_NEW_ELEM: aggregates.array_new_elem,
    Rule.ARRAY_GET: aggregates.array_get,
    Rule.ARRAY_GET_PACKED: aggregates.array_get_packed,
    Rule.ARRAY_SET: aggregates.array_set,
    Rule.ARRAY_LEN: aggregates.array_len,
    Rule.ARRAY_FILL: aggregates.array_fill,
    Rule.ARRAY_COPY: aggregates.array_copy,
    Rule.ARRAY_INIT_DATA: aggregates.array_init_data,
    Rule.ARRAY_INIT_ELEM: aggregates.array_init_elem,
    Rule.ANY_CONVERT_EXTERN: references.any_convert_extern,
    Rule.EXTERN_CONVERT_ANY: references.extern_convert_any,
}
"""The function of each rule. It is called with `body.pc` behind the opcode."""

ADDRESS: Final = -5
"""In a signature, in place of a memory's address type."""

THREADS_PREFIX: Final = 0xFE

_MEMARG: Final = -1
_S32: Final = -2
_S64: Final = -3
_LANE: Final = -4
_LANES: Final = -5
_ORDERING: Final = -6
_READINGS: Final[dict[Immediate, int]] = {
    Immediate.MEMARG: _MEMARG,
    Immediate.I32: _S32,
    Immediate.I64: _S64,
    Immediate.LANE: _LANE,
    Immediate.LANES: _LANES,
    Immediate.ORDERING: _ORDERING,
    Immediate.F32: 4,
    Immediate.F64: 8,
    Immediate.V128: 16,
}
"""How the immediates of rows with a signature are read; a number of bytes is skipped."""


class Entry:
    """A row as the validator reads it: either a rule, or operand codes to pop and push."""

    __slots__ = ("is_atomic", "is_wide", "lanes", "name", "natural", "params", "readings", "results", "row", "rule")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.name = row.name
        self.rule: RuleFunction | None = None
        self.params: list[int] = []
        self.results: list[int] = []
        self.readings: list[int] = []
        self.natural: i64 = 0
        self.lanes: i64 = 0
        self.is_atomic = row.prefix == THREADS_PREFIX
        self.is_wide = False
        signature = row.signature
        if isinstance(signature, Signature):
            self.params = [_operand(t) for t in signature.params]
            self.results = [_operand(t) for t in signature.results]
            self.readings = [_READINGS[kind] for kind in row.immediates]
            # Wide arithmetic yields pairs of i64; no other instruction with a signature yields two results.
            self.is_wide = len(self.results) == 2
            if Immediate.MEMARG in row.immediates:
                self.natural = row.natural_alignment
            if Immediate.LANE in row.immediates:
                self.lanes = row.lane_count
        else:
            self.rule = RULES[signature]


def _operand(t: OperandType) -> int:
    if isinstance(t, Address):
        return ADDRESS
    # No signature in the table has a reference: those depend on context.
    assert not isinstance(t, RefType)
    assert isinstance(t, (NumType, VecType))
    code: int = t.value
    return code


ENTRIES: Final[dict[int, Entry]] = {code: Entry(row) for code, row in BY_CODE.items()}
"""All rows by `Row.code`."""
PREFIXES: Final = frozenset(row.prefix for row in BY_CODE.values() if row.prefix is not None)


def read_entry(body: Body) -> Entry:
    """Read an opcode. Raises MalformedError ('illegal opcode')."""
    at = body.pc
    body.instruction = ""
    byte = read_byte(body)
    if at >= body.length:
        raise MalformedError(UNEXPECTED_END, offset=body.length)
    entry = _ONE_BYTE[byte]
    number: i64 = -1
    if entry is None and byte in PREFIXES:
        number = read_u32(body)
        entry = ENTRIES.get(byte << 16 | number) if number < 0x10000 else None
    if entry is None:
        raise MalformedError(f"illegal opcode {_shown(byte, number)}", offset=at)
    if entry.is_atomic and not body.context.features.threads:
        raise MalformedError(f"illegal opcode {_shown(byte, number)}: the threads proposal is off", offset=at)
    if entry.is_wide and not body.context.features.wide_arithmetic:
        raise MalformedError(f"illegal opcode {_shown(byte, number)}: the wide arithmetic proposal is off", offset=at)
    body.instruction = entry.name
    return entry


_ONE_BYTE: Final[list[Entry | None]] = [ENTRIES.get(byte) for byte in range(256)]


def _shown(byte: i64, number: i64) -> str:
    """An opcode in a message; the number behind a prefix is -1 when there is none."""
    return f"{byte:02x}" if number < 0 else f"{byte:02x} {number:02x}"


def apply(body: Body, entry: Entry) -> None:
    """Read the immediates of an instruction, and pop and push its operands."""
    rule = entry.rule
    if rule is not None:
        rule(body, entry.row)
        return
    address: i64 = NO_MEMORY
    for reading in entry.readings:
        if reading == _MEMARG:
            address = read_memarg(body, entry.natural, entry.is_atomic)
        else:
            _skip(body, entry, reading)
    params = entry.params
    for i in range(len(params) - 1, -1, -1):
        t = params[i]
        body.pop(address if t == ADDRESS else t)
    body.push_all(entry.results)


def _skip(body: Body, entry: Entry, reading: i64) -> None:
    """Read an immediate that types do not depend on."""
    if reading > 0:
        body.pc += reading
    elif reading == _S32:
        skip_s32(body)
    elif reading == _S64:
        skip_s64(body)
    elif reading == _LANE:
        _check_lane(read_byte(body), entry.lanes)
    elif reading == _LANES:
        for _ in range(16):
            _check_lane(read_byte(body), 32)
    else:
        assert reading == _ORDERING
        at = body.pc
        if read_byte(body) != 0:
            raise MalformedError("zero byte expected", offset=at)


def _check_lane(lane: i64, count: i64) -> None:
    if lane >= count:
        raise InvalidError(f"invalid lane index {lane}, there are {count}")
