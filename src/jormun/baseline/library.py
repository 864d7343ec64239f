"""The library of stencils as a file: machine code with holes, by number, and where families and pieces begin.

Little endian throughout: the size (u32) of a marshalled tuple of (families, pieces, constants, index), that tuple, and
the stencils. The index has an offset (i32) for each number, or -1; a stencil there is the size of its code (u16), its
number of holes (u8), for each hole its offset (u16), kind (u8) and argument (u32), and the code.
"""

from __future__ import annotations

import marshal
import struct
from array import array

from jormun.baseline.stencil import Stencil, hole_bytes
from jormun.dataclass import dataclass, field
from jormun.hints import Final

_HEAD: Final = struct.Struct("<HB")
_HOLE: Final = struct.Struct("<HBI")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a stencil to fill when it is stamped: what a relocation is to an object file."""

    offset: int
    kind: int
    argument: int = 0


@dataclass(slots=True)
class Contents:
    """What a library holds; `stencils` has None for numbers of a family that there is nothing for."""

    count: int
    families: dict[tuple[int, int], int] = field(default_factory=dict)
    """By row code and kind of family."""
    pieces: dict[str, int] = field(default_factory=dict)
    constants: list[bytes] = field(default_factory=list)
    stencils: list[tuple[bytes, tuple[Hole, ...]] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stencils = [None] * self.count

    def constant(self, data: bytes) -> int:
        """The number of a constant."""
        if data not in self.constants:
            self.constants.append(data)
        return self.constants.index(data)


def pack(contents: Contents) -> bytes:
    """The library's bytes."""
    index: list[int] = []
    blob = bytearray()
    for stencil in contents.stencils:
        if stencil is None:
            index.append(-1)
            continue
        index.append(len(blob))
        code, holes = stencil
        blob += _HEAD.pack(len(code), len(holes))
        for hole in sorted(holes, key=lambda hole: hole.offset):
            blob += _HOLE.pack(hole.offset, hole.kind, hole.argument)
        blob += code
    packed = struct.pack(f"<{len(index)}i", *index)
    head = marshal.dumps((contents.families, contents.pieces, tuple(contents.constants), packed))
    return struct.pack("<I", len(head)) + head + bytes(blob)


class Library:
    """The stencils of a file, each read when it is first stamped."""

    def __init__(self, data: bytes) -> None:
        (size,) = struct.unpack_from("<I", data)
        self.families: dict[tuple[int, int], int]
        self.pieces: dict[str, int]
        self.constants: tuple[bytes, ...]
        self.families, self.pieces, self.constants, packed = marshal.loads(data[4 : 4 + size])
        self._index = array("i", packed)
        self._blob = memoryview(data)[4 + size :]
        self.stencils: list[Stencil | None] = [None] * len(self._index)
        """By number, as far as they have been read."""

    def has(self, number: int) -> bool:
        """Whether there is a stencil with this number."""
        return bool(self._index[number] >= 0)

    def read(self, number: int) -> tuple[bytes, list[Hole]]:
        """A stencil's code and holes."""
        at = self._index[number]
        size, count = _HEAD.unpack_from(self._blob, at)
        at += _HEAD.size
        holes = [Hole(*_HOLE.unpack_from(self._blob, at + k * _HOLE.size)) for k in range(count)]
        at += count * _HOLE.size
        return bytes(self._blob[at : at + size]), holes

    def stencil(self, number: int) -> Stencil:
        """The stencil with this number."""
        found = self.stencils[number]
        if found is None:
            found = self.stencils[number] = cut(*self.read(number))
        return found


def cut(code: bytes, holes: list[Hole]) -> Stencil:
    """A stencil in the form in which it is stamped. Holes are in order."""
    if not holes:
        return Stencil(code)
    first, *others = holes
    end = first.offset + hole_bytes(first.kind)
    rest = [Hole(hole.offset - end, hole.kind, hole.argument) for hole in others]
    return Stencil(code[: first.offset], first.kind, first.argument, cut(code[end:], rest) if code[end:] else None)
