"""Machine code while it is written: stencils stamped one after another, and distances that are filled in later.

To be compiled by mypyc.
"""

from __future__ import annotations

from librt.strings import write_i64_le

from jormun.baseline import aarch64
from jormun.baseline.catalogue import (
    HOLE_BRANCH,
    HOLE_CONSTANT,
    HOLE_FIELD_X,
    HOLE_FIELD_Y,
    HOLE_FIELD_Z,
    HOLE_JUMP,
    HOLE_JUMP_TRAP,
    HOLE_LATE,
    HOLE_LITERAL,
    HOLE_POOL,
    HOLE_TRAP,
    HOLE_X,
    HOLE_X8,
    HOLE_X64,
    HOLE_Y,
    HOLE_Y8,
    HOLE_Y64,
    HOLE_Z,
    NO_HOLE,
)
from jormun.baseline.words import Words, write_word
from jormun.hints import TYPE_CHECKING, Final, i64

if TYPE_CHECKING:
    from jormun.baseline.library import Library
    from jormun.baseline.stencil import Stencil

CODE_ALIGNMENT: Final = 16


class Code(Words):
    """The code of one function, and its constants behind it."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self.library = library
        self.stencils: list[Stencil | None] = library.stencils
        self.branch_at: i64 = 0
        """Where the branch of the last stencil that has one is to be filled in."""
        self.pool: list[bytes] = []
        self.pool_0: int = 0
        self.pool_1: int = 0
        """Which constants the next stencil that refers to the function's own means."""
        self.traps: list[tuple[int, int]] = []
        """Places to fill in with the distance to a trap, and its kind."""
        self.references: list[tuple[int, int, int]] = []
        """The same for constants, by number (of the library, or ~k for number k of `pool`), and how many bytes of the
        instruction follow."""
        self.sites: list[tuple[int, int]] = []
        """Places of what is filled in as a field of an instruction, which comes second (aarch64)."""

    def stamp(self, number: i64, x: i64, y: i64, z: i64) -> None:
        """Append a stencil, given by its number, with its holes filled."""
        stencil = self.stencils[number]
        self.write(self.library.stencil(number) if stencil is None else stencil, x, y, z)

    def write(self, stencil: Stencil, x: i64, y: i64, z: i64) -> None:
        """Append a stencil with its holes filled."""
        out = self.out
        part: Stencil | None = stencil
        while part is not None:
            out.write(part.code)
            kind = part.kind
            if kind == HOLE_X:
                write_word(out, x)
            elif kind == NO_HOLE:
                return
            elif kind == HOLE_Y:
                write_word(out, y)
            elif kind == HOLE_Z:
                write_word(out, z)
            elif kind == HOLE_BRANCH:
                self.branch_at = len(out)
                write_word(out, 0)
            else:
                self.fill_rare(kind, part.argument, x, y, z)
            part = part.rest

    def fill_rare(self, kind: i64, argument: int, x: i64, y: i64, z: i64) -> None:
        """Fill in a hole of a kind that few stencils have."""
        out = self.out
        if kind == HOLE_X8:
            out.append(x & 0xFF)
        elif kind == HOLE_Y8:
            out.append(y & 0xFF)
        elif kind == HOLE_X64:
            write_i64_le(out, x)
        elif kind == HOLE_TRAP:
            self.traps.append((len(out), argument))
            write_word(out, 0)
        elif kind == HOLE_CONSTANT:
            self.references.append((len(out), argument >> 1, argument & 1))
            write_word(out, 0)
        elif kind == HOLE_POOL:
            self.references.append((len(out), ~(self.pool_1 if argument else self.pool_0), 0))
            write_word(out, 0)
        elif kind == HOLE_Y64:
            write_i64_le(out, y)
        else:
            self.fill_field(kind, argument, x, y, z)

    def fill_field(self, kind: i64, argument: int, x: i64, y: i64, z: i64) -> None:
        """Fill in a hole of a kind that aarch64 has."""
        out = self.out
        if kind == HOLE_FIELD_X:
            aarch64.fill(out, argument, x)
        elif kind == HOLE_FIELD_Y:
            aarch64.fill(out, argument, y)
        elif kind == HOLE_FIELD_Z:
            aarch64.fill(out, argument, z)
        elif kind == HOLE_JUMP:
            self.branch_at = len(out)
            self.leave_site(aarch64.JUMP)
        elif kind == HOLE_JUMP_TRAP:
            self.traps.append((len(out), argument))
            self.leave_site(aarch64.JUMP)
        elif kind == HOLE_LATE:
            self.leave_site(aarch64.LATE)
            write_word(out, 0)
        else:
            number = argument >> 5 & 0x7_FFFF
            if kind != HOLE_LITERAL:
                number = ~(self.pool_1 if number else self.pool_0)
            self.references.append((len(out), number, 0))
            self.leave_site(argument & ~(0x7_FFFF << 5))

    def leave_site(self, word: int) -> None:
        """Leave room for an instruction whose field is filled in later."""
        self.sites.append((len(self.out), word))
        write_word(self.out, 0)

    def here(self) -> i64:
        """Where the next stencil goes."""
        return len(self.out)

    def patch(self, at: i64, target: i64) -> None:
        """Fill in the distance to `target` from what follows."""
        self.overwrite(at, target - at - 4)

    def constant(self, data: bytes) -> int:
        """The number of a constant of the function's own."""
        self.pool.append(data)
        return len(self.pool) - 1

    def write_constants(self) -> None:
        """Append the constants that the code refers to, and fill in the distances."""
        places: dict[int, i64] = {}
        for at, number, behind in self.references:
            if number not in places:
                while len(self.out) % CODE_ALIGNMENT:
                    self.out.append(0xCC)
                places[number] = len(self.out)
                self.out.write(self.pool[~number] if number < 0 else self.library.constants[number])
            self.patch(at, places[number] - behind)

    def finished(self) -> bytes:
        """All of the code, when it is complete. Raises UnsupportedError if it is too long for the machine."""
        return aarch64.finish(self.value(), self.sites) if self.sites else self.value()
