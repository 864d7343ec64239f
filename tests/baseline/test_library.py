"""The library's file: what is packed is read back."""

from __future__ import annotations

from jormun.baseline.catalogue import HOLE_BRANCH, HOLE_X, HOLE_X8, HOLE_X64, VALUE
from jormun.baseline.library import Contents, Hole, Library, pack


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
    contents = Contents(2)
    contents.stencils[0] = (b"AxB12345678C", (Hole(1, HOLE_X8), Hole(3, HOLE_X64)))
    contents.stencils[1] = (b"plain", ())
    library = Library(pack(contents))
    stencil = library.stencil(0)
    assert (stencil.first, list(stencil.kinds), stencil.rest) == (b"A", [HOLE_X8, HOLE_X64], [b"B", b"C"])
    assert library.stencil(0) is stencil
    assert (library.stencil(1).first, library.stencil(1).count) == (b"plain", 0)
