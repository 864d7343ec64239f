"""Rules of table instructions (core specification, section 3.4.10). To be compiled by mypyc."""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.hints import i64
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_u32
from jormun.validation.control_stack import Body
from jormun.validation.operand import I32, I64, describe


def read_table(body: Body) -> i64:
    """A table index. Raises InvalidError ('unknown table')."""
    index = read_u32(body)
    count = len(body.context.tables)
    if index >= count:
        raise InvalidError(f"unknown table {index}, there are {count}")
    return index


def elem_type(body: Body, index: i64) -> i64:
    """The type of an element segment. Raises InvalidError ('unknown elem segment')."""
    elements = body.context.elements
    if index >= len(elements):
        raise InvalidError(f"unknown elem segment {index}, there are {len(elements)}")
    return elements[index]


def check_elements(body: Body, found: i64, expected: i64) -> None:
    """Check that elements of one type may be copied to where another is expected."""
    if not body.context.matches(found, expected):
        raise InvalidError(f"type mismatch: expected elements of {describe(expected)}, found {describe(found)}")


def table_get(body: Body, row: Row) -> None:
    """[at] -> [t]."""
    table = read_table(body)
    body.pop(body.context.table_addresses[table])
    body.push(body.context.tables[table])


def table_set(body: Body, row: Row) -> None:
    """[at t] -> []."""
    table = read_table(body)
    body.pop(body.context.tables[table])
    body.pop(body.context.table_addresses[table])


def table_size(body: Body, row: Row) -> None:
    """[] -> [at]."""
    body.push(body.context.table_addresses[read_table(body)])


def table_grow(body: Body, row: Row) -> None:
    """[t at] -> [at]."""
    table = read_table(body)
    address = body.context.table_addresses[table]
    body.pop(address)
    body.pop(body.context.tables[table])
    body.push(address)


def table_fill(body: Body, row: Row) -> None:
    """[at t at] -> []."""
    table = read_table(body)
    address = body.context.table_addresses[table]
    body.pop(address)
    body.pop(body.context.tables[table])
    body.pop(address)


def table_copy(body: Body, row: Row) -> None:
    """[at1 at2 at] -> [], where at is the smaller of the two."""
    context = body.context
    target = read_table(body)
    source = read_table(body)
    check_elements(body, context.tables[source], context.tables[target])
    pop_copy(body, context.table_addresses[target], context.table_addresses[source])


def pop_copy(body: Body, target: i64, source: i64) -> None:
    """Pop the operands of a copy between address types: the size is of the smaller one."""
    body.pop(I64 if target == source == I64 else I32)
    body.pop(source)
    body.pop(target)


def table_init(body: Body, row: Row) -> None:
    """[at i32 i32] -> []."""
    element = read_u32(body)
    table = read_table(body)
    check_elements(body, elem_type(body, element), body.context.tables[table])
    body.pop(I32)
    body.pop(I32)
    body.pop(body.context.table_addresses[table])


def elem_drop(body: Body, row: Row) -> None:
    """[] -> []."""
    elem_type(body, read_u32(body))
