"""Instructions in the binary format, read and written one at a time (core specification, section 5.4).

A reading of the instruction table: no instruction is known by name. Readers return a value and the offset behind it;
errors carry offsets in the bytes given. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import MalformedError
from jormun.hints import Final, Iterator, Sequence
from jormun.opcodes.immediates import Catch, Immediate, ImmediateValue
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.syntax.expression import Expr
from jormun.syntax.immediate_code import (
    Reader,
    Writer,
    read_label_and_cast,
    reader_of,
    write_label_and_cast,
    writer_of,
)
from jormun.syntax.instruction import Instruction
from jormun.syntax.leb128 import UNEXPECTED_END, read_u32, write_unsigned

END: Final = 0x0B
"""The opcode that closes a block, a function's body and an expression."""
_OPENS_BLOCK: Final = frozenset(code for code, row in BY_CODE.items() if row.opens_block)
_PREFIXES: Final = frozenset(row.prefix for row in BY_CODE.values() if row.prefix is not None)


def instructions(code: bytes, start: int = 0) -> Iterator[Instruction]:
    """The instructions from `start` to the `end` that closes the expression, that one included.

    Blocks are counted, no more: whether an `else` belongs to an `if` is the validator's question. Raises
    MalformedError with the offset in `code`; offsets of instructions are in `code` too.
    """
    at = start
    depth = 0
    while True:
        pc = at
        row, at = read_row(code, pc)
        immediates, at = read_immediates(code, at, row)
        yield Instruction(row, immediates, pc)
        opcode = row.code
        if opcode == END:
            if depth == 0:
                return
            depth -= 1
        elif opcode in _OPENS_BLOCK:
            depth += 1


def skip_expression(code: bytes, at: int, end: int) -> int:
    """The offset behind the expression at `at`, whose instructions are read and dropped; none may start at `end`."""
    depth = 0
    while True:
        if at >= end:
            raise MalformedError(UNEXPECTED_END, offset=end)
        row, at = read_row(code, at)
        _, at = read_immediates(code, at, row)
        opcode = row.code
        if opcode == END:
            if depth == 0:
                return at
            depth -= 1
        elif opcode in _OPENS_BLOCK:
            depth += 1


def read_row(code: bytes, at: int) -> tuple[Row, int]:
    """The row of the opcode at `at`."""
    if at >= len(code):
        raise MalformedError(UNEXPECTED_END, offset=at)
    byte = code[at]
    row = _ROWS[byte]
    if row is not None:
        return row, at + 1
    if byte not in _PREFIXES:
        raise MalformedError(f"illegal opcode {byte:02x}", offset=at)
    number, after = read_u32(code, at + 1)
    row = BY_CODE.get(byte << 16 | number) if number <= 0xFFFF else None
    if row is None:
        raise MalformedError(f"illegal opcode {byte:02x} {number:02x}", offset=at)
    return row, after


def read_immediates(code: bytes, at: int, row: Row) -> tuple[tuple[ImmediateValue, ...], int]:
    """The immediates of an instruction, which start at `at`, in the row's order."""
    readers = _READERS_OF[row.code]
    if not readers:
        return (), at
    if len(readers) == 1:
        value, at = readers[0](code, at)
        return (value,), at
    if row.code in _CAST_BRANCHES:
        return read_label_and_cast(code, at)
    values: list[ImmediateValue] = []
    for reader in readers:
        value, at = reader(code, at)
        values.append(value)
    return tuple(values), at


def catches_of(immediates: Sequence[ImmediateValue]) -> tuple[Catch, ...]:
    """The clauses among the immediates of a try_table."""
    catches = immediates[1]
    assert isinstance(catches, tuple)
    return tuple([each for each in catches if isinstance(each, Catch)])


def encode_opcode(row: Row) -> bytes:
    """The opcode of a row."""
    return _OPCODES[row.code]


def encode_instruction(out: bytearray, row: Row, immediates: Sequence[ImmediateValue]) -> None:
    """Append an instruction. `immediates` are in the row's order, and of the types that the row's kinds ask for."""
    code = row.code
    out += _OPCODES[code]
    if code in _CAST_BRANCHES:
        write_label_and_cast(out, *immediates)
        return
    for writer, value in zip(_WRITERS_OF[code], immediates, strict=True):
        writer(out, value)


def single(name: str, *immediates: ImmediateValue) -> Expr:
    """The expression of one instruction, given by its name, of which there must be one row."""
    (row,) = BY_NAME[name]
    out = bytearray()
    encode_instruction(out, row, immediates)
    out.append(END)
    return Expr(bytes(out))


def canonical(expr: Expr) -> Expr:
    """The same instructions, with every number in as few bytes as hold it."""
    out = bytearray()
    for instruction in instructions(expr.code):
        encode_instruction(out, instruction.row, instruction.immediates)
    return Expr(bytes(out))


def _opcode(row: Row) -> bytes:
    if row.prefix is None:
        return bytes([row.number])
    out = bytearray([row.prefix])
    write_unsigned(out, row.number)
    return bytes(out)


# What follows from a row is looked up once, when the table is read, and not at each instruction.
_OPCODES: dict[int, bytes] = {code: _opcode(row) for code, row in BY_CODE.items()}
_CAST_BRANCHES = frozenset(code for code, row in BY_CODE.items() if Immediate.CAST in row.immediates)
"""The codes whose immediates are no sequence: br_on_cast and br_on_cast_fail."""
_ROWS: list[Row | None] = [BY_CODE.get(byte) for byte in range(256)]
_READERS_OF: dict[int, tuple[Reader, ...]] = {
    code: tuple(reader_of(kind) for kind in row.immediates) for code, row in BY_CODE.items()
}
_WRITERS_OF: dict[int, tuple[Writer, ...]] = {
    code: tuple(writer_of(kind) for kind in row.immediates) for code, row in BY_CODE.items()
}
