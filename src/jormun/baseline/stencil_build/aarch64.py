"""Stencils for aarch64: LLVM's machine code is edited, and what it has in its fields is taken out.

LLVM has an assembler for the machine that it runs on alone, so that nothing here goes by way of text.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from jormun.baseline.aarch64 import ADR, FRAME_BIAS, JUMP, LATE, LITERAL, SCRATCH
from jormun.baseline.catalogue import (
    HOLE_FIELD_X,
    HOLE_FIELD_Y,
    HOLE_FIELD_Z,
    HOLE_JUMP,
    HOLE_JUMP_TRAP,
    HOLE_LATE,
    HOLE_LITERAL,
    HOLE_LITERAL_POOL,
    SLOT,
)
from jormun.baseline.library import Contents, Hole
from jormun.baseline.stencil_build.aarch64_code import (
    CodeError,
    Instruction,
    check,
    decoded,
    encoded,
    improved,
    with_constants,
    with_literals,
    with_offsets,
    with_one_branch,
)
from jormun.baseline.stencil_build.aarch64_pieces import pieces
from jormun.baseline.stencil_build.machine import Convention
from jormun.baseline.stencil_build.objects import read_functions
from jormun.baseline.stencil_build.variants import MAGIC, Variant
from jormun.llvm.pipeline import Effort, compile_text
from jormun.llvm.target import Target
from jormun.opcodes.immediates import Immediate

_SLOTS = {4080: "hole_x", 4016: "hole_y"}
"""Offsets that loads of all sizes have a field for, and that are too far apart to be loaded as a pair."""
_ACCESS = 0x5A5B_605D
_FIELDS = {"hole_x": HOLE_FIELD_X, "hole_y": HOLE_FIELD_Y, "hole_z": HOLE_FIELD_Z}


class AArch64:
    """See `Machine`. Offsets are numbers that are looked for in the code."""

    target = Target("aarch64-unknown-linux-gnu", "generic", f"+neon,+reserve-x{SCRATCH}")
    convention = Convention("preserve_nonecc", kept_before=6, kept_behind=0)
    """It has them in x20, x21, x22, then x23 to x28, which are kept for callers, operands in x0 to x3, and v0 to v3."""
    offsets: Final = {**{hole[-1]: str(offset) for offset, hole in _SLOTS.items()}, "z": str(_ACCESS)}
    preamble = ""
    hides_numbers = True

    def add(self, contents: Contents, variants: Sequence[Variant], text: str, is_opaque: bool) -> list[Variant]:
        """See `Machine`."""
        functions = read_functions(compile_text(text, self.target, Effort.BRIEF))
        for variant in variants:
            words, references = functions[f"s{variant.number}"]
            code = decoded(words)
            for k, reference in references.items():
                code[k].symbol = (
                    f"constant_{contents.constant(reference)}" if isinstance(reference, bytes) else reference
                )
            contents.stencils[variant.number] = _stencil(self._edited(code, variant))
        return []

    def add_pieces(self, contents: Contents) -> None:
        """See `Machine`."""
        for name, code in pieces():
            contents.pieces[name] = len(contents.stencils)
            check(code, frozenset(_FIELDS))
            contents.stencils.append(_stencil(code))

    def _edited(self, code: list[Instruction], variant: Variant) -> list[Instruction]:
        """The code with its holes, and without jumps that are not needed. Raises CodeError."""
        if with_offsets(code, _SLOTS) != variant.places.count(SLOT):
            raise CodeError("an operand in a slot is not loaded once")
        code, count = with_constants(code, _ACCESS, "hole_z")
        if count != (Immediate.MEMARG in variant.row.immediates):
            raise CodeError("an access's offset is not there once")
        code, count = with_constants(code, MAGIC, "hole_x" if variant.is_first_constant else "hole_y")
        if count != variant.has_constant:
            raise CodeError("a constant is not there once")
        code = improved(with_literals(code))
        with_one_branch(code)
        check(code, frozenset(_FIELDS))
        return code


def _stencil(code: Sequence[Instruction]) -> tuple[bytes, tuple[Hole, ...]]:
    """Code and holes as a library has them."""
    holes = []
    for k, each in enumerate(code):
        if each.symbol:
            holes.append(_hole(4 * k, each))
    words = encoded(code)
    return struct.pack(f"<{len(words)}I", *words), tuple(holes)


def _hole(offset: int, each: Instruction) -> Hole:
    """What the symbol of an instruction asks to fill in."""
    name, _, number = each.symbol.rpartition("_")
    if each.symbol in _FIELDS:
        return Hole(offset, _FIELDS[each.symbol], each.word)
    if each.symbol == "late":
        assert each.word == LATE
        return Hole(offset, HOLE_LATE)
    if name in ("constant", "pool"):
        assert each.word & 0x3B00_0000 == LITERAL or each.word & 0x9F00_0000 == ADR, each
        return Hole(offset, HOLE_LITERAL if name == "constant" else HOLE_LITERAL_POOL, each.word | int(number) << 5)
    assert each.word == JUMP, each
    return Hole(offset, HOLE_JUMP) if each.symbol == "taken" else Hole(offset, HOLE_JUMP_TRAP, int(number))


assert max(_SLOTS) < FRAME_BIAS
