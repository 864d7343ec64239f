"""Kinds of values: types, and how far their bits are determined (core specification, section 4.3.3).

Which NaN an arithmetic instruction gives is not determined. So the generator tells apart, for each floating-point type
and each shape of vector of them:

- `f32`: the bits are determined, and compared;
- `f32~`: if it is a NaN, then any NaN: its bits must not reach memory, integers or the sign of a number;
- `f32a`: the same, straight from an arithmetic instruction, so that a NaN must be quiet.

`v32~` is a vector of f32, `v64~` one of f64. References are `funcref`, `externref`, and `ref N`: nullable, to functions
of type N.
"""

from __future__ import annotations

import struct
from random import Random

EXACT = ("i32", "i64", "f32", "f64", "v128")
LOOSE = ("f32~", "f64~", "v32~", "v64~")
ARITHMETIC = ("f32a", "f64a", "v32a", "v64a")
VALUES = (*EXACT, *LOOSE, *ARITHMETIC)
REFERENCES = ("funcref", "externref")

_EXACT_OF = {"v32": "v128", "v64": "v128", "f32": "f32", "f64": "f64"}


def wasm_type(kind: str) -> str:
    """The value type, in the text format."""
    if kind.startswith("ref "):
        return f"(ref null $t{kind[4:]})"
    if kind in EXACT or kind in REFERENCES:
        return kind
    return _EXACT_OF[kind[:3]]


def is_reference(kind: str) -> bool:
    """Whether values are references."""
    return kind in REFERENCES or kind.startswith("ref ")


def exact(kind: str) -> str:
    """The kind of the same type whose bits are determined."""
    return kind if is_reference(kind) else wasm_type(kind)


def fits(have: str, want: str) -> bool:
    """Whether a value of one kind may stand where another is wanted."""
    if have == want:
        return True
    return want[-1] == "~" and (have[:3] == want[:3] or have == exact(want))


INTEGERS = (
    0,
    0,
    1,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    65536,
)
_FLOATS = (0.0, 1.0, 0.5, 1.5, 2.5, 3.0, 2.0**23 + 0.5, 2.0**31, 2.0**32, 2.0**52 + 0.5, 2.0**63, 2.0**64, 0.1, 1e10)
_BITS = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
_FRACTION = {32: 23, 64: 52}


def integer(rng: Random, bits: int) -> int:
    """A signed number, often one at an edge."""
    match rng.randrange(8):
        case 0 | 1 | 2:
            n = rng.choice(INTEGERS)
        case 3:
            n = -rng.choice(INTEGERS)
        case 4:
            n = (1 << rng.randrange(bits)) + rng.randrange(-1, 2)
        case 5:
            n = rng.choice(((1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1, (1 << bits - 1) + 1))
        case 6:
            n = rng.randrange(1 << rng.randrange(1, bits + 1))
        case _:
            n = rng.randrange(1 << bits)
    n &= (1 << bits) - 1
    return n - (n >> bits - 1 << bits)


def float_bits(rng: Random, bits: int) -> int:
    """The pattern of a floating-point number, often one at an edge, NaNs of all sorts included."""
    fraction = _FRACTION[bits]
    sign = rng.getrandbits(1) << bits - 1
    infinity = ((1 << bits - 1) - 1) >> fraction << fraction
    match rng.randrange(10):
        case 0:
            return sign | rng.choice((0, 1, (1 << fraction) - 1, 1 << fraction, infinity - 1, infinity))
        case 1:
            return sign | infinity | rng.choice((1 << fraction - 1, 1, rng.randrange(1, 1 << fraction)))
        case 2:
            return rng.getrandbits(bits)
        case 3 | 4:
            x = rng.choice(_FLOATS)
        case 5:
            x = rng.choice(_FLOATS) + rng.choice((-1, 1)) * 2.0 ** rng.randrange(-30, 30)
        case _:
            x = rng.randrange(-300, 300) / rng.choice((1, 1, 2, 3, 4, 10))
    return sign ^ int.from_bytes(struct.pack({32: "<f", 64: "<d"}[bits], x), "little")


def float_text(pattern: int, bits: int) -> str:
    """A pattern as the text format writes it."""
    fraction = _FRACTION[bits]
    rest = pattern & (1 << bits - 1) - 1
    sign = "-" if pattern >> bits - 1 else ""
    infinity = ((1 << bits - 1) - 1) >> fraction << fraction
    if rest > infinity:
        return f"{sign}nan:{rest - infinity:#x}"
    if rest == infinity:
        return f"{sign}inf"
    number: float = struct.unpack({32: "<f", 64: "<d"}[bits], rest.to_bytes(bits // 8, "little"))[0]
    return sign + number.hex()


def constant(rng: Random, kind: str) -> str:
    """A constant instruction of a number or vector kind, without parentheses."""
    t = wasm_type(kind)
    if t == "v128":
        return vector(rng, kind)
    bits = _BITS[t]
    if t[0] == "i":
        return f"{t}.const {integer(rng, bits)}"
    pattern = float_bits(rng, bits)
    if kind[-1] == "a" and is_signalling(pattern, bits):
        pattern |= 1 << _FRACTION[bits] - 1
    return f"{t}.const {float_text(pattern, bits)}"


def vector(rng: Random, kind: str) -> str:
    """A vector constant, of numbers at edges of some shape."""
    shape = {"v32": "f32x4", "v64": "f64x2"}.get(kind[:3]) or rng.choice(("i8x16", "i16x8", "i32x4", "i64x2", "f32x4"))
    bits = int(shape[1 : shape.index("x")])
    lanes: list[str] = []
    repeated = rng.random() < 0.3
    for _ in range(128 // bits):
        if lanes and repeated:
            lanes.append(lanes[0])
        elif shape[0] == "i":
            lanes.append(str(integer(rng, bits)))
        else:
            pattern = float_bits(rng, bits)
            if kind[-1] == "a" and is_signalling(pattern, bits):
                pattern |= 1 << _FRACTION[bits] - 1
            lanes.append(float_text(pattern, bits))
    return f"v128.const {shape} {' '.join(lanes)}"


def zero(kind: str) -> str:
    """The simplest constant of a kind."""
    if is_reference(kind):
        return "ref.null " + {"funcref": "func", "externref": "extern"}.get(kind, f"$t{kind[4:]}")
    t = wasm_type(kind)
    return "v128.const i64x2 0 0" if t == "v128" else f"{t}.const 0"


def is_nan(pattern: int, bits: int) -> bool:
    """Whether the pattern of a floating-point number is a NaN's."""
    fraction = _FRACTION[bits]
    return pattern & (1 << bits - 1) - 1 > ((1 << bits - 1) - 1) >> fraction << fraction


def is_signalling(pattern: int, bits: int) -> bool:
    """Whether it is a NaN that is not quiet."""
    return is_nan(pattern, bits) and not pattern >> _FRACTION[bits] - 1 & 1


def agree(kind: str, ours: bytes, theirs: bytes) -> bool:
    """Whether two results of a kind, at the start of 16 bytes each, agree as far as the standard determines them."""
    t = wasm_type(kind)
    end = 16 if t == "v128" else 8 if t.endswith("64") else 4
    if kind in EXACT or is_reference(kind):
        return ours[:end] == theirs[:end]
    bits = int(kind[1:3])
    for k in range(0, end, bits // 8):
        x = int.from_bytes(ours[k : k + bits // 8], "little")
        y = int.from_bytes(theirs[k : k + bits // 8], "little")
        if is_nan(x, bits) and is_nan(y, bits):
            if kind[-1] == "a" and is_signalling(x, bits):
                return False
        elif x != y:
            return False
    return True
