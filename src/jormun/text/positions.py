"""Places of a text's instructions, kept small: 16 bytes each, and lines counted when one is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

from jormun.syntax.places import SIZE, Position, position_in


class Positions(Sequence[tuple[int, Position]]):
    """Offsets in code with their places in a text, as `Source.positions` has them."""

    __slots__ = ("_lines", "_offsets", "_starts")

    def __init__(self, lines: array[int], offsets: Iterable[int], starts: Iterable[int]) -> None:
        """`starts` are the characters at which the instructions at `offsets` begin."""
        self._lines = lines
        self._offsets = array(SIZE, offsets)
        self._starts = array(SIZE, starts)

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> tuple[int, Position]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[int, Position]]: ...

    def __getitem__(self, index: int | slice) -> tuple[int, Position] | Sequence[tuple[int, Position]]:
        if isinstance(index, slice):
            return Positions(self._lines, self._offsets[index], self._starts[index])
        return self._offsets[index], position_in(self._lines, self._starts[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return f"<Positions of {len(self)} instructions>"
