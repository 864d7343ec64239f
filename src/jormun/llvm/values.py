"""The primitives of opcodes/ops.py as LLVM text: V is an operand as LLVM writes it, a name like %1200 or a literal.

An i32 is an i32, an f32 a float, every v128 a <16 x i8>, a condition an i1 or a vector of them. `TextOps` appends lines
and hands out names; a subclass adds the primitives on state (opcodes/machine.py). llvm/templates.py turns rows into
ready-made text by running their semantics once, on a `TextOps` of its own.

**Names** are numbers, which LLVM parses almost twice as fast as words. They must rise in the order of the text, and may
leave gaps: `fresh` gives %100, %200, ...; a template stamped with number 7 uses %700, %701, ... Labels are words: k12
behind a check, T7 for the trap of kind 7, which the engine writes when the function is complete.

**NaNs.** LLVM takes x * 1.0 for x, though for a signalling NaN the result must be quiet. The constants with which that
happens (1, -1, -0, and in sums and differences 0) are hidden from it by llvm.arithmetic.fence, which costs nothing;
so are literal signalling NaNs, and conversions of literal integers. A promotion, which a demotion would undo,
multiplies with such a 1. What is left is a constant that only LLVM's own reasoning brings to light: the sum of two
constants, or a conversion of what proves to be 1. To hide these, all constants and conversions would need a fence,
which LLVM's vectoriser does not pass: a loop that converts and multiplies takes 28 % longer.

To be compiled by mypyc. It is long because it is one class for one protocol.
"""

from __future__ import annotations

import struct

from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.opcodes.ops import Half, Predicate, Rounding, Shape, Type, is_float
from jormun.types import F32, F64, I32, I64, NumType

LLVM_TYPE: dict[Type, str] = {
    I32: "i32",
    I64: "i64",
    F32: "float",
    F64: "double",
    Shape.I8X16: "<16 x i8>",
    Shape.I16X8: "<8 x i16>",
    Shape.I32X4: "<4 x i32>",
    Shape.I64X2: "<2 x i64>",
    Shape.F32X4: "<4 x float>",
    Shape.F64X2: "<2 x double>",
}
_SUFFIX: dict[Type, str] = {
    I32: "i32",
    I64: "i64",
    F32: "f32",
    F64: "f64",
    Shape.I8X16: "v16i8",
    Shape.I16X8: "v8i16",
    Shape.I32X4: "v4i32",
    Shape.I64X2: "v2i64",
    Shape.F32X4: "v4f32",
    Shape.F64X2: "v2f64",
}
"""A type's name within an intrinsic's."""
_ROUNDING = {
    Rounding.CEIL: "ceil",
    Rounding.FLOOR: "floor",
    Rounding.TRUNC: "trunc",
    Rounding.NEAREST: "roundeven",
}
_FLOAT_PREDICATES = ("oeq", "une", "olt", "ogt", "ole", "oge", "uno")
_NEUTRAL_BITS = {
    F32: (0x3F80_0000, 0xBF80_0000, 0x8000_0000),
    F64: (0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x8000_0000_0000_0000),
}
"""1, -1 and -0: the constants for which LLVM simplifies an operation so far that it no longer quiets NaNs."""
_NEUTRAL_INTEGERS = ("0", "1", "-1")
"""The literals that convert to such constants."""
_QUIET_BITS = {F32: 0x7FC0_0000, F64: 0x7FF8_0000_0000_0000}
"""The bits of a quiet NaN with no payload; a signalling one has the lowest of them clear."""
_PRECISION = {F32: 24, F64: 53, Shape.F32X4: 24, Shape.F64X2: 53}
"""Integers below 2 to this power are floating-point numbers."""

NAMED = 4096
NAMES = [f"%{number}00" for number in range(NAMED)]
"""What `TextOps.fresh` gives first. FAST: to look a name up takes a tenth of the 0.1 us that its text takes."""


