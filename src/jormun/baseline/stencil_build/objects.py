"""What of an ELF object the stencils are: bytes, and relocations.

Numbers of relocations are those of the System V psABI for x86-64, and of ELF for the Arm 64-bit Architecture.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from jormun.llvm.object import ObjectError, _read_sections, _string

_KINDS = {
    1: (8, False),  # R_X86_64_64
    2: (4, True),  # R_X86_64_PC32
    4: (4, True),  # R_X86_64_PLT32
    10: (4, False),  # R_X86_64_32
    11: (4, False),  # R_X86_64_32S
    14: (1, False),  # R_X86_64_8
}
CONSTANT_BYTES = 16
_PAGE = 275  # R_AARCH64_ADR_PREL_PG_HI21
_LOW_BITS = frozenset({285, 286, 299})  # R_AARCH64_LDST32_ABS_LO12_NC, LDST64, LDST128
_JUMP = 282  # R_AARCH64_JUMP26


@dataclass(frozen=True, slots=True)
class Relocation:
    """A place in a stencil, `size` bytes wide, for a symbol's address or the distance to it."""

    offset: int
    size: int
    is_relative: bool
    symbol: str
    addend: int
    section: int
    value: int
    """The section and the offset in it of a symbol that is in this object."""


@dataclass(frozen=True, slots=True)
class StencilObject:
    """Machine code and relocations by name, and constants."""

    code: dict[str, bytes]
    relocations: dict[str, list[Relocation]]
    contents: dict[int, bytes]

    def constant(self, relocation: Relocation) -> tuple[bytes, int]:
        """The 16 bytes, or what of them there is, that a relocation refers to, and how many bytes of the instruction
        come behind the distance: 1 if it has another operand in a byte. Constants are aligned to 4 at least.
        """
        start = relocation.value + relocation.addend + 4
        behind = -start % 4
        assert behind <= 1, relocation
        data = self.contents[relocation.section][start + behind : start + behind + CONSTANT_BYTES]
        return data.ljust(CONSTANT_BYTES, b"\0"), behind


def read_stencils(data: bytes) -> StencilObject:
    """The stencils of an object, whose text section has a global-less symbol at the start of each."""
    sections = _read_sections(data)
    text = next(index for index, section in enumerate(sections) if section.name == ".text")
    table = next(section for section in sections if section.type == 2)
    entries = list(struct.iter_unpack("<IBBHQQ", data[table.offset : table.offset + table.size]))
    names = [_string(data, sections[table.link], entry[0]) for entry in entries]
    starts = sorted(
        (value, name)
        for name, (_, _, _, section, value, _) in zip(names, entries, strict=True)
        if section == text and name and not name.startswith(".L") and name[0] in "spa"
    )
    code_bytes = data[sections[text].offset : sections[text].offset + sections[text].size]
    code: dict[str, bytes] = {}
    relocations: dict[str, list[Relocation]] = {}
    for (start, name), (end, _) in pairwise(starts):
        code[name] = code_bytes[start:end]
        relocations[name] = []
    offsets = [start for start, _ in starts]
    for section in sections:
        if section.type != 4 or section.info != text:
            continue
        for offset, info, addend in struct.iter_unpack("<QQq", data[section.offset : section.offset + section.size]):
            if info & 0xFFFF_FFFF not in _KINDS:
                raise ObjectError(f"relocation of type {info & 0xFFFF_FFFF}")
            size, is_relative = _KINDS[info & 0xFFFF_FFFF]
            start, name = starts[bisect_right(offsets, offset) - 1]
            _, _, _, place, value, _ = entries[info >> 32]
            relocations[name].append(
                Relocation(offset - start, size, is_relative, names[info >> 32], addend, place, value)
            )
    contents = {
        index: data[section.offset : section.offset + section.size]
        for index, section in enumerate(sections)
        if section.type == 1
    }
    return StencilObject(code, relocations, contents)


def read_functions(data: bytes) -> dict[str, tuple[list[int], dict[int, str | bytes]]]:
    """The functions of an object for aarch64: instructions, and what their relocations refer to, by index: the name of
    what is outside, or the 16 bytes of a constant; of the instruction that has its page, "".
    """
    sections = _read_sections(data)
    table = next(section for section in sections if section.type == 2)
    entries = list(struct.iter_unpack("<IBBHQQ", data[table.offset : table.offset + table.size]))
    names = [_string(data, sections[table.link], entry[0]) for entry in entries]
    relocations = {}
    for section in sections:
        if section.type == 4:
            content = data[section.offset : section.offset + section.size]
            relocations[section.info] = {place: rest for place, *rest in struct.iter_unpack("<QQq", content)}
    found = {}
    for name, (_, info, _, place, value, size) in zip(names, entries, strict=True):
        if info & 0xF != 2:  # STT_FUNC
            continue
        start = sections[place].offset + value
        words = [word for (word,) in struct.iter_unpack("<I", data[start : start + size])]
        references: dict[int, str | bytes] = {}
        for k in range(len(words)):
            reference = relocations.get(place, {}).get(value + 4 * k)
            if reference is None:
                continue
            number, addend = reference
            kind, symbol = number & 0xFFFF_FFFF, number >> 32
            _, _, _, constants, at, _ = entries[symbol]
            if kind == _JUMP:
                references[k] = names[symbol]
            elif kind == _PAGE:
                references[k] = ""
            elif kind in _LOW_BITS:
                first = sections[constants].offset + at + addend
                end = min(first + CONSTANT_BYTES, sections[constants].offset + sections[constants].size)
                references[k] = data[first:end].ljust(CONSTANT_BYTES, b"\0")
            else:
                raise ObjectError(f"relocation of type {kind}")
        found[name] = (words, references)
    return found
