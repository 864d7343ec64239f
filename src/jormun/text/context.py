"""What identifiers stand for: the index spaces of a module while its text is parsed (core specification, 6.1.5)."""

from __future__ import annotations

from array import array

from jormun.syntax.names import Subsection
from jormun.syntax.places import SIZE
from jormun.text.cursor import Cursor, shorten
from jormun.types import CompositeType, FuncType, RecType, SubType


class Space:
    """An index space: how many entries it has, their identifiers and their names."""

    def __init__(self, what: str) -> None:
        self.what = what
        """How errors call an entry."""
        self.count = 0
        self.indices: dict[str, int] = {}
        self.names: dict[int, str] = {}
        """What the name section will say: the identifier, unless a @name annotation says otherwise."""

    def declare(self, cursor: Cursor) -> int:
        """Read the identifier that may come next and add an entry with it; the entry's index."""
        at = cursor.at
        identifier = cursor.optional_identifier()
        index = self.count
        self.count += 1
        if identifier is not None:
            if identifier in self.indices:
                raise cursor.error(f"duplicate {self.what} {shorten(cursor.texts[at])}", at)
            self.indices[identifier] = index
            self.names[index] = identifier
        return index

    def read(self, cursor: Cursor) -> int:
        """Read an index, which is a number or an identifier."""
        token = cursor.texts[cursor.at]
        if not token.startswith("$"):
            if not cursor.is_unsigned():
                raise cursor.unexpected(f"a {self.what} index")
            return cursor.unsigned(32)
        at = cursor.at
        index = self.indices.get(cursor.identifier())
        if index is None:
            raise cursor.error(f"unknown {self.what} {token}", at)
        return index

    def read_optional(self, cursor: Cursor) -> int:
        """Read an index if one comes next, else 0."""
        return self.read(cursor) if cursor.is_identifier() or cursor.is_unsigned() else 0


class ModuleContext:
    """All index spaces of a module, and its types."""

    def __init__(self) -> None:
        self.types = Space("type")
        self.functions = Space("function")
        self.tables = Space("table")
        self.memories = Space("memory")
        self.globals = Space("global")
        self.tags = Space("tag")
        self.elements = Space("elem segment")
        self.datas = Space("data segment")
        self.fields: dict[int, Space] = {}
        """The fields of each structure type that names some."""
        self.groups: list[RecType] = []
        self.definitions: list[CompositeType] = []
        """The composite type of each type index; implicit types come behind the explicit ones."""
        self.type_starts = array(SIZE)
        """The character at which each definition stands, an implicit one where it is first used."""
        self.implicit: dict[FuncType, int] = {}
        """The type index that a function type without an explicit index stands for: the lowest of a definition that is
        final, has no supertype, and is a group of its own."""
        self.uses_data = False
        """Whether an instruction names a data segment, for which a binary needs a data count section."""
        self.locals: dict[int, dict[int, str]] = {}
        self.labels: dict[int, dict[int, str]] = {}

    def spaces(self) -> dict[Subsection, Space]:
        """The index spaces whose names go into the name section."""
        return {
            Subsection.FUNCTION: self.functions,
            Subsection.TYPE: self.types,
            Subsection.TABLE: self.tables,
            Subsection.MEMORY: self.memories,
            Subsection.GLOBAL: self.globals,
            Subsection.ELEMENT: self.elements,
            Subsection.DATA: self.datas,
            Subsection.TAG: self.tags,
        }

    def define(self, group: RecType) -> None:
        """Add the explicit type definitions of a group."""
        index = len(self.definitions)
        self.groups.append(group)
        self.definitions += (subtype.composite for subtype in group.subtypes)
        match group.subtypes:
            case (SubType(True, (), FuncType() as function),) if not _mentions(function, index):
                self.implicit.setdefault(function, index)

    def type_index(self, function: FuncType, start: int) -> int:
        """The type index of a function type that is written out at a character; adds a definition if there is none."""
        index = self.implicit.get(function)
        if index is None:
            index = self.implicit[function] = len(self.definitions)
            self.definitions.append(function)
            self.type_starts.append(start)
            self.groups.append(RecType((SubType(True, (), function),)))
        return index

    def function_type(self, index: int) -> FuncType | None:
        """The function type with an index; None if the index is out of range or is that of another type."""
        composite = self.definitions[index] if index < len(self.definitions) else None
        return composite if isinstance(composite, FuncType) else None


def _mentions(function: FuncType, index: int) -> bool:
    """Whether a type refers to itself: what is written out elsewhere never does, whatever index it uses."""
    return any(getattr(t, "heap", None) == index for t in (*function.params, *function.results))
