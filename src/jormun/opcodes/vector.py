"""Vector instructions that are about integer lanes and only there (core specification, section 4.4.3).

Operations that numbers have too are in numeric.py, floating.py and conversion.py.
"""

from __future__ import annotations

from jormun.opcodes.ops import Half, Ops, Predicate, Shape, V
from jormun.opcodes.signatures import BINARY, TEST, UNARY, signature
from jormun.opcodes.table import opcode
from jormun.types import I32, V128

TERNARY = signature((V128, V128, V128), (V128,))


@opcode("v128.not", 0xFD_004D, UNARY[V128])
def not_(op: Ops[V], x: V) -> V:
    """Invert all bits."""
    return op.xor(Shape.I64X2, x, op.const(Shape.I64X2, (1 << 64) - 1))


@opcode("v128.andnot", 0xFD_004F, BINARY[V128])
def andnot(op: Ops[V], x: V, y: V) -> V:
    """The bits of `x` that are not set in `y`."""
    return op.and_(Shape.I64X2, x, not_(op, y))


@opcode("v128.bitselect", 0xFD_0052, TERNARY)
@opcode("i8x16.relaxed_laneselect", 0xFD_0109, TERNARY)
@opcode("i16x8.relaxed_laneselect", 0xFD_010A, TERNARY)
@opcode("i32x4.relaxed_laneselect", 0xFD_010B, TERNARY)
@opcode("i64x2.relaxed_laneselect", 0xFD_010C, TERNARY)
def bitselect(op: Ops[V], x: V, y: V, mask: V) -> V:
    """The bits of `x` where the mask is 1, of `y` where it is 0."""
    return op.or_(Shape.I64X2, op.and_(Shape.I64X2, x, mask), op.and_(Shape.I64X2, y, not_(op, mask)))


@opcode("v128.any_true", 0xFD_0053, TEST[V128])
def any_true(op: Ops[V], x: V) -> V:
    """Whether a bit is set."""
    zero = op.const(Shape.I8X16, 0)
    return op.flag(I32, op.any_of(Shape.I8X16, op.compare(Shape.I8X16, Predicate.NE, x, zero)))


@opcode("i8x16.all_true", 0xFD_0063, TEST[V128], Shape.I8X16)
@opcode("i16x8.all_true", 0xFD_0083, TEST[V128], Shape.I16X8)
@opcode("i32x4.all_true", 0xFD_00A3, TEST[V128], Shape.I32X4)
@opcode("i64x2.all_true", 0xFD_00C3, TEST[V128], Shape.I64X2)
def all_true(op: Ops[V], t: Shape, x: V) -> V:
    """Whether no lane is 0."""
    return op.flag(I32, op.all_of(t, op.compare(t, Predicate.NE, x, op.const(t, 0))))


@opcode("i8x16.bitmask", 0xFD_0064, TEST[V128], Shape.I8X16)
@opcode("i16x8.bitmask", 0xFD_0084, TEST[V128], Shape.I16X8)
@opcode("i32x4.bitmask", 0xFD_00A4, TEST[V128], Shape.I32X4)
@opcode("i64x2.bitmask", 0xFD_00C4, TEST[V128], Shape.I64X2)
def bitmask(op: Ops[V], t: Shape, x: V) -> V:
    """The sign bits of the lanes, that of lane 0 lowest."""
    return op.bits_of(t, op.compare(t, Predicate.LT_S, x, op.const(t, 0)))


@opcode("i8x16.abs", 0xFD_0060, UNARY[V128], Shape.I8X16)
@opcode("i16x8.abs", 0xFD_0080, UNARY[V128], Shape.I16X8)
@opcode("i32x4.abs", 0xFD_00A0, UNARY[V128], Shape.I32X4)
@opcode("i64x2.abs", 0xFD_00C0, UNARY[V128], Shape.I64X2)
def abs_(op: Ops[V], t: Shape, x: V) -> V:
    """The absolute values; that of the least number is itself."""
    return op.select(t, op.compare(t, Predicate.LT_S, x, op.const(t, 0)), neg(op, t, x), x)


