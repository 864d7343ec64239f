"""Conversions between number types, and between lanes (core specification, section 4.3.4)."""

from __future__ import annotations

import struct

from jormun.errors import TrapKind
from jormun.opcodes.ops import Ops, Predicate, Shape, Type, V
from jormun.opcodes.signatures import UNARY, convert
from jormun.opcodes.table import opcode
from jormun.types import F32, F64, I32, I64, V128, NumType


@opcode("i32.wrap_i64", 0xA7, convert(I64, I32))
def wrap(op: Ops[V], x: V) -> V:
    """Modulo 2**32."""
    return op.wrap(x)


@opcode("i64.extend_i32_s", 0xAC, convert(I32, I64))
def extend_s(op: Ops[V], x: V) -> V:
    """Sign-extend."""
    return op.extend_s(x)


@opcode("i64.extend_i32_u", 0xAD, convert(I32, I64))
def extend_u(op: Ops[V], x: V) -> V:
    """Zero-extend."""
    return op.extend_u(x)


@opcode("i32.trunc_f32_s", 0xA8, convert(F32, I32), I32, F32)
@opcode("i32.trunc_f64_s", 0xAA, convert(F64, I32), I32, F64)
@opcode("i64.trunc_f32_s", 0xAE, convert(F32, I64), I64, F32)
@opcode("i64.trunc_f64_s", 0xB0, convert(F64, I64), I64, F64)
def trunc_s(op: Ops[V], t: NumType, source: NumType, x: V) -> V:
    """Round towards zero to a signed integer."""
    _trap_unless_between(op, source, x, -(1 << t.bits - 1) - 1, 1 << t.bits - 1)
    return op.trunc_s(t, source, x)


@opcode("i32.trunc_f32_u", 0xA9, convert(F32, I32), I32, F32)
@opcode("i32.trunc_f64_u", 0xAB, convert(F64, I32), I32, F64)
@opcode("i64.trunc_f32_u", 0xAF, convert(F32, I64), I64, F32)
@opcode("i64.trunc_f64_u", 0xB1, convert(F64, I64), I64, F64)
def trunc_u(op: Ops[V], t: NumType, source: NumType, x: V) -> V:
    """Round towards zero to an unsigned integer."""
    _trap_unless_between(op, source, x, -1, 1 << t.bits)
    return op.trunc_u(t, source, x)


def _trap_unless_between(op: Ops[V], t: NumType, x: V, low: int, high: int) -> None:
    """Trap unless `low` < x < `high`. `high` is a power of two, and so a floating-point number."""
    op.trap_if(op.compare(t, Predicate.UNORDERED, x, x), TrapKind.INVALID_CONVERSION_TO_INTEGER)
    op.trap_if(op.compare(t, Predicate.GREATER_EQUAL, x, op.const(t, _bits(t, high))), TrapKind.INTEGER_OVERFLOW)
    # `low`, a power of two less 1, may lie between two floating-point numbers: then the next one above it is allowed.
    if -low < 1 << _PRECISION[t]:
        op.trap_if(op.compare(t, Predicate.LESS_EQUAL, x, op.const(t, _bits(t, low))), TrapKind.INTEGER_OVERFLOW)
    else:
        op.trap_if(op.compare(t, Predicate.LESS, x, op.const(t, _bits(t, low + 1))), TrapKind.INTEGER_OVERFLOW)


_PRECISION = {F32: 24, F64: 53}


def _bits(t: NumType, number: int) -> int:
    """The bit pattern of an integer that `t` can represent."""
    form = {F32: "<f", F64: "<d"}[t]
    return int.from_bytes(struct.pack(form, number), "little")


