"""How each instruction of the table is read from text: its immediates, in the order that the text format has them.

Core specification, sections 6.5.3 and following. The order is the binary format's but for a few instructions, which
have readers of their own. A reader takes the code that is being built and appends the immediates to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.table import BY_NAME, Row
from jormun.syntax.code import encode_opcode
from jormun.syntax.leb128 import write_signed, write_unsigned
from jormun.syntax.type_code import encode_heaptype, encode_valtype
from jormun.text.keywords import LANE_SHAPES
from jormun.text.literals import float_bits, is_number, signed, unsigned
from jormun.text.types import heap_type, ref_type, type_use, val_types
from jormun.types import RefType, ValType

if TYPE_CHECKING:
    from jormun.text.instructions import Code

Reader: TypeAlias = "Callable[[Code, bytearray], None]"
"""Reads the immediates of an instruction and appends them."""


def read_int32(code: Code, out: bytearray) -> None:
    """The constant of i32.const."""
    _signed(code, out, 32)


def read_int64(code: Code, out: bytearray) -> None:
    """The constant of i64.const."""
    _signed(code, out, 64)


def _signed(code: Code, out: bytearray, bits: int) -> None:
    cursor = code.cursor
    try:
        value = signed(cursor.texts[cursor.at], bits)
    except ValueError as error:
        cursor.fail_number(error, "an integer")
    cursor.at += 1
    if -64 <= value < 64:
        out.append(value & 0x7F)
    else:
        write_signed(out, value)


def read_float32(code: Code, out: bytearray) -> None:
    """The constant of f32.const."""
    _float(code, out, 32)


def read_float64(code: Code, out: bytearray) -> None:
    """The constant of f64.const."""
    _float(code, out, 64)


def _float(code: Code, out: bytearray, bits: int) -> None:
    cursor = code.cursor
    try:
        pattern = float_bits(cursor.texts[cursor.at], bits)
    except ValueError as error:
        cursor.fail_number(error, "a float")
    cursor.at += 1
    out += pattern.to_bytes(bits // 8, "little")


def read_vector(code: Code, out: bytearray) -> None:
    """The constant of v128.const: a shape and a literal for each lane."""
    cursor = code.cursor
    shape = cursor.texts[cursor.at]
    if shape not in LANE_SHAPES:
        raise cursor.unexpected("a vector shape")
    cursor.at += 1
    lanes, bits = LANE_SHAPES[shape]
    literals = cursor.texts[cursor.at : cursor.at + lanes]
    if len(literals) < lanes or not {"(", ")"}.isdisjoint(literals):
        raise cursor.error(f"wrong number of lane literals: expected {lanes}")
    for token in literals:
        try:
            lane = float_bits(token, bits) if shape[0] == "f" else signed(token, bits) & (1 << bits) - 1
        except ValueError as error:
            cursor.fail_number(error, "a lane literal")
        out += lane.to_bytes(bits // 8, "little")
        cursor.at += 1
    if is_number(cursor.texts[cursor.at]):
        raise cursor.error(f"wrong number of lane literals: expected {lanes}")


def read_lane(code: Code, out: bytearray) -> None:
    """A lane index."""
    out.append(code.cursor.unsigned(8))


def read_lanes(code: Code, out: bytearray) -> None:
    """The 16 lane indices of i8x16.shuffle."""
    cursor = code.cursor
    for _ in range(16):
        token = cursor.texts[cursor.at]
        if not is_number(token):
            raise cursor.error("invalid lane length: expected 16 lane indices")
        try:
            out.append(unsigned(token, 8))
        except ValueError as error:
            raise cursor.error(f"i8 constant out of range: {token}") from error
        cursor.at += 1
    if is_number(cursor.texts[cursor.at]):
        raise cursor.error("invalid lane length: expected 16 lane indices")


def _memarg_reader(natural: int, has_lane: bool) -> Reader:
    """Reads a memarg of an access whose natural alignment is 2**natural, and the lane behind it."""

    def read(code: Code, out: bytearray) -> None:
        cursor = code.cursor
        token = cursor.texts[cursor.at]
        memory = 0
        # A number is the memory, unless it is the lane: the last thing before a parenthesis or the next instruction.
        if token[:1] == "$" or (
            token[:1].isdigit() and (not has_lane or _continues_memarg(cursor.texts[cursor.at + 1]))
        ):
            memory = code.context.memories.read(cursor)
        offset, align = 0, natural
        token = cursor.texts[cursor.at]
        if token.startswith("offset="):
            offset = code.assigned(7)
            token = cursor.texts[cursor.at]
        if token.startswith("align="):
            at = cursor.at
            size = code.assigned(6)
            if size.bit_count() != 1:
                raise cursor.error(f"alignment must be a power of two: {size}", at)
            align = size.bit_length() - 1
        if memory:
            out.append(align | 0x40)
            write_unsigned(out, memory)
        else:
            out.append(align)
        write_unsigned(out, offset)
        if has_lane:
            out.append(cursor.unsigned(8))

    return read


def _continues_memarg(token: str) -> bool:
    return token[:1].isdigit() or token.startswith(("offset=", "align="))


def read_memory(code: Code, out: bytearray) -> None:
    """A memory index, 0 if absent."""
    write_unsigned(out, code.context.memories.read_optional(code.cursor))


def read_memories(code: Code, out: bytearray) -> None:
    """The two memories of memory.copy: none or both."""
    cursor, memories = code.cursor, code.context.memories
    both = cursor.is_identifier() or cursor.is_unsigned()
    write_unsigned(out, memories.read(cursor) if both else 0)
    write_unsigned(out, memories.read(cursor) if both else 0)


def read_data_memory(code: Code, out: bytearray) -> None:
    """The immediates of memory.init: an optional memory, then the data segment, which comes first in binary."""
    cursor = code.cursor
    memory = code.context.memories.read(cursor) if code.has_two_indices() else 0
    read_data(code, out)
    write_unsigned(out, memory)


def read_data(code: Code, out: bytearray) -> None:
    """A data segment."""
    code.context.uses_data = True
    write_unsigned(out, code.context.datas.read(code.cursor))


def read_elem(code: Code, out: bytearray) -> None:
    """An element segment."""
    write_unsigned(out, code.context.elements.read(code.cursor))


def read_elem_table(code: Code, out: bytearray) -> None:
    """The immediates of table.init: an optional table, then the element segment, which comes first in binary."""
    cursor = code.cursor
    table = code.context.tables.read(cursor) if code.has_two_indices() else 0
    write_unsigned(out, code.context.elements.read(cursor))
    write_unsigned(out, table)


def read_table(code: Code, out: bytearray) -> None:
    """A table index, 0 if absent."""
    write_unsigned(out, code.context.tables.read_optional(code.cursor))


def read_tables(code: Code, out: bytearray) -> None:
    """The two tables of table.copy: none or both."""
    cursor, tables = code.cursor, code.context.tables
    both = cursor.is_identifier() or cursor.is_unsigned()
    write_unsigned(out, tables.read(cursor) if both else 0)
    write_unsigned(out, tables.read(cursor) if both else 0)


def read_func(code: Code, out: bytearray) -> None:
    """A function index."""
    write_unsigned(out, code.context.functions.read(code.cursor))


def read_type(code: Code, out: bytearray) -> None:
    """A type index."""
    write_unsigned(out, code.context.types.read(code.cursor))


def read_type_table(code: Code, out: bytearray) -> None:
    """The immediates of call_indirect: an optional table, then a type use, which comes first in binary."""
    table = code.context.tables.read_optional(code.cursor)
    index, _ = type_use(code.cursor, code.context)
    write_unsigned(out, index)
    write_unsigned(out, table)


def read_local(code: Code, out: bytearray) -> None:
    """A local."""
    cursor = code.cursor
    token = cursor.texts[cursor.at]
    if token[:1] != "$":
        if not cursor.is_unsigned():
            raise cursor.unexpected("a local index")
        index: int | None = cursor.unsigned(32)
    else:
        at = cursor.at
        index = code.locals.get(cursor.identifier())
        if index is None:
            raise cursor.error(f"unknown local {token}", at)
    assert index is not None
    if index < 0x80:
        out.append(index)
    else:
        write_unsigned(out, index)


def read_global(code: Code, out: bytearray) -> None:
    """A global index."""
    write_unsigned(out, code.context.globals.read(code.cursor))


def read_tag(code: Code, out: bytearray) -> None:
    """A tag index."""
    write_unsigned(out, code.context.tags.read(code.cursor))


def read_field(code: Code, out: bytearray) -> None:
    """A structure type and a field of it."""
    cursor = code.cursor
    index = code.context.types.read(cursor)
    write_unsigned(out, index)
    fields = code.context.fields.get(index)
    if fields is not None:
        write_unsigned(out, fields.read(cursor))
    elif cursor.is_identifier():
        raise cursor.error(f"unknown field {cursor.texts[cursor.at]}")
    else:
        write_unsigned(out, cursor.unsigned(32))


def read_type_count(code: Code, out: bytearray) -> None:
    """A type and a number of elements."""
    read_type(code, out)
    write_unsigned(out, code.cursor.unsigned(32))


def read_type_data(code: Code, out: bytearray) -> None:
    """A type and a data segment."""
    read_type(code, out)
    read_data(code, out)


def read_type_elem(code: Code, out: bytearray) -> None:
    """A type and an element segment."""
    read_type(code, out)
    read_elem(code, out)


def read_types(code: Code, out: bytearray) -> None:
    """Two types."""
    read_type(code, out)
    read_type(code, out)


def read_label(code: Code, out: bytearray) -> None:
    """A label."""
    write_unsigned(out, code.label())


def read_labels(code: Code, out: bytearray) -> None:
    """The labels of br_table."""
    cursor = code.cursor
    labels = [code.label()]
    while cursor.is_identifier() or cursor.is_unsigned():
        labels.append(code.label())
    write_unsigned(out, len(labels) - 1)
    for label in labels:
        write_unsigned(out, label)


def read_heap_type(code: Code, out: bytearray) -> None:
    """The heap type of ref.null."""
    encode_heaptype(out, heap_type(code.cursor, code.context))


def read_cast(code: Code, out: bytearray) -> None:
    """A label and two reference types, before which the binary format puts a byte that says which are nullable."""
    label = code.label()
    source, target = ref_type(code.cursor, code.context), ref_type(code.cursor, code.context)
    out.append(source.nullable | target.nullable << 1)
    write_unsigned(out, label)
    encode_heaptype(out, source.heap)
    encode_heaptype(out, target.heap)


def read_ordering(code: Code, out: bytearray) -> None:
    """The reserved byte of atomic.fence, which is not written in text."""
    out.append(0)


def _ref_type_reader(opcode: bytes, opcode_null: bytes) -> Reader:
    """Reads the type of ref.test or ref.cast, on which its opcode depends."""

    def read(code: Code, out: bytearray) -> None:
        t: RefType = ref_type(code.cursor, code.context)
        out += opcode_null if t.nullable else opcode
        encode_heaptype(out, t.heap)

    return read


def _select_reader(opcode: bytes, opcode_typed: bytes) -> Reader:
    """Reads the result types of select, on whose presence its opcode depends."""

    def read(code: Code, out: bytearray) -> None:
        cursor = code.cursor
        if not cursor.opens("result"):
            out += opcode
            return
        types: list[ValType] = []
        while cursor.takes_open("result"):
            types += val_types(cursor, code.context)
        out += opcode_typed
        write_unsigned(out, len(types))
        for t in types:
            encode_valtype(out, t)

    return read


_READERS: dict[tuple[Immediate, ...], Reader | None] = {
    (): None,
    (Immediate.I32,): read_int32,
    (Immediate.I64,): read_int64,
    (Immediate.F32,): read_float32,
    (Immediate.F64,): read_float64,
    (Immediate.V128,): read_vector,
    (Immediate.LANE,): read_lane,
    (Immediate.LANES,): read_lanes,
    (Immediate.MEMORY,): read_memory,
    (Immediate.MEMORY, Immediate.MEMORY): read_memories,
    (Immediate.DATA, Immediate.MEMORY): read_data_memory,
    (Immediate.DATA,): read_data,
    (Immediate.ELEM,): read_elem,
    (Immediate.ELEM, Immediate.TABLE): read_elem_table,
    (Immediate.TABLE,): read_table,
    (Immediate.TABLE, Immediate.TABLE): read_tables,
    (Immediate.FUNC,): read_func,
    (Immediate.TYPE,): read_type,
    (Immediate.TYPE, Immediate.TABLE): read_type_table,
    (Immediate.LOCAL,): read_local,
    (Immediate.GLOBAL,): read_global,
    (Immediate.TAG,): read_tag,
    (Immediate.TYPE, Immediate.FIELD): read_field,
    (Immediate.TYPE, Immediate.U32): read_type_count,
    (Immediate.TYPE, Immediate.DATA): read_type_data,
    (Immediate.TYPE, Immediate.ELEM): read_type_elem,
    (Immediate.TYPE, Immediate.TYPE): read_types,
    (Immediate.LABEL,): read_label,
    (Immediate.LABELS,): read_labels,
    (Immediate.HEAP_TYPE,): read_heap_type,
    (Immediate.LABEL, Immediate.CAST): read_cast,
    (Immediate.ORDERING,): read_ordering,
}


def _operation(rows: list[Row]) -> tuple[bytes, Reader | None]:
    row = rows[0]
    if len(rows) == 2:
        pair = encode_opcode(row), encode_opcode(rows[1])
        if row.immediates == (Immediate.REF_TYPE,):
            return b"", _ref_type_reader(*pair)
        return b"", _select_reader(*pair)
    if row.immediates[:1] == (Immediate.MEMARG,):
        return encode_opcode(row), _memarg_reader(row.natural_alignment, Immediate.LANE in row.immediates)
    return encode_opcode(row), _READERS[row.immediates]


BLOCKS: dict[str, bytes] = {name: encode_opcode(rows[0]) for name, rows in BY_NAME.items() if rows[0].opens_block}
"""The opcodes of instructions that open a block."""
ELSE, END = (encode_opcode(BY_NAME[name][0]) for name in ("else", "end"))

OPERATIONS: dict[str, tuple[bytes, Reader | None]] = {
    name: _operation(rows) for name, rows in BY_NAME.items() if name not in (*BLOCKS, "else", "end")
}
"""The opcode of an instruction by its name, and the reader of its immediates if it has any; the opcode is empty if its
reader writes that too."""
