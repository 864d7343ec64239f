"""Modules (core specification, section 2.5), as immutable values.

Index spaces count imports first. Offsets say where in the file a thing was; they do not take part in equality. What a
large module has tens of thousands of is in files of its own.
"""

from __future__ import annotations

from jormun.dataclass import dataclass, field
from jormun.hints import Final, Sequence
from jormun.syntax.data import Data
from jormun.syntax.expression import NOWHERE, Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.places import Places
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
    kind_of,
)


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


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the value its elements start with; None is the null reference."""

    type: TableType
    init: Expr | None = None
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Global:
    """A global with its initial value."""

    type: GlobalType
    init: Expr
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Export:
    """An export: a name for entry `index` of the index space that `kind` names."""

    name: str
    kind: ExternKind
    index: int


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
    source: Source = field(default=NOWHERE, compare=False)


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