@opcode("i32.trunc_sat_f32_s", 0xFC_0000, convert(F32, I32), I32, F32)
@opcode("i32.trunc_sat_f64_s", 0xFC_0002, convert(F64, I32), I32, F64)
@opcode("i64.trunc_sat_f32_s", 0xFC_0004, convert(F32, I64), I64, F32)
@opcode("i64.trunc_sat_f64_s", 0xFC_0006, convert(F64, I64), I64, F64)
@opcode("i32x4.trunc_sat_f32x4_s", 0xFD_00F8, UNARY[V128], Shape.I32X4, Shape.F32X4)
@opcode("i32x4.trunc_sat_f64x2_s_zero", 0xFD_00FC, UNARY[V128], Shape.I32X4, Shape.F64X2)
@opcode("i32x4.relaxed_trunc_f32x4_s", 0xFD_0101, UNARY[V128], Shape.I32X4, Shape.F32X4)
@opcode("i32x4.relaxed_trunc_f64x2_s_zero", 0xFD_0103, UNARY[V128], Shape.I32X4, Shape.F64X2)
def trunc_sat_s(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """Round towards zero to the nearest signed integer; a NaN to 0."""
    return op.trunc_sat_s(t, source, x)


@opcode("i32.trunc_sat_f32_u", 0xFC_0001, convert(F32, I32), I32, F32)
@opcode("i32.trunc_sat_f64_u", 0xFC_0003, convert(F64, I32), I32, F64)
@opcode("i64.trunc_sat_f32_u", 0xFC_0005, convert(F32, I64), I64, F32)
@opcode("i64.trunc_sat_f64_u", 0xFC_0007, convert(F64, I64), I64, F64)
@opcode("i32x4.trunc_sat_f32x4_u", 0xFD_00F9, UNARY[V128], Shape.I32X4, Shape.F32X4)
@opcode("i32x4.trunc_sat_f64x2_u_zero", 0xFD_00FD, UNARY[V128], Shape.I32X4, Shape.F64X2)
@opcode("i32x4.relaxed_trunc_f32x4_u", 0xFD_0102, UNARY[V128], Shape.I32X4, Shape.F32X4)
@opcode("i32x4.relaxed_trunc_f64x2_u_zero", 0xFD_0104, UNARY[V128], Shape.I32X4, Shape.F64X2)
def trunc_sat_u(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """Round towards zero to the nearest unsigned integer; a NaN to 0."""
    return op.trunc_sat_u(t, source, x)


@opcode("f32.convert_i32_s", 0xB2, convert(I32, F32), F32, I32)
@opcode("f32.convert_i64_s", 0xB4, convert(I64, F32), F32, I64)
@opcode("f64.convert_i32_s", 0xB7, convert(I32, F64), F64, I32)
@opcode("f64.convert_i64_s", 0xB9, convert(I64, F64), F64, I64)
@opcode("f32x4.convert_i32x4_s", 0xFD_00FA, UNARY[V128], Shape.F32X4, Shape.I32X4)
@opcode("f64x2.convert_low_i32x4_s", 0xFD_00FE, UNARY[V128], Shape.F64X2, Shape.I32X4)
def convert_s(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """The floating-point number nearest to a signed integer."""
    return op.convert_s(t, source, x)


@opcode("f32.convert_i32_u", 0xB3, convert(I32, F32), F32, I32)
@opcode("f32.convert_i64_u", 0xB5, convert(I64, F32), F32, I64)
@opcode("f64.convert_i32_u", 0xB8, convert(I32, F64), F64, I32)
@opcode("f64.convert_i64_u", 0xBA, convert(I64, F64), F64, I64)
@opcode("f32x4.convert_i32x4_u", 0xFD_00FB, UNARY[V128], Shape.F32X4, Shape.I32X4)
@opcode("f64x2.convert_low_i32x4_u", 0xFD_00FF, UNARY[V128], Shape.F64X2, Shape.I32X4)
def convert_u(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """The floating-point number nearest to an unsigned integer."""
    return op.convert_u(t, source, x)


@opcode("f32.demote_f64", 0xB6, convert(F64, F32), F32, F64)
@opcode("f32x4.demote_f64x2_zero", 0xFD_005E, UNARY[V128], Shape.F32X4, Shape.F64X2)
def demote(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """Round to single precision."""
    return op.demote(t, source, x)


@opcode("f64.promote_f32", 0xBB, convert(F32, F64), F64, F32)
@opcode("f64x2.promote_low_f32x4", 0xFD_005F, UNARY[V128], Shape.F64X2, Shape.F32X4)
def promote(op: Ops[V], t: Type, source: Type, x: V) -> V:
    """To double precision, exactly."""
    return op.promote(t, source, x)


@opcode("i32.reinterpret_f32", 0xBC, convert(F32, I32), I32, F32)
@opcode("i64.reinterpret_f64", 0xBD, convert(F64, I64), I64, F64)
@opcode("f32.reinterpret_i32", 0xBE, convert(I32, F32), F32, I32)
@opcode("f64.reinterpret_i64", 0xBF, convert(I64, F64), F64, I64)
def reinterpret(op: Ops[V], t: NumType, source: NumType, x: V) -> V:
    """The same bits as another type."""
    return op.reinterpret(t, source, x)
