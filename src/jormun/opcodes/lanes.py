"""Vector instructions that move lanes, within vectors, to numbers and to memory (core specification, section 4.4.3)."""

from __future__ import annotations

from jormun.opcodes.immediates import Immediate, MemArg
from jormun.opcodes.machine import Machine
from jormun.opcodes.ops import Half, Ops, Shape, V
from jormun.opcodes.signatures import BINARY, LOAD, Address, convert, signature
from jormun.opcodes.table import opcode
from jormun.types import F32, F64, I32, I64, V128

MEMARG = (Immediate.MEMARG,)
LANE = (Immediate.LANE,)
MEMARG_LANE = (Immediate.MEMARG, Immediate.LANE)
LOAD_LANE = signature((Address.MEMORY, V128), (V128,))
STORE_LANE = signature((Address.MEMORY, V128), ())


@opcode("v128.const", 0xFD_000C, signature((), (V128,)), immediates=(Immediate.V128,), is_constant=True)
def const(op: Ops[V], value: bytes) -> V:
    """A vector."""
    return op.vector(value)


@opcode("i8x16.splat", 0xFD_000F, convert(I32, V128), Shape.I8X16)
@opcode("i16x8.splat", 0xFD_0010, convert(I32, V128), Shape.I16X8)
@opcode("i32x4.splat", 0xFD_0011, convert(I32, V128), Shape.I32X4)
@opcode("i64x2.splat", 0xFD_0012, convert(I64, V128), Shape.I64X2)
@opcode("f32x4.splat", 0xFD_0013, convert(F32, V128), Shape.F32X4)
@opcode("f64x2.splat", 0xFD_0014, convert(F64, V128), Shape.F64X2)
def splat(op: Ops[V], t: Shape, x: V) -> V:
    """The same number in all lanes."""
    return op.splat(t, x)


@opcode("i8x16.extract_lane_s", 0xFD_0015, convert(V128, I32), Shape.I8X16, immediates=LANE)
@opcode("i16x8.extract_lane_s", 0xFD_0018, convert(V128, I32), Shape.I16X8, immediates=LANE)
def extract_lane_s(op: Ops[V], t: Shape, lane: int, x: V) -> V:
    """A lane, sign-extended."""
    by = op.const(I32, 32 - t.bits)
    return op.shr_s(I32, op.shl(I32, op.extract(t, lane, x), by), by)


@opcode("i8x16.extract_lane_u", 0xFD_0016, convert(V128, I32), Shape.I8X16, immediates=LANE)
@opcode("i16x8.extract_lane_u", 0xFD_0019, convert(V128, I32), Shape.I16X8, immediates=LANE)
@opcode("i32x4.extract_lane", 0xFD_001B, convert(V128, I32), Shape.I32X4, immediates=LANE)
@opcode("i64x2.extract_lane", 0xFD_001D, convert(V128, I64), Shape.I64X2, immediates=LANE)
@opcode("f32x4.extract_lane", 0xFD_001F, convert(V128, F32), Shape.F32X4, immediates=LANE)
@opcode("f64x2.extract_lane", 0xFD_0021, convert(V128, F64), Shape.F64X2, immediates=LANE)
def extract_lane(op: Ops[V], t: Shape, lane: int, x: V) -> V:
    """A lane, zero-extended."""
    return op.extract(t, lane, x)


@opcode("i8x16.replace_lane", 0xFD_0017, signature((V128, I32), (V128,)), Shape.I8X16, immediates=LANE)
@opcode("i16x8.replace_lane", 0xFD_001A, signature((V128, I32), (V128,)), Shape.I16X8, immediates=LANE)
@opcode("i32x4.replace_lane", 0xFD_001C, signature((V128, I32), (V128,)), Shape.I32X4, immediates=LANE)
@opcode("i64x2.replace_lane", 0xFD_001E, signature((V128, I64), (V128,)), Shape.I64X2, immediates=LANE)
@opcode("f32x4.replace_lane", 0xFD_0020, signature((V128, F32), (V128,)), Shape.F32X4, immediates=LANE)
@opcode("f64x2.replace_lane", 0xFD_0022, signature((V128, F64), (V128,)), Shape.F64X2, immediates=LANE)
def replace_lane(op: Ops[V], t: Shape, lane: int, x: V, y: V) -> V:
    """`x` with `y` as one of its lanes."""
    return op.replace(t, lane, x, y)


@opcode("i8x16.shuffle", 0xFD_000D, BINARY[V128], immediates=(Immediate.LANES,))
def shuffle(op: Ops[V], lanes: bytes, x: V, y: V) -> V:
    """The bytes with these indices among the 32 of `x` and `y`."""
    return op.shuffle(lanes, x, y)


