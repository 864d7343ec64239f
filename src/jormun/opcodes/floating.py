"""Floating-point numbers, as numbers and as lanes of v128 (core specification, sections 4.3.3 and 4.4.1).

Where an operand is a NaN, so is the result, and it is quiet. The operations of relaxed SIMD are those that exist
without it, and its multiplications with addition round twice, so that no result depends on the machine.
"""

from __future__ import annotations

from jormun.hints import Callable
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.ops import Ops, Predicate, Rounding, Shape, Type, V
from jormun.opcodes.signatures import BINARY, COMPARE, UNARY, signature
from jormun.opcodes.table import opcode
from jormun.types import F32, F64, I32, I64, V128, NumType

TERNARY = signature((V128, V128, V128), (V128,))


@opcode("f32.const", 0x43, signature((), (F32,)), F32, immediates=(Immediate.F32,), is_constant=True)
@opcode("f64.const", 0x44, signature((), (F64,)), F64, immediates=(Immediate.F64,), is_constant=True)
def const(op: Ops[V], t: NumType, bits: int) -> V:
    """A number, by its bits."""
    return op.const(t, bits)


@opcode("f32.eq", 0x5B, COMPARE[F32], F32, Predicate.EQUAL)
@opcode("f32.ne", 0x5C, COMPARE[F32], F32, Predicate.NOT_EQUAL)
@opcode("f32.lt", 0x5D, COMPARE[F32], F32, Predicate.LESS)
@opcode("f32.gt", 0x5E, COMPARE[F32], F32, Predicate.GREATER)
@opcode("f32.le", 0x5F, COMPARE[F32], F32, Predicate.LESS_EQUAL)
@opcode("f32.ge", 0x60, COMPARE[F32], F32, Predicate.GREATER_EQUAL)
@opcode("f64.eq", 0x61, COMPARE[F64], F64, Predicate.EQUAL)
@opcode("f64.ne", 0x62, COMPARE[F64], F64, Predicate.NOT_EQUAL)
@opcode("f64.lt", 0x63, COMPARE[F64], F64, Predicate.LESS)
@opcode("f64.gt", 0x64, COMPARE[F64], F64, Predicate.GREATER)
@opcode("f64.le", 0x65, COMPARE[F64], F64, Predicate.LESS_EQUAL)
@opcode("f64.ge", 0x66, COMPARE[F64], F64, Predicate.GREATER_EQUAL)
@opcode("f32x4.eq", 0xFD_0041, BINARY[V128], Shape.F32X4, Predicate.EQUAL)
@opcode("f32x4.ne", 0xFD_0042, BINARY[V128], Shape.F32X4, Predicate.NOT_EQUAL)
@opcode("f32x4.lt", 0xFD_0043, BINARY[V128], Shape.F32X4, Predicate.LESS)
@opcode("f32x4.gt", 0xFD_0044, BINARY[V128], Shape.F32X4, Predicate.GREATER)
@opcode("f32x4.le", 0xFD_0045, BINARY[V128], Shape.F32X4, Predicate.LESS_EQUAL)
@opcode("f32x4.ge", 0xFD_0046, BINARY[V128], Shape.F32X4, Predicate.GREATER_EQUAL)
@opcode("f64x2.eq", 0xFD_0047, BINARY[V128], Shape.F64X2, Predicate.EQUAL)
@opcode("f64x2.ne", 0xFD_0048, BINARY[V128], Shape.F64X2, Predicate.NOT_EQUAL)
@opcode("f64x2.lt", 0xFD_0049, BINARY[V128], Shape.F64X2, Predicate.LESS)
@opcode("f64x2.gt", 0xFD_004A, BINARY[V128], Shape.F64X2, Predicate.GREATER)
@opcode("f64x2.le", 0xFD_004B, BINARY[V128], Shape.F64X2, Predicate.LESS_EQUAL)
@opcode("f64x2.ge", 0xFD_004C, BINARY[V128], Shape.F64X2, Predicate.GREATER_EQUAL)
def compare(op: Ops[V], t: Type, predicate: Predicate, x: V, y: V) -> V:
    """Whether two numbers compare so."""
    return op.flag(t, op.compare(t, predicate, x, y))


@opcode("f32.abs", 0x8B, UNARY[F32], F32)
@opcode("f64.abs", 0x99, UNARY[F64], F64)
@opcode("f32x4.abs", 0xFD_00E0, UNARY[V128], Shape.F32X4)
@opcode("f64x2.abs", 0xFD_00EC, UNARY[V128], Shape.F64X2)
def abs_(op: Ops[V], t: Type, x: V) -> V:
    """Clear the sign bit, a NaN's too."""
    return op.abs(t, x)


