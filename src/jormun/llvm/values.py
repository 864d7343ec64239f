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

One class for one protocol, in four files: lines.py, arithmetic.py, conversions.py, and the operations on lanes here.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.llvm.convention import VECTOR
from jormun.llvm.conversions import Conversions
from jormun.llvm.lines import LLVM_TYPE, indices_of, lane_type
from jormun.opcodes.ops import Half, Predicate, Shape


class TextOps(Conversions):
    """Ops on LLVM values."""

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
        text = f"insertelement {LLVM_TYPE[t]} {self.lanes(t, x)}, {lane_type(t)} {y}, i32 {lane}"
        return self.packed(t, self.line(text))

    def shuffle(self, lanes: bytes, x: str, y: str) -> str:
        """Bytes by constant indices."""
        return self.line(f"shufflevector {VECTOR} {x}, {VECTOR} {y}, {indices_of(lanes)}")

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
        part = self.line(f"shufflevector {narrow} {lanes}, {narrow} poison, {indices_of(chosen)}")
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
            f"shufflevector {part} {self.lanes(wide, x)}, {part} {self.lanes(wide, y)}, {indices_of(range(t.lanes))}"
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
