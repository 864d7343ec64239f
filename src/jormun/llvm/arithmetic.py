"""Arithmetic, bits and conditions as LLVM text: of numbers and of lanes, integers and floating-point numbers.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.lines import LLVM_TYPE, SUFFIX, Lines, integer_shape, lane_type
from jormun.opcodes.ops import Predicate, Rounding, Shape, Type, is_float
from jormun.types import NumType

_ROUNDING = {
    Rounding.CEIL: "ceil",
    Rounding.FLOOR: "floor",
    Rounding.TRUNC: "trunc",
    Rounding.NEAREST: "roundeven",
}
_FLOAT_PREDICATES = ("oeq", "une", "olt", "ogt", "ole", "oge", "uno")


class Arithmetic(Lines):
    """What computes and compares; see opcodes/ops.py."""

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
        type, lane = LLVM_TYPE[t], lane_type(t)
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
        return self.line(f"call {LLVM_TYPE[t]} @llvm.ctlz.{SUFFIX[t]}({LLVM_TYPE[t]} {x}, i1 false)")

    def ctz(self, t: NumType, x: str) -> str:
        """Trailing zeros."""
        return self.line(f"call {LLVM_TYPE[t]} @llvm.cttz.{SUFFIX[t]}({LLVM_TYPE[t]} {x}, i1 false)")

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
        integer = integer_shape(t)
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
