"""Data segments (core specification, section 2.5.9). To be compiled by mypyc."""

from __future__ import annotations

from jormun.hints import Final
from jormun.syntax.expression import NOWHERE, Source
from jormun.syntax.mode import Active, Passive


class Data:
    """A data segment, whose bytes are those of `within` from `start` to `end`. FAST: see syntax/expression.py."""

    __slots__ = ("end", "mode", "source", "start", "within")
    __match_args__: Final = ("init", "mode", "source")

    def __init__(
        self, init: bytes, mode: Active | Passive, source: Source = NOWHERE, start: int = 0, end: int = -1
    ) -> None:
        """The bytes of `init`, or a part of them: a module's file is not copied. `source` takes no part in equality."""
        self.within: Final = init
        self.mode: Final = mode
        self.source: Final = source
        self.start: Final = start
        self.end: Final = len(init) if end < 0 else end

    @property
    def init(self) -> bytes:
        """Its bytes."""
        return self.within[self.start : self.end]

    @property
    def size_bytes(self) -> int:
        """How many there are."""
        return self.end - self.start

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self.mode == other.mode and self.init == other.init

    def __hash__(self) -> int:
        return hash((self.init, self.mode))

    def __repr__(self) -> str:
        return f"Data(init={self.init!r}, mode={self.mode!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Data, (self.init, self.mode, self.source)
