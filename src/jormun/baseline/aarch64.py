"""What a hole in code for aarch64 becomes: instructions are 32 bits wide, so that a hole is a field of one.

A constant or an offset that its field cannot hold takes more instructions, which use x15: nothing else does. Distances
are filled in when the function is complete, from what the compiler leaves in their place, as it does for x86-64: how
far the target is from behind the 4 bytes. Sections are those of the Arm Architecture Reference Manual for A-profile
(DDI 0487). To be compiled by mypyc.
"""

from __future__ import annotations

import struct

from librt.strings import BytesWriter

from jormun.baseline.words import write_word
from jormun.errors import UnsupportedError
from jormun.hints import Final, i64

SCRATCH: Final = 15
FRAME: Final = 21
"""The register that leads to slots. It is FRAME_BIAS below the frame pointer, so that offsets are positive: loads and
stores have a field for these alone."""
FRAME_BIAS: Final = 1 << 14

# Instructions, with nothing in their fields.
MOVZ: Final = 0x5280_0000
MOVN: Final = 0x1280_0000
MOVK: Final = 0x7280_0000
ADD: Final = 0x8B00_0000
"""Of two registers, 64 bits."""
JUMP: Final = 0x1400_0000
ADR: Final = 0x1000_0000
LITERAL: Final = 0x1800_0000
"""A load from a distance. Where it is of a general register and a hole, it stands for a constant."""
WIDE: Final = 1 << 31
"""What makes 64 bits of most instructions' 32."""
LATE: Final = MOVZ | SCRATCH
"""What a number that is filled in late becomes, with a MOVK behind it."""

_WORD: Final = struct.Struct("<I")


def put(out: BytesWriter, word: i64) -> None:
    """Append an instruction."""
    write_word(out, ((word & 0xFFFF_FFFF) ^ 0x8000_0000) - 0x8000_0000)


def put_constant(out: BytesWriter, register: i64, value: i64, is_wide: bool) -> None:
    """Have a register hold a number of 32 bits, or of 64 bits, in as few moves as halves of 16 bits allow (C6.2)."""
    size: i64 = WIDE if is_wide else 0
    halves: i64 = 4 if is_wide else 2
    zeros: i64 = 0
    ones: i64 = 0
    for k in range(halves):
        half = (value >> (16 * k)) & 0xFFFF
        zeros += half == 0
        ones += half == 0xFFFF
    skipped: i64 = 0xFFFF if ones > zeros else 0
    is_first = True
    for k in range(halves):
        half = (value >> (16 * k)) & 0xFFFF
        if half == skipped and (k < halves - 1 or not is_first):
            continue
        if not is_first:
            move: i64 = MOVK
        elif skipped:
            move, half = MOVN, half ^ 0xFFFF
        else:
            move = MOVZ
        put(out, size | move | k << 21 | half << 5 | register)
        is_first = False


def fill(out: BytesWriter, word: i64, value: i64) -> None:
    """Append an instruction, given with nothing in its field, for a value that goes there."""
    base = (word >> 5) & 31
    if word & 0x3F00_0000 == LITERAL:
        put_constant(out, word & 31, value, word & 1 << 30 != 0)
        return
    if base == FRAME:
        value += FRAME_BIAS
    if word & 0x3B00_0000 == 0x3900_0000:  # loads and stores; a vector's size is in the opc field too
        scale: i64 = 4 if word & 0x0480_0000 == 0x0480_0000 else word >> 30
        field = value >> scale
        if 0 <= field < 4096 and field << scale == value:
            put(out, word | field << 10)
            return
        put_constant(out, SCRATCH, value, True)
        put(out, (word & ~(i64(1) << 24)) | 1 << 21 | SCRATCH << 16 | 0x6800)  # the form with a register for the offset
        return
    # An addition of a number to a register of 64 bits.
    if 0 <= value < 4096:
        put(out, word | value << 10)
        return
    put_constant(out, SCRATCH, value, True)
    put(out, ADD | SCRATCH << 16 | word & 0x3FF)


def finish(code: bytes, sites: list[tuple[int, int]]) -> bytes:
    """The code with its distances and late numbers as instructions have them. `sites` are places and instructions.

    Raises UnsupportedError for a function in which a constant is farther away than an instruction reaches: 1 MiB.
    """
    done = bytearray(code)
    for at, word in sites:
        (left,) = _WORD.unpack_from(done, at)
        if word == LATE:
            _WORD.pack_into(done, at, LATE | (left & 0xFFFF) << 5)
            _WORD.pack_into(done, at + 4, MOVK | 1 << 21 | (left >> 16) << 5 | SCRATCH)
            continue
        distance = ((left + 4) & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
        if word == JUMP:
            field, reach = distance >> 2 & 0x03FF_FFFF, 1 << 27
        elif word & 0x1F00_0000 == ADR:
            field, reach = (distance & 3) << 29 | (distance >> 2 & 0x7_FFFF) << 5, 1 << 20
        else:
            field, reach = (distance >> 2 & 0x7_FFFF) << 5, 1 << 20
        if not -reach <= distance < reach:
            raise UnsupportedError("baseline code for aarch64 takes no functions of more than 1 MiB of machine code")
        _WORD.pack_into(done, at, word | field)
    return bytes(done)
