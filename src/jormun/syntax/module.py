"""Modules (core specification, section 2.5), as immutable values.

Index spaces count imports first. Offsets say where in the file a thing was; they do not take part in equality.

FAST: a large module has tens of thousands of functions and data segments, and a frozen dataclass takes 3 times as
long to make as one whose fields are final to the type checker. Values that come in such numbers are of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from jormun.syntax.instruction import Expr
from jormun.syntax.places import Places, Position
from jormun.types import (
    AbsHeapType,
    ExternKind,
    ExternType,
    GlobalType,
    MemoryType,
    RecType,
    RefType,
    TableType,
    TagType,
    ValType,
    kind_of,
)


class Source(NamedTuple):
    """Where an expression came from: its byte offset in a binary, or, for text, a position for each instruction.

    `positions` pairs the offset of an instruction within the expression with its place in the text, ascending. FAST: a
    tuple, since each function and segment has one: half the time of a frozen dataclass.
    """

    offset: int | None = None
    positions: Sequence[tuple[int, Position]] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """An import: two names and a type."""

    module: str
    name: str
    type: ExternType

    @property
    def kind(self) -> ExternKind:
        """What is imported."""
        return kind_of(self.type)


@dataclass(slots=True, unsafe_hash=True)  # FAST, see above
class Function:
    """A function that the module defines. `locals` are runs (count, type), parameters not among them."""

    type_index: Final[int]
    locals: Final[tuple[tuple[int, ValType], ...]]
    body: Final[Expr]
    source: Final[Source] = field(default=Source(), compare=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the value its elements start with; None is the null reference."""

    type: TableType
    init: Expr | None = None
    source: Source = field(default=Source(), compare=False)


@dataclass(frozen=True, slots=True)
class Global:
    """A global with its initial value."""

    type: GlobalType
    init: Expr
    source: Source = field(default=Source(), compare=False)


@dataclass(frozen=True, slots=True)
class Export:
    """An export: a name for entry `index` of the index space that `kind` names."""

    name: str
    kind: ExternKind
    index: int


@dataclass(slots=True, unsafe_hash=True)  # FAST, see above
class Active:
    """A segment that is copied into table or memory `index`, at `offset`, when the module is instantiated."""

    index: Final[int]
    offset: Final[Expr]


@dataclass(frozen=True, slots=True)
class Passive:
    """A segment that instructions copy."""


@dataclass(frozen=True, slots=True)
class Declarative:
    """An element segment that only declares functions whose references are taken."""


INDEX_TYPE: Final = RefType(False, AbsHeapType.FUNC)
"""The type of an element segment that is written as function indices: none of them is null."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element segment.

    `init` is either function indices, where the type is INDEX_TYPE, or an expression for each element.
    """

    type: RefType
    init: tuple[int, ...] | tuple[Expr, ...]
    mode: Active | Passive | Declarative
    source: Source = field(default=Source(), compare=False)


@dataclass(slots=True, unsafe_hash=True)  # FAST, see above
class Data:
    """A data segment."""

    init: Final[bytes]
    mode: Final[Active | Passive]
    source: Final[Source] = field(default=Source(), compare=False)


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom section. `after` is the id of the last section that is not custom before it, 0 for none."""

    name: str
    data: bytes
    after: int = 0


@dataclass(frozen=True, slots=True)
class Module:
    """A module."""

    types: tuple[RecType, ...] = ()
    imports: tuple[Import, ...] = ()
    functions: tuple[Function, ...] = ()
    tables: tuple[Table, ...] = ()
    memories: tuple[MemoryType, ...] = ()
    tags: tuple[TagType, ...] = ()
    globals: tuple[Global, ...] = ()
    exports: tuple[Export, ...] = ()
    start: int | None = None
    elements: tuple[Element, ...] = ()
    datas: Sequence[Data] = ()
    has_data_count: bool = False
    """Whether there is a data count section; its number is `len(datas)`."""
    customs: tuple[Custom, ...] = ()
    places: Places = field(default=Places(), compare=False, repr=False)

    def imported(self, kind: ExternKind) -> tuple[Import, ...]:
        """The imports of a kind, in the order of their index space."""
        return tuple(i for i in self.imports if i.kind is kind)
