"""What instructions on values compute, said a second time, in plain Python integers and independently of the table.

Operands and results are bit patterns. A result is `NAN` where any quiet NaN will do, and a `TrapKind` for a trap.
Single-precision arithmetic is done in double precision and rounded again, which is exact: 53 >= 2 * 24 + 2.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable

from jormun.errors import TrapKind

NAN = 1 << 200
"""Any quiet NaN: no pattern at all."""
Value = int | TrapKind | tuple[int, ...]
Scalar = Callable[..., Value]


def signed(x: int, bits: int) -> int:
    """The signed number with this pattern."""
    x &= (1 << bits) - 1
    return x - (x >> bits - 1 << bits)


def clamp(x: int, least: int, greatest: int) -> int:
    """The nearest number within bounds."""
    return max(least, min(greatest, x))


def lanes(v: int, bits: int) -> list[int]:
    """The lanes of a vector, lane 0 first."""
    return [v >> k & (1 << bits) - 1 for k in range(0, 128, bits)]


def join(values: list[int], bits: int) -> int:
    """The vector with these lanes, taken modulo their width; absent ones are 0."""
    return sum((x & (1 << bits) - 1) << k * bits for k, x in enumerate(values))


def decode(x: int, bits: int) -> float:
    """The number with this pattern."""
    return float(struct.unpack({32: "<f", 64: "<d"}[bits], x.to_bytes(bits // 8, "little"))[0])


def encode(x: float, bits: int) -> int:
    """The pattern of the nearest number."""
    if math.isnan(x):
        return NAN
    try:
        return int.from_bytes(struct.pack({32: "<f", 64: "<d"}[bits], x), "little")
    except OverflowError:
        return int.from_bytes(struct.pack("<f", math.copysign(math.inf, x)), "little")


def divide(x: float, y: float) -> float:
    """IEEE 754's division, where Python raises."""
    if y:
        return x / y
    if math.isnan(x) or x == 0 or math.isnan(y):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1, y)


def integral(round_: Callable[[float], int]) -> Callable[[float], float]:
    """A rounding that keeps infinities, NaNs and the sign of zero."""
    return lambda x: math.copysign(float(round_(x)), x) if math.isfinite(x) else x


def extreme(x: float, y: float, choose: Callable[..., float]) -> float:
    """The lesser or the greater, where which -0 is less than 0."""
    if math.isnan(x) or math.isnan(y):
        return math.nan
    return choose(x, y, key=lambda z: (z, math.copysign(1, z)))


def from_integer(n: int, bits: int) -> int:
    """The nearest floating-point number, rounded once, ties to even."""
    extra = abs(n).bit_length() - {32: 24, 64: 53}[bits]
    if extra > 0:
        whole, rest = abs(n) >> extra, abs(n) & (1 << extra) - 1
        half = 1 << extra - 1
        whole += rest > half or (rest == half and whole & 1)
        n = (whole << extra) * (1 if n > 0 else -1)
    return encode(float(n), bits)


def truncate(x: float, is_signed: bool, bits: int, saturates: bool) -> int | TrapKind:
    """A floating-point number as an integer."""
    least, greatest = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    if math.isnan(x):
        return 0 if saturates else TrapKind.INVALID_CONVERSION_TO_INTEGER
    n = int(x) if math.isfinite(x) else (1 << 200 if x > 0 else -1 << 200)
    if not least <= n <= greatest and not saturates:
        return TrapKind.INTEGER_OVERFLOW
    return clamp(n, least, greatest) & (1 << bits) - 1


def quotient(x: int, y: int) -> int:
    """Division rounded towards zero."""
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


COMPARISONS = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "gt": operator.gt, "le": operator.le, "ge": operator.ge,
}  # fmt: skip


def integer_operations(bits: int) -> dict[str, Scalar]:
    """Operations that numbers and lanes have in common, as far as they have them."""

    def both_signed(f: Callable[[int, int], int]) -> Scalar:
        return lambda x, y: f(signed(x, bits), signed(y, bits))

    least, greatest, all_ones = -(1 << bits - 1), (1 << bits - 1) - 1, (1 << bits) - 1
    return {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "neg": operator.neg,
        "abs": lambda x: abs(signed(x, bits)),
        "popcnt": int.bit_count,
        "min_s": both_signed(min),
        "max_s": both_signed(max),
        "min_u": min,
        "max_u": max,
        "add_sat_s": both_signed(lambda x, y: clamp(x + y, least, greatest)),
        "sub_sat_s": both_signed(lambda x, y: clamp(x - y, least, greatest)),
        "add_sat_u": lambda x, y: clamp(x + y, 0, all_ones),
        "sub_sat_u": lambda x, y: clamp(x - y, 0, all_ones),
        "avgr_u": lambda x, y: (x + y + 1) // 2,
        "shl": lambda x, by: x << by % bits,
        "shr_u": lambda x, by: x >> by % bits,
        "shr_s": lambda x, by: signed(x, bits) >> by % bits,
    }


def float_operations(bits: int) -> dict[str, Scalar]:
    """Operations that numbers and lanes have in common."""

    def on_numbers(f: Callable[..., float]) -> Scalar:
        return lambda *operands: encode(f(*[decode(x, bits) for x in operands]), bits)

    sign = 1 << bits - 1
    return {
        "abs": lambda x: x & ~sign,
        "neg": lambda x: x ^ sign,
        "copysign": lambda x, y: x & ~sign | y & sign,
        "ceil": on_numbers(integral(math.ceil)),
        "floor": on_numbers(integral(math.floor)),
        "trunc": on_numbers(integral(math.trunc)),
        "nearest": on_numbers(integral(round)),
        "sqrt": on_numbers(lambda x: math.sqrt(x) if x >= 0 else math.nan),
        "add": on_numbers(operator.add),
        "sub": on_numbers(operator.sub),
        "mul": on_numbers(operator.mul),
        "div": on_numbers(divide),
        "min": on_numbers(lambda x, y: extreme(x, y, min)),
        "max": on_numbers(lambda x, y: extreme(x, y, max)),
        "pmin": lambda x, y: y if decode(y, bits) < decode(x, bits) else x,
        "pmax": lambda x, y: y if decode(x, bits) < decode(y, bits) else x,
    }


def on_lanes(bits: int, f: Scalar) -> Callable[..., list[int]]:
    """An operation on vectors, from one on lanes."""

    def apply(*vectors: int) -> list[int]:
        values = [f(*operands) for operands in zip(*[lanes(v, bits) for v in vectors], strict=True)]
        return [x if x == NAN else x & (1 << bits) - 1 for x in values if isinstance(x, int)]

    return apply


def on_pairs(bits: int, f: Callable[..., int]) -> Callable[..., list[int]]:
    """An operation on neighbouring signed lanes, of which each pair makes a lane of this width."""

    def apply(*vectors: int) -> list[int]:
        narrow = [[signed(x, bits // 2) for x in lanes(v, bits // 2)] for v in vectors]
        columns = list(zip(*narrow, strict=True))
        return [f(*even, *odd) & (1 << bits) - 1 for even, odd in zip(columns[::2], columns[1::2], strict=True)]

    return apply


def wide(x_low: int, x_high: int) -> int:
    """Two halves as one number."""
    return x_low | x_high << 64


def halves(x: int) -> tuple[int, int]:
    """A number of 128 bits as two halves."""
    return x & (1 << 64) - 1, x >> 64 & (1 << 64) - 1
