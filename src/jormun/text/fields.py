"""The fields of a module, read one by one when all identifiers are known (core specification, section 6.6)."""

from __future__ import annotations

from array import array
from collections import defaultdict

from jormun.syntax.code import single
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.leb128 import write_unsigned
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import INDEX_TYPE, Element, Export, Global, Import, Table
from jormun.syntax.places import SIZE
from jormun.syntax.section import SectionId
from jormun.syntax.type_code import encode_valtype
from jormun.text.context import ModuleContext, Space
from jormun.text.cursor import Cursor
from jormun.text.instructions import Code
from jormun.text.outline import Field
from jormun.text.types import (
    Locals,
    address_type,
    global_type,
    memory_type,
    page_size_log2,
    ref_type,
    table_type,
    type_use,
)
from jormun.types import (
    FUNCREF,
    ExternKind,
    ExternType,
    FuncExternType,
    Limits,
    MemoryType,
    NumType,
    TableType,
    TagType,
    ValType,
)

_KINDS = {str(kind): kind for kind in ExternKind}
_SECTIONS = {
    ExternKind.FUNC: SectionId.FUNCTION,
    ExternKind.TABLE: SectionId.TABLE,
    ExternKind.MEMORY: SectionId.MEMORY,
    ExternKind.GLOBAL: SectionId.GLOBAL,
    ExternKind.TAG: SectionId.TAG,
}


