"""Rules of parametric and variable instructions (core specification, sections 3.4.1, 3.4.8 and 3.4.9).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.hints import i64
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_count, read_u32, read_value_type
from jormun.validation.control_stack import Body
from jormun.validation.operand import BOT, I32, describe, is_number_or_vector


def drop(body: Body, row: Row) -> None:
    """[t] -> []."""
    body.pop_any()


def select(body: Body, row: Row) -> None:
    """[t t i32] -> [t], a number or a vector."""
    body.pop(I32)
    second = body.pop_any()
    first = body.pop_any()
    for t in (second, first):
        if t != BOT and not is_number_or_vector(t):
            raise InvalidError(f"type mismatch: expected a number or vector, found {describe(t)}")
    if first != second and BOT not in (first, second):
        raise InvalidError(
            f"type mismatch: expected operands of one type, found {describe(first)} and {describe(second)}"
        )
    body.push(second if first == BOT else first)


def select_typed(body: Body, row: Row) -> None:
    """[t t i32] -> [t], the type given."""
    count = read_count(body)
    if count != 1:
        raise InvalidError(f"invalid result arity: expected 1, found {count}")
    t = read_value_type(body)
    body.pop(I32)
    body.pop(t)
    body.pop(t)
    body.push(t)


def local_get(body: Body, row: Row) -> None:
    """[] -> [t]."""
    body.push(body.readable_local_type(read_u32(body)))


def local_set(body: Body, row: Row) -> None:
    """[t] -> []."""
    index = read_u32(body)
    body.pop(body.local_type(index))
    body.set_local(index)


def local_tee(body: Body, row: Row) -> None:
    """[t] -> [t], the local's type."""
    index = read_u32(body)
    t = body.local_type(index)
    body.pop(t)
    body.set_local(index)
    body.push(t)


def global_get(body: Body, row: Row) -> None:
    """[] -> [t]. A constant expression may not read what can change."""
    index = _global(body)
    context = body.context
    if body.is_constant and context.are_globals_mutable[index]:
        raise InvalidError(f"constant expression required: global {index} is mutable")
    body.push(context.globals[index])


def global_set(body: Body, row: Row) -> None:
    """[t] -> []."""
    index = _global(body)
    context = body.context
    if not context.are_globals_mutable[index]:
        raise InvalidError(f"immutable global {index}")
    body.pop(context.globals[index])


def _global(body: Body) -> i64:
    index = read_u32(body)
    count = len(body.context.globals)
    if index >= count:
        raise InvalidError(f"unknown global {index}, there are {count}")
    return index
