"""What instances of a module are made from (core specification, section 4.7.2): the module without its code.

It is plain enough to be kept in the cache and read back at once. Types are closed; index spaces count imports first.
"""

from __future__ import annotations

from array import array

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING, Sequence, TypeAlias
from jormun.types import (
    DefType,
    ExternKind,
    ExternType,
    FuncExternType,
    GlobalType,
    MemoryType,
    TableType,
    TagType,
)

if TYPE_CHECKING:
    from jormun.syntax.module import Element
    from jormun.validation.module import ValidModule

Constant: TypeAlias = int | tuple[str, int] | bytes
"""The value of a constant expression: its bits; (GLOBAL or FUNCTION, index) for what an instance has; or the
expression's bytes, for any other (runtime/constant.py)."""
GLOBAL, FUNCTION = "global", "function"
NO_FUNCTION = -1
"""In an element segment: the null reference."""
PASSIVE, DECLARATIVE = -1, -2
"""In place of the index of a table or a memory: a segment that is not active."""


@dataclass(frozen=True, slots=True)
class ImportBlueprint:
    """An import: two names and a type."""

    module: str
    name: str
    type: ExternType


@dataclass(frozen=True, slots=True)
class ExportBlueprint:
    """An export: a name for entry `index` of the index space that `kind` names."""

    name: str
    kind: ExternKind
    index: int


@dataclass(frozen=True, slots=True)
class ElementBlueprint:
    """An element segment: for the table with index `table`, from `offset` on, or PASSIVE or DECLARATIVE."""

    table: int
    offset: Constant
    functions: tuple[int, ...] | None
    """The functions that it refers to, or NO_FUNCTION; None if it takes more to say what it has."""
    items: tuple[Constant, ...] = ()
    """Then: its elements."""


@dataclass(frozen=True, slots=True)
class DataBlueprint:
    """A data segment: for the memory with index `memory`, at `offset`, or PASSIVE."""

    index: int
    memory: int
    offset: Constant
    source: bytes | memoryview
    """Where its bytes are: `size_bytes` bytes from `start` on. It may be the whole file of the module. Bytes, but for
    what memories begin with.
    """
    start: int
    size_bytes: int

    @property
    def contents(self) -> memoryview:
        """Its bytes."""
        return memoryview(self.source)[self.start : self.start + self.size_bytes]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All that instantiation needs of a valid module."""

    imports: tuple[ImportBlueprint, ...]
    exports: tuple[ExportBlueprint, ...]
    types: tuple[DefType, ...]
    function_types: Sequence[int]
    """The type index of each function."""
    table_types: tuple[TableType, ...]
    memory_types: tuple[MemoryType, ...]
    global_types: tuple[GlobalType, ...]
    tag_types: tuple[DefType, ...]
    body_sizes: Sequence[int]
    """How many bytes the body of each function has that the module defines: tiering weighs them."""
    referenced_functions: tuple[int, ...]
    """The functions that the module defines and whose references may be taken, ascending."""
    tables: tuple[Constant, ...]
    """What the elements of each own table start with."""
    globals: tuple[Constant, ...]
    """The initial value of each own global."""
    elements: tuple[ElementBlueprint, ...]
    data_count: int
    datas: tuple[DataBlueprint, ...]
    """The data segments, but for those that `contents` has."""
    contents: tuple[DataBlueprint, ...]
    """What memories begin with, whole, in place of active segments of which it is known that they fit: compilers write
    some modules with 40,000 of them. Their indices have no meaning."""
    start: int | None
    short_functions: tuple[int, ...]
    """The exported functions that run for a moment at most (runtime/short.py), ascending."""

    @property
    def own_function_count(self) -> int:
        """How many functions the module defines."""
        return len(self.body_sizes)

    @property
    def imported_function_count(self) -> int:
        """How many functions are imported: the index of the first that the module defines."""
        return len(self.function_types) - self.own_function_count

    def export_type(self, export: ExportBlueprint) -> ExternType:
        """The type of an export."""
        match export.kind:
            case ExternKind.FUNC:
                return FuncExternType(self.types[self.function_types[export.index]])
            case ExternKind.TABLE:
                return self.table_types[export.index]
            case ExternKind.MEMORY:
                return self.memory_types[export.index]
            case ExternKind.GLOBAL:
                return self.global_types[export.index]
            case ExternKind.TAG:
                return TagType(self.tag_types[export.index])


def blueprint_of(valid: ValidModule) -> Blueprint:
    """The blueprint of a module."""
    from jormun.runtime.constant import reduce  # which needs the table of opcodes
    from jormun.runtime.contents import datas_and_contents
    from jormun.runtime.short import short_functions

    module = valid.module
    first_own = valid.imported_function_count
    datas, contents = datas_and_contents(valid)
    return Blueprint(
        tuple(
            ImportBlueprint(each.module, each.name, t)
            for each, t in zip(module.imports, valid.import_types, strict=True)
        ),
        tuple(ExportBlueprint(each.name, each.kind, each.index) for each in module.exports),
        valid.types,
        valid.function_types,
        valid.table_types,
        valid.memory_types,
        valid.global_types,
        valid.tag_types,
        array("I", [function.body.size_bytes for function in module.functions]),
        tuple(sorted(index for index in valid.referenced_functions if index >= first_own)),
        tuple(0 if table.init is None else reduce(table.init.code) for table in module.tables),
        tuple(reduce(each.init.code) for each in module.globals),
        tuple(map(_element, module.elements)),
        len(module.datas),
        tuple(datas),
        tuple(contents),
        module.start,
        short_functions(valid),
    )


def _element(element: Element) -> ElementBlueprint:
    from jormun.runtime.constant import reduce
    from jormun.syntax.expression import Expr
    from jormun.syntax.mode import Active, Declarative

    table, offset = PASSIVE, b""
    if isinstance(element.mode, Active):
        table, offset = element.mode.index, element.mode.offset.code
    elif isinstance(element.mode, Declarative):
        table = DECLARATIVE
    items: list[Constant] = [reduce(each.code) if isinstance(each, Expr) else (FUNCTION, each) for each in element.init]
    functions = [
        each[1] if isinstance(each, tuple) and each[0] == FUNCTION else NO_FUNCTION if each == 0 else None
        for each in items
    ]
    found = tuple(each for each in functions if each is not None)
    if len(found) == len(items):
        return ElementBlueprint(table, reduce(offset), found)
    return ElementBlueprint(table, reduce(offset), None, tuple(items))