class TextOps:
    """Ops on LLVM values. `architecture` is a target triple's first part; without one, the text suits every machine."""

    def __init__(self, architecture: str = "") -> None:
        self.architecture = architecture
        self.lines: list[str] = []
        self.count = 0
        """The last number used."""
        self.traps: set[TrapKind] = set()
        """The kinds of trap that blocks are needed for."""
        self.typed: dict[str, tuple[str, str]] = {}
        """Results that were cast to <16 x i8>: the type and name that they had before."""

    # Lines, names and labels.

    def fresh(self) -> str:
        """A name that has not been used."""
        self.count += 1
        return f"%{self.count}00"

    def line(self, text: str) -> str:
        """Append an instruction: the name of its result."""
        name = self.fresh()
        self.lines.append(f"{name} = {text}")
        return name

    def block_label(self) -> str:
        """A label that has not been used. It ends like `fresh` names do: templates count within a number (k1702)."""
        self.count += 1
        return f"k{self.count}00"

    def trap_label(self, kind: TrapKind) -> str:
        """The label of the block that traps, which the engine has to write; a function has one for each kind."""
        self.traps.add(kind)
        return f"T{kind.value}"

    def call(self, t: Type, intrinsic: str, *operands: str) -> str:
        """Call an intrinsic whose operands and result have one type."""
        type = LLVM_TYPE[t]
        arguments = ", ".join([f"{type} {self.lanes(t, x)}" for x in operands])
        return self.packed(t, self.line(f"call {type} @llvm.{intrinsic}.{_SUFFIX[t]}({arguments})"))

    def lanes(self, t: Type, x: str) -> str:
        """A v128 as the LLVM type of a shape; a number as it is."""
        if isinstance(t, NumType) or t is Shape.I8X16 or x == "zeroinitializer":
            return x
        type = LLVM_TYPE[t]
        former = self.typed.get(x)
        if former is not None and former[0] == type:
            return former[1]
        return self.line(f"bitcast {VECTOR} {x} to {type}")

    def packed(self, t: Type, x: str) -> str:
        """The inverse of `lanes`."""
        if isinstance(t, NumType) or t is Shape.I8X16:
            return x
        type = LLVM_TYPE[t]
        name = self.line(f"bitcast {type} {x} to {VECTOR}")
        self.typed[name] = (type, x)
        return name

    def opaque(self, t: Type, x: str) -> str:
        """A floating-point operand; a literal zero is hidden from LLVM."""
        return self.call(t, "arithmetic.fence", x) if x in ("0.0", "zeroinitializer") else x

    def unary(self, opcode: str, t: Type, x: str) -> str:
        """An LLVM instruction with one operand."""
        return self.packed(t, self.line(f"{opcode} {LLVM_TYPE[t]} {self.lanes(t, x)}"))

    def binary(self, opcode: str, t: Type, x: str, y: str) -> str:
        """An LLVM instruction with two operands of the result's type."""
        return self.packed(t, self.line(f"{opcode} {LLVM_TYPE[t]} {self.lanes(t, x)}, {self.lanes(t, y)}"))

    # Constants.

    def const(self, t: Type, bits: int) -> str:
        """A literal, or, for a floating-point number, the name of one that LLVM must not know."""
        if isinstance(t, Shape):
            return self.vector(bits.to_bytes(t.bits // 8, "little") * t.lanes)
        if t is I32 or t is I64:
            return str(bits - (bits >> t.bits - 1 << t.bits))
        literal = float_literal(t, bits)
        if bits in _NEUTRAL_BITS[t] or is_signalling(t, bits):
            return self.call(t, "arithmetic.fence", literal)
        return literal

    def vector(self, value: bytes) -> str:
        """A literal, or the name of a vector that LLVM must not know."""
        if not any(value):
            return "zeroinitializer"
        literal = f"<{', '.join([f'i8 {byte}' for byte in value])}>"
        for t, shape in ((F32, Shape.F32X4), (F64, Shape.F64X2)):
            size = t.bits // 8
            patterns = [int.from_bytes(value[k : k + size], "little") for k in range(0, 16, size)]
            is_neutral = patterns[0] in _NEUTRAL_BITS[t] and patterns == patterns[:1] * shape.lanes
            if is_neutral or any(is_signalling(t, bits) for bits in patterns):
                return self.call(shape, "arithmetic.fence", literal)
        return literal

    # Arithmetic and bits.

    def add(self, t: Type, x: str, y: str) -> str:
        """The sum."""
        if is_float(t):
            return self.binary("fadd", t, self.opaque(t, x), self.opaque(t, y))
        return self.binary("add", t, x, y)

    def sub(self, t: Type, x: str, y: str) -> str:
        """The difference."""
        if is_float(t):
            return self.binary("fsub", t, x, self.opaque(t, y))
        return self.binary("sub", t, x, y)

    def mul(self, t: Type, x: str, y: str) -> str:
        """The product."""
        return self.binary("fmul" if is_float(t) else "mul", t, x, y)

    def div_s(self, t: NumType, x: str, y: str) -> str:
        """The signed quotient."""
        return self.binary("sdiv", t, x, y)

    def div_u(self, t: NumType, x: str, y: str) -> str:
        """The unsigned quotient."""
        return self.binary("udiv", t, x, y)

    def rem_s(self, t: NumType, x: str, y: str) -> str:
        """The signed remainder."""
        return self.binary("srem", t, x, y)

    def rem_u(self, t: NumType, x: str, y: str) -> str:
        """The unsigned remainder."""
        return self.binary("urem", t, x, y)

    def mul_wide_s(self, x: str, y: str) -> tuple[str, str]:
        """The signed product's halves."""
        return self._mul_wide("sext", x, y)

    def mul_wide_u(self, x: str, y: str) -> tuple[str, str]:
        """The unsigned product's halves."""
        return self._mul_wide("zext", x, y)

    def _mul_wide(self, extend: str, x: str, y: str) -> tuple[str, str]:
        wide_x = self.line(f"{extend} i64 {x} to i128")
        wide_y = self.line(f"{extend} i64 {y} to i128")
        product = self.line(f"mul i128 {wide_x}, {wide_y}")
        low = self.line(f"trunc i128 {product} to i64")
        high = self.line(f"lshr i128 {product}, 64")
        return low, self.line(f"trunc i128 {high} to i64")

    def and_(self, t: Type, x: str, y: str) -> str:
        """Conjunction."""
        return self.binary("and", t, x, y)

    def or_(self, t: Type, x: str, y: str) -> str:
        """Disjunction."""
        return self.binary("or", t, x, y)

    def xor(self, t: Type, x: str, y: str) -> str:
        """Exclusive disjunction."""
        return self.binary("xor", t, x, y)

    def shl(self, t: Type, x: str, by: str) -> str:
        """Shift left."""
        return self._shift("shl", t, x, by)

    def shr_s(self, t: Type, x: str, by: str) -> str:
        """Shift right, arithmetically."""
        return self._shift("ashr", t, x, by)

    def shr_u(self, t: Type, x: str, by: str) -> str:
        """Shift right, logically."""
        return self._shift("lshr", t, x, by)

    def _shift(self, opcode: str, t: Type, x: str, by: str) -> str:
        # A shift by the width or more is poison to LLVM.
        if isinstance(t, NumType):
            masked = str(int(by) % t.bits) if by[0] != "%" else self.line(f"and {LLVM_TYPE[t]} {by}, {t.bits - 1}")
            return self.line(f"{opcode} {LLVM_TYPE[t]} {x}, {masked}")
        masked = str(int(by) % t.bits) if by[0] != "%" else self.line(f"and i32 {by}, {t.bits - 1}")
        counts = self._splat(t, masked if t is Shape.I32X4 else self._resize(t.bits, masked))
        return self.packed(t, self.line(f"{opcode} {LLVM_TYPE[t]} {self.lanes(t, x)}, {counts}"))

    def _resize(self, bits: int, x: str) -> str:
        """A non-negative i32, as an integer of `bits` bits."""
        if x[0] != "%":
            return x
        return self.line(f"zext i32 {x} to i64" if bits == 64 else f"trunc i32 {x} to i{bits}")

    def _splat(self, t: Shape, x: str) -> str:
        """An LLVM vector with `x`, of the lanes' type, in all lanes."""
        type, lane = LLVM_TYPE[t], _lane_type(t)
        if x[0] != "%":
            return f"<{', '.join([f'{lane} {x}'] * t.lanes)}>"
        first = self.line(f"insertelement {type} poison, {lane} {x}, i32 0")
        return self.line(f"shufflevector {type} {first}, {type} poison, <{t.lanes} x i32> zeroinitializer")

    def rotl(self, t: NumType, x: str, by: str) -> str:
        """Rotate left."""
        return self.call(t, "fshl", x, x, by)

    def rotr(self, t: NumType, x: str, by: str) -> str:
        """Rotate right."""
        return self.call(t, "fshr", x, x, by)

    def clz(self, t: NumType, x: str) -> str:
        """Leading zeros."""
        return self.line(f"call {LLVM_TYPE[t]} @llvm.ctlz.{_SUFFIX[t]}({LLVM_TYPE[t]} {x}, i1 false)")

    def ctz(self, t: NumType, x: str) -> str:
        """Trailing zeros."""
        return self.line(f"call {LLVM_TYPE[t]} @llvm.cttz.{_SUFFIX[t]}({LLVM_TYPE[t]} {x}, i1 false)")

    def popcnt(self, t: Type, x: str) -> str:
        """Bits set."""
        return self.call(t, "ctpop", x)

    # Conditions.

    def compare(self, t: Type, predicate: Predicate, x: str, y: str) -> str:
        """An i1 or a vector of them."""
        opcode = "fcmp" if predicate.value in _FLOAT_PREDICATES else "icmp"
        return self.line(f"{opcode} {predicate.value} {LLVM_TYPE[t]} {self.lanes(t, x)}, {self.lanes(t, y)}")

    def flag(self, t: Type, condition: str) -> str:
        """1 or 0; lanes of ones or zeros."""
        if isinstance(t, NumType):
            return self.line(f"zext i1 {condition} to i32")
        integer = _integer_shape(t)
        return self.packed(integer, self.line(f"sext <{t.lanes} x i1> {condition} to {LLVM_TYPE[integer]}"))

    def select(self, t: Type, condition: str, x: str, y: str) -> str:
        """`x` where the condition holds."""
        type = LLVM_TYPE[t]
        of = f"<{t.lanes} x i1>" if isinstance(t, Shape) else "i1"
        text = f"select {of} {condition}, {type} {self.lanes(t, x)}, {type} {self.lanes(t, y)}"
        return self.packed(t, self.line(text))

    def both(self, x: str, y: str) -> str:
        """That both hold."""
        return self.line(f"and i1 {x}, {y}")

    def all_of(self, t: Shape, condition: str) -> str:
        """That a condition holds in all lanes."""
        bits = self.line(f"bitcast <{t.lanes} x i1> {condition} to i{t.lanes}")
        return self.line(f"icmp eq i{t.lanes} {bits}, -1")

    def any_of(self, t: Shape, condition: str) -> str:
        """That a condition holds in some lane."""
        bits = self.line(f"bitcast <{t.lanes} x i1> {condition} to i{t.lanes}")
        return self.line(f"icmp ne i{t.lanes} {bits}, 0")

    def bits_of(self, t: Shape, condition: str) -> str:
        """A bit for each lane."""
        bits = self.line(f"bitcast <{t.lanes} x i1> {condition} to i{t.lanes}")
        return self.line(f"zext i{t.lanes} {bits} to i32")

    def trap_if(self, condition: str, kind: TrapKind) -> None:
        """Go to the trap's block, or on."""
        onward = self.block_label()
        self.lines.append(f"br i1 {condition}, label %{self.trap_label(kind)}, label %{onward}")
        self.lines.append(f"{onward}:")

    def trap(self, kind: TrapKind) -> None:
        """Go to the trap's block; what follows is unreachable."""
        self.lines.append(f"br label %{self.trap_label(kind)}")
        self.lines.append(f"{self.block_label()}:")

    # Floating-point numbers.

    def div(self, t: Type, x: str, y: str) -> str:
        """The quotient."""
        return self.binary("fdiv", t, x, y)

    def sqrt(self, t: Type, x: str) -> str:
        """The square root."""
        return self.call(t, "sqrt", x)

    def round(self, t: Type, to: Rounding, x: str) -> str:
        """The integral value."""
        return self.call(t, _ROUNDING[to], x)

    def neg(self, t: Type, x: str) -> str:
        """Invert the sign."""
        return self.unary("fneg", t, x)

    def abs(self, t: Type, x: str) -> str:
        """Clear the sign."""
        return self.call(t, "fabs", x)

    def copysign(self, t: Type, x: str, y: str) -> str:
        """`x` with the sign of `y`."""
        return self.call(t, "copysign", x, y)

    # Conversions.

    def wrap(self, x: str) -> str:
        """The low half."""
        return self.line(f"trunc i64 {x} to i32")

    def extend_s(self, x: str) -> str:
        """Sign-extend."""
        return self.line(f"sext i32 {x} to i64")

    def extend_u(self, x: str) -> str:
        """Zero-extend."""
        return self.line(f"zext i32 {x} to i64")

    def reinterpret(self, t: NumType, source: NumType, x: str) -> str:
        """The same bits."""
        return self.line(f"bitcast {LLVM_TYPE[source]} {x} to {LLVM_TYPE[t]}")

    def promote(self, t: Type, source: Type, x: str) -> str:
        """Extend. LLVM takes a demotion of the result for the operand, so that is made quiet, by a product with 1.

        llvm.canonicalize would say so, but LLVM 22 aborts on two lanes of it, which its vectorisers make.
        """
        return self._convert("fpext", t, source, self.mul(source, x, self.const(source, _NEUTRAL_BITS[F32][0])))

    def demote(self, t: Type, source: Type, x: str) -> str:
        """Round."""
        return self._convert("fptrunc", t, source, x)

    def convert_s(self, t: Type, source: Type, x: str) -> str:
        """From a signed integer."""
        return self._from_integer("sitofp", t, source, x)

    def convert_u(self, t: Type, source: Type, x: str) -> str:
        """From an unsigned integer."""
        return self._from_integer("uitofp", t, source, x)

    def _from_integer(self, opcode: str, t: Type, source: Type, x: str) -> str:
        converted = self._convert(opcode, t, source, x)
        return self.call(t, "arithmetic.fence", converted) if x in _NEUTRAL_INTEGERS else converted

    def trunc_s(self, t: NumType, source: NumType, x: str) -> str:
        """To a signed integer."""
        return self._convert("fptosi", t, source, x)

    def trunc_u(self, t: NumType, source: NumType, x: str) -> str:
        """To an unsigned integer."""
        return self._convert("fptoui", t, source, x)

    def trunc_sat_s(self, t: Type, source: Type, x: str) -> str:
        """To the nearest signed integer."""
        return self._trunc_sat("fptosi", t, source, x, -(1 << t.bits - 1), (1 << t.bits - 1) - 1)

    def trunc_sat_u(self, t: Type, source: Type, x: str) -> str:
        """To the nearest unsigned integer."""
        return self._trunc_sat("fptoui", t, source, x, 0, (1 << t.bits) - 1)

    def _trunc_sat(self, opcode: str, t: Type, source: Type, x: str, least: int, greatest: int) -> str:
        x = self.lanes(source, x)
        count = source.lanes if isinstance(source, Shape) else 0
        integers = f"<{count} x {_lane_type(t)}>" if count else LLVM_TYPE[t]
        if self.architecture == "aarch64":
            # One instruction. The comparisons below become fmaxnm and fminnm there, whose result for a signaling NaN
            # is another NaN, and then the greatest number.
            suffix = f"v{count}{_lane_type(t)}.{_SUFFIX[source]}" if count else f"{integers}.{_SUFFIX[source]}"
            result = self.line(f"call {integers} @llvm.{opcode}.sat.{suffix}({LLVM_TYPE[source]} {x})")
            return self.packed(t, self.padded(t, count, result)) if isinstance(t, Shape) else result
        # Not LLVM's intrinsics for this: on x86 they are taken apart in vectors, those of the vectoriser too. What does
        # not fit is poison, lane by lane, until another value is selected.
        low = self.limit(source, least)
        bounded = self.choose(source, "ogt", x, low, x, low)
        # The greatest integer may lie between two numbers, of which the second is one more.
        is_exact = greatest < 1 << _PRECISION[source]
        if is_exact:
            high = self.limit(source, greatest)
            bounded = self.choose(source, "olt", bounded, high, bounded, high)
        result = self.line(f"{opcode} {LLVM_TYPE[source]} {bounded} to {integers}")
        if not is_exact:
            beyond = self.limit(source, greatest + 1)
            most = f"<{', '.join([f'{_lane_type(t)} {greatest}'] * count)}>" if count else str(greatest)
            result = self.choose(source, "oge", x, beyond, most, result, integers)
        if least < 0:
            result = self.choose(source, "uno", x, x, "zeroinitializer" if count else "0", result, integers)
        return self.packed(t, self.padded(t, count, result)) if isinstance(t, Shape) else result

    def choose(self, t: Type, predicate: str, a: str, b: str, x: str, y: str, type: str = "") -> str:
        """`x` where `a` and `b` compare so, else `y`. All are LLVM values, `x` and `y` of `type` if it is given."""
        condition = self.line(f"fcmp {predicate} {LLVM_TYPE[t]} {a}, {b}")
        of = f"<{t.lanes} x i1>" if isinstance(t, Shape) else "i1"
        type = type or LLVM_TYPE[t]
        return self.line(f"select {of} {condition}, {type} {x}, {type} {y}")

    def limit(self, t: Type, number: int) -> str:
        """An integer, which is a floating-point number, as a literal; for a shape, in all lanes."""
        literal = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
        return f"<{', '.join([f'{_lane_type(t)} {literal}'] * t.lanes)}>" if isinstance(t, Shape) else literal

    def padded(self, t: Shape, count: int, x: str) -> str:
        """Lanes of a shape, of which an LLVM vector has only `count`, with zeros for the others."""
        if count >= t.lanes:
            return x
        type = f"<{count} x {_lane_type(t)}>"
        return self.line(f"shufflevector {type} {x}, {type} zeroinitializer, {_indices(range(t.lanes))}")

    def _convert(self, opcode: str, t: Type, source: Type, x: str) -> str:
        """Convert a number or lanes, which may be more or fewer than the result's."""
        x = self.lanes(source, x)
        if not isinstance(t, Shape) or not isinstance(source, Shape):
            return self.line(f"{opcode} {LLVM_TYPE[source]} {x} to {LLVM_TYPE[t]}")
        count = min(t.lanes, source.lanes)
        if source.lanes > count:
            type = LLVM_TYPE[source]
            x = self.line(f"shufflevector {type} {x}, {type} poison, {_indices(range(count))}")
        x = self.line(f"{opcode} <{count} x {_lane_type(source)}> {x} to <{count} x {_lane_type(t)}>")
        return self.packed(t, self.padded(t, count, x))

    # Lanes.

    def splat(self, t: Shape, x: str) -> str:
        """The same number in all lanes."""
        if t.bits < 32:
            x = self.line(f"trunc i32 {x} to i{t.bits}")
        return self.packed(t, self._splat(t, x))

    def extract(self, t: Shape, lane: int, x: str) -> str:
        """A lane."""
        number = self.line(f"extractelement {LLVM_TYPE[t]} {self.lanes(t, x)}, i32 {lane}")
        return self.line(f"zext i{t.bits} {number} to i32") if t.bits < 32 else number

    def replace(self, t: Shape, lane: int, x: str, y: str) -> str:
        """Another lane."""
        if t.bits < 32:
            y = self.line(f"trunc i32 {y} to i{t.bits}")
        text = f"insertelement {LLVM_TYPE[t]} {self.lanes(t, x)}, {_lane_type(t)} {y}, i32 {lane}"
        return self.packed(t, self.line(text))

    def shuffle(self, lanes: bytes, x: str, y: str) -> str:
        """Bytes by constant indices."""
        return self.line(f"shufflevector {VECTOR} {x}, {VECTOR} {y}, {_indices(lanes)}")

    def swizzle(self, x: str, indices: str) -> str:
        """Bytes by indices."""
        if self.architecture == "x86_64":
            # pshufb gives 0 where the highest bit is set: so let indices above 15 have it.
            high = self.const(Shape.I8X16, 0x70)
            saturated = self.call(Shape.I8X16, "uadd.sat", indices, high)
            return self.line(f"call {VECTOR} @llvm.x86.ssse3.pshuf.b.128({VECTOR} {x}, {VECTOR} {saturated})")
        if self.architecture == "aarch64":
            return self.line(f"call {VECTOR} @llvm.aarch64.neon.tbl1.v16i8({VECTOR} {x}, {VECTOR} {indices})")
        within = self.and_(Shape.I8X16, indices, self.const(Shape.I8X16, 15))
        result = "poison"
        for lane in range(16):
            index = self.line(f"extractelement {VECTOR} {within}, i32 {lane}")
            byte = self.line(f"extractelement {VECTOR} {x}, i8 {index}")
            result = self.line(f"insertelement {VECTOR} {result}, i8 {byte}, i32 {lane}")
        is_within = self.compare(Shape.I8X16, Predicate.LT_U, indices, self.const(Shape.I8X16, 16))
        return self.select(Shape.I8X16, is_within, result, "zeroinitializer")

    def widen_s(self, t: Shape, half: Half, x: str) -> str:
        """Sign-extend half of the lanes."""
        return self._widen("sext", t, half, x)

    def widen_u(self, t: Shape, half: Half, x: str) -> str:
        """Zero-extend half of the lanes."""
        return self._widen("zext", t, half, x)

    def _widen(self, opcode: str, t: Shape, half: Half, x: str) -> str:
        count, narrow = t.lanes, LLVM_TYPE[t.narrower]
        chosen = {
            Half.LOW: range(count),
            Half.HIGH: range(count, 2 * count),
            Half.EVEN: range(0, 2 * count, 2),
            Half.ODD: range(1, 2 * count, 2),
        }[half]
        lanes = self.lanes(t.narrower, x)
        part = self.line(f"shufflevector {narrow} {lanes}, {narrow} poison, {_indices(chosen)}")
        return self.packed(t, self.line(f"{opcode} <{count} x i{t.bits // 2}> {part} to {LLVM_TYPE[t]}"))

    def narrow_s(self, t: Shape, x: str, y: str) -> str:
        """Saturate to signed lanes half as wide."""
        return self._narrow(t, -(1 << t.bits - 1), (1 << t.bits - 1) - 1, x, y)

    def narrow_u(self, t: Shape, x: str, y: str) -> str:
        """Saturate to unsigned lanes half as wide."""
        return self._narrow(t, 0, (1 << t.bits) - 1, x, y)

    def _narrow(self, t: Shape, least: int, greatest: int, x: str, y: str) -> str:
        wide = {Shape.I8X16: Shape.I16X8, Shape.I16X8: Shape.I32X4}[t]
        part, lane = LLVM_TYPE[wide], f"i{wide.bits}"
        all_type, suffix = f"<{t.lanes} x {lane}>", f"v{t.lanes}{lane}"
        lanes = self.line(
            f"shufflevector {part} {self.lanes(wide, x)}, {part} {self.lanes(wide, y)}, {_indices(range(t.lanes))}"
        )
        for bound, intrinsic in ((least, "smax"), (greatest, "smin")):
            limit = f"<{', '.join([f'{lane} {bound}'] * t.lanes)}>"
            lanes = self.line(f"call {all_type} @llvm.{intrinsic}.{suffix}({all_type} {lanes}, {all_type} {limit})")
        return self.packed(t, self.line(f"trunc {all_type} {lanes} to {LLVM_TYPE[t]}"))

    def add_sat_s(self, t: Shape, x: str, y: str) -> str:
        """The saturated signed sum."""
        return self.call(t, "sadd.sat", x, y)

    def add_sat_u(self, t: Shape, x: str, y: str) -> str:
        """The saturated unsigned sum."""
        return self.call(t, "uadd.sat", x, y)

    def sub_sat_s(self, t: Shape, x: str, y: str) -> str:
        """The saturated signed difference."""
        return self.call(t, "ssub.sat", x, y)

    def sub_sat_u(self, t: Shape, x: str, y: str) -> str:
        """The saturated unsigned difference."""
        return self.call(t, "usub.sat", x, y)

    def avgr_u(self, t: Shape, x: str, y: str) -> str:
        """The rounded mean, in the form that LLVM knows an instruction for."""
        wide = f"<{t.lanes} x i{2 * t.bits}>"
        ones = f"<{', '.join([f'i{2 * t.bits} 1'] * t.lanes)}>"
        wide_x = self.line(f"zext {LLVM_TYPE[t]} {self.lanes(t, x)} to {wide}")
        wide_y = self.line(f"zext {LLVM_TYPE[t]} {self.lanes(t, y)} to {wide}")
        total = self.line(f"add {wide} {wide_x}, {wide_y}")
        rounded = self.line(f"add {wide} {total}, {ones}")
        mean = self.line(f"lshr {wide} {rounded}, {ones}")
        return self.packed(t, self.line(f"trunc {wide} {mean} to {LLVM_TYPE[t]}"))

    def mul_q15(self, x: str, y: str) -> str:
        """The rounded product of fixed-point numbers."""
        t = Shape.I16X8
        x, y = self.lanes(t, x), self.lanes(t, y)
        if self.architecture == "x86_64":
            return self.packed(
                t, self.line(f"call <8 x i16> @llvm.x86.ssse3.pmul.hr.sw.128(<8 x i16> {x}, <8 x i16> {y})")
            )
        wide_x = self.line(f"sext <8 x i16> {x} to <8 x i32>")
        wide_y = self.line(f"sext <8 x i16> {y} to <8 x i32>")
        product = self.line(f"mul <8 x i32> {wide_x}, {wide_y}")
        rounded = self.line(f"add <8 x i32> {product}, <{', '.join(['i32 16384'] * 8)}>")
        shifted = self.line(f"lshr <8 x i32> {rounded}, <{', '.join(['i32 15'] * 8)}>")
        return self.packed(t, self.line(f"trunc <8 x i32> {shifted} to <8 x i16>"))


def is_signalling(t: NumType, bits: int) -> bool:
    """Whether a pattern is a signalling NaN."""
    quiet = _QUIET_BITS[t]
    exponent = quiet & quiet << 1
    return bits & quiet == exponent and bits & ~quiet & (1 << t.bits - 1) - 1 != 0


def float_literal(t: NumType, bits: int) -> str:
    """A floating-point number by its bits. LLVM writes a float as the double of the same value."""
    if bits == 0:
        return "0.0"
    if t is F64:
        return f"0x{bits:016X}"
    if bits & 0x7F80_0000 == 0x7F80_0000 and bits & 0x007F_FFFF:
        # A conversion to double, which the text asks for, would make a signalling NaN quiet.
        return f"bitcast (i32 {bits} to float)"
    number: float = struct.unpack("<f", bits.to_bytes(4, "little"))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _lane_type(t: Type) -> str:
    """A lane, or a number, as LLVM writes its type."""
    return LLVM_TYPE[t].rpartition(" x ")[2].rstrip(">")


def _integer_shape(t: Shape) -> Shape:
    """The shape with integer lanes of the same width."""
    return {Shape.F32X4: Shape.I32X4, Shape.F64X2: Shape.I64X2}.get(t, t)


def _indices(lanes: range | bytes) -> str:
    """The mask of a shufflevector."""
    return f"<{len(lanes)} x i32> <{', '.join([f'i32 {lane}' for lane in lanes])}>"
