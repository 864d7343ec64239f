"""The library's file: what is packed is read back."""

from __future__ import annotations

from jormun.baseline.catalogue import HOLE_BRANCH, HOLE_X, HOLE_X8, HOLE_X64, HOLE_Y, NO_HOLE, VALUE
from jormun.baseline.library import Contents, Hole, Library, pack
from jormun.baseline.stencil import Stencil


def test_stencils_survive() -> None:
    """Code, holes in order, families, pieces and constants; numbers without a stencil stay without."""
    contents = Contents(3)
    contents.families[0x6A, VALUE] = 1
    contents.pieces["piece"] = 3
    contents.constants.append(bytes(16))
    contents.stencils[1] = (b"abcdefgh", (Hole(4, HOLE_BRANCH), Hole(0, HOLE_X)))
    contents.stencils.append((b"", ()))
    library = Library(pack(contents))
    assert (library.families, library.pieces) == ({(0x6A, VALUE): 1}, {"piece": 3})
    assert library.constants == (bytes(16),)
    assert [library.has(number) for number in range(4)] == [False, True, False, True]
    assert library.read(1) == (b"abcdefgh", [Hole(0, HOLE_X), Hole(4, HOLE_BRANCH)])
    assert library.read(3) == (b"", [])


def test_stencils_are_cut_at_their_holes() -> None:
    """What is stamped is the code around the holes, whose sizes depend on their kinds."""
    contents = Contents(3)
    contents.stencils[0] = (b"AxB12345678C", (Hole(1, HOLE_X8), Hole(3, HOLE_X64)))
    contents.stencils[1] = (b"plain", ())
    contents.stencils[2] = (b"x1234", (Hole(0, HOLE_X8), Hole(1, HOLE_Y)))
    library = Library(pack(contents))
    stencil = library.stencil(0)
    assert parts(stencil) == [(b"A", HOLE_X8), (b"B", HOLE_X64), (b"C", NO_HOLE)]
    assert library.stencil(0) is stencil
    assert parts(library.stencil(1)) == [(b"plain", NO_HOLE)]
    assert parts(library.stencil(2)) == [(b"", HOLE_X8), (b"", HOLE_Y)]


def parts(stencil: Stencil) -> list[tuple[bytes, int]]:
    """The code before each hole with the hole's kind, and the code behind the last one, if any."""
    found = [(stencil.code, stencil.kind)]
    return found if stencil.rest is None else found + parts(stencil.rest)