@opcode("f32.neg", 0x8C, UNARY[F32], F32)
@opcode("f64.neg", 0x9A, UNARY[F64], F64)
@opcode("f32x4.neg", 0xFD_00E1, UNARY[V128], Shape.F32X4)
@opcode("f64x2.neg", 0xFD_00ED, UNARY[V128], Shape.F64X2)
def neg(op: Ops[V], t: Type, x: V) -> V:
    """Invert the sign bit, a NaN's too."""
    return op.neg(t, x)


@opcode("f32.ceil", 0x8D, UNARY[F32], F32, Rounding.CEIL)
@opcode("f64.ceil", 0x9B, UNARY[F64], F64, Rounding.CEIL)
@opcode("f32x4.ceil", 0xFD_0067, UNARY[V128], Shape.F32X4, Rounding.CEIL)
@opcode("f64x2.ceil", 0xFD_0074, UNARY[V128], Shape.F64X2, Rounding.CEIL)
@opcode("f32.floor", 0x8E, UNARY[F32], F32, Rounding.FLOOR)
@opcode("f64.floor", 0x9C, UNARY[F64], F64, Rounding.FLOOR)
@opcode("f32x4.floor", 0xFD_0068, UNARY[V128], Shape.F32X4, Rounding.FLOOR)
@opcode("f64x2.floor", 0xFD_0075, UNARY[V128], Shape.F64X2, Rounding.FLOOR)
@opcode("f32.trunc", 0x8F, UNARY[F32], F32, Rounding.TRUNC)
@opcode("f64.trunc", 0x9D, UNARY[F64], F64, Rounding.TRUNC)
@opcode("f32x4.trunc", 0xFD_0069, UNARY[V128], Shape.F32X4, Rounding.TRUNC)
@opcode("f64x2.trunc", 0xFD_007A, UNARY[V128], Shape.F64X2, Rounding.TRUNC)
@opcode("f32.nearest", 0x90, UNARY[F32], F32, Rounding.NEAREST)
@opcode("f64.nearest", 0x9E, UNARY[F64], F64, Rounding.NEAREST)
@opcode("f32x4.nearest", 0xFD_006A, UNARY[V128], Shape.F32X4, Rounding.NEAREST)
@opcode("f64x2.nearest", 0xFD_0094, UNARY[V128], Shape.F64X2, Rounding.NEAREST)
def round_(op: Ops[V], t: Type, to: Rounding, x: V) -> V:
    """Round to an integral value."""
    return op.round(t, to, x)


@opcode("f32.sqrt", 0x91, UNARY[F32], F32)
@opcode("f64.sqrt", 0x9F, UNARY[F64], F64)
@opcode("f32x4.sqrt", 0xFD_00E3, UNARY[V128], Shape.F32X4)
@opcode("f64x2.sqrt", 0xFD_00EF, UNARY[V128], Shape.F64X2)
def sqrt(op: Ops[V], t: Type, x: V) -> V:
    """The square root."""
    return op.sqrt(t, x)