class Fields:
    """Reads fields and keeps what they define, in the order of the text."""

    def __init__(self, cursor: Cursor, context: ModuleContext) -> None:
        self.cursor = cursor
        self.context = context
        self.imports: list[Import] = []
        self.functions: list[Function] = []
        self.tables: list[Table] = []
        self.memories: list[MemoryType] = []
        self.tags: list[TagType] = []
        self.globals: list[Global] = []
        self.exports: list[Export] = []
        self.start: int | None = None
        self.elements: list[Element] = []
        self.datas: list[Data] = []
        self.starts: defaultdict[SectionId, array[int]] = defaultdict(lambda: array(SIZE))
        """The character at which each entry of a section stands."""
        self.hints: dict[int, list[tuple[int, int]]] = {}
        """Branch hints by function index; see text/annotations.py."""
        self.spaces = {
            ExternKind.FUNC: context.functions,
            ExternKind.TABLE: context.tables,
            ExternKind.MEMORY: context.memories,
            ExternKind.GLOBAL: context.globals,
            ExternKind.TAG: context.tags,
        }

    def read(self, field: Field) -> None:
        """Read a field that is no type definition."""
        cursor = self.cursor
        cursor.at = field.start + 2
        match field.keyword:
            case "import":
                self._import(field)
            case "export":
                self._export()
            case "start":
                if self.start is not None:
                    cursor.at = field.start
                    raise cursor.error("multiple start sections")
                self._note(SectionId.START, field.start)
                self.start = self.context.functions.read(cursor)
            case "elem":
                self._note(SectionId.ELEMENT, field.start)
                self._elem(field)
            case "data":
                self._note(SectionId.DATA, field.start)
                self._data(field)
            case _:
                kind = _KINDS[field.keyword]
                self._skip_identifier(self.spaces[kind], field.index)
                self._definition(field, kind)
        cursor.close()

    def _note(self, section: SectionId, at: int) -> None:
        """Note where the next entry of a section stands: at this token."""
        self.starts[section].append(self.cursor.start(at))

    def _skip_identifier(self, space: Space, index: int) -> None:
        """Pass over an identifier that has been declared already, and take the name that an annotation gives."""
        self.cursor.optional_identifier()
        name = self.cursor.annotated_name()
        if name is not None:
            space.names[index] = name

    # Imports, exports and definitions.

    def _import(self, field: Field) -> None:
        cursor = self.cursor
        module, name = cursor.name(), cursor.name()
        cursor.expect("(")
        kind = _KINDS[cursor.texts[cursor.at]]
        cursor.at += 1
        self._skip_identifier(self.spaces[kind], field.index)
        self._note(SectionId.IMPORT, field.start)
        self.imports.append(Import(module, name, self._extern_type(kind, field.index)))
        cursor.close()

    def _extern_type(self, kind: ExternKind, index: int) -> ExternType:
        cursor, context = self.cursor, self.context
        match kind:
            case ExternKind.FUNC:
                names = Locals()
                type_index, _ = type_use(cursor, context, names)
                self._name_locals(index, names)
                return FuncExternType(type_index)
            case ExternKind.TABLE:
                return table_type(cursor, context)
            case ExternKind.MEMORY:
                return memory_type(cursor)
            case ExternKind.GLOBAL:
                return global_type(cursor, context)
            case ExternKind.TAG:
                return TagType(type_use(cursor, context)[0])

    def _export(self) -> None:
        cursor = self.cursor
        start = cursor.at - 2
        name = cursor.name()
        cursor.expect("(")
        kind = _KINDS.get(cursor.texts[cursor.at])
        if kind is None:
            raise cursor.unexpected("'func', 'table', 'memory', 'global' or 'tag'")
        cursor.at += 1
        self._note(SectionId.EXPORT, start)
        self.exports.append(Export(name, kind, self.spaces[kind].read(cursor)))
        cursor.close()

    def _definition(self, field: Field, kind: ExternKind) -> None:
        """Read a definition from behind its identifier: exports, then an import or the thing itself."""
        cursor = self.cursor
        while cursor.takes_open("export"):
            self._note(SectionId.EXPORT, cursor.at - 2)
            self.exports.append(Export(cursor.name(), kind, field.index))
            cursor.close()
        if cursor.takes_open("import"):
            module, name = cursor.name(), cursor.name()
            cursor.close()
            self._note(SectionId.IMPORT, field.start)
            self.imports.append(Import(module, name, self._extern_type(kind, field.index)))
            return
        self._note(_SECTIONS[kind], field.start)
        match kind:
            case ExternKind.FUNC:
                self._func(field)
            case ExternKind.TABLE:
                self._table(field)
            case ExternKind.MEMORY:
                self._memory(field)
            case ExternKind.GLOBAL:
                t = global_type(cursor, self.context)
                self.globals.append(Global(t, *self._code().expression()))
            case ExternKind.TAG:
                self.tags.append(TagType(type_use(cursor, self.context)[0]))

    def _code(self) -> Code:
        return Code(self.cursor, self.context)

    def _func(self, field: Field) -> None:
        cursor, context = self.cursor, self.context
        names = Locals()
        type_index, function_type = type_use(cursor, context, names)
        # An explicit type whose signature is not repeated has parameters too, without identifiers.
        names.count = len(function_type.params)
        runs: list[tuple[int, ValType]] = []
        while cursor.takes_open("local"):
            for t in names.declare(cursor, context, "local"):
                if runs and runs[-1][1] == t:
                    runs[-1] = (runs[-1][0] + 1, t)
                else:
                    runs.append((1, t))
        code = Code(cursor, context, names.indices)
        body, source = code.expression()
        self.functions.append(Function(type_index, tuple(runs), body, source))
        self._name_locals(field.index, names)
        if code.label_names:
            context.labels[field.index] = code.label_names
        if code.hints:
            before = bytearray()
            write_unsigned(before, len(runs))
            for count, t in runs:
                write_unsigned(before, count)
                encode_valtype(before, t)
            self.hints[field.index] = [(offset + len(before), hint) for offset, hint in code.hints]

    def _name_locals(self, index: int, names: Locals) -> None:
        if names.names:
            self.context.locals[index] = names.names

    def _table(self, field: Field) -> None:
        cursor, context = self.cursor, self.context
        start = cursor.at
        address = address_type(cursor)
        if cursor.is_unsigned():
            cursor.at = start
            t = table_type(cursor, context)
            if cursor.texts[cursor.at] == ")":
                self.tables.append(Table(t))
            else:
                self.tables.append(Table(t, *self._code().expression()))
            return
        element = ref_type(cursor, context)
        if not cursor.takes_open("elem"):
            raise cursor.unexpected("a number or '(elem'")
        self._note(SectionId.ELEMENT, cursor.at - 2)
        position = Source(positions=((0, cursor.position()),))
        if cursor.texts[cursor.at] == "(":
            init: tuple[int, ...] | tuple[Expr, ...] = self._element_expressions()
            segment = Element(element, init, Active(field.index, _zero(address)), position)
        else:
            init = self._function_indices()
            if element == FUNCREF:
                segment = Element(INDEX_TYPE, init, Active(field.index, _zero(address)), position)
            else:
                references = tuple(single("ref.func", index) for index in init)
                segment = Element(element, references, Active(field.index, _zero(address)), position)
        cursor.close()
        self.tables.append(Table(TableType(element, Limits(len(init), len(init)), address)))
        self.elements.append(segment)

    def _memory(self, field: Field) -> None:
        cursor = self.cursor
        start = cursor.at
        address = address_type(cursor)
        page_log2 = page_size_log2(cursor)
        if not cursor.takes_open("data"):
            cursor.at = start
            self.memories.append(memory_type(cursor))
            return
        self._note(SectionId.DATA, cursor.at - 2)
        position = Source(positions=((0, cursor.position()),))
        init = cursor.strings()
        cursor.close()
        pages = -(-len(init) >> page_log2)
        self.memories.append(MemoryType(Limits(pages, pages), address, False, page_log2))
        self.datas.append(Data(init, Active(field.index, _zero(address)), position))

    # Segments.

    def _elem(self, field: Field) -> None:
        cursor, context = self.cursor, self.context
        self._skip_identifier(context.elements, field.index)
        source = Source(positions=((0, cursor.position(field.start)),))
        mode: Active | Passive | Declarative = Passive()
        # A list of indices alone, without 'func', may follow an offset alone.
        has_table = cursor.opens("table")
        if cursor.takes("declare"):
            mode = Declarative()
        elif (table := self._use("table", context.tables)) is not None:
            offset, source = self._offset()
            mode = Active(table, offset)
        elif cursor.texts[cursor.at] == "(" and not cursor.opens("ref"):
            offset, source = self._offset()
            mode = Active(0, offset)
        is_list = cursor.texts[cursor.at] == ")" or cursor.is_identifier() or cursor.is_unsigned()
        if (isinstance(mode, Active) and not has_table and is_list) or cursor.takes("func"):
            self.elements.append(Element(INDEX_TYPE, self._function_indices(), mode, source))
        else:
            element = ref_type(cursor, context)
            self.elements.append(Element(element, self._element_expressions(), mode, source))

    def _use(self, keyword: str, space: Space) -> int | None:
        """Read the table or memory of an active segment if it is given.

        A bare number is how WebAssembly 1.0 gave it, which scripts of proposals still do.
        """
        cursor = self.cursor
        if cursor.is_unsigned():
            return space.read(cursor)
        if not cursor.takes_open(keyword):
            return None
        index = space.read(cursor)
        cursor.close()
        return index

    def _function_indices(self) -> tuple[int, ...]:
        """Read function indices up to a parenthesis."""
        cursor, functions = self.cursor, self.context.functions
        indices = []
        while cursor.texts[cursor.at] != ")":
            indices.append(functions.read(cursor))
        return tuple(indices)

    def _element_expressions(self) -> tuple[Expr, ...]:
        """Read the expressions of elements up to a parenthesis."""
        cursor = self.cursor
        expressions: list[Expr] = []
        while cursor.texts[cursor.at] == "(":
            if cursor.takes_open("item"):
                expressions.append(self._code().expression()[0])
                cursor.close()
            else:
                expressions.append(self._code().folded()[0])
        return tuple(expressions)

    def _offset(self) -> tuple[Expr, Source]:
        """Read a segment's offset."""
        cursor = self.cursor
        if not cursor.takes_open("offset"):
            return self._code().folded()
        offset = self._code().expression()
        cursor.close()
        return offset

    def _data(self, field: Field) -> None:
        cursor, context = self.cursor, self.context
        self._skip_identifier(context.datas, field.index)
        source = Source(positions=((0, cursor.position(field.start)),))
        mode: Active | Passive = Passive()
        if (memory := self._use("memory", context.memories)) is not None:
            offset, source = self._offset()
            mode = Active(memory, offset)
        elif cursor.texts[cursor.at] == "(":
            offset, source = self._offset()
            mode = Active(0, offset)
        self.datas.append(Data(cursor.strings(), mode, source))


def _zero(address: NumType) -> Expr:
    """The constant 0 of an address type."""
    return single(f"{address}.const", 0)
