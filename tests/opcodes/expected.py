"""`ORACLE`: what each instruction on values computes. Immediates come before operands, as in the table."""

from __future__ import annotations

from collections.abc import Callable

from jormun.errors import TrapKind
from tests.opcodes.oracle import (
    COMPARISONS,
    NAN,
    Value,
    clamp,
    decode,
    encode,
    float_operations,
    from_integer,
    halves,
    integer_operations,
    join,
    lanes,
    on_lanes,
    on_pairs,
    quotient,
    signed,
    truncate,
    wide,
)

ORACLE: dict[str, Callable[..., Value | list[int]]] = {}
"""By the name of the instruction. A list holds the lanes of a vector, of which some may be `NAN`."""

INTEGER_SHAPES = {"i8x16": 8, "i16x8": 16, "i32x4": 32, "i64x2": 64}
FLOAT_SHAPES = {"f32x4": 32, "f64x2": 64}
NARROWER = {"i16x8": "i8x16", "i32x4": "i16x8", "i64x2": "i32x4"}


def checked(least: int, f: Callable[[int, int], int], overflows: bool = False) -> Callable[[int, int], Value]:
    """A division, with its traps; `least` is the least number of the type, 0 if it is unsigned."""

    def apply(x: int, y: int) -> Value:
        if y == 0:
            return TrapKind.INTEGER_DIVIDE_BY_ZERO
        if overflows and x == least and y == -1:
            return TrapKind.INTEGER_OVERFLOW
        return f(x, y)

    return apply


def on_signed(bits: int, f: Callable[..., Value]) -> Callable[..., Value]:
    """A function of signed numbers."""
    return lambda *operands: f(*[signed(x, bits) for x in operands])