@opcode("f32.add", 0x92, BINARY[F32], F32)
@opcode("f64.add", 0xA0, BINARY[F64], F64)
@opcode("f32x4.add", 0xFD_00E4, BINARY[V128], Shape.F32X4)
@opcode("f64x2.add", 0xFD_00F0, BINARY[V128], Shape.F64X2)
def add(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Add."""
    return op.add(t, x, y)


@opcode("f32.sub", 0x93, BINARY[F32], F32)
@opcode("f64.sub", 0xA1, BINARY[F64], F64)
@opcode("f32x4.sub", 0xFD_00E5, BINARY[V128], Shape.F32X4)
@opcode("f64x2.sub", 0xFD_00F1, BINARY[V128], Shape.F64X2)
def sub(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Subtract."""
    return op.sub(t, x, y)


@opcode("f32.mul", 0x94, BINARY[F32], F32)
@opcode("f64.mul", 0xA2, BINARY[F64], F64)
@opcode("f32x4.mul", 0xFD_00E6, BINARY[V128], Shape.F32X4)
@opcode("f64x2.mul", 0xFD_00F2, BINARY[V128], Shape.F64X2)
def mul(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Multiply."""
    return op.mul(t, x, y)


@opcode("f32.div", 0x95, BINARY[F32], F32)
@opcode("f64.div", 0xA3, BINARY[F64], F64)
@opcode("f32x4.div", 0xFD_00E7, BINARY[V128], Shape.F32X4)
@opcode("f64x2.div", 0xFD_00F3, BINARY[V128], Shape.F64X2)
def div(op: Ops[V], t: Type, x: V, y: V) -> V:
    """Divide."""
    return op.div(t, x, y)


@opcode("f32.min", 0x96, BINARY[F32], F32)
@opcode("f64.min", 0xA4, BINARY[F64], F64)
@opcode("f32x4.min", 0xFD_00E8, BINARY[V128], Shape.F32X4)
@opcode("f64x2.min", 0xFD_00F4, BINARY[V128], Shape.F64X2)
@opcode("f32x4.relaxed_min", 0xFD_010D, BINARY[V128], Shape.F32X4)
@opcode("f64x2.relaxed_min", 0xFD_010F, BINARY[V128], Shape.F64X2)
def min_(op: Ops[V], t: Type, x: V, y: V) -> V:
    """The lesser number; -0 is less than 0."""
    lesser = _select(op, t, Predicate.LESS, x, y)
    # `lesser` is `y` where they are equal; only zeros can then differ, and `or` prefers -0.
    return _unless_nan(op, t, x, y, _bitwise(op, t, op.or_, lesser, _select(op, t, Predicate.LESS, y, x)))


@opcode("f32.max", 0x97, BINARY[F32], F32)
@opcode("f64.max", 0xA5, BINARY[F64], F64)
@opcode("f32x4.max", 0xFD_00E9, BINARY[V128], Shape.F32X4)
@opcode("f64x2.max", 0xFD_00F5, BINARY[V128], Shape.F64X2)
@opcode("f32x4.relaxed_max", 0xFD_010E, BINARY[V128], Shape.F32X4)
@opcode("f64x2.relaxed_max", 0xFD_0110, BINARY[V128], Shape.F64X2)
def max_(op: Ops[V], t: Type, x: V, y: V) -> V:
    """The greater number; 0 is greater than -0."""
    greater = _select(op, t, Predicate.GREATER, x, y)
    # As in `min_`; `and` prefers 0.
    return _unless_nan(op, t, x, y, _bitwise(op, t, op.and_, greater, _select(op, t, Predicate.GREATER, y, x)))


def _select(op: Ops[V], t: Type, predicate: Predicate, x: V, y: V) -> V:
    """`x` where it compares so with `y`, else `y`."""
    return op.select(t, op.compare(t, predicate, x, y), x, y)


def _unless_nan(op: Ops[V], t: Type, x: V, y: V, result: V) -> V:
    """`result`, or a quiet NaN, which the sum is, where `x` or `y` is a NaN."""
    return op.select(t, op.compare(t, Predicate.UNORDERED, x, y), op.add(t, x, y), result)


def _bitwise(op: Ops[V], t: Type, combine: Callable[[Type, V, V], V], x: V, y: V) -> V:
    """Combine the bits of two floating-point values."""
    if isinstance(t, Shape):
        return combine(Shape.I64X2, x, y)
    integer = {F32: I32, F64: I64}[t]
    bits = combine(integer, op.reinterpret(integer, t, x), op.reinterpret(integer, t, y))
    return op.reinterpret(t, integer, bits)


@opcode("f32.copysign", 0x98, BINARY[F32], F32)
@opcode("f64.copysign", 0xA6, BINARY[F64], F64)
def copysign(op: Ops[V], t: NumType, x: V, y: V) -> V:
    """`x` with the sign bit of `y`."""
    return op.copysign(t, x, y)


@opcode("f32x4.pmin", 0xFD_00EA, BINARY[V128], Shape.F32X4)
@opcode("f64x2.pmin", 0xFD_00F6, BINARY[V128], Shape.F64X2)
def pmin(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """`y` where it is less than `x`, else `x`, bit for bit."""
    return op.select(t, op.compare(t, Predicate.LESS, y, x), y, x)


@opcode("f32x4.pmax", 0xFD_00EB, BINARY[V128], Shape.F32X4)
@opcode("f64x2.pmax", 0xFD_00F7, BINARY[V128], Shape.F64X2)
def pmax(op: Ops[V], t: Shape, x: V, y: V) -> V:
    """`y` where it is greater than `x`, else `x`, bit for bit."""
    return op.select(t, op.compare(t, Predicate.LESS, x, y), y, x)


@opcode("f32x4.relaxed_madd", 0xFD_0105, TERNARY, Shape.F32X4)
@opcode("f64x2.relaxed_madd", 0xFD_0107, TERNARY, Shape.F64X2)
def relaxed_madd(op: Ops[V], t: Shape, x: V, y: V, z: V) -> V:
    """Multiply and add, with both roundings."""
    return op.add(t, op.mul(t, x, y), z)


@opcode("f32x4.relaxed_nmadd", 0xFD_0106, TERNARY, Shape.F32X4)
@opcode("f64x2.relaxed_nmadd", 0xFD_0108, TERNARY, Shape.F64X2)
def relaxed_nmadd(op: Ops[V], t: Shape, x: V, y: V, z: V) -> V:
    """Subtract the product from `z`, with both roundings."""
    return op.add(t, op.mul(t, op.neg(t, x), y), z)
