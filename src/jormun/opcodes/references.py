"""References and tables (core specification, sections 4.4.4 and 4.4.5)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.machine import Machine
from jormun.opcodes.ops import V
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import opcode
from jormun.types import I32, HeapType

TABLE = (Immediate.TABLE,)


@opcode("table.get", 0x25, Rule.TABLE_GET, immediates=TABLE)
def table_get(op: Machine[V], table: int, index: V) -> V:
    """An element."""
    return op.table_get(table, index)


@opcode("table.set", 0x26, Rule.TABLE_SET, immediates=TABLE)
def table_set(op: Machine[V], table: int, index: V, x: V) -> None:
    """Set an element."""
    op.table_set(table, index, x)


@opcode("table.init", 0xFC_000C, Rule.TABLE_INIT, immediates=(Immediate.ELEM, Immediate.TABLE))
def table_init(op: Machine[V], elem: int, table: int, to: V, start: V, size: V) -> None:
    """Copy from an element segment."""
    op.table_init(elem, table, to, start, size)


@opcode("elem.drop", 0xFC_000D, Rule.ELEM_DROP, immediates=(Immediate.ELEM,))
def elem_drop(op: Machine[V], elem: int) -> None:
    """Make an element segment empty."""
    op.elem_drop(elem)


@opcode("table.copy", 0xFC_000E, Rule.TABLE_COPY, immediates=(Immediate.TABLE, Immediate.TABLE))
def table_copy(op: Machine[V], target: int, source: int, to: V, start: V, size: V) -> None:
    """Copy elements from one table to another, or within one."""
    op.table_copy(target, source, to, start, size)


@opcode("table.grow", 0xFC_000F, Rule.TABLE_GROW, immediates=TABLE)
def table_grow(op: Machine[V], table: int, init: V, delta: V) -> V:
    """Add elements: the former size, or -1."""
    return op.table_grow(table, init, delta)


@opcode("table.size", 0xFC_0010, Rule.TABLE_SIZE, immediates=TABLE)
def table_size(op: Machine[V], table: int) -> V:
    """The number of elements."""
    return op.table_size(table)


@opcode("table.fill", 0xFC_0011, Rule.TABLE_FILL, immediates=TABLE)
def table_fill(op: Machine[V], table: int, start: V, x: V, size: V) -> None:
    """Set elements to one value."""
    op.table_fill(table, start, x, size)


@opcode("ref.null", 0xD0, Rule.REF_NULL, immediates=(Immediate.HEAP_TYPE,), is_constant=True)
def ref_null(op: Machine[V], heap: HeapType) -> V:
    """The null reference."""
    return op.ref_null(heap)


@opcode("ref.is_null", 0xD1, Rule.REF_IS_NULL)
def ref_is_null(op: Machine[V], x: V) -> V:
    """Whether a reference is null."""
    return op.flag(I32, op.ref_is_null(x))


@opcode("ref.func", 0xD2, Rule.REF_FUNC, immediates=(Immediate.FUNC,), is_constant=True)
def ref_func(op: Machine[V], func: int) -> V:
    """A reference to a function."""
    return op.ref_func(func)


@opcode("ref.eq", 0xD3, Rule.REF_EQ)
def ref_eq(op: Machine[V], x: V, y: V) -> V:
    """Whether two references are the same."""
    return op.flag(I32, op.ref_eq(x, y))


@opcode("ref.as_non_null", 0xD4, Rule.REF_AS_NON_NULL)
def ref_as_non_null(op: Machine[V], x: V) -> V:
    """The reference, which must not be null."""
    op.trap_if(op.ref_is_null(x), TrapKind.NULL_REFERENCE)
    return x
