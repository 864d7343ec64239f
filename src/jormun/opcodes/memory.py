"""Memory instructions on numbers, and on whole memories (core specification, section 4.4.6).

The second static argument of every row with a memory argument is the number of bits that it accesses.
"""

from __future__ import annotations

from jormun.opcodes.immediates import Immediate, MemArg
from jormun.opcodes.machine import Machine
from jormun.opcodes.ops import V
from jormun.opcodes.signatures import LOAD, STORE, Rule
from jormun.opcodes.table import opcode
from jormun.types import F32, F64, I32, I64, V128, NumType, VecType

MEMARG = (Immediate.MEMARG,)


@opcode("i32.load", 0x28, LOAD[I32], I32, 32, False, immediates=MEMARG)
@opcode("i64.load", 0x29, LOAD[I64], I64, 64, False, immediates=MEMARG)
@opcode("f32.load", 0x2A, LOAD[F32], F32, 32, False, immediates=MEMARG)
@opcode("f64.load", 0x2B, LOAD[F64], F64, 64, False, immediates=MEMARG)
@opcode("v128.load", 0xFD_0000, LOAD[V128], V128, 128, False, immediates=MEMARG)
@opcode("i32.load8_s", 0x2C, LOAD[I32], I32, 8, True, immediates=MEMARG)
@opcode("i32.load8_u", 0x2D, LOAD[I32], I32, 8, False, immediates=MEMARG)
@opcode("i32.load16_s", 0x2E, LOAD[I32], I32, 16, True, immediates=MEMARG)
@opcode("i32.load16_u", 0x2F, LOAD[I32], I32, 16, False, immediates=MEMARG)
@opcode("i64.load8_s", 0x30, LOAD[I64], I64, 8, True, immediates=MEMARG)
@opcode("i64.load8_u", 0x31, LOAD[I64], I64, 8, False, immediates=MEMARG)
@opcode("i64.load16_s", 0x32, LOAD[I64], I64, 16, True, immediates=MEMARG)
@opcode("i64.load16_u", 0x33, LOAD[I64], I64, 16, False, immediates=MEMARG)
@opcode("i64.load32_s", 0x34, LOAD[I64], I64, 32, True, immediates=MEMARG)
@opcode("i64.load32_u", 0x35, LOAD[I64], I64, 32, False, immediates=MEMARG)
def load(op: Machine[V], t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: V) -> V:
    """Read, little endian, and extend."""
    return op.load(t, bits, is_signed, memarg, address)


@opcode("i32.store", 0x36, STORE[I32], I32, 32, immediates=MEMARG)
@opcode("i64.store", 0x37, STORE[I64], I64, 64, immediates=MEMARG)
@opcode("f32.store", 0x38, STORE[F32], F32, 32, immediates=MEMARG)
@opcode("f64.store", 0x39, STORE[F64], F64, 64, immediates=MEMARG)
@opcode("v128.store", 0xFD_000B, STORE[V128], V128, 128, immediates=MEMARG)
@opcode("i32.store8", 0x3A, STORE[I32], I32, 8, immediates=MEMARG)
@opcode("i32.store16", 0x3B, STORE[I32], I32, 16, immediates=MEMARG)
@opcode("i64.store8", 0x3C, STORE[I64], I64, 8, immediates=MEMARG)
@opcode("i64.store16", 0x3D, STORE[I64], I64, 16, immediates=MEMARG)
@opcode("i64.store32", 0x3E, STORE[I64], I64, 32, immediates=MEMARG)
def store(op: Machine[V], t: NumType | VecType, bits: int, memarg: MemArg, address: V, x: V) -> None:
    """Write the low bits, little endian."""
    op.store(t, bits, memarg, address, x)


@opcode("memory.size", 0x3F, Rule.MEMORY_SIZE, immediates=(Immediate.MEMORY,))
def memory_size(op: Machine[V], memory: int) -> V:
    """The size in pages."""
    return op.memory_size(memory)


@opcode("memory.grow", 0x40, Rule.MEMORY_GROW, immediates=(Immediate.MEMORY,))
def memory_grow(op: Machine[V], memory: int, delta: V) -> V:
    """Add pages: the former size, or -1."""
    return op.memory_grow(memory, delta)


@opcode("memory.init", 0xFC_0008, Rule.MEMORY_INIT, immediates=(Immediate.DATA, Immediate.MEMORY))
def memory_init(op: Machine[V], data: int, memory: int, to: V, start: V, size: V) -> None:
    """Copy from a data segment."""
    op.memory_init(data, memory, to, start, size)


@opcode("data.drop", 0xFC_0009, Rule.DATA_DROP, immediates=(Immediate.DATA,))
def data_drop(op: Machine[V], data: int) -> None:
    """Make a data segment empty."""
    op.data_drop(data)


@opcode("memory.copy", 0xFC_000A, Rule.MEMORY_COPY, immediates=(Immediate.MEMORY, Immediate.MEMORY))
def memory_copy(op: Machine[V], target: int, source: int, to: V, start: V, size: V) -> None:
    """Copy from one memory to another, or within one."""
    op.memory_copy(target, source, to, start, size)


@opcode("memory.fill", 0xFC_000B, Rule.MEMORY_FILL, immediates=(Immediate.MEMORY,))
def memory_fill(op: Machine[V], memory: int, start: V, byte: V, size: V) -> None:
    """Set bytes to one value."""
    op.memory_fill(memory, start, byte, size)
