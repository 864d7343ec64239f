"""Integers, as numbers and as lanes of v128 (core specification, sections 4.3.2 and 4.4.1)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.ops import Ops, Predicate, Shape, Type, V
from jormun.opcodes.signatures import BINARY, COMPARE, TEST, UNARY, signature
from jormun.opcodes.table import opcode
from jormun.types import I32, I64, V128, NumType

SHIFT = signature((V128, I32), (V128,))
WIDE_BINARY = signature((I64, I64, I64, I64), (I64, I64))
WIDE_PRODUCT = signature((I64, I64), (I64, I64))


@opcode("i32.const", 0x41, signature((), (I32,)), I32, immediates=(Immediate.I32,), is_constant=True)
@opcode("i64.const", 0x42, signature((), (I64,)), I64, immediates=(Immediate.I64,), is_constant=True)
def const(op: Ops[V], t: NumType, number: int) -> V:
    """A number."""
    return op.const(t, number & ((1 << t.bits) - 1))


@opcode("i32.eqz", 0x45, TEST[I32], I32)
@opcode("i64.eqz", 0x50, TEST[I64], I64)
def eqz(op: Ops[V], t: NumType, x: V) -> V:
    """Whether `x` is 0."""
    return op.flag(t, op.compare(t, Predicate.EQ, x, op.const(t, 0)))


@opcode("i32.eq", 0x46, COMPARE[I32], I32, Predicate.EQ)
@opcode("i32.ne", 0x47, COMPARE[I32], I32, Predicate.NE)
@opcode("i32.lt_s", 0x48, COMPARE[I32], I32, Predicate.LT_S)
@opcode("i32.lt_u", 0x49, COMPARE[I32], I32, Predicate.LT_U)
@opcode("i32.gt_s", 0x4A, COMPARE[I32], I32, Predicate.GT_S)
@opcode("i32.gt_u", 0x4B, COMPARE[I32], I32, Predicate.GT_U)
@opcode("i32.le_s", 0x4C, COMPARE[I32], I32, Predicate.LE_S)
@opcode("i32.le_u", 0x4D, COMPARE[I32], I32, Predicate.LE_U)
@opcode("i32.ge_s", 0x4E, COMPARE[I32], I32, Predicate.GE_S)
@opcode("i32.ge_u", 0x4F, COMPARE[I32], I32, Predicate.GE_U)
@opcode("i64.eq", 0x51, COMPARE[I64], I64, Predicate.EQ)
@opcode("i64.ne", 0x52, COMPARE[I64], I64, Predicate.NE)
@opcode("i64.lt_s", 0x53, COMPARE[I64], I64, Predicate.LT_S)
@opcode("i64.lt_u", 0x54, COMPARE[I64], I64, Predicate.LT_U)
@opcode("i64.gt_s", 0x55, COMPARE[I64], I64, Predicate.GT_S)
@opcode("i64.gt_u", 0x56, COMPARE[I64], I64, Predicate.GT_U)
@opcode("i64.le_s", 0x57, COMPARE[I64], I64, Predicate.LE_S)
@opcode("i64.le_u", 0x58, COMPARE[I64], I64, Predicate.LE_U)
@opcode("i64.ge_s", 0x59, COMPARE[I64], I64, Predicate.GE_S)
@opcode("i64.ge_u", 0x5A, COMPARE[I64], I64, Predicate.GE_U)
@opcode("i8x16.eq", 0xFD_0023, BINARY[V128], Shape.I8X16, Predicate.EQ)
@opcode("i8x16.ne", 0xFD_0024, BINARY[V128], Shape.I8X16, Predicate.NE)
@opcode("i8x16.lt_s", 0xFD_0025, BINARY[V128], Shape.I8X16, Predicate.LT_S)
@opcode("i8x16.lt_u", 0xFD_0026, BINARY[V128], Shape.I8X16, Predicate.LT_U)
@opcode("i8x16.gt_s", 0xFD_0027, BINARY[V128], Shape.I8X16, Predicate.GT_S)
@opcode("i8x16.gt_u", 0xFD_0028, BINARY[V128], Shape.I8X16, Predicate.GT_U)
@opcode("i8x16.le_s", 0xFD_0029, BINARY[V128], Shape.I8X16, Predicate.LE_S)
@opcode("i8x16.le_u", 0xFD_002A, BINARY[V128], Shape.I8X16, Predicate.LE_U)
@opcode("i8x16.ge_s", 0xFD_002B, BINARY[V128], Shape.I8X16, Predicate.GE_S)
@opcode("i8x16.ge_u", 0xFD_002C, BINARY[V128], Shape.I8X16, Predicate.GE_U)
@opcode("i16x8.eq", 0xFD_002D, BINARY[V128], Shape.I16X8, Predicate.EQ)
@opcode("i16x8.ne", 0xFD_002E, BINARY[V128], Shape.I16X8, Predicate.NE)
@opcode("i16x8.lt_s", 0xFD_002F, BINARY[V128], Shape.I16X8, Predicate.LT_S)
@opcode("i16x8.lt_u", 0xFD_0030, BINARY[V128], Shape.I16X8, Predicate.LT_U)
@opcode("i16x8.gt_s", 0xFD_0031, BINARY[V128], Shape.I16X8, Predicate.GT_S)
@opcode("i16x8.gt_u", 0xFD_0032, BINARY[V128], Shape.I16X8, Predicate.GT_U)
@opcode("i16x8.le_s", 0xFD_0033, BINARY[V128], Shape.I16X8, Predicate.LE_S)
@opcode("i16x8.le_u", 0xFD_0034, BINARY[V128], Shape.I16X8, Predicate.LE_U)
@opcode("i16x8.ge_s", 0xFD_0035, BINARY[V128], Shape.I16X8, Predicate.GE_S)
@opcode("i16x8.ge_u", 0xFD_0036, BINARY[V128], Shape.I16X8, Predicate.GE_U)
@opcode("i32x4.eq", 0xFD_0037, BINARY[V128], Shape.I32X4, Predicate.EQ)
@opcode("i32x4.ne", 0xFD_0038, BINARY[V128], Shape.I32X4, Predicate.NE)
@opcode("i32x4.lt_s", 0xFD_0039, BINARY[V128], Shape.I32X4, Predicate.LT_S)
@opcode("i32x4.lt_u", 0xFD_003A, BINARY[V128], Shape.I32X4, Predicate.LT_U)
@opcode("i32x4.gt_s", 0xFD_003B, BINARY[V128], Shape.I32X4, Predicate.GT_S)
@opcode("i32x4.gt_u", 0xFD_003C, BINARY[V128], Shape.I32X4, Predicate.GT_U)
@opcode("i32x4.le_s", 0xFD_003D, BINARY[V128], Shape.I32X4, Predicate.LE_S)
@opcode("i32x4.le_u", 0xFD_003E, BINARY[V128], Shape.I32X4, Predicate.LE_U)
@opcode("i32x4.ge_s", 0xFD_003F, BINARY[V128], Shape.I32X4, Predicate.GE_S)
@opcode("i32x4.ge_u", 0xFD_0040, BINARY[V128], Shape.I32X4, Predicate.GE_U)
@opcode("i64x2.eq", 0xFD_00D6, BINARY[V128], Shape.I64X2, Predicate.EQ)
@opcode("i64x2.ne", 0xFD_00D7, BINARY[V128], Shape.I64X2, Predicate.NE)
@opcode("i64x2.lt_s", 0xFD_00D8, BINARY[V128], Shape.I64X2, Predicate.LT_S)
@opcode("i64x2.gt_s", 0xFD_00D9, BINARY[V128], Shape.I64X2, Predicate.GT_S)
@opcode("i64x2.le_s", 0xFD_00DA, BINARY[V128], Shape.I64X2, Predicate.LE_S)
@opcode("i64x2.ge_s", 0xFD_00DB, BINARY[V128], Shape.I64X2, Predicate.GE_S)
def compare(op: Ops[V], t: Type, predicate: Predicate, x: V, y: V) -> V:
    """Whether two integers compare so."""
    return op.flag(t, op.compare(t, predicate, x, y))


@opcode("i32.clz", 0x67, UNARY[I32], I32)
@opcode("i64.clz", 0x79, UNARY[I64], I64)
def clz(op: Ops[V], t: NumType, x: V) -> V:
    """Count leading zeros."""
    return op.clz(t, x)


@opcode("i32.ctz", 0x68, UNARY[I32], I32)
@opcode("i64.ctz", 0x7A, UNARY[I64], I64)
def ctz(op: Ops[V], t: NumType, x: V) -> V:
    """Count trailing zeros."""
    return op.ctz(t, x)


@opcode("i32.popcnt", 0x69, UNARY[I32], I32)
@opcode("i64.popcnt", 0x7B, UNARY[I64], I64)
@opcode("i8x16.popcnt", 0xFD_0062, UNARY[V128], Shape.I8X16)
def popcnt(op: Ops[V], t: Type, x: V) -> V:
    """Count bits set."""
    return op.popcnt(t, x)


@opcode("i32.add", 0x6A, BINARY[I32], I32, is_constant=True)
@opcode("i64.add", 0x7C, BINARY[I64], I64, is_constant=True)
@opcode("i8x16.add", 0xFD_006E, BINARY[V128], Shape.I8X16)
@opcode("i16x8.add", 0xFD_008E, BINARY[V128], Shape.I16X8)
@opcode("i32x4.add", 0xFD_00AE, BINARY[V128], Shape.I32X4)
@opcode("i64x2.add", 0xFD_00CE, BINARY[V128], Shape.I64X2)
def add(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Add, modulo 2**width."""
    return op.add(t, x, y)


