"""Builds the library of stencils for a machine, in the form that library.py reads. LLVM knows all machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jormun.baseline import catalogue
from jormun.baseline.catalogue import IF, UNLESS, VALUE
from jormun.baseline.library import Contents, pack
from jormun.baseline.stencil_build.aarch64 import AArch64
from jormun.baseline.stencil_build.machine import Machine
from jormun.baseline.stencil_build.variants import Variant, row_variants
from jormun.baseline.stencil_build.x86_64 import X86_64
from jormun.errors import TrapKind
from jormun.opcodes.table import Row

CHUNK = 1500
"""How many stencils LLVM gets at a time."""


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


def build_x86_64() -> bytes:
    """The library for x86-64."""
    return build(X86_64())


def build_aarch64() -> bytes:
    """The library for aarch64."""
    return build(AArch64())


def build(machine: Machine) -> bytes:
    """The library for a machine."""
    all_families, count = families()
    contents = Contents(count)
    for family in all_families:
        contents.families[family.row.code, family.kind] = family.first
    todo = [variant for each in all_families for variant in row_variants(each.row, each.kind, each.first)]
    for start in range(0, len(todo), CHUNK):
        _add(machine, contents, todo[start : start + CHUNK])
    machine.add_pieces(contents)
    return pack(contents)


def _add(machine: Machine, contents: Contents, variants: Sequence[Variant], is_opaque: bool = False) -> None:
    """Compile stencils; those to whose constants LLVM does something are compiled again with constants that it cannot
    see.
    """
    again = machine.add(contents, variants, text_of(machine, variants, is_opaque), is_opaque)
    if again:
        _add(machine, contents, again, is_opaque=True)


def text_of(machine: Machine, variants: Sequence[Variant], is_opaque: bool = False) -> str:
    """The LLVM text of stencils."""
    convention = machine.convention
    leaves = ("next", "taken", *(f"trap_{kind.value}" for kind in TrapKind))
    text = [machine.preamble]
    text += [f"declare dso_local {convention.name} void @{leaf}({convention.types})\n" for leaf in leaves]
    text += ['attributes #0 = { nounwind optsize "frame-pointer"="none" "no-builtins" }\n']
    text += [variant.text(machine, is_opaque) for variant in variants]
    return "".join(text)