def add_integers(t: str, bits: int) -> None:
    """i32 and i64."""
    all_ones = (1 << bits) - 1
    least = -(1 << bits - 1)
    shared = integer_operations(bits)
    for name in ("add", "sub", "mul", "popcnt", "shl", "shr_s", "shr_u"):
        ORACLE[f"{t}.{name}"] = shared[name]
    for name, holds in COMPARISONS.items():
        if name in ("eq", "ne"):
            ORACLE[f"{t}.{name}"] = lambda x, y, holds=holds: int(holds(x, y))
        else:
            ORACLE[f"{t}.{name}_u"] = lambda x, y, holds=holds: int(holds(x, y))
            ORACLE[f"{t}.{name}_s"] = on_signed(bits, lambda x, y, holds=holds: int(holds(x, y)))
    ORACLE[f"{t}.eqz"] = lambda x: int(x == 0)
    ORACLE[f"{t}.clz"] = lambda x: bits - x.bit_length()
    ORACLE[f"{t}.ctz"] = lambda x: (x & -x).bit_length() - 1 if x else bits
    ORACLE[f"{t}.and"] = lambda x, y: x & y
    ORACLE[f"{t}.or"] = lambda x, y: x | y
    ORACLE[f"{t}.xor"] = lambda x, y: x ^ y
    ORACLE[f"{t}.rotl"] = lambda x, by: x << by % bits | x >> (bits - by % bits)
    ORACLE[f"{t}.rotr"] = lambda x, by: x >> by % bits | x << (bits - by % bits)
    ORACLE[f"{t}.div_s"] = on_signed(bits, checked(least, quotient, overflows=True))
    ORACLE[f"{t}.rem_s"] = on_signed(bits, checked(least, lambda x, y: x - y * quotient(x, y)))
    ORACLE[f"{t}.div_u"] = checked(0, lambda x, y: x // y)
    ORACLE[f"{t}.rem_u"] = checked(0, lambda x, y: x % y)
    ORACLE[f"{t}.const"] = lambda number: number & all_ones
    for narrow in (8, 16, 32):
        if narrow < bits:
            ORACLE[f"{t}.extend{narrow}_s"] = lambda x, narrow=narrow: signed(x, narrow)


def add_floats(t: str, bits: int) -> None:
    """f32 and f64."""
    shared = float_operations(bits)
    for name, f in shared.items():
        if name not in ("pmin", "pmax"):
            ORACLE[f"{t}.{name}"] = f
    for name, holds in COMPARISONS.items():
        ORACLE[f"{t}.{name}"] = lambda x, y, holds=holds: int(holds(decode(x, bits), decode(y, bits)))
    ORACLE[f"{t}.const"] = lambda pattern: pattern


def add_conversions() -> None:
    """Between numbers."""
    ORACLE["i32.wrap_i64"] = lambda x: x
    ORACLE["i64.extend_i32_s"] = lambda x: signed(x, 32)
    ORACLE["i64.extend_i32_u"] = lambda x: x
    ORACLE["f32.demote_f64"] = lambda x: encode(decode(x, 64), 32)
    ORACLE["f64.promote_f32"] = lambda x: encode(decode(x, 32), 64)
    for n in (32, 64):
        ORACLE[f"i{n}.reinterpret_f{n}"] = ORACLE[f"f{n}.reinterpret_i{n}"] = lambda x: x
        for m in (32, 64):
            for sign in ("s", "u"):
                for infix in ("", "sat_"):
                    ORACLE[f"i{n}.trunc_{infix}f{m}_{sign}"] = lambda x, n=n, m=m, sign=sign, infix=infix: truncate(
                        decode(x, m), sign == "s", n, infix != ""
                    )
            ORACLE[f"f{m}.convert_i{n}_s"] = lambda x, n=n, m=m: from_integer(signed(x, n), m)
            ORACLE[f"f{m}.convert_i{n}_u"] = lambda x, m=m: from_integer(x, m)


def add_wide() -> None:
    """Numbers of 128 bits."""
    ORACLE["i64.add128"] = lambda a, b, c, d: halves(wide(a, b) + wide(c, d))
    ORACLE["i64.sub128"] = lambda a, b, c, d: halves(wide(a, b) - wide(c, d))
    ORACLE["i64.mul_wide_s"] = on_signed(64, lambda x, y: halves(x * y))
    ORACLE["i64.mul_wide_u"] = lambda x, y: halves(x * y)


def add_integer_lanes(t: str, bits: int) -> None:
    """Lanes of integers."""
    shared = integer_operations(bits)
    for name, f in shared.items():
        if name[:3] in ("shl", "shr"):
            ORACLE[f"{t}.{name}"] = lambda v, by, f=f: on_lanes(bits, lambda x: f(x, by))(v)
        else:
            ORACLE[f"{t}.{name}"] = on_lanes(bits, f)
    for name, holds in COMPARISONS.items():
        if name in ("eq", "ne"):
            ORACLE[f"{t}.{name}"] = on_lanes(bits, lambda x, y, holds=holds: _mask(bits) * holds(x, y))
        else:
            ORACLE[f"{t}.{name}_u"] = on_lanes(bits, lambda x, y, holds=holds: _mask(bits) * holds(x, y))
            ORACLE[f"{t}.{name}_s"] = on_lanes(
                bits, lambda x, y, holds=holds: _mask(bits) * holds(signed(x, bits), signed(y, bits))
            )
    ORACLE[f"{t}.all_true"] = lambda v: int(all(lanes(v, bits)))
    ORACLE[f"{t}.bitmask"] = lambda v: sum((x >> bits - 1) << k for k, x in enumerate(lanes(v, bits)))
    add_moves(t, bits)
    if t not in NARROWER:
        return
    narrow, s, count = bits // 2, NARROWER[t], 128 // bits
    for half, start in (("low", 0), ("high", count)):
        for sign in ("s", "u"):

            def part(v: int, start: int = start, sign: str = sign) -> list[int]:
                xs = lanes(v, narrow)[start : start + count]
                return [signed(x, narrow) for x in xs] if sign == "s" else xs

            ORACLE[f"{t}.extend_{half}_{s}_{sign}"] = lambda v, part=part: join(part(v), bits)
            ORACLE[f"{t}.extmul_{half}_{s}_{sign}"] = lambda v, w, part=part: join(
                [x * y for x, y in zip(part(v), part(w), strict=True)], bits
            )
    ORACLE[f"{t}.extadd_pairwise_{s}_s"] = on_pairs(bits, lambda x, y: x + y)
    ORACLE[f"{t}.extadd_pairwise_{s}_u"] = on_pairs(bits, lambda x, y: x % (1 << narrow) + y % (1 << narrow))
    for sign, least, greatest in (("s", -(1 << narrow - 1), (1 << narrow - 1) - 1), ("u", 0, (1 << narrow) - 1)):
        ORACLE[f"{s}.narrow_{t}_{sign}"] = lambda v, w, least=least, greatest=greatest: join(
            [clamp(signed(x, bits), least, greatest) for x in lanes(v, bits) + lanes(w, bits)], narrow
        )


def _mask(bits: int) -> int:
    return (1 << bits) - 1


def add_float_lanes(t: str, bits: int) -> None:
    """Lanes of floating-point numbers."""
    for name, f in float_operations(bits).items():
        if name != "copysign":
            ORACLE[f"{t}.{name}"] = on_lanes(bits, f)
    for name, holds in COMPARISONS.items():
        ORACLE[f"{t}.{name}"] = on_lanes(
            bits, lambda x, y, holds=holds: _mask(bits) * holds(decode(x, bits), decode(y, bits))
        )
    add_moves(t, bits)
    multiply, add, negate = (float_operations(bits)[name] for name in ("mul", "add", "neg"))
    quiet_nan = _mask(bits) >> 1

    def madd(x: int, y: int, z: int) -> Value:
        product = multiply(x, y)
        return add(quiet_nan if product == NAN else product, z)

    ORACLE[f"{t}.relaxed_madd"] = on_lanes(bits, madd)
    ORACLE[f"{t}.relaxed_nmadd"] = on_lanes(bits, lambda x, y, z: madd(negate(x), y, z))
    ORACLE[f"{t}.relaxed_min"] = ORACLE[f"{t}.min"]
    ORACLE[f"{t}.relaxed_max"] = ORACLE[f"{t}.max"]


def add_moves(t: str, bits: int) -> None:
    """Instructions that move lanes."""
    extract = lambda lane, v: lanes(v, bits)[lane]  # noqa: E731 - it has several names
    for suffix in ("", "_u"):
        ORACLE[f"{t}.extract_lane{suffix}"] = extract
    ORACLE[f"{t}.extract_lane_s"] = lambda lane, v: signed(extract(lane, v), bits)
    ORACLE[f"{t}.splat"] = lambda x: join([x] * (128 // bits), bits)
    ORACLE[f"{t}.replace_lane"] = lambda lane, v, x: join(
        [x if k == lane else y for k, y in enumerate(lanes(v, bits))], bits
    )


def add_vectors() -> None:
    """Instructions that are there for one shape, or for none."""
    ones = (1 << 128) - 1
    ORACLE["v128.const"] = lambda value: int.from_bytes(value, "little")
    ORACLE["v128.not"] = lambda v: ~v & ones
    ORACLE["v128.and"] = lambda v, w: v & w
    ORACLE["v128.or"] = lambda v, w: v | w
    ORACLE["v128.xor"] = lambda v, w: v ^ w
    ORACLE["v128.andnot"] = lambda v, w: v & ~w
    ORACLE["v128.bitselect"] = lambda v, w, mask: v & mask | w & ~mask
    for t in INTEGER_SHAPES:
        ORACLE[f"{t}.relaxed_laneselect"] = ORACLE["v128.bitselect"]
    ORACLE["v128.any_true"] = lambda v: int(v != 0)
    ORACLE["i8x16.shuffle"] = lambda indices, v, w: join([(lanes(v, 8) + lanes(w, 8))[i] for i in indices], 8)
    ORACLE["i8x16.swizzle"] = lambda v, w: join([lanes(v, 8)[i] if i < 16 else 0 for i in lanes(w, 8)], 8)
    ORACLE["i8x16.relaxed_swizzle"] = ORACLE["i8x16.swizzle"]
    ORACLE["i16x8.q15mulr_sat_s"] = on_lanes(
        16, lambda x, y: clamp(signed(x, 16) * signed(y, 16) + 0x4000 >> 15, -0x8000, 0x7FFF)
    )
    ORACLE["i16x8.relaxed_q15mulr_s"] = ORACLE["i16x8.q15mulr_sat_s"]
    ORACLE["i32x4.dot_i16x8_s"] = on_pairs(32, lambda a, b, c, d: a * b + c * d)
    dot = ORACLE["i16x8.relaxed_dot_i8x16_i7x16_s"] = on_pairs(16, lambda a, b, c, d: a * b + c * d)
    ORACLE["i32x4.relaxed_dot_i8x16_i7x16_add_s"] = lambda v, w, z: [
        (x + y) % (1 << 32)
        for x, y in zip(on_pairs(32, lambda a, b: a + b)(join(dot(v, w), 16)), lanes(z, 32), strict=True)
    ]
    for sign in ("s", "u"):
        sat4 = on_lanes(32, lambda x, sign=sign: truncate(decode(x, 32), sign == "s", 32, True))
        ORACLE[f"i32x4.trunc_sat_f32x4_{sign}"] = ORACLE[f"i32x4.relaxed_trunc_f32x4_{sign}"] = sat4
        sat2 = on_lanes(64, lambda x, sign=sign: truncate(decode(x, 64), sign == "s", 32, True))
        zero = lambda v, sat2=sat2: [*sat2(v), 0, 0]  # noqa: E731 - it has two names
        ORACLE[f"i32x4.trunc_sat_f64x2_{sign}_zero"] = ORACLE[f"i32x4.relaxed_trunc_f64x2_{sign}_zero"] = zero
    ORACLE["f32x4.convert_i32x4_s"] = on_lanes(32, lambda x: from_integer(signed(x, 32), 32))
    ORACLE["f32x4.convert_i32x4_u"] = on_lanes(32, lambda x: from_integer(x, 32))
    ORACLE["f64x2.convert_low_i32x4_s"] = lambda v: [from_integer(signed(x, 32), 64) for x in lanes(v, 32)[:2]]
    ORACLE["f64x2.convert_low_i32x4_u"] = lambda v: [from_integer(x, 64) for x in lanes(v, 32)[:2]]
    ORACLE["f32x4.demote_f64x2_zero"] = lambda v: [*[encode(decode(x, 64), 32) for x in lanes(v, 64)], 0, 0]
    ORACLE["f64x2.promote_low_f32x4"] = lambda v: [encode(decode(x, 32), 64) for x in lanes(v, 32)[:2]]


add_integers("i32", 32)
add_integers("i64", 64)
add_floats("f32", 32)
add_floats("f64", 64)
add_conversions()
add_wide()
for _t, _bits in INTEGER_SHAPES.items():
    add_integer_lanes(_t, _bits)
for _t, _bits in FLOAT_SHAPES.items():
    add_float_lanes(_t, _bits)
add_vectors()
