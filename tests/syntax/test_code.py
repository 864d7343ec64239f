"""The codec of instructions: what is written is read back, row by row, and hostile code ends in a clear error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jormun.errors import MalformedError
from jormun.opcodes.immediates import Cast, Immediate
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.syntax.code import (
    canonical,
    encode_instruction,
    instructions,
    read_immediates,
    read_row,
    skip_expression,
)
from jormun.syntax.expression import Expr
from jormun.syntax.immediate_code import reader_of, writer_of
from jormun.syntax.type_code import encode_valtype, read_valtype
from jormun.types import AbsHeapType, RefType, ValType
from tests.strategies import Operation, assemble, expressions, immediates, operations, valtypes


@pytest.mark.parametrize("row", [row for _, row in sorted(BY_CODE.items())], ids=lambda row: f"{row.name}-{row.code:x}")
@settings(max_examples=10)
@given(data=st.data())
def test_every_row_survives(row: Row, data: st.DataObject) -> None:
    """An instruction is read back with its immediates, up to its last byte and no further."""
    values = data.draw(immediates(row))
    out = bytearray()
    encode_instruction(out, row, values)
    found, at = read_row(bytes(out), 0)
    assert found is row
    assert read_immediates(bytes(out) + b"\x0b", at, row) == (values, len(out))
    for size in range(len(out)):
        with pytest.raises(MalformedError):
            read_immediates(bytes(out[:size]), read_row(bytes(out[:size]), 0)[1], row)


@given(operations())
def test_expressions_survive(found: list[Operation]) -> None:
    """All instructions of an expression are read back, with the offsets that they begin at."""
    expr = assemble(found)
    read = list(instructions(expr.code))
    assert [(i.row, i.immediates) for i in read] == found
    for instruction in read:
        out = bytearray()
        encode_instruction(out, instruction.row, instruction.immediates)
        assert expr.code.startswith(out, instruction.offset)
    assert skip_expression(expr.code + b"\x01\x0b", 0, len(expr.code)) == len(expr.code)
    assert canonical(expr) == expr


@given(valtypes)
def test_value_types_survive(t: ValType) -> None:
    """A value type is read back."""
    out = bytearray()
    encode_valtype(out, t)
    assert read_valtype(bytes(out), 0) == (t, len(out))


@given(expressions, st.data())
def test_broken_code_is_malformed(expr: Expr, data: st.DataObject) -> None:
    """Code with some bytes changed or cut off gives instructions or MalformedError, with an offset inside of it."""
    code = bytearray(expr.code)
    for _ in range(data.draw(st.integers(1, 3))):
        code[data.draw(st.integers(0, len(code) - 1))] = data.draw(st.integers(0, 255))
    del code[data.draw(st.integers(0, len(code))) :]
    try:
        for _ in instructions(bytes(code)):
            pass
    except MalformedError as error:
        assert error.offset is not None and 0 <= error.offset <= len(code)


def test_canonical_shortens_numbers() -> None:
    """Numbers in more bytes than needed are rewritten, and so is a memory index of 0 that is spelled out."""
    const = canonical(Expr(b"\x41\x80\x80\x00\x28\xc2\x00\x80\x00\x84\x00\x0b"))
    assert const == Expr(b"\x41\x00\x28\x02\x04\x0b")


def test_casts_stand_around_their_label() -> None:
    """br_on_cast keeps the order of the format: flags, label, heap types."""
    read = next(instructions(b"\xfb\x18\x01\x05\x6e\x6b\x0b"))
    cast = Cast(RefType(True, AbsHeapType.ANY), RefType(False, AbsHeapType.STRUCT))
    assert read.immediates == (5, cast)


def test_deep_nesting_is_read() -> None:
    """A hundred thousand open blocks cost neither recursion nor much time."""
    depth = 100_000
    code = b"\x02\x40" * depth + b"\x0b" * (depth + 1)
    assert skip_expression(code, 0, len(code)) == len(code)


@pytest.mark.parametrize(
    ("code", "message", "offset"),
    [
        (b"", "unexpected end of section or function", 0),
        (b"\x01\x01", "unexpected end of section or function", 2),
        (b"\x01\xff\x0b", "illegal opcode ff", 1),
        (b"\x01\x27\x0b", "illegal opcode 27", 1),
        (b"\xfc\x7f\x0b", "illegal opcode fc 7f", 0),
        (b"\xfc\xff\xff\xff\xff\x0f\x0b", "illegal opcode fc ffffffff", 0),
        (b"\xfd\x80\x80\x80\x80\x80\x00\x0b", "integer representation too long", 5),
        (b"\x28\x80\x01\x00\x0b", "malformed memop flags", 1),
        (b"\x02\x75\x0b\x0b", "malformed value type 0x75", 1),
        (b"\x02\xc0\x7f\x0b\x0b", "malformed block type", 1),
        (b"\xd0\x40\x0b", "malformed heap type", 1),
        (b"\x0e\xff\xff\xff\xff\x0f\x00", "unexpected end of section or function", 1),
        (b"\x1c\xff\xff\xff\xff\x0f\x7f", "unexpected end of section or function", 1),
        (b"\x1f\x40\x01\x04\x00\x0b\x0b", "malformed catch clause", 3),
        (b"\xfb\x18\x04\x00\x70\x70\x0b", "malformed br_on_cast flags", 2),
        (b"\xfe\x03\x01\x0b", "zero byte expected", 2),
    ],
)
def test_errors_say_what_and_where(code: bytes, message: str, offset: int) -> None:
    """The message is the standard's, the offset that of the byte at fault."""
    with pytest.raises(MalformedError) as caught:
        list(instructions(code))
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_every_kind_of_immediate_is_an_index_or_has_a_codec() -> None:
    """A kind that is added to the table does not pass for an index by mistake."""
    index = reader_of(Immediate.FUNC), writer_of(Immediate.FUNC)
    indices = {kind for kind in Immediate if (reader_of(kind), writer_of(kind)) == index}
    indices.discard(Immediate.CAST)  # which never stands alone
    assert indices == {
        Immediate.MEMORY,
        Immediate.TABLE,
        Immediate.FUNC,
        Immediate.TYPE,
        Immediate.LOCAL,
        Immediate.GLOBAL,
        Immediate.TAG,
        Immediate.DATA,
        Immediate.ELEM,
        Immediate.FIELD,
        Immediate.U32,
        Immediate.LABEL,
    }


def test_opcodes_are_those_of_the_format() -> None:
    """Prefixed and plain opcodes lie where the code reader looks for them."""
    assert all(code < 0xFB or 0xFB <= code >> 16 <= 0xFE for code in BY_CODE)
    assert BY_NAME["end"][0].code == 0x0B
