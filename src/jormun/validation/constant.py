"""Constant expressions (core specification, section 3.4.13). To be compiled by mypyc."""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import Final, Sequence, i64
from jormun.opcodes.table import BY_NAME
from jormun.syntax.code import END
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.mode import Active
from jormun.syntax.module import Module
from jormun.types import ExternKind
from jormun.validation.code_reader import PADDING
from jormun.validation.context import Context
from jormun.validation.control_stack import Body
from jormun.validation.instructions import apply, read_entry
from jormun.validation.location import located
from jormun.validation.operand import FUNCREF, I32, I64, NULLABLE, describe


def validate_constant(
    context: Context, expr: Expr, expected: i64, source: Source, *, is_at_source: bool = True
) -> None:
    """Check that an expression is constant and yields one value of a type.

    Functions that it refers to become referenced ones. `is_at_source` says whether the source's offset is that of the
    expression, or of a segment that it is somewhere in.
    """
    code = expr.code
    if _is_number(code, expected):
        return
    body = Body(context, code + PADDING, len(code), context.single(expected), True)
    try:
        while body.frames:
            body.start = body.pc
            entry = read_entry(body)
            if not entry.row.is_constant:
                raise InvalidError("constant expression required")
            apply(body, entry)
        if body.pc < body.length:
            raise MalformedError("END opcode expected", offset=body.pc)
    except (InvalidError, MalformedError) as error:
        raise located(error, body, source, None, is_at_source=is_at_source) from None


def count_plain(datas: Sequence[Data], addresses: list[int]) -> int:
    """How many data segments come before the first that takes a closer look: passive ones, and those at an offset that
    is a number, in a memory that there is. `addresses` are the types of the memories' addresses.
    """
    count = 0
    for data in datas:
        mode = data.mode
        if isinstance(mode, Active):
            index = mode.index
            if index >= len(addresses) or not _is_number(mode.offset.code, addresses[index]):
                break
        count += 1
    return count


def _is_number(code: bytes, expected: i64) -> bool:
    """Whether an expression is one i32.const or i64.const of the type expected, in so few bytes that it is in range."""
    # FAST: such are the offsets of segments, of which a program may have 40,000; 10 times as fast as `Body`.
    most: i64 = _LONGEST.get(expected, 0)
    last: i64 = len(code) - 2
    if last < 1 or last > most or code[0] != _CONST_CODES[expected] or code[last + 1] != END:
        return False
    for at in range(1, last):
        if code[at] < 0x80:
            return False
    return code[last] < 0x80


_LONGEST: Final = {I32: 4, I64: 9}
"""How many bytes of a number are in range whatever their bits: 4 times 7 bits are less than 32."""
_CONST_CODES: Final = {I32: BY_NAME["i32.const"][0].code, I64: BY_NAME["i64.const"][0].code}


def referenced_functions(module: Module) -> set[int]:
    """The functions that exports and the element segments written by index refer to."""
    referenced = {export.index for export in module.exports if export.kind is ExternKind.FUNC}
    for element in module.elements:
        referenced.update([init for init in element.init if isinstance(init, int)])
    return referenced


def validate_function_indices(context: Context, indices: tuple[int, ...], expected: int) -> None:
    """Check the elements of a segment that is written as function indices."""
    functions = context.functions
    for index in indices:
        if index >= len(functions):
            raise InvalidError(f"unknown function {index}, there are {len(functions)}")
    if expected | NULLABLE == FUNCREF:
        return
    for index in indices:
        found = functions[index].heap << 1
        if not context.matches(found, expected):
            raise InvalidError(f"type mismatch: expected {describe(expected)}, found {describe(found)}")
