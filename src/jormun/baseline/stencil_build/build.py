"""Builds the library of stencils for a machine, in the form that library.py reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jormun.baseline import catalogue
from jormun.baseline.catalogue import (
    CONSTANT,
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
    IF,
    UNLESS,
    VALUE,
)
from jormun.baseline.library import Contents, Hole, pack
from jormun.baseline.stencil_build import x86_64
from jormun.baseline.stencil_build.assembly import ConstantLost, Listing, improved, read, with_holes
from jormun.baseline.stencil_build.elf import Relocation, StencilObject, read_stencils
from jormun.baseline.stencil_build.variants import TYPES, Variant, row_variants
from jormun.errors import TrapKind
from jormun.llvm.pipeline import Effort, assembly_of
from jormun.llvm.target import Target, assemble
from jormun.opcodes.table import Row

TARGETS = {"x86_64": Target("x86_64-unknown-linux-gnu", "x86-64-v2", "+sse4.1,+ssse3,+popcnt")}
"""What any machine that Jormun runs on has."""
CHUNK = 1500
"""How many stencils LLVM gets at a time."""
_HOLES = {
    "hole_x": HOLE_X, "hole_y": HOLE_Y, "hole_z": HOLE_Z, "hole_x8": HOLE_X8, "hole_y8": HOLE_Y8,
    "hole_x64": HOLE_X64, "hole_y64": HOLE_Y64,
}  # fmt: skip
_PREAMBLE = "\n".join([
    *(f"@hole_{name} = external dso_local global i8, !absolute_symbol !0" for name in "xyz"),
    "!0 = !{i64 0, i64 2147483647}",
    f"declare dso_local ghccc void @next({TYPES})",
    f"declare dso_local ghccc void @taken({TYPES})",
    *(f"declare dso_local ghccc void @trap_{kind.value}({TYPES})" for kind in TrapKind),
    'attributes #0 = { nounwind optsize "frame-pointer"="none" "no-builtins" }\n',
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """The stencils of a row for one kind of use."""

    row: Row
    kind: int
    first: int


def families() -> tuple[list[Family], int]:
    """All families, numbered, and how many numbers they take."""
    found = []
    number = 0
    for row in catalogue.stamped_rows():
        kinds = (VALUE, IF, UNLESS) if catalogue.is_comparison(row) else (VALUE,)
        for kind in kinds:
            found.append(Family(row, kind, number))
            number += catalogue.variant_count(row, catalogue.form_of(row))
    return found, number


def build(architecture: str = "x86_64") -> bytes:
    """The library."""
    target = TARGETS[architecture]
    all_families, count = families()
    contents = Contents(count)
    for family in all_families:
        contents.families[family.row.code, family.kind] = family.first
    todo = [variant for each in all_families for variant in row_variants(each.row, each.kind, each.first)]
    for start in range(0, len(todo), CHUNK):
        _add(contents, todo[start : start + CHUNK], target)
    _add_pieces(contents, target)
    return pack(contents)


def _add(contents: Contents, variants: Sequence[Variant], target: Target, is_opaque: bool = False) -> None:
    """Compile stencils; those to whose constants LLVM does something are compiled again with constants that it cannot
    see.
    """
    text = "".join([_PREAMBLE, *(variant.text(target.architecture, is_opaque) for variant in variants)])
    listing = read(assembly_of(text, target, Effort.BRIEF))
    again: list[Variant] = []
    functions: dict[str, list[str]] = {}
    for variant in variants:
        name = f"s{variant.number}"
        lines = improved(name, listing.functions[name])
        if variant.has_constant:
            hole = "hole_x" if variant.places[-1] != CONSTANT or len(variant.places) == 1 else "hole_y"
            try:
                lines = with_holes(lines, hole, variant.has_shift_count and not is_opaque)
            except ConstantLost:
                if is_opaque:
                    raise
                again.append(variant)
                continue
        functions[name] = lines
    for name, code in _assembled(functions, listing, target, contents):
        contents.stencils[int(name[1:])] = code
    if again:
        _add(contents, again, target, is_opaque=True)


def _add_pieces(contents: Contents, target: Target) -> None:
    """Assemble the pieces."""
    names: list[str] = []
    functions: dict[str, list[str]] = {}
    for name, text in x86_64.pieces():
        symbol = f"p{len(names)}"
        names.append(name)
        lines = [line.strip() for line in text.split(";")]
        functions[symbol] = [line for line in lines if line]
    found = dict(_assembled(functions, Listing(), target, contents))
    for k, name in enumerate(names):
        contents.pieces[name] = len(contents.stencils)
        contents.stencils.append(found[f"p{k}"])


def _assembled(
    functions: dict[str, list[str]], listing: Listing, target: Target, contents: Contents
) -> Iterable[tuple[str, tuple[bytes, tuple[Hole, ...]]]]:
    """The machine code and holes of each function given as assembly."""
    lines = [".text"]
    for name, code in functions.items():
        lines += [f"{name}:", *code]
    lines += ["all_end:", '.section .rodata.cst16,"aM",@progbits,16', *listing.constants]
    text = "".join('module asm "{}"\n'.format(line.replace('"', "\\22")) for line in lines)
    stencils = read_stencils(assemble(text, target))
    for name in functions:
        yield name, (stencils.code[name], tuple(_hole(stencils, each, contents) for each in stencils.relocations[name]))


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
    if data not in contents.constants:
        contents.constants.append(data)
    return Hole(relocation.offset, HOLE_CONSTANT, contents.constants.index(data) << 1 | behind)


def digest_inputs() -> Sequence[str]:
    """The modules that the library is made from."""
    return ("jormun.baseline.catalogue", "jormun.baseline.stencil_build", "jormun.opcodes", "jormun.llvm.values")
