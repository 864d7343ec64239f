"""The vocabulary in which instructions say what they mean: primitives on values alone (machine.py adds those on state).

Each engine supplies V: an LLVM value's name, a Python int, a type. A primitive takes the type of its operands, a
number type or a `Shape` of v128, as `t`. A condition, the answer to `compare`, is a V of its own kind, which only the
primitives that say so take: true or false for a number type, one for each lane for a shape. NaNs that come out of
arithmetic are quiet; a NaN that is only moved keeps its bits.
"""

from __future__ import annotations

from jormun.enumeration import Enum, auto, unique
from jormun.errors import TrapKind
from jormun.hints import Protocol, TypeAlias, TypeVar
from jormun.types import F32, F64, I32, I64, NumType

V = TypeVar("V")


@unique
class Shape(Enum):
    """How the bits of a v128 are divided into lanes; the value is the text format's keyword. Lane 0 is lowest."""

    I8X16 = "i8x16"
    I16X8 = "i16x8"
    I32X4 = "i32x4"
    I64X2 = "i64x2"
    F32X4 = "f32x4"
    F64X2 = "f64x2"

    def __str__(self) -> str:
        return self.value

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return int(self.value.partition("x")[2])

    @property
    def bits(self) -> int:
        """The width of a lane in bits."""
        return 128 // self.lanes

    @property
    def is_float(self) -> bool:
        """Whether lanes are floating-point numbers."""
        return self.value[0] == "f"

    @property
    def unpacked(self) -> NumType:
        """The type that a lane has outside of the vector."""
        return _UNPACKED.get(self, I32)

    @property
    def narrower(self) -> Shape:
        """The integer shape whose lanes are half as wide."""
        return _INTEGER_SHAPES[self.bits // 2]


_UNPACKED = {Shape.I64X2: I64, Shape.F32X4: F32, Shape.F64X2: F64}
_INTEGER_SHAPES = {8: Shape.I8X16, 16: Shape.I16X8, 32: Shape.I32X4}

Type: TypeAlias = NumType | Shape


def is_float(t: Type) -> bool:
    """Whether numbers or lanes of this type are floating-point."""
    return t.is_float if isinstance(t, Shape) else t in (F32, F64)


@unique
class Predicate(Enum):
    """What `compare` asks; the value is LLVM's keyword. Those in the last two lines are about floating-point numbers,
    and are false when an operand is NaN, but for UNORDERED, which asks that, and NOT_EQUAL.
    """

    EQ, NE = "eq", "ne"
    LT_S, LT_U, GT_S, GT_U, LE_S, LE_U, GE_S, GE_U = "slt", "ult", "sgt", "ugt", "sle", "ule", "sge", "uge"
    EQUAL, NOT_EQUAL, LESS, GREATER = "oeq", "une", "olt", "ogt"
    LESS_EQUAL, GREATER_EQUAL, UNORDERED = "ole", "oge", "uno"


@unique
class Rounding(Enum):
    """To which integral value; NEAREST breaks ties towards the even one."""

    CEIL = auto()
    FLOOR = auto()
    TRUNC = auto()
    NEAREST = auto()


@unique
class Half(Enum):
    """Half of the lanes of a vector: the lower or higher ones, or those with even or odd indices."""

    LOW = auto()
    HIGH = auto()
    EVEN = auto()
    ODD = auto()


class Ops(Protocol[V]):
    """Primitives on values. `x` and `y` are operands; integers are the standard's, neither signed nor unsigned."""

    # Constants.

    def const(self, t: Type, bits: int) -> V:
        """The value with this bit pattern; for a shape, the vector that has it in each lane."""

    def vector(self, value: bytes) -> V:
        """The v128 with these 16 bytes, lane 0 of i8x16 first."""

    # Arithmetic: modulo 2**width on integers, IEEE 754 with ties to even on floating-point numbers.

    def add(self, t: Type, x: V, y: V) -> V:
        """The sum."""

    def sub(self, t: Type, x: V, y: V) -> V:
        """The difference."""

    def mul(self, t: Type, x: V, y: V) -> V:
        """The product."""

    def div_s(self, t: NumType, x: V, y: V) -> V:
        """The signed quotient, rounded towards zero. `y` is not 0; the quotient is representable."""

    def div_u(self, t: NumType, x: V, y: V) -> V:
        """The unsigned quotient. `y` is not 0."""

    def rem_s(self, t: NumType, x: V, y: V) -> V:
        """The signed remainder, with the sign of `x`. `y` is not 0; the quotient is representable."""

    def rem_u(self, t: NumType, x: V, y: V) -> V:
        """The unsigned remainder. `y` is not 0."""

    def mul_wide_s(self, x: V, y: V) -> tuple[V, V]:
        """The low and high half of the signed 128-bit product of two i64."""

    def mul_wide_u(self, x: V, y: V) -> tuple[V, V]:
        """The low and high half of the unsigned 128-bit product of two i64."""

    # Bits.

    def and_(self, t: Type, x: V, y: V) -> V:
        """Bitwise conjunction."""

    def or_(self, t: Type, x: V, y: V) -> V:
        """Bitwise disjunction."""

    def xor(self, t: Type, x: V, y: V) -> V:
        """Bitwise exclusive disjunction."""

    def shl(self, t: Type, x: V, by: V) -> V:
        """Shift left, modulo the width of `t`. For a shape, `by` is an i32, the same for all lanes."""

    def shr_s(self, t: Type, x: V, by: V) -> V:
        """Shift right, copying the sign; `by` as for `shl`."""

    def shr_u(self, t: Type, x: V, by: V) -> V:
        """Shift right, filling with zeros; `by` as for `shl`."""

    def rotl(self, t: NumType, x: V, by: V) -> V:
        """Rotate left by `by` modulo the width."""

    def rotr(self, t: NumType, x: V, by: V) -> V:
        """Rotate right by `by` modulo the width."""

    def clz(self, t: NumType, x: V) -> V:
        """The number of leading zeros; the width, of 0."""

    def ctz(self, t: NumType, x: V) -> V:
        """The number of trailing zeros; the width, of 0."""

    def popcnt(self, t: Type, x: V) -> V:
        """The number of bits set."""

    # Conditions.

    def compare(self, t: Type, predicate: Predicate, x: V, y: V) -> V:
        """The condition that the predicate holds; of each lane, for a shape."""

    def flag(self, t: Type, condition: V) -> V:
        """An i32 that is 1 or 0; for a shape, the v128 with all bits of a lane set or clear."""

    def select(self, t: Type, condition: V, x: V, y: V) -> V:
        """`x` where the condition holds, else `y`, bit for bit."""

    def both(self, x: V, y: V) -> V:
        """The condition of a number type that both hold."""

    def all_of(self, t: Shape, condition: V) -> V:
        """The condition (of a number type) that a condition holds in each lane."""

    def any_of(self, t: Shape, condition: V) -> V:
        """The condition (of a number type) that a condition holds in some lane."""

    def bits_of(self, t: Shape, condition: V) -> V:
        """An i32 whose bit i is 1 where the condition holds in lane i."""

    def trap_if(self, condition: V, kind: TrapKind) -> None:
        """Trap where a condition of a number type holds; what follows may rely on its opposite."""

    def trap(self, kind: TrapKind) -> None:
        """Trap."""

    # Floating-point numbers.

    def div(self, t: Type, x: V, y: V) -> V:
        """The quotient."""

    def sqrt(self, t: Type, x: V) -> V:
        """The square root."""

    def round(self, t: Type, to: Rounding, x: V) -> V:
        """The integral value."""

    def neg(self, t: Type, x: V) -> V:
        """`x` with its sign bit inverted, a NaN's too."""

    def abs(self, t: Type, x: V) -> V:
        """`x` with its sign bit clear, a NaN's too."""

    def copysign(self, t: Type, x: V, y: V) -> V:
        """`x` with the sign bit of `y`."""

    # Conversions of numbers.

    def wrap(self, x: V) -> V:
        """The low half of an i64, as an i32."""

    def extend_s(self, x: V) -> V:
        """An i32 as an i64 of the same signed value."""

    def extend_u(self, x: V) -> V:
        """An i32 as an i64 of the same unsigned value."""

    def reinterpret(self, t: NumType, source: NumType, x: V) -> V:
        """The bits of `x` as another type of the same width."""

    # Conversions, of numbers or of lanes. Where lanes are fewer, the low ones of the source are converted; lanes of the
    # result without one in the source are 0.

    def promote(self, t: Type, source: Type, x: V) -> V:
        """F32 to F64 (exact)."""

    def demote(self, t: Type, source: Type, x: V) -> V:
        """F64 to F32, rounded."""

    def convert_s(self, t: Type, source: Type, x: V) -> V:
        """A signed integer to floating-point, rounded."""

    def convert_u(self, t: Type, source: Type, x: V) -> V:
        """An unsigned integer to floating-point, rounded."""

    def trunc_s(self, t: NumType, source: NumType, x: V) -> V:
        """A number, rounded towards zero, to a signed integer that can hold it."""

    def trunc_u(self, t: NumType, source: NumType, x: V) -> V:
        """A number, rounded towards zero, to an unsigned integer that can hold it."""

    def trunc_sat_s(self, t: Type, source: Type, x: V) -> V:
        """The signed integer nearest to `x` rounded towards zero; 0 of a NaN."""

    def trunc_sat_u(self, t: Type, source: Type, x: V) -> V:
        """The unsigned integer nearest to `x` rounded towards zero; 0 of a NaN."""

    # Lanes.

    def splat(self, t: Shape, x: V) -> V:
        """All lanes `x`. Of an i32, lanes narrower than it take the low bits."""

    def extract(self, t: Shape, lane: int, x: V) -> V:
        """A lane; one narrower than i32 is zero-extended to it."""

    def replace(self, t: Shape, lane: int, x: V, y: V) -> V:
        """`x` with `y` as one of its lanes, of an i32 the low bits."""

    def shuffle(self, lanes: bytes, x: V, y: V) -> V:
        """The bytes at these indices of the 32 bytes of `x` and `y`."""

    def swizzle(self, x: V, indices: V) -> V:
        """The bytes of `x` at `indices`; 0 for an index above 15."""

    def widen_s(self, t: Shape, half: Half, x: V) -> V:
        """Half of the lanes of `t.narrower`, sign-extended."""

    def widen_u(self, t: Shape, half: Half, x: V) -> V:
        """Half of the lanes of `t.narrower`, zero-extended."""

    def narrow_s(self, t: Shape, x: V, y: V) -> V:
        """The lanes, twice as wide as those of `t` and signed, of `x` and then `y`, saturated to signed ones."""

    def narrow_u(self, t: Shape, x: V, y: V) -> V:
        """The lanes, twice as wide as those of `t` and signed, of `x` and then `y`, saturated to unsigned ones."""

    def add_sat_s(self, t: Shape, x: V, y: V) -> V:
        """The signed integer nearest to the sum."""

    def add_sat_u(self, t: Shape, x: V, y: V) -> V:
        """The unsigned integer nearest to the sum."""

    def sub_sat_s(self, t: Shape, x: V, y: V) -> V:
        """The signed integer nearest to the difference."""

    def sub_sat_u(self, t: Shape, x: V, y: V) -> V:
        """The unsigned integer nearest to the difference."""

    def avgr_u(self, t: Shape, x: V, y: V) -> V:
        """(x + y + 1) >> 1 of unsigned integers, with all bits of the sum."""

    def mul_q15(self, x: V, y: V) -> V:
        """The i16x8 of (x * y + 2**14) >> 15, modulo 2**16."""
