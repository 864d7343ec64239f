"""Functions that a module defines (core specification, section 2.5.4). To be compiled by mypyc."""

from __future__ import annotations

from jormun.hints import Final
from jormun.syntax.expression import NOWHERE, Expr, Source
from jormun.types import ValType


class Function:
    """A function. `locals` are runs (count, type), parameters not among them. FAST: see syntax/expression.py."""

    __slots__ = ("body", "locals", "source", "type_index")
    __match_args__: Final = ("type_index", "locals", "body", "source")

    def __init__(
        self, type_index: int, locals: tuple[tuple[int, ValType], ...], body: Expr, source: Source = NOWHERE
    ) -> None:
        """`source`, that of the body, takes no part in equality."""
        self.type_index: Final = type_index
        self.locals: Final = locals
        self.body: Final = body
        self.source: Final = source

    def _key(self) -> tuple[object, ...]:
        return self.type_index, self.locals, self.body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Function(type_index={self.type_index}, locals={self.locals!r}, body={self.body!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Function, (self.type_index, self.locals, self.body, self.source)
