"""Atomic memory instructions (threads proposal).

The second static argument of every row with a memory argument is the number of bits that it accesses.
"""

from __future__ import annotations

from jormun.opcodes.immediates import Immediate, MemArg
from jormun.opcodes.machine import Machine, ReadModifyWrite
from jormun.opcodes.ops import V
from jormun.opcodes.signatures import LOAD, NOTHING, STORE, Address, signature
from jormun.opcodes.table import opcode
from jormun.types import I32, I64, NumType

MEMARG = (Immediate.MEMARG,)
NOTIFY = signature((Address.MEMORY, I32), (I32,))
WAIT = {t: signature((Address.MEMORY, t, I64), (I32,)) for t in (I32, I64)}
RMW = {t: signature((Address.MEMORY, t), (t,)) for t in (I32, I64)}
COMPARE_EXCHANGE = {t: signature((Address.MEMORY, t, t), (t,)) for t in (I32, I64)}


@opcode("memory.atomic.notify", 0xFE_0000, NOTIFY, I32, 32, immediates=MEMARG)
def notify(op: Machine[V], t: NumType, bits: int, memarg: MemArg, address: V, count: V) -> V:
    """Wake waiters: how many there were."""
    return op.atomic_notify(memarg, address, count)


@opcode("memory.atomic.wait32", 0xFE_0001, WAIT[I32], I32, 32, immediates=MEMARG)
@opcode("memory.atomic.wait64", 0xFE_0002, WAIT[I64], I64, 64, immediates=MEMARG)
def wait(op: Machine[V], t: NumType, bits: int, memarg: MemArg, address: V, expected: V, timeout_ns: V) -> V:
    """Wait until notified: 0, or 1 if memory differs from `expected`, or 2 after the timeout."""
    return op.atomic_wait(t, memarg, address, expected, timeout_ns)


@opcode("atomic.fence", 0xFE_0003, NOTHING, immediates=(Immediate.ORDERING,))
def fence(op: Machine[V], ordering: int) -> None:
    """Order all accesses."""
    op.atomic_fence()


@opcode("i32.atomic.load", 0xFE_0010, LOAD[I32], I32, 32, immediates=MEMARG)
@opcode("i64.atomic.load", 0xFE_0011, LOAD[I64], I64, 64, immediates=MEMARG)
@opcode("i32.atomic.load8_u", 0xFE_0012, LOAD[I32], I32, 8, immediates=MEMARG)
@opcode("i32.atomic.load16_u", 0xFE_0013, LOAD[I32], I32, 16, immediates=MEMARG)
@opcode("i64.atomic.load8_u", 0xFE_0014, LOAD[I64], I64, 8, immediates=MEMARG)
@opcode("i64.atomic.load16_u", 0xFE_0015, LOAD[I64], I64, 16, immediates=MEMARG)
@opcode("i64.atomic.load32_u", 0xFE_0016, LOAD[I64], I64, 32, immediates=MEMARG)
def load(op: Machine[V], t: NumType, bits: int, memarg: MemArg, address: V) -> V:
    """Read, and zero-extend."""
    return op.atomic_load(t, bits, memarg, address)


@opcode("i32.atomic.store", 0xFE_0017, STORE[I32], I32, 32, immediates=MEMARG)
@opcode("i64.atomic.store", 0xFE_0018, STORE[I64], I64, 64, immediates=MEMARG)
@opcode("i32.atomic.store8", 0xFE_0019, STORE[I32], I32, 8, immediates=MEMARG)
@opcode("i32.atomic.store16", 0xFE_001A, STORE[I32], I32, 16, immediates=MEMARG)
@opcode("i64.atomic.store8", 0xFE_001B, STORE[I64], I64, 8, immediates=MEMARG)
@opcode("i64.atomic.store16", 0xFE_001C, STORE[I64], I64, 16, immediates=MEMARG)
@opcode("i64.atomic.store32", 0xFE_001D, STORE[I64], I64, 32, immediates=MEMARG)
def store(op: Machine[V], t: NumType, bits: int, memarg: MemArg, address: V, x: V) -> None:
    """Write the low bits."""
    op.atomic_store(t, bits, memarg, address, x)


