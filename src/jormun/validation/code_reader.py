"""Immediates of a body, read in passing (core specification, sections 5.3 and 5.4).

Each function reads at `body.pc` and moves it on; value types come as operand codes. Padding lies behind a body, so that
only counts need to be compared with what is left: the main loop finds that the end was passed. Offsets in errors are
from the start of the body. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import Final, i64
from jormun.syntax import leb128
from jormun.syntax.leb128 import UNEXPECTED_END
from jormun.syntax.type_bytes import EMPTY_BLOCK, REF, REF_NULL
from jormun.validation.control_stack import NO_TYPES, Body
from jormun.validation.operand import HEAP_EXN, HEAP_NOEXN, I32, NULLABLE, V128

PADDING: Final = b"\x06" * 32
"""Behind a body: no opcode, and the end of any LEB128 number; longer than the immediates of any instruction, the
vectors aside whose counts are checked."""


def read_byte(body: Body) -> i64:
    """A byte."""
    byte = body.code[body.pc]
    body.pc += 1
    return byte


def read_u32(body: Body) -> i64:
    """An unsigned number of 32 bits: an index, a count."""
    value = body.code[body.pc]
    if value < 0x80:
        body.pc += 1
        return value
    value, body.pc = leb128.read_u32(body.code, body.pc)
    return value


def long_index(code: bytes, at: i64) -> i64:
    """An index of two bytes or more, which no space of indices has room for when it is malformed."""
    index: i64 = 0
    for shift in range(0, 35, 7):
        byte: i64 = code[at]
        index |= (byte & 0x7F) << shift
        if byte < 0x80:
            return index
        at += 1
    return 1 << 32


def index_end(code: bytes, at: i64) -> i64:
    """Where an index that starts at `at` ends."""
    while code[at] >= 0x80:
        at += 1
    return at + 1


def read_u64(body: Body) -> int:
    """An unsigned number of 64 bits."""
    value = body.code[body.pc]
    if value < 0x80:
        body.pc += 1
        return value
    value, body.pc = leb128.read_u64(body.code, body.pc)
    return value


def read_count(body: Body) -> i64:
    """The count of a vector whose elements take a byte or more each."""
    at = body.pc
    count = read_u32(body)
    if count > body.length - body.pc:
        raise MalformedError(UNEXPECTED_END, offset=at)
    return count


def skip_s32(body: Body) -> None:
    """A signed number of 32 bits, whose value does not matter here."""
    _, body.pc = leb128.read_s32(body.code, body.pc)


def skip_s64(body: Body) -> None:
    """A signed number of 64 bits, whose value does not matter here."""
    _, body.pc = leb128.read_s64(body.code, body.pc)


def read_heap_type(body: Body) -> i64:
    """A heap type, as a heap code. Raises InvalidError ('unknown type')."""
    byte = body.code[body.pc]
    if HEAP_EXN <= byte <= HEAP_NOEXN:
        body.pc += 1
        return byte
    at = body.pc
    index, body.pc = leb128.read_s33(body.code, at)
    if index < 0:
        raise MalformedError("malformed heap type", offset=at)
    return body.context.concrete(index)


def read_value_type(body: Body) -> i64:
    """A value type."""
    at = body.pc
    byte = body.code[at]
    if V128 <= byte <= I32:
        body.pc = at + 1
        return byte
    if HEAP_EXN <= byte <= HEAP_NOEXN:
        body.pc = at + 1
        return byte << 1 | NULLABLE
    if byte in (REF, REF_NULL):
        body.pc = at + 1
        return read_heap_type(body) << 1 | (NULLABLE if byte == REF_NULL else 0)
    raise MalformedError("malformed value type", offset=at)


def read_block_type(body: Body) -> tuple[list[int], list[int]]:
    """A block's type: its parameters and its results."""
    at = body.pc
    byte = body.code[at]
    if byte == EMPTY_BLOCK:
        body.pc = at + 1
        return NO_TYPES, NO_TYPES
    if byte & 0xC0 == 0x40:
        return NO_TYPES, body.context.single(read_value_type(body))
    index, body.pc = leb128.read_s33(body.code, at)
    if index < 0:
        raise MalformedError("malformed block type", offset=at)
    functype = body.context.function_type(index)
    return functype.params, functype.results


def read_memory(body: Body) -> i64:
    """A memory index; returns the memory's address type."""
    return memory_address(body, read_u32(body))


def memory_address(body: Body, memory: i64) -> i64:
    """The address type of a memory. Raises InvalidError ('unknown memory')."""
    addresses = body.context.memory_addresses
    if memory >= len(addresses):
        raise InvalidError(f"unknown memory {memory}, there are {len(addresses)}")
    return addresses[memory]


def read_memarg(body: Body, natural: i64, is_exact: bool) -> i64:
    """Alignment, memory and offset; returns the memory's address type.

    `natural` is the exponent of the access's size in bytes; atomic accesses must state it exactly.
    """
    at = body.pc
    flags = read_u32(body)
    if flags >= 0x80:
        raise MalformedError("malformed memop flags", offset=at)
    memory = read_u32(body) if flags & 0x40 else 0
    align = flags & 0x3F
    offset = read_u64(body)
    address = memory_address(body, memory)
    if align > natural:
        raise InvalidError(
            f"alignment must not be larger than natural: expected at most {1 << natural}, found 2**{align}"
        )
    if is_exact and align != natural:
        raise InvalidError(
            f"alignment must be natural for an atomic access: expected {1 << natural}, found {1 << align}"
        )
    if address == I32 and offset >= 1 << 32:
        raise InvalidError(f"offset out of range: {offset} in a memory with 32-bit addresses")
    return address