@opcode("i8x16.neg", 0xFD_0061, UNARY[V128], Shape.I8X16)
@opcode("i16x8.neg", 0xFD_0081, UNARY[V128], Shape.I16X8)
@opcode("i32x4.neg", 0xFD_00A1, UNARY[V128], Shape.I32X4)
@opcode("i64x2.neg", 0xFD_00C1, UNARY[V128], Shape.I64X2)
def neg(op: Ops[V], t: Shape, x: V) -> V:
    """Negate."""
    return op.sub(t, op.const(t, 0), x)


@opcode("i8x16.add_sat_s", 0xFD_006F, BINARY[V128], Shape.I8X16)
@opcode("i16x8.add_sat_s", 0xFD_008F, BINARY[V128], Shape.I16X8)
def add_sat_s(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Add signed integers, saturating."""
    return op.add_sat_s(t, x, y)


@opcode("i8x16.add_sat_u", 0xFD_0070, BINARY[V128], Shape.I8X16)
@opcode("i16x8.add_sat_u", 0xFD_0090, BINARY[V128], Shape.I16X8)
def add_sat_u(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Add unsigned integers, saturating."""
    return op.add_sat_u(t, x, y)


@opcode("i8x16.sub_sat_s", 0xFD_0072, BINARY[V128], Shape.I8X16)
@opcode("i16x8.sub_sat_s", 0xFD_0092, BINARY[V128], Shape.I16X8)
def sub_sat_s(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Subtract signed integers, saturating."""
    return op.sub_sat_s(t, x, y)


@opcode("i8x16.sub_sat_u", 0xFD_0073, BINARY[V128], Shape.I8X16)
@opcode("i16x8.sub_sat_u", 0xFD_0093, BINARY[V128], Shape.I16X8)
def sub_sat_u(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Subtract unsigned integers, saturating."""
    return op.sub_sat_u(t, x, y)


@opcode("i8x16.min_s", 0xFD_0076, BINARY[V128], Shape.I8X16, Predicate.LT_S)
@opcode("i8x16.min_u", 0xFD_0077, BINARY[V128], Shape.I8X16, Predicate.LT_U)
@opcode("i8x16.max_s", 0xFD_0078, BINARY[V128], Shape.I8X16, Predicate.GT_S)
@opcode("i8x16.max_u", 0xFD_0079, BINARY[V128], Shape.I8X16, Predicate.GT_U)
@opcode("i16x8.min_s", 0xFD_0096, BINARY[V128], Shape.I16X8, Predicate.LT_S)
@opcode("i16x8.min_u", 0xFD_0097, BINARY[V128], Shape.I16X8, Predicate.LT_U)
@opcode("i16x8.max_s", 0xFD_0098, BINARY[V128], Shape.I16X8, Predicate.GT_S)
@opcode("i16x8.max_u", 0xFD_0099, BINARY[V128], Shape.I16X8, Predicate.GT_U)
@opcode("i32x4.min_s", 0xFD_00B6, BINARY[V128], Shape.I32X4, Predicate.LT_S)
@opcode("i32x4.min_u", 0xFD_00B7, BINARY[V128], Shape.I32X4, Predicate.LT_U)
@opcode("i32x4.max_s", 0xFD_00B8, BINARY[V128], Shape.I32X4, Predicate.GT_S)
@opcode("i32x4.max_u", 0xFD_00B9, BINARY[V128], Shape.I32X4, Predicate.GT_U)
def choose(op: Ops[V], t: Shape, predicate: Predicate, x: V, y: V) -> V:
    """`x` where it compares so with `y`, else `y`: the lesser or the greater."""
    return op.select(t, op.compare(t, predicate, x, y), x, y)


@opcode("i8x16.avgr_u", 0xFD_007B, BINARY[V128], Shape.I8X16)
@opcode("i16x8.avgr_u", 0xFD_009B, BINARY[V128], Shape.I16X8)
def avgr_u(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """The mean of unsigned integers, rounded up."""
    return op.avgr_u(t, x, y)


@opcode("i16x8.q15mulr_sat_s", 0xFD_0082, BINARY[V128])
@opcode("i16x8.relaxed_q15mulr_s", 0xFD_0111, BINARY[V128])
def q15mulr_sat_s(op: Ops[V], x: V, y: V) -> V:
    """The product of fixed-point numbers with 15 fractional bits, rounded and saturating."""
    product = op.mul_q15(x, y)
    # Only -1 * -1 overflows; it gives the least number, and nothing else does.
    t = Shape.I16X8
    overflows = op.flag(t, op.compare(t, Predicate.EQ, product, op.const(t, 0x8000)))
    return op.xor(t, product, overflows)


@opcode("i8x16.narrow_i16x8_s", 0xFD_0065, BINARY[V128], Shape.I8X16)
@opcode("i16x8.narrow_i32x4_s", 0xFD_0085, BINARY[V128], Shape.I16X8)
def narrow_s(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Lanes half as wide, of `x` and then `y`, saturated to signed integers."""
    return op.narrow_s(t, x, y)


@opcode("i8x16.narrow_i16x8_u", 0xFD_0066, BINARY[V128], Shape.I8X16)
@opcode("i16x8.narrow_i32x4_u", 0xFD_0086, BINARY[V128], Shape.I16X8)
def narrow_u(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """Lanes half as wide, of `x` and then `y`, saturated to unsigned integers."""
    return op.narrow_u(t, x, y)


@opcode("i16x8.extend_low_i8x16_s", 0xFD_0087, UNARY[V128], Shape.I16X8, Half.LOW)
@opcode("i16x8.extend_high_i8x16_s", 0xFD_0088, UNARY[V128], Shape.I16X8, Half.HIGH)
@opcode("i32x4.extend_low_i16x8_s", 0xFD_00A7, UNARY[V128], Shape.I32X4, Half.LOW)
@opcode("i32x4.extend_high_i16x8_s", 0xFD_00A8, UNARY[V128], Shape.I32X4, Half.HIGH)
@opcode("i64x2.extend_low_i32x4_s", 0xFD_00C7, UNARY[V128], Shape.I64X2, Half.LOW)
@opcode("i64x2.extend_high_i32x4_s", 0xFD_00C8, UNARY[V128], Shape.I64X2, Half.HIGH)
def extend_s(op: Ops[V], t: Shape, half: Half, x: V) -> V:
    """Half of the lanes, sign-extended."""
    return op.widen_s(t, half, x)


@opcode("i16x8.extend_low_i8x16_u", 0xFD_0089, UNARY[V128], Shape.I16X8, Half.LOW)
@opcode("i16x8.extend_high_i8x16_u", 0xFD_008A, UNARY[V128], Shape.I16X8, Half.HIGH)
@opcode("i32x4.extend_low_i16x8_u", 0xFD_00A9, UNARY[V128], Shape.I32X4, Half.LOW)
@opcode("i32x4.extend_high_i16x8_u", 0xFD_00AA, UNARY[V128], Shape.I32X4, Half.HIGH)
@opcode("i64x2.extend_low_i32x4_u", 0xFD_00C9, UNARY[V128], Shape.I64X2, Half.LOW)
@opcode("i64x2.extend_high_i32x4_u", 0xFD_00CA, UNARY[V128], Shape.I64X2, Half.HIGH)
def extend_u(op: Ops[V], t: Shape, half: Half, x: V) -> V:
    """Half of the lanes, zero-extended."""
    return op.widen_u(t, half, x)


@opcode("i16x8.extmul_low_i8x16_s", 0xFD_009C, BINARY[V128], Shape.I16X8, Half.LOW)
@opcode("i16x8.extmul_high_i8x16_s", 0xFD_009D, BINARY[V128], Shape.I16X8, Half.HIGH)
@opcode("i32x4.extmul_low_i16x8_s", 0xFD_00BC, BINARY[V128], Shape.I32X4, Half.LOW)
@opcode("i32x4.extmul_high_i16x8_s", 0xFD_00BD, BINARY[V128], Shape.I32X4, Half.HIGH)
@opcode("i64x2.extmul_low_i32x4_s", 0xFD_00DC, BINARY[V128], Shape.I64X2, Half.LOW)
@opcode("i64x2.extmul_high_i32x4_s", 0xFD_00DD, BINARY[V128], Shape.I64X2, Half.HIGH)
def extmul_s(op: Ops[V], t: Shape, half: Half, x: V, y: V) -> V:
    """The exact products of half of the lanes, signed."""
    return op.mul(t, op.widen_s(t, half, x), op.widen_s(t, half, y))


@opcode("i16x8.extmul_low_i8x16_u", 0xFD_009E, BINARY[V128], Shape.I16X8, Half.LOW)
@opcode("i16x8.extmul_high_i8x16_u", 0xFD_009F, BINARY[V128], Shape.I16X8, Half.HIGH)
@opcode("i32x4.extmul_low_i16x8_u", 0xFD_00BE, BINARY[V128], Shape.I32X4, Half.LOW)
@opcode("i32x4.extmul_high_i16x8_u", 0xFD_00BF, BINARY[V128], Shape.I32X4, Half.HIGH)
@opcode("i64x2.extmul_low_i32x4_u", 0xFD_00DE, BINARY[V128], Shape.I64X2, Half.LOW)
@opcode("i64x2.extmul_high_i32x4_u", 0xFD_00DF, BINARY[V128], Shape.I64X2, Half.HIGH)
def extmul_u(op: Ops[V], t: Shape, half: Half, x: V, y: V) -> V:
    """The exact products of half of the lanes, unsigned."""
    return op.mul(t, op.widen_u(t, half, x), op.widen_u(t, half, y))


@opcode("i16x8.extadd_pairwise_i8x16_s", 0xFD_007C, UNARY[V128], Shape.I16X8)
@opcode("i32x4.extadd_pairwise_i16x8_s", 0xFD_007E, UNARY[V128], Shape.I32X4)
def extadd_pairwise_s(op: Ops[V], t: Shape, x: V) -> V:
    """The exact sums of neighbouring lanes, signed."""
    even, odd = _neighbours_s(op, t, x)
    return op.add(t, even, odd)


@opcode("i16x8.extadd_pairwise_i8x16_u", 0xFD_007D, UNARY[V128], Shape.I16X8)
@opcode("i32x4.extadd_pairwise_i16x8_u", 0xFD_007F, UNARY[V128], Shape.I32X4)
def extadd_pairwise_u(op: Ops[V], t: Shape, x: V) -> V:
    """The exact sums of neighbouring lanes, unsigned."""
    by = op.const(I32, t.bits // 2)
    return op.add(t, op.shr_u(t, op.shl(t, x, by), by), op.shr_u(t, x, by))


def _neighbours_s(op: Ops[V], t: Shape, x: V) -> tuple[V, V]:
    """The even and the odd ones of lanes half as wide as those of `t`, sign-extended."""
    by = op.const(I32, t.bits // 2)
    return op.shr_s(t, op.shl(t, x, by), by), op.shr_s(t, x, by)


@opcode("i32x4.dot_i16x8_s", 0xFD_00BA, BINARY[V128], Shape.I32X4)
@opcode("i16x8.relaxed_dot_i8x16_i7x16_s", 0xFD_0112, BINARY[V128], Shape.I16X8)
def dot_s(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """The sums of the signed products of neighbouring lanes, modulo 2**width."""
    return op.add(t, extmul_s(op, t, Half.EVEN, x, y), extmul_s(op, t, Half.ODD, x, y))


@opcode("i32x4.relaxed_dot_i8x16_i7x16_add_s", 0xFD_0113, TERNARY)
def relaxed_dot_add_s(op: Ops[V], x: V, y: V, z: V) -> V:
    """`z` and the sums of the signed products of four neighbouring lanes."""
    return op.add(Shape.I32X4, extadd_pairwise_s(op, Shape.I32X4, dot_s(op, Shape.I16X8, x, y)), z)