@opcode("i32.atomic.rmw.add", 0xFE_001E, RMW[I32], I32, 32, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i64.atomic.rmw.add", 0xFE_001F, RMW[I64], I64, 64, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i32.atomic.rmw8.add_u", 0xFE_0020, RMW[I32], I32, 8, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i32.atomic.rmw16.add_u", 0xFE_0021, RMW[I32], I32, 16, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i64.atomic.rmw8.add_u", 0xFE_0022, RMW[I64], I64, 8, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i64.atomic.rmw16.add_u", 0xFE_0023, RMW[I64], I64, 16, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i64.atomic.rmw32.add_u", 0xFE_0024, RMW[I64], I64, 32, ReadModifyWrite.ADD, immediates=MEMARG)
@opcode("i32.atomic.rmw.sub", 0xFE_0025, RMW[I32], I32, 32, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i64.atomic.rmw.sub", 0xFE_0026, RMW[I64], I64, 64, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i32.atomic.rmw8.sub_u", 0xFE_0027, RMW[I32], I32, 8, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i32.atomic.rmw16.sub_u", 0xFE_0028, RMW[I32], I32, 16, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i64.atomic.rmw8.sub_u", 0xFE_0029, RMW[I64], I64, 8, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i64.atomic.rmw16.sub_u", 0xFE_002A, RMW[I64], I64, 16, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i64.atomic.rmw32.sub_u", 0xFE_002B, RMW[I64], I64, 32, ReadModifyWrite.SUB, immediates=MEMARG)
@opcode("i32.atomic.rmw.and", 0xFE_002C, RMW[I32], I32, 32, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i64.atomic.rmw.and", 0xFE_002D, RMW[I64], I64, 64, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i32.atomic.rmw8.and_u", 0xFE_002E, RMW[I32], I32, 8, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i32.atomic.rmw16.and_u", 0xFE_002F, RMW[I32], I32, 16, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i64.atomic.rmw8.and_u", 0xFE_0030, RMW[I64], I64, 8, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i64.atomic.rmw16.and_u", 0xFE_0031, RMW[I64], I64, 16, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i64.atomic.rmw32.and_u", 0xFE_0032, RMW[I64], I64, 32, ReadModifyWrite.AND, immediates=MEMARG)
@opcode("i32.atomic.rmw.or", 0xFE_0033, RMW[I32], I32, 32, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i64.atomic.rmw.or", 0xFE_0034, RMW[I64], I64, 64, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i32.atomic.rmw8.or_u", 0xFE_0035, RMW[I32], I32, 8, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i32.atomic.rmw16.or_u", 0xFE_0036, RMW[I32], I32, 16, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i64.atomic.rmw8.or_u", 0xFE_0037, RMW[I64], I64, 8, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i64.atomic.rmw16.or_u", 0xFE_0038, RMW[I64], I64, 16, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i64.atomic.rmw32.or_u", 0xFE_0039, RMW[I64], I64, 32, ReadModifyWrite.OR, immediates=MEMARG)
@opcode("i32.atomic.rmw.xor", 0xFE_003A, RMW[I32], I32, 32, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i64.atomic.rmw.xor", 0xFE_003B, RMW[I64], I64, 64, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i32.atomic.rmw8.xor_u", 0xFE_003C, RMW[I32], I32, 8, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i32.atomic.rmw16.xor_u", 0xFE_003D, RMW[I32], I32, 16, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i64.atomic.rmw8.xor_u", 0xFE_003E, RMW[I64], I64, 8, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i64.atomic.rmw16.xor_u", 0xFE_003F, RMW[I64], I64, 16, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i64.atomic.rmw32.xor_u", 0xFE_0040, RMW[I64], I64, 32, ReadModifyWrite.XOR, immediates=MEMARG)
@opcode("i32.atomic.rmw.xchg", 0xFE_0041, RMW[I32], I32, 32, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i64.atomic.rmw.xchg", 0xFE_0042, RMW[I64], I64, 64, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i32.atomic.rmw8.xchg_u", 0xFE_0043, RMW[I32], I32, 8, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i32.atomic.rmw16.xchg_u", 0xFE_0044, RMW[I32], I32, 16, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i64.atomic.rmw8.xchg_u", 0xFE_0045, RMW[I64], I64, 8, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i64.atomic.rmw16.xchg_u", 0xFE_0046, RMW[I64], I64, 16, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
@opcode("i64.atomic.rmw32.xchg_u", 0xFE_0047, RMW[I64], I64, 32, ReadModifyWrite.EXCHANGE, immediates=MEMARG)
def rmw(op: Machine[V], t: NumType, bits: int, does: ReadModifyWrite, memarg: MemArg, address: V, x: V) -> V:
    """Combine what is in memory with `x`: what was there."""
    return op.atomic_rmw(t, bits, does, memarg, address, x)


@opcode("i32.atomic.rmw.cmpxchg", 0xFE_0048, COMPARE_EXCHANGE[I32], I32, 32, immediates=MEMARG)
@opcode("i64.atomic.rmw.cmpxchg", 0xFE_0049, COMPARE_EXCHANGE[I64], I64, 64, immediates=MEMARG)
@opcode("i32.atomic.rmw8.cmpxchg_u", 0xFE_004A, COMPARE_EXCHANGE[I32], I32, 8, immediates=MEMARG)
@opcode("i32.atomic.rmw16.cmpxchg_u", 0xFE_004B, COMPARE_EXCHANGE[I32], I32, 16, immediates=MEMARG)
@opcode("i64.atomic.rmw8.cmpxchg_u", 0xFE_004C, COMPARE_EXCHANGE[I64], I64, 8, immediates=MEMARG)
@opcode("i64.atomic.rmw16.cmpxchg_u", 0xFE_004D, COMPARE_EXCHANGE[I64], I64, 16, immediates=MEMARG)
@opcode("i64.atomic.rmw32.cmpxchg_u", 0xFE_004E, COMPARE_EXCHANGE[I64], I64, 32, immediates=MEMARG)
def cmpxchg(op: Machine[V], t: NumType, bits: int, memarg: MemArg, address: V, expected: V, x: V) -> V:
    """Write `x` if what is in memory is `expected`, both as wide as the access: what was there."""
    return op.atomic_cmpxchg(t, bits, memarg, address, expected, x)
