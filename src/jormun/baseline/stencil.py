"""Stencils as the compiler stamps them.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import i64


class Stencil:
    """Machine code with holes: what comes before the first, and then, hole by hole, its kind and what comes behind."""

    __slots__ = ("arguments", "count", "first", "kinds", "rest")

    def __init__(self, first: bytes, kinds: bytes, arguments: list[int], rest: list[bytes]) -> None:
        self.first: bytes = first
        self.kinds: bytes = kinds
        self.arguments: list[int] = arguments
        self.rest: list[bytes] = rest
        self.count: i64 = len(rest)


def hole_bytes(kind: int) -> int:
    """How many bytes a hole of this kind (catalogue.py) has."""
    return _SIZES[kind]


_SIZES: dict[int, int] = {3: 1, 4: 1, 5: 8, 6: 8, 0: 4, 1: 4, 2: 4, 7: 4, 8: 4, 9: 4, 10: 4}