@opcode("i8x16.swizzle", 0xFD_000E, BINARY[V128])
@opcode("i8x16.relaxed_swizzle", 0xFD_0100, BINARY[V128])
def swizzle(op: Ops[V], x: V, indices: V) -> V:
    """The bytes of `x` with these indices; 0 for those above 15."""
    return op.swizzle(x, indices)


# Memory. As in memory.py, the second static argument is the number of bits that are accessed.


@opcode("v128.load8x8_s", 0xFD_0001, LOAD[V128], Shape.I16X8, 64, immediates=MEMARG)
@opcode("v128.load16x4_s", 0xFD_0003, LOAD[V128], Shape.I32X4, 64, immediates=MEMARG)
@opcode("v128.load32x2_s", 0xFD_0005, LOAD[V128], Shape.I64X2, 64, immediates=MEMARG)
def load_extend_s(op: Machine[V], t: Shape, bits: int, memarg: MemArg, address: V) -> V:
    """Read 8 bytes, as lanes half as wide as those of `t`, and sign-extend each."""
    return op.widen_s(t, Half.LOW, load_zero(op, Shape.I64X2, bits, memarg, address))


@opcode("v128.load8x8_u", 0xFD_0002, LOAD[V128], Shape.I16X8, 64, immediates=MEMARG)
@opcode("v128.load16x4_u", 0xFD_0004, LOAD[V128], Shape.I32X4, 64, immediates=MEMARG)
@opcode("v128.load32x2_u", 0xFD_0006, LOAD[V128], Shape.I64X2, 64, immediates=MEMARG)
def load_extend_u(op: Machine[V], t: Shape, bits: int, memarg: MemArg, address: V) -> V:
    """Read 8 bytes, as lanes half as wide as those of `t`, and zero-extend each."""
    return op.widen_u(t, Half.LOW, load_zero(op, Shape.I64X2, bits, memarg, address))


@opcode("v128.load8_splat", 0xFD_0007, LOAD[V128], Shape.I8X16, 8, immediates=MEMARG)
@opcode("v128.load16_splat", 0xFD_0008, LOAD[V128], Shape.I16X8, 16, immediates=MEMARG)
@opcode("v128.load32_splat", 0xFD_0009, LOAD[V128], Shape.I32X4, 32, immediates=MEMARG)
@opcode("v128.load64_splat", 0xFD_000A, LOAD[V128], Shape.I64X2, 64, immediates=MEMARG)
def load_splat(op: Machine[V], t: Shape, bits: int, memarg: MemArg, address: V) -> V:
    """Read one lane, into all."""
    return op.splat(t, op.load(t.unpacked, bits, False, memarg, address))


@opcode("v128.load32_zero", 0xFD_005C, LOAD[V128], Shape.I32X4, 32, immediates=MEMARG)
@opcode("v128.load64_zero", 0xFD_005D, LOAD[V128], Shape.I64X2, 64, immediates=MEMARG)
def load_zero(op: Machine[V], t: Shape, bits: int, memarg: MemArg, address: V) -> V:
    """Read lane 0; the others are 0."""
    return op.replace(t, 0, op.const(t, 0), op.load(t.unpacked, bits, False, memarg, address))


@opcode("v128.load8_lane", 0xFD_0054, LOAD_LANE, Shape.I8X16, 8, immediates=MEMARG_LANE)
@opcode("v128.load16_lane", 0xFD_0055, LOAD_LANE, Shape.I16X8, 16, immediates=MEMARG_LANE)
@opcode("v128.load32_lane", 0xFD_0056, LOAD_LANE, Shape.I32X4, 32, immediates=MEMARG_LANE)
@opcode("v128.load64_lane", 0xFD_0057, LOAD_LANE, Shape.I64X2, 64, immediates=MEMARG_LANE)
def load_lane(op: Machine[V], t: Shape, bits: int, memarg: MemArg, lane: int, address: V, x: V) -> V:
    """Read one lane; the others are those of `x`."""
    return op.replace(t, lane, x, op.load(t.unpacked, bits, False, memarg, address))


@opcode("v128.store8_lane", 0xFD_0058, STORE_LANE, Shape.I8X16, 8, immediates=MEMARG_LANE)
@opcode("v128.store16_lane", 0xFD_0059, STORE_LANE, Shape.I16X8, 16, immediates=MEMARG_LANE)
@opcode("v128.store32_lane", 0xFD_005A, STORE_LANE, Shape.I32X4, 32, immediates=MEMARG_LANE)
@opcode("v128.store64_lane", 0xFD_005B, STORE_LANE, Shape.I64X2, 64, immediates=MEMARG_LANE)
def store_lane(op: Machine[V], t: Shape, bits: int, memarg: MemArg, lane: int, address: V, x: V) -> None:
    """Write one lane."""
    op.store(t.unpacked, bits, memarg, address, op.extract(t, lane, x))
