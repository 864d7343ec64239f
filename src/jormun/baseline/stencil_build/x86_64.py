"""Stencils for x86-64: LLVM's assembly is edited, assembled, and cut where relocations ask for something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from jormun.baseline.catalogue import (
    HOLE_BRANCH,
    HOLE_CONSTANT,
    HOLE_POOL,
    HOLE_TRAP,
    HOLE_X,
    HOLE_X8,
    HOLE_X64,
    HOLE_Y,
    HOLE_Y8,
    HOLE_Y64,
    HOLE_Z,
)
from jormun.baseline.library import Contents, Hole
from jormun.baseline.stencil_build.machine import Convention
from jormun.baseline.stencil_build.objects import Relocation, StencilObject, read_stencils
from jormun.baseline.stencil_build.variants import Variant
from jormun.baseline.stencil_build.x86_64_assembly import ConstantLost, Listing, improved, read, with_holes
from jormun.baseline.stencil_build.x86_64_pieces import pieces
from jormun.llvm.pipeline import Effort, assembly_of
from jormun.llvm.target import Target, assemble

_HOLES = {
    "hole_x": HOLE_X, "hole_y": HOLE_Y, "hole_z": HOLE_Z, "hole_x8": HOLE_X8, "hole_y8": HOLE_Y8,
    "hole_x64": HOLE_X64, "hole_y64": HOLE_Y64,
}  # fmt: skip


class X86_64:
    """See `Machine`. Offsets are addresses of symbols that LLVM is told to be small."""

    target = Target("x86_64-unknown-linux-gnu", "x86-64-v2", "+sse4.1,+ssse3,+popcnt")
    """What any machine of this kind that Jormun runs on has."""
    convention = Convention("ghccc", kept_before=2, kept_behind=1)
    """GHC's has them in %r13, %rbp, %r12, then %rbx, %r14 and, behind the operands' %rsi, %rdi, %r8, %r9, %r15, which
    are kept for callers, and %xmm1 to %xmm4."""
    offsets: Final = {hole: f"ptrtoint (ptr @hole_{hole} to i64)" for hole in "xyz"}
    preamble = "".join([
        *(f"@hole_{name} = external dso_local global i8, !absolute_symbol !0\n" for name in "xyz"),
        "!0 = !{i64 0, i64 2147483647}\n",
    ])  # fmt: skip
    hides_numbers = False

    def add(self, contents: Contents, variants: Sequence[Variant], text: str, is_opaque: bool) -> list[Variant]:
        """See `Machine`."""
        listing = read(assembly_of(text, self.target, Effort.BRIEF))
        again: list[Variant] = []
        functions: dict[str, list[str]] = {}
        for variant in variants:
            name = f"s{variant.number}"
            lines = improved(name, listing.functions[name])
            if variant.has_constant:
                hole = "hole_x" if variant.is_first_constant else "hole_y"
                try:
                    lines = with_holes(lines, hole, variant.has_shift_count and not is_opaque)
                except ConstantLost:
                    if is_opaque:
                        raise
                    again.append(variant)
                    continue
            functions[name] = lines
        for name, code in self._assembled(functions, listing, contents):
            contents.stencils[int(name[1:])] = code
        return again

    def add_pieces(self, contents: Contents) -> None:
        """See `Machine`."""
        names: list[str] = []
        functions: dict[str, list[str]] = {}
        for name, text in pieces():
            symbol = f"p{len(names)}"
            names.append(name)
            lines = [line.strip() for line in text.split(";")]
            functions[symbol] = [line for line in lines if line]
        found = dict(self._assembled(functions, Listing(), contents))
        for k, name in enumerate(names):
            contents.pieces[name] = len(contents.stencils)
            contents.stencils.append(found[f"p{k}"])

    def _assembled(
        self, functions: dict[str, list[str]], listing: Listing, contents: Contents
    ) -> Iterable[tuple[str, tuple[bytes, tuple[Hole, ...]]]]:
        """The machine code and holes of each function given as assembly."""
        lines = [".text"]
        for name, code in functions.items():
            lines += [f"{name}:", *code]
        lines += ["all_end:", '.section .rodata.cst16,"aM",@progbits,16', *listing.constants]
        text = "".join('module asm "{}"\n'.format(line.replace('"', "\\22")) for line in lines)
        stencils = read_stencils(assemble(text, self.target))
        for name in functions:
            holes = (_hole(stencils, each, contents) for each in stencils.relocations[name])
            yield name, (stencils.code[name], tuple(holes))


def _hole(stencils: StencilObject, relocation: Relocation, contents: Contents) -> Hole:
    """What a relocation asks to fill in."""
    name = relocation.symbol
    if name in _HOLES:
        size = {HOLE_X8: 1, HOLE_Y8: 1, HOLE_X64: 8, HOLE_Y64: 8}.get(_HOLES[name], 4)
        assert relocation.size == size and relocation.addend == 0 and not relocation.is_relative, relocation
        return Hole(relocation.offset, _HOLES[name])
    assert relocation.is_relative and relocation.size == 4, relocation
    if name == "taken":
        assert relocation.addend == -4
        return Hole(relocation.offset, HOLE_BRANCH)
    trap = re.fullmatch(r"trap_(\d+)", name)
    if trap:
        assert relocation.addend == -4
        return Hole(relocation.offset, HOLE_TRAP, int(trap[1]))
    pool = re.fullmatch(r"pool_(\d)", name)
    if pool:
        assert relocation.addend == -4
        return Hole(relocation.offset, HOLE_POOL, int(pool[1]))
    data, behind = stencils.constant(relocation)
    return Hole(relocation.offset, HOLE_CONSTANT, contents.constant(data) << 1 | behind)
