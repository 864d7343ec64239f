"""Primitives on the state of an instance: locals, globals, memories, tables, segments, references (section 4.4).

Indices and memory arguments are immediates, known when code is generated. Each primitive makes the checks that the
standard asks for, and traps.
"""

from __future__ import annotations

from jormun.enumeration import Enum, unique
from jormun.hints import Protocol, Sequence
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.ops import Ops, V
from jormun.types import HeapType, NumType, RefType, VecType


@unique
class ReadModifyWrite(Enum):
    """What an atomic read-modify-write does with the value in memory; the value is LLVM's keyword."""

    ADD = "add"
    SUB = "sub"
    AND = "and"
    OR = "or"
    XOR = "xor"
    EXCHANGE = "xchg"


class Machine(Ops[V], Protocol[V]):
    """Ops, and an instance."""

    def local_get(self, local: int) -> V:
        """The value of a local."""

    def local_set(self, local: int, x: V) -> None:
        """Set a local."""

    def global_get(self, index: int) -> V:
        """The value of a global."""

    def global_set(self, index: int, x: V) -> None:
        """Set a global."""

    # Memories. `address` has the memory's address type; an access covers `bits` bits from address + memarg.offset.

    def load(self, t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: V) -> V:
        """Read `bits` bits, and extend them to `t`. MEMORY_OUT_OF_BOUNDS."""

    def store(self, t: NumType | VecType, bits: int, memarg: MemArg, address: V, x: V) -> None:
        """Write the low `bits` bits of `x`, all or nothing. MEMORY_OUT_OF_BOUNDS."""

    def memory_size(self, memory: int) -> V:
        """The size in pages."""

    def memory_grow(self, memory: int, delta: V) -> V:
        """Grow by `delta` pages: the former size, or -1."""

    def memory_fill(self, memory: int, start: V, byte: V, size: V) -> None:
        """Set `size` bytes. MEMORY_OUT_OF_BOUNDS, before anything is written."""

    def memory_copy(self, target: int, source: int, to: V, start: V, size: V) -> None:
        """Copy between memories, or within one as if through a buffer. MEMORY_OUT_OF_BOUNDS, before it starts."""

    def memory_init(self, data: int, memory: int, to: V, start: V, size: V) -> None:
        """Copy from a data segment. MEMORY_OUT_OF_BOUNDS, before a byte is written."""

    def data_drop(self, data: int) -> None:
        """Make a data segment empty."""

    # Atomic accesses: sequentially consistent. UNALIGNED_ATOMIC where the effective address is no multiple of the size.

    def atomic_load(self, t: NumType, bits: int, memarg: MemArg, address: V) -> V:
        """Read `bits` bits, zero-extended."""

    def atomic_store(self, t: NumType, bits: int, memarg: MemArg, address: V, x: V) -> None:
        """Write the low `bits` bits."""

    def atomic_rmw(self, t: NumType, bits: int, does: ReadModifyWrite, memarg: MemArg, address: V, x: V) -> V:
        """Combine `bits` bits with the low ones of `x`: what was there, zero-extended."""

    def atomic_cmpxchg(self, t: NumType, bits: int, memarg: MemArg, address: V, expected: V, x: V) -> V:
        """Write the low `bits` bits of `x` if the low ones of `expected` are what is there: what was there."""

    def atomic_wait(self, t: NumType, memarg: MemArg, address: V, expected: V, timeout_ns: V) -> V:
        """Wait to be notified: 0, or 1 if memory did not hold `expected`, or 2 after the timeout (negative: none).

        EXPECTED_SHARED_MEMORY of a memory that is not shared.
        """

    def atomic_notify(self, memarg: MemArg, address: V, count: V) -> V:
        """Wake at most `count` waiters: how many there were."""

    def atomic_fence(self) -> None:
        """Order all accesses before and after."""

    # Tables and references.

    def table_get(self, table: int, index: V) -> V:
        """An element. TABLE_OUT_OF_BOUNDS."""

    def table_set(self, table: int, index: V, x: V) -> None:
        """Set an element. TABLE_OUT_OF_BOUNDS."""

    def table_size(self, table: int) -> V:
        """The number of elements."""

    def table_grow(self, table: int, init: V, delta: V) -> V:
        """Grow by `delta` elements that are `init`: the former size, or -1."""

    def table_fill(self, table: int, start: V, x: V, size: V) -> None:
        """Set `size` elements. TABLE_OUT_OF_BOUNDS, before anything is written."""

    def table_copy(self, target: int, source: int, to: V, start: V, size: V) -> None:
        """Copy between tables or within one. TABLE_OUT_OF_BOUNDS, before anything is written."""

    def table_init(self, elem: int, table: int, to: V, start: V, size: V) -> None:
        """Copy from an element segment. TABLE_OUT_OF_BOUNDS, before anything is written."""

    def elem_drop(self, elem: int) -> None:
        """Make an element segment empty."""

    def ref_null(self, heap: HeapType) -> V:
        """The null reference."""

    def ref_func(self, func: int) -> V:
        """A reference to a function."""

    def ref_is_null(self, x: V) -> V:
        """The condition that a reference is null."""

    def ref_eq(self, x: V, y: V) -> V:
        """The condition that two references are the same."""

    def ref_matches(self, target: RefType, x: V) -> V:
        """The condition that a reference has a type, whose heap type may be an index."""

    def ref_i31(self, x: V) -> V:
        """The low 31 bits of an i32, as a reference."""

    def i31_get(self, is_signed: bool, x: V) -> V:
        """The number in an i31 reference, which is not null."""

    # Objects. `type` is the index of their type. References are not null, and an index is within its array.

    def struct_new(self, type: int, fields: Sequence[V]) -> V:
        """A structure with these fields."""

    def struct_new_default(self, type: int) -> V:
        """A structure whose fields are zero or null."""

    def struct_get(self, type: int, field: int, is_signed: bool, x: V) -> V:
        """A field, extended if it is packed."""

    def struct_set(self, type: int, field: int, x: V, value: V) -> None:
        """Set a field, to the low bits of an i32 if it is packed."""

    def array_new(self, type: int, element: V, length: V) -> V:
        """An array of a length, all elements the same value."""

    def array_new_default(self, type: int, length: V) -> V:
        """An array of a length, all elements zero or null."""

    def array_new_fixed(self, type: int, elements: Sequence[V]) -> V:
        """An array of these elements."""

    def array_new_data(self, type: int, data: int, start: V, length: V) -> V:
        """An array read from a data segment. MEMORY_OUT_OF_BOUNDS."""

    def array_new_elem(self, type: int, elem: int, start: V, length: V) -> V:
        """An array read from an element segment. TABLE_OUT_OF_BOUNDS."""

    def array_get(self, type: int, is_signed: bool, x: V, index: V) -> V:
        """An element, extended if it is packed."""

    def array_set(self, type: int, x: V, index: V, value: V) -> None:
        """Set an element, to the low bits of an i32 if it is packed."""

    def array_len(self, x: V) -> V:
        """The length, an i32."""

    # These check their references, too. NULL_ARRAY_REFERENCE, ARRAY_OUT_OF_BOUNDS, before anything is written.

    def array_fill(self, type: int, x: V, start: V, element: V, size: V) -> None:
        """Set elements to one value."""

    def array_copy(self, type: int, x: V, to: V, y: V, start: V, size: V) -> None:
        """Copy elements from array `y` to `x`, which has the type, as if through a buffer."""

    def array_init_data(self, type: int, data: int, x: V, to: V, start: V, size: V) -> None:
        """Copy from a data segment. MEMORY_OUT_OF_BOUNDS."""

    def array_init_elem(self, type: int, elem: int, x: V, to: V, start: V, size: V) -> None:
        """Copy from an element segment. TABLE_OUT_OF_BOUNDS."""
