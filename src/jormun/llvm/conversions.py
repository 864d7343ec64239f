"""Conversions between numbers, and between lanes, as LLVM text.

To be compiled by mypyc.
"""

from __future__ import annotations

import struct

from jormun.llvm.arithmetic import Arithmetic
from jormun.llvm.lines import LLVM_TYPE, NEUTRAL_BITS, SUFFIX, indices_of, lane_type
from jormun.opcodes.ops import Shape, Type
from jormun.types import F32, F64, NumType

_NEUTRAL_INTEGERS = ("0", "1", "-1")
"""The literals that convert to such constants."""
_PRECISION = {F32: 24, F64: 53, Shape.F32X4: 24, Shape.F64X2: 53}
"""Integers below 2 to this power are floating-point numbers."""


class Conversions(Arithmetic):
    """What converts; see opcodes/ops.py."""

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
        return self._convert("fpext", t, source, self.mul(source, x, self.const(source, NEUTRAL_BITS[F32][0])))

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
        integers = f"<{count} x {lane_type(t)}>" if count else LLVM_TYPE[t]
        if self.architecture == "aarch64":
            # One instruction. The comparisons below become fmaxnm and fminnm there, whose result for a signaling NaN
            # is another NaN, and then the greatest number.
            suffix = f"v{count}{lane_type(t)}.{SUFFIX[source]}" if count else f"{integers}.{SUFFIX[source]}"
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
            most = f"<{', '.join([f'{lane_type(t)} {greatest}'] * count)}>" if count else str(greatest)
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
        return f"<{', '.join([f'{lane_type(t)} {literal}'] * t.lanes)}>" if isinstance(t, Shape) else literal

    def padded(self, t: Shape, count: int, x: str) -> str:
        """Lanes of a shape, of which an LLVM vector has only `count`, with zeros for the others."""
        if count >= t.lanes:
            return x
        type = f"<{count} x {lane_type(t)}>"
        return self.line(f"shufflevector {type} {x}, {type} zeroinitializer, {indices_of(range(t.lanes))}")

    def _convert(self, opcode: str, t: Type, source: Type, x: str) -> str:
        """Convert a number or lanes, which may be more or fewer than the result's."""
        x = self.lanes(source, x)
        if not isinstance(t, Shape) or not isinstance(source, Shape):
            return self.line(f"{opcode} {LLVM_TYPE[source]} {x} to {LLVM_TYPE[t]}")
        count = min(t.lanes, source.lanes)
        if source.lanes > count:
            type = LLVM_TYPE[source]
            x = self.line(f"shufflevector {type} {x}, {type} poison, {indices_of(range(count))}")
        x = self.line(f"{opcode} <{count} x {lane_type(source)}> {x} to <{count} x {lane_type(t)}>")
        return self.packed(t, self.padded(t, count, x))
