"""Rules of memory instructions that are no loads or stores (core specification, section 3.4.10).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import i64
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_memory, read_u32
from jormun.validation.control_stack import Body
from jormun.validation.operand import I32
from jormun.validation.rules.tables import pop_copy


def read_data(body: Body) -> i64:
    """A data segment index, not yet checked. Raises MalformedError ('data count section required')."""
    if not body.context.has_data_count:
        raise MalformedError("data count section required", offset=body.pc)
    return read_u32(body)


def check_data(body: Body, index: i64) -> None:
    """Check a data segment index. Raises InvalidError ('unknown data segment')."""
    count = body.context.data_count
    if index >= count:
        raise InvalidError(f"unknown data segment {index}, there are {count}")


def memory_size(body: Body, row: Row) -> None:
    """[] -> [at]."""
    body.push(read_memory(body))


def memory_grow(body: Body, row: Row) -> None:
    """[at] -> [at]."""
    address = read_memory(body)
    body.pop(address)
    body.push(address)


def memory_fill(body: Body, row: Row) -> None:
    """[at i32 at] -> []."""
    address = read_memory(body)
    body.pop(address)
    body.pop(I32)
    body.pop(address)


def memory_copy(body: Body, row: Row) -> None:
    """[at1 at2 at] -> [], where at is the smaller of the two."""
    target = read_memory(body)
    source = read_memory(body)
    pop_copy(body, target, source)


def memory_init(body: Body, row: Row) -> None:
    """[at i32 i32] -> []."""
    data = read_data(body)
    address = read_memory(body)
    check_data(body, data)
    body.pop(I32)
    body.pop(I32)
    body.pop(address)


def data_drop(body: Body, row: Row) -> None:
    """[] -> []."""
    check_data(body, read_data(body))
