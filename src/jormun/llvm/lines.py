"""Lines of LLVM text: their names, labels, types and literals, for the primitives of llvm/values.py.

To be compiled by mypyc.
"""

from __future__ import annotations

import struct

from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.opcodes.ops import Shape, Type
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
SUFFIX: dict[Type, str] = {
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
NEUTRAL_BITS = {
    F32: (0x3F80_0000, 0xBF80_0000, 0x8000_0000),
    F64: (0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x8000_0000_0000_0000),
}
"""1, -1 and -0: the constants for which LLVM simplifies an operation so far that it no longer quiets NaNs."""
_QUIET_BITS = {F32: 0x7FC0_0000, F64: 0x7FF8_0000_0000_0000}
"""The bits of a quiet NaN with no payload; a signalling one has the lowest of them clear."""

NAMED = 4096
NAMES = [f"%{number}00" for number in range(NAMED)]
"""What `TextOps.fresh` gives first. FAST: to look a name up takes a tenth of the 0.1 us that its text takes."""


class Lines:
    """Lines. `architecture` is a target triple's first part; without one, the text suits every machine."""

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
        return self.packed(t, self.line(f"call {type} @llvm.{intrinsic}.{SUFFIX[t]}({arguments})"))

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
        if bits in NEUTRAL_BITS[t] or is_signalling(t, bits):
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
            is_neutral = patterns[0] in NEUTRAL_BITS[t] and patterns == patterns[:1] * shape.lanes
            if is_neutral or any(is_signalling(t, bits) for bits in patterns):
                return self.call(shape, "arithmetic.fence", literal)
        return literal


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


def lane_type(t: Type) -> str:
    """A lane, or a number, as LLVM writes its type."""
    return LLVM_TYPE[t].rpartition(" x ")[2].rstrip(">")


def integer_shape(t: Shape) -> Shape:
    """The shape with integer lanes of the same width."""
    return {Shape.F32X4: Shape.I32X4, Shape.F64X2: Shape.I64X2}.get(t, t)


def indices_of(lanes: range | bytes) -> str:
    """The mask of a shufflevector."""
    return f"<{len(lanes)} x i32> <{', '.join([f'i32 {lane}' for lane in lanes])}>"
