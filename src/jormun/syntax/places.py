"""Where the declarations of a module stand in the file that it came from."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from jormun.dataclass import dataclass, field
from jormun.hints import Final, Mapping, Sequence, overload
from jormun.syntax.leb128 import read_u32
from jormun.syntax.section import SectionId

SIZE: Final = "Q"
"""How arrays keep byte offsets and characters' numbers."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text, both counted from 1."""

    line: int
    column: int


def position_in(lines: Sequence[int], start: int) -> Position:
    """The line and column of a character, given at which characters lines start."""
    line = bisect_right(lines, start)
    return Position(line, start - lines[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where each entry of each section stands: at which byte of a binary, or, if there are `lines`, at which character
    of a text, whose lines start at those. Types are counted by index, in whatever group they are.
    """

    starts: Mapping[SectionId, Sequence[int]] = field(default_factory=dict)
    lines: Sequence[int] = ()

    def offset(self, section: SectionId, index: int) -> int | None:
        """The byte offset of an entry; None in a text, and in a module that came from no file."""
        return None if self.lines else self._start(section, index)

    def position(self, section: SectionId, index: int) -> Position | None:
        """The place of an entry in a text; None in a binary, and in a module that came from no file."""
        start = self._start(section, index)
        return position_in(self.lines, start) if self.lines and start is not None else None

    def _start(self, section: SectionId, index: int) -> int | None:
        starts = self.starts.get(section, ())
        return starts[index] if index < len(starts) else None


class IndexStarts(Sequence[int]):
    """Where each number of a list begins, found again in the bytes of the list when it is asked for: what says which
    type each function has is most of a module's declarations, and read too fast to note so much of it.
    """

    __slots__ = ("_count", "_data", "_offset")

    def __init__(self, data: bytes, offset: int, count: int) -> None:
        """`data` is a list of `count` valid LEB128 numbers behind that count; it begins at `offset` in the file."""
        self._data = data
        self._offset = offset
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return array(SIZE, [self[i] for i in range(*index.indices(self._count))])
        if not 0 <= index < self._count:
            raise IndexError(index)
        at = 0
        for _ in range(index + 1):
            _, at = read_u32(self._data, at)
        return self._offset + at
