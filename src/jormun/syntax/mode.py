"""The modes of segments: what becomes of them at instantiation (core specification, sections 2.5.8 and 2.5.9).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.syntax.expression import Expr


class Active:
    """A segment that is copied into table or memory `index`, at `offset`. FAST: see syntax/expression.py."""

    __slots__ = ("index", "offset")
    __match_args__: Final = ("index", "offset")

    def __init__(self, index: int, offset: Expr) -> None:
        self.index: Final = index
        self.offset: Final = offset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Active) and self.index == other.index and self.offset == other.offset

    def __hash__(self) -> int:
        return hash((self.index, self.offset))

    def __repr__(self) -> str:
        return f"Active(index={self.index}, offset={self.offset!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Active, (self.index, self.offset)


class Passive:
    """A segment that instructions copy."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passive)

    def __hash__(self) -> int:
        return hash("Passive")

    def __repr__(self) -> str:
        return "Passive()"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Passive, ()


class Declarative:
    """An element segment that only declares functions whose references are taken."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Declarative)

    def __hash__(self) -> int:
        return hash("Declarative")

    def __repr__(self) -> str:
        return "Declarative()"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Declarative, ()
