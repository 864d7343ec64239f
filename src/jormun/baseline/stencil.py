"""Stencils as the compiler stamps them.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import HOLE_X8, HOLE_X64, HOLE_Y8, HOLE_Y64, NO_HOLE
from jormun.hints import i64

_SIZES = {HOLE_X8: 1, HOLE_Y8: 1, HOLE_X64: 8, HOLE_Y64: 8}


class Stencil:
    """Machine code up to a hole, the hole's kind and argument, and what comes behind it, if anything does: the same
    again.
    """

    __slots__ = ("argument", "code", "kind", "rest")

    def __init__(self, code: bytes, kind: int = NO_HOLE, argument: int = 0, rest: Stencil | None = None) -> None:
        self.code: bytes = code
        self.kind: i64 = kind
        """Of catalogue.py's; NO_HOLE only if there is no rest either."""
        self.argument: int = argument
        self.rest: Stencil | None = rest


def hole_bytes(kind: int) -> int:
    """How many bytes a hole of this kind (catalogue.py) has."""
    return _SIZES.get(kind, 4)
