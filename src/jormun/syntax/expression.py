"""Expressions (core specification, section 2.4.10), and where they came from.

FAST: a large module has tens of thousands, so that they are classes that mypyc makes objects of without Python's help:
a fifth of the time that dataclasses take. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Callable, Final, Sequence
from jormun.syntax.places import Position


class Expr:
    """A sequence of instructions, kept as the bytes that encode it, its final `end` (0x0B) included.

    Bytes are what every pass reads: a list of objects would take 50 times the memory. syntax/code.py iterates over
    them. Equality is that of the bytes; the decoder keeps non-minimal LEB128 numbers as they were, so two encodings of
    the same instructions may differ (syntax/code.py has `canonical`, which rewrites them).
    """

    __slots__ = ("_end", "_start", "_within")
    __match_args__: Final = ("code",)

    def __init__(self, within: bytes, start: int = 0, end: int = -1) -> None:
        """The bytes of `within` from `start` to `end`; by default all of them. A module's file is not copied."""
        self._within: Final = within
        self._start: Final = start
        self._end: Final = len(within) if end < 0 else end

    @property
    def code(self) -> bytes:
        """The bytes."""
        return self._within[self._start : self._end]

    @property
    def size_bytes(self) -> int:
        """How many there are."""
        return self._end - self._start

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.code == other.code

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        return f"Expr(code={self.code!r})"

    def __reduce__(self) -> tuple[Callable[[bytes], Expr], tuple[bytes]]:
        return Expr, (self.code,)


class Source:
    """Where an expression came from: its byte offset in a binary, or, for text, a position for each instruction.

    `positions` pairs the offset of an instruction within the expression with its place in the text, ascending.
    """

    __slots__ = ("offset", "positions")
    __match_args__: Final = ("offset", "positions")

    def __init__(self, offset: int | None = None, positions: Sequence[tuple[int, Position]] = ()) -> None:
        self.offset: Final = offset
        self.positions: Final = positions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.offset == other.offset and self.positions == other.positions

    def __hash__(self) -> int:
        return hash(self.offset)

    def __repr__(self) -> str:
        return f"Source(offset={self.offset!r}, positions={self.positions!r})"

    def __reduce__(self) -> tuple[object, tuple[int | None, Sequence[tuple[int, Position]]]]:
        return Source, (self.offset, self.positions)


NOWHERE: Final = Source()
"""The source of what came from no file."""
