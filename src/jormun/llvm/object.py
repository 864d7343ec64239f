"""Reader of the ELF64 relocatable objects that LLVM makes: one image of code and constants, and what is left to fix up.

It accepts what Jormun's own code needs and nothing else. An object with a writable section, an unknown relocation or a
distance that does not fit is refused: code generated from a hostile module must never be linked silently wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique

from jormun.errors import WasmError

_SHT_PROGBITS, _SHT_SYMTAB, _SHT_RELA, _SHT_REL = 1, 2, 4, 9
_SHF_WRITE, _SHF_ALLOC, _SHF_TLS = 0x1, 0x2, 0x400
_SHN_UNDEF = 0
_STT_FUNC = 2
_STB_LOCAL = 0
_MACHINES = {62: "x86_64", 183: "aarch64"}


class ObjectError(WasmError):
    """An object file that does not look as Jormun's code generator makes them: a mistake of ours or of LLVM's."""


@unique
class Relocation(Enum):
    """What a fixup writes: S is the symbol's address, A the addend, P the place's address (the psABI's letters)."""

    ABSOLUTE_64 = "64 bits: S + A"
    RELATIVE_64 = "64 bits: S + A - P"
    RELATIVE_32 = "32 bits: S + A - P"
    ARM_BRANCH_26 = "bits 0 to 25 of a branch: (S + A - P) / 4"
    ARM_PAGE_21 = "the 21 bits of adrp: page(S + A) - page(P)"
    ARM_LOW_12_ADD = "bits 10 to 21 of add: low 12 bits of S + A"
    ARM_LOW_12_LOAD_8 = "bits 10 to 21 of a load: low 12 bits of S + A"
    ARM_LOW_12_LOAD_16 = "the same, / 2"
    ARM_LOW_12_LOAD_32 = "the same, / 4"
    ARM_LOW_12_LOAD_64 = "the same, / 8"
    ARM_LOW_12_LOAD_128 = "the same, / 16"


_RELOCATIONS = {
    "x86_64": {
        1: Relocation.ABSOLUTE_64,  # R_X86_64_64
        2: Relocation.RELATIVE_32,  # R_X86_64_PC32
        4: Relocation.RELATIVE_32,  # R_X86_64_PLT32: no procedure linkage table is needed where everything is in reach
        24: Relocation.RELATIVE_64,  # R_X86_64_PC64
    },
    "aarch64": {
        257: Relocation.ABSOLUTE_64,  # R_AARCH64_ABS64
        260: Relocation.RELATIVE_64,  # R_AARCH64_PREL64
        261: Relocation.RELATIVE_32,  # R_AARCH64_PREL32
        275: Relocation.ARM_PAGE_21,  # R_AARCH64_ADR_PREL_PG_HI21
        277: Relocation.ARM_LOW_12_ADD,  # R_AARCH64_ADD_ABS_LO12_NC
        278: Relocation.ARM_LOW_12_LOAD_8,  # R_AARCH64_LDST8_ABS_LO12_NC
        282: Relocation.ARM_BRANCH_26,  # R_AARCH64_JUMP26
        283: Relocation.ARM_BRANCH_26,  # R_AARCH64_CALL26
        284: Relocation.ARM_LOW_12_LOAD_16,  # R_AARCH64_LDST16_ABS_LO12_NC
        285: Relocation.ARM_LOW_12_LOAD_32,  # R_AARCH64_LDST32_ABS_LO12_NC
        286: Relocation.ARM_LOW_12_LOAD_64,  # R_AARCH64_LDST64_ABS_LO12_NC
        299: Relocation.ARM_LOW_12_LOAD_128,  # R_AARCH64_LDST128_ABS_LO12_NC
        314: Relocation.RELATIVE_32,  # R_AARCH64_PLT32
    },
}
_LOAD_SHIFT = {
    Relocation.ARM_LOW_12_ADD: 0,
    Relocation.ARM_LOW_12_LOAD_8: 0,
    Relocation.ARM_LOW_12_LOAD_16: 1,
    Relocation.ARM_LOW_12_LOAD_32: 2,
    Relocation.ARM_LOW_12_LOAD_64: 3,
    Relocation.ARM_LOW_12_LOAD_128: 4,
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A place in the image that has a name; `size_bytes` is 0 where the object does not say.

    `is_global` says that it is for others, and not for the object itself alone.
    """

    offset: int
    size_bytes: int
    is_function: bool
    is_global: bool = True


@dataclass(frozen=True, slots=True)
class Fixup:
    """What to write at `offset` of the image: the address of `name`, or of the image itself where it is None."""

    offset: int
    relocation: Relocation
    name: str | None
    addend: int


@dataclass(frozen=True, slots=True)
class Image:
    """Code and constants of an object, in one piece that may be placed at any multiple of `alignment`."""

    data: bytes
    alignment: int
    symbols: dict[str, Symbol]
    fixups: tuple[Fixup, ...]
    undefined: tuple[str, ...]
    """The names that others have to define, in the object's order."""
    architecture: str = ""

    def fixed(self) -> bytes:
        """The image of code that refers to nothing outside of itself: it is the same wherever it lies.

        Raises ObjectError for any other.
        """
        if self.undefined:
            raise ObjectError(f"code refers to {self.undefined[0]}, outside of itself")
        absolute = next((f for f in self.fixups if f.relocation is Relocation.ABSOLUTE_64), None)
        if absolute is not None:
            raise ObjectError(f"code holds an address, at {absolute.offset:#x}")
        return bytes(self.place(0, _refuse))

    def place(self, base: int, resolve: Callable[[str], int]) -> bytearray:
        """The image as it has to stand at address `base`. `resolve` gives the address of each undefined name."""
        addresses = {name: base + symbol.offset for name, symbol in self.symbols.items()}
        for name in self.undefined:
            addresses[name] = resolve(name)
        out = bytearray(self.data)
        for fixup in self.fixups:
            target = base if fixup.name is None else addresses[fixup.name]
            _apply(out, fixup, target + fixup.addend, base + fixup.offset)
        return out


def _refuse(name: str) -> int:
    raise ObjectError(f"undefined symbol {name}")


def _apply(out: bytearray, fixup: Fixup, value: int, place: int) -> None:
    """Write `value` (S + A) for a fixup whose place will have the address `place`."""
    match fixup.relocation:
        case Relocation.RELATIVE_32:
            distance = value - place
            if not -(1 << 31) <= distance < 1 << 31:
                raise ObjectError(f"{fixup.name} is out of the reach of 32 bits")
            struct.pack_into("<i", out, fixup.offset, distance)
        case Relocation.ABSOLUTE_64:
            struct.pack_into("<Q", out, fixup.offset, value)
        case Relocation.RELATIVE_64:
            struct.pack_into("<q", out, fixup.offset, value - place)
        case Relocation.ARM_BRANCH_26:
            distance = value - place
            if distance & 3 or not -(1 << 27) <= distance < 1 << 27:
                raise ObjectError(f"{fixup.name} is out of the reach of a branch")
            _insert(out, fixup.offset, 0x03FF_FFFF, distance >> 2 & 0x03FF_FFFF)
        case Relocation.ARM_PAGE_21:
            pages = (value >> 12) - (place >> 12)
            if not -(1 << 20) <= pages < 1 << 20:
                raise ObjectError(f"{fixup.name} is out of the reach of adrp")
            _insert(out, fixup.offset, 0x60FF_FFE0, (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5)
        case _:
            shift = _LOAD_SHIFT[fixup.relocation]
            low = value & 0xFFF
            if low & ((1 << shift) - 1):
                raise ObjectError(f"{fixup.name} is not aligned for its load")
            _insert(out, fixup.offset, 0x003F_FC00, low >> shift << 10)


def _insert(out: bytearray, offset: int, mask: int, bits: int) -> None:
    """Replace the bits under `mask` of the 32-bit instruction at `offset`."""
    (instruction,) = struct.unpack_from("<I", out, offset)
    struct.pack_into("<I", out, offset, instruction & ~mask | bits)


@dataclass(frozen=True, slots=True)
class _Section:
    """A section header (ELF64), its name read."""

    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def read_object(data: bytes) -> Image:
    """The image in an ELF64 relocatable object."""
    try:
        return _read(data)
    except (struct.error, IndexError, KeyError, OverflowError, ValueError) as error:
        raise ObjectError(f"damaged object file: {error!r}") from error


def _read(data: bytes) -> Image:
    if data[:6] != b"\x7fELF\x02\x01":
        raise ObjectError("not a little-endian ELF64 object")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if kind != 1 or machine not in _MACHINES:
        raise ObjectError(f"object of type {kind} for machine {machine}")
    sections = _read_sections(data)
    image = bytearray()
    alignment = 16
    places: dict[int, int] = {}
    for index, section in enumerate(sections):
        if not _is_loaded(section):
            continue
        alignment = max(alignment, section.alignment)
        if section.alignment > 1:
            image.extend(bytes(-len(image) % section.alignment))
        places[index] = len(image)
        content = data[section.offset : section.offset + section.size]
        if len(content) != section.size:
            raise ObjectError(f"section {section.name} is truncated")
        image.extend(content)
    tables = [index for index, section in enumerate(sections) if section.type == _SHT_SYMTAB]
    if len(tables) != 1:
        raise ObjectError(f"{len(tables)} symbol tables")
    table = sections[tables[0]]
    entries = list(struct.iter_unpack("<IBBHQQ", data[table.offset : table.offset + table.size]))
    strings = sections[table.link]
    names = [_string(data, strings, entry[0]) for entry in entries]
    symbols: dict[str, Symbol] = {}
    for name, (_, info, _, section_index, value, size) in zip(names, entries, strict=True):
        if name and section_index in places and not name.startswith(".L"):
            is_function, is_global = info & 0xF == _STT_FUNC, info >> 4 != _STB_LOCAL
            symbols[name] = Symbol(places[section_index] + value, size, is_function, is_global)
    relocations = _RELOCATIONS[_MACHINES[machine]]
    fixups: list[Fixup] = []
    undefined: dict[str, None] = {}
    for section in sections:
        if section.type == _SHT_REL:
            raise ObjectError("relocations without addends")
        if section.type != _SHT_RELA or section.info not in places:
            continue
        start, limit = places[section.info], sections[section.info].size
        for offset, info, addend in struct.iter_unpack("<QQq", data[section.offset : section.offset + section.size]):
            relocation = relocations.get(info & 0xFFFF_FFFF)
            if relocation is None:
                raise ObjectError(f"relocation of type {info & 0xFFFF_FFFF} against {names[info >> 32]!r}")
            width = 8 if relocation in (Relocation.ABSOLUTE_64, Relocation.RELATIVE_64) else 4
            if offset + width > limit:
                raise ObjectError("relocation outside of its section")
            _, _, _, section_index, value, _ = entries[info >> 32]
            if section_index in places:
                fixups.append(Fixup(start + offset, relocation, None, places[section_index] + value + addend))
            elif section_index == _SHN_UNDEF and names[info >> 32]:
                undefined[names[info >> 32]] = None
                fixups.append(Fixup(start + offset, relocation, names[info >> 32], addend))
            else:
                raise ObjectError(f"relocation against {names[info >> 32]!r} in section {section_index:#x}")
    return Image(bytes(image), alignment, symbols, tuple(fixups), tuple(undefined), _MACHINES[machine])


def _is_loaded(section: _Section) -> bool:
    """Whether a section belongs in the image; sections that no code of ours may need are refused."""
    if not section.flags & _SHF_ALLOC or section.size == 0:
        return False
    if section.name == ".eh_frame":
        return False  # unwinding tables: nothing unwinds through this code, traps jump out of it
    # Constants that hold addresses (.data.rel.ro) are written once, when they are relocated, and sealed with the code.
    if section.flags & _SHF_WRITE and not section.name.startswith(".data.rel.ro"):
        raise ObjectError(f"writable section {section.name}")
    if section.type != _SHT_PROGBITS or section.flags & _SHF_TLS or section.alignment > 4096:
        raise ObjectError(f"section {section.name} of type {section.type}, flags {section.flags:#x}")
    return True


def _read_sections(data: bytes) -> list[_Section]:
    (headers,) = struct.unpack_from("<Q", data, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", data, 0x3A)
    if entry_size != 64:
        raise ObjectError(f"section headers of {entry_size} bytes")
    if count == 0:  # 65,280 sections and more: the number is in the first header
        (count,) = struct.unpack_from("<Q", data, headers + 32)
    if names_index == 0xFFFF:
        (names_index,) = struct.unpack_from("<I", data, headers + 40)
    rows = [struct.unpack_from("<IIQQQQIIQQ", data, headers + 64 * index) for index in range(count)]
    at = rows[names_index][4]
    return [
        _Section(data[at + row[0] : data.index(b"\0", at + row[0])].decode(), row[1], row[2], *row[4:]) for row in rows
    ]


def _string(data: bytes, strings: _Section, offset: int) -> str:
    start = strings.offset + offset
    return data[start : data.index(b"\0", start)].decode()