@opcode("i32.sub", 0x6B, BINARY[I32], I32, is_constant=True)
@opcode("i64.sub", 0x7D, BINARY[I64], I64, is_constant=True)
@opcode("i8x16.sub", 0xFD_0071, BINARY[V128], Shape.I8X16)
@opcode("i16x8.sub", 0xFD_0091, BINARY[V128], Shape.I16X8)
@opcode("i32x4.sub", 0xFD_00B1, BINARY[V128], Shape.I32X4)
@opcode("i64x2.sub", 0xFD_00D1, BINARY[V128], Shape.I64X2)
def sub(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Subtract, modulo 2**width."""
    return op.sub(t, x, y)


@opcode("i32.mul", 0x6C, BINARY[I32], I32, is_constant=True)
@opcode("i64.mul", 0x7E, BINARY[I64], I64, is_constant=True)
@opcode("i16x8.mul", 0xFD_0095, BINARY[V128], Shape.I16X8)
@opcode("i32x4.mul", 0xFD_00B5, BINARY[V128], Shape.I32X4)
@opcode("i64x2.mul", 0xFD_00D5, BINARY[V128], Shape.I64X2)
def mul(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Multiply, modulo 2**width."""
    return op.mul(t, x, y)


@opcode("i32.div_s", 0x6D, BINARY[I32], I32)
@opcode("i64.div_s", 0x7F, BINARY[I64], I64)
def div_s(op: Ops[V], t: NumType, x: V, y: V) -> V:
    """Divide signed integers, rounding towards zero."""
    _trap_if_zero(op, t, y)
    overflows = op.both(
        op.compare(t, Predicate.EQ, x, op.const(t, 1 << t.bits - 1)),
        op.compare(t, Predicate.EQ, y, op.const(t, (1 << t.bits) - 1)),
    )
    op.trap_if(overflows, TrapKind.INTEGER_OVERFLOW)
    return op.div_s(t, x, y)


@opcode("i32.div_u", 0x6E, BINARY[I32], I32)
@opcode("i64.div_u", 0x80, BINARY[I64], I64)
def div_u(op: Ops[V], t: NumType, x: V, y: V) -> V:
    """Divide unsigned integers, rounding down."""
    _trap_if_zero(op, t, y)
    return op.div_u(t, x, y)


@opcode("i32.rem_s", 0x6F, BINARY[I32], I32)
@opcode("i64.rem_s", 0x81, BINARY[I64], I64)
def rem_s(op: Ops[V], t: NumType, x: V, y: V) -> V:
    """The remainder of signed integers, with the sign of `x`; 0 where the quotient would overflow."""
    _trap_if_zero(op, t, y)
    # Any number modulo -1 is 0, as modulo 1: so the quotient is always representable.
    by_minus_one = op.compare(t, Predicate.EQ, y, op.const(t, (1 << t.bits) - 1))
    return op.rem_s(t, x, op.select(t, by_minus_one, op.const(t, 1), y))


@opcode("i32.rem_u", 0x70, BINARY[I32], I32)
@opcode("i64.rem_u", 0x82, BINARY[I64], I64)
def rem_u(op: Ops[V], t: NumType, x: V, y: V) -> V:
    """The remainder of unsigned integers."""
    _trap_if_zero(op, t, y)
    return op.rem_u(t, x, y)


def _trap_if_zero(op: Ops[V], t: NumType, y: V) -> None:
    op.trap_if(op.compare(t, Predicate.EQ, y, op.const(t, 0)), TrapKind.INTEGER_DIVIDE_BY_ZERO)


@opcode("i32.and", 0x71, BINARY[I32], I32)
@opcode("i64.and", 0x83, BINARY[I64], I64)
@opcode("v128.and", 0xFD_004E, BINARY[V128], Shape.I64X2)
def and_(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Bitwise conjunction."""
    return op.and_(t, x, y)


@opcode("i32.or", 0x72, BINARY[I32], I32)
@opcode("i64.or", 0x84, BINARY[I64], I64)
@opcode("v128.or", 0xFD_0050, BINARY[V128], Shape.I64X2)
def or_(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Bitwise disjunction."""
    return op.or_(t, x, y)


@opcode("i32.xor", 0x73, BINARY[I32], I32)
@opcode("i64.xor", 0x85, BINARY[I64], I64)
@opcode("v128.xor", 0xFD_0051, BINARY[V128], Shape.I64X2)
def xor(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Bitwise exclusive disjunction."""
    return op.xor(t, x, y)


@opcode("i32.shl", 0x74, BINARY[I32], I32)
@opcode("i64.shl", 0x86, BINARY[I64], I64)
@opcode("i8x16.shl", 0xFD_006B, SHIFT, Shape.I8X16)
@opcode("i16x8.shl", 0xFD_008B, SHIFT, Shape.I16X8)
@opcode("i32x4.shl", 0xFD_00AB, SHIFT, Shape.I32X4)
@opcode("i64x2.shl", 0xFD_00CB, SHIFT, Shape.I64X2)
def shl(op: Ops[V], t: Type, x: V, by: V) -> V:
    """Shift left, modulo the width."""
    return op.shl(t, x, by)


@opcode("i32.shr_s", 0x75, BINARY[I32], I32)
@opcode("i64.shr_s", 0x87, BINARY[I64], I64)
@opcode("i8x16.shr_s", 0xFD_006C, SHIFT, Shape.I8X16)
@opcode("i16x8.shr_s", 0xFD_008C, SHIFT, Shape.I16X8)
@opcode("i32x4.shr_s", 0xFD_00AC, SHIFT, Shape.I32X4)
@opcode("i64x2.shr_s", 0xFD_00CC, SHIFT, Shape.I64X2)
def shr_s(op: Ops[V], t: Type, x: V, by: V) -> V:
    """Shift right, modulo the width, copying the sign bit."""
    return op.shr_s(t, x, by)


@opcode("i32.shr_u", 0x76, BINARY[I32], I32)
@opcode("i64.shr_u", 0x88, BINARY[I64], I64)
@opcode("i8x16.shr_u", 0xFD_006D, SHIFT, Shape.I8X16)
@opcode("i16x8.shr_u", 0xFD_008D, SHIFT, Shape.I16X8)
@opcode("i32x4.shr_u", 0xFD_00AD, SHIFT, Shape.I32X4)
@opcode("i64x2.shr_u", 0xFD_00CD, SHIFT, Shape.I64X2)
def shr_u(op: Ops[V], t: Type, x: V, by: V) -> V:
    """Shift right, modulo the width, filling with zeros."""
    return op.shr_u(t, x, by)


@opcode("i32.rotl", 0x77, BINARY[I32], I32)
@opcode("i64.rotl", 0x89, BINARY[I64], I64)
def rotl(op: Ops[V], t: NumType, x: V, by: V) -> V:
    """Rotate left; only the low log2(width) bits of `by` count."""
    return op.rotl(t, x, by)


@opcode("i32.rotr", 0x78, BINARY[I32], I32)
@opcode("i64.rotr", 0x8A, BINARY[I64], I64)
def rotr(op: Ops[V], t: NumType, x: V, by: V) -> V:
    """Rotate right; only the low log2(width) bits of `by` count."""
    return op.rotr(t, x, by)


@opcode("i32.extend8_s", 0xC0, UNARY[I32], I32, 8)
@opcode("i32.extend16_s", 0xC1, UNARY[I32], I32, 16)
@opcode("i64.extend8_s", 0xC2, UNARY[I64], I64, 8)
@opcode("i64.extend16_s", 0xC3, UNARY[I64], I64, 16)
@opcode("i64.extend32_s", 0xC4, UNARY[I64], I64, 32)
def sign_extend(op: Ops[V], t: NumType, bits: int, x: V) -> V:
    """The low bits of `x`, sign-extended."""
    by = op.const(t, t.bits - bits)
    return op.shr_s(t, op.shl(t, x, by), by)


# The wide arithmetic proposal: integers of 128 bits as two i64, the low half first.


@opcode("i64.add128", 0xFC_0013, WIDE_BINARY)
def add128(op: Ops[V], x_low: V, x_high: V, y_low: V, y_high: V) -> tuple[V, V]:
    """Add, modulo 2**128."""
    low = op.add(I64, x_low, y_low)
    carry = op.extend_u(op.flag(I64, op.compare(I64, Predicate.LT_U, low, x_low)))
    return low, op.add(I64, op.add(I64, x_high, y_high), carry)


@opcode("i64.sub128", 0xFC_0014, WIDE_BINARY)
def sub128(op: Ops[V], x_low: V, x_high: V, y_low: V, y_high: V) -> tuple[V, V]:
    """Subtract, modulo 2**128."""
    borrow = op.extend_u(op.flag(I64, op.compare(I64, Predicate.LT_U, x_low, y_low)))
    return op.sub(I64, x_low, y_low), op.sub(I64, op.sub(I64, x_high, y_high), borrow)


@opcode("i64.mul_wide_s", 0xFC_0015, WIDE_PRODUCT)
def mul_wide_s(op: Ops[V], x: V, y: V) -> tuple[V, V]:
    """Multiply signed integers, exactly."""
    return op.mul_wide_s(x, y)


@opcode("i64.mul_wide_u", 0xFC_0016, WIDE_PRODUCT)
def mul_wide_u(op: Ops[V], x: V, y: V) -> tuple[V, V]:
    """Multiply unsigned integers, exactly."""
    return op.mul_wide_u(x, y)
