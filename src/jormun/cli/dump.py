"""What a module holds, as lines for people: the text behind `jormun objdump`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from jormun.binary.sections import Section, sections
from jormun.errors import MalformedError
from jormun.hints import Final
from jormun.syntax.code import read_immediates, read_row
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr
from jormun.syntax.leb128 import read_u32
from jormun.syntax.mode import Active, Declarative
from jormun.syntax.module import Element, Module
from jormun.syntax.names import SUBSECTION_OF, Names, Subsection, names_of
from jormun.syntax.section import SectionId
from jormun.text.code_printer import CodePrinter
from jormun.text.identifiers import NamedSpace, quote_bytes, quote_name
from jormun.text.type_printer import TypePrinter
from jormun.types import (
    ExternKind,
    ExternType,
    FuncExternType,
    GlobalType,
    MemoryType,
    TableType,
    TagType,
)

_UNCOUNTED: Final = frozenset({SectionId.CUSTOM, SectionId.START})
_SHOWN_BYTES: Final = 24
"""How much of a data segment is shown."""


def section_lines(data: bytes) -> Iterator[str]:
    """The sections of a binary, a line each, with the offset and size of their contents. Raises MalformedError."""
    yield "Sections:"
    yield "      offset        size     entries  section"
    for section in sections(data):
        count, name = "", str(section.id)
        if section.id is SectionId.CUSTOM:
            name = f"custom {_custom_name(data, section)}"
        elif section.id not in _UNCOUNTED:
            count = str(read_u32(data, section.start)[0])
        yield f"  {section.start:#010x}  {section.end - section.start:>10}  {count:>10}  {name}"


def _custom_name(data: bytes, section: Section) -> str:
    size_bytes, start = read_u32(data, section.start)
    if start + size_bytes > section.end:
        raise MalformedError("length out of bounds", offset=section.start)
    return quote_bytes(data[start : start + size_bytes])


class Dump:
    """Shows one module, whose functions need not be well-formed. `data` is its binary."""

    def __init__(self, module: Module, data: bytes) -> None:
        self.module = module
        self.data = data
        self.names: Names = names_of(module)
        self.types = TypePrinter(module.types, self.names)
        self.spaces: dict[Subsection, NamedSpace] = {
            subsection: NamedSpace(self.names.of(subsection), sys.maxsize)
            for subsection in Subsection
            if subsection not in (Subsection.TYPE, Subsection.MODULE)
        }
        imported = len(module.imported(ExternKind.FUNC))
        self.defined = range(imported, imported + len(module.functions))
        """The indices of the functions that the module defines."""
        self.function_names: dict[int, str] = dict(self.names.of(Subsection.FUNCTION))
        """A name for each function that has one: its own, or else one that it is imported or exported by."""
        for index, entry in enumerate(module.imported(ExternKind.FUNC)):
            self.function_names.setdefault(index, f"{entry.module}.{entry.name}")
        for export in module.exports:
            if export.kind is ExternKind.FUNC:
                self.function_names.setdefault(export.index, export.name)

    def find(self, name: str) -> list[int]:
        """The functions with this name, export name or number that the module defines."""
        exported = {
            export.index for export in self.module.exports if export.kind is ExternKind.FUNC and export.name == name
        }
        names = self.names.of(Subsection.FUNCTION)
        found = [i for i in self.defined if names.get(i) == name or i in exported]
        if not found and name.isdecimal() and int(name) in self.defined:
            found = [int(name)]
        return found

    def lines(self) -> Iterator[str]:
        """Everything but the instructions of functions. Groups of which there is nothing are left out."""
        module = self.module
        yield ""
        yield from section_lines(self.data)
        if self.names.module is not None:
            yield from _group("Module name", [f"  {quote_name(self.names.module)}"])
        yield from _group("Types", self.types.lines())
        yield from _group("Imports", self._imports())
        yield from _group("Functions", self._functions())
        yield from _group("Tables", self._tables())
        yield from _group("Memories", self._entries(ExternKind.MEMORY, module.memories))
        yield from _group("Tags", self._entries(ExternKind.TAG, module.tags))
        yield from _group("Globals", self._globals())
        yield from _group("Exports", self._exports())
        if module.start is not None:
            yield from _group("Start", [f"  func {self._function(module.start)}"])
        yield from _group("Element segments", map(self._element, range(len(module.elements)), module.elements))
        yield from _group("Data segments", map(self._data, range(len(module.datas)), module.datas))

    def title(self, func_index: int) -> Iterator[str]:
        """What stands above the code of a function that the module defines: where it is, its number, name and type."""
        function = self.module.functions[func_index - self.defined.start]
        yield ""
        first = function.source.offset or 0
        yield f"{first:#010x} func {self._function(func_index)}:{self.types.type_use(function.type_index)}"

    def disassembly(self, func_index: int) -> Iterator[str]:
        """The instructions of a function that the module defines, each with its offset in the file and its bytes."""
        function = self.module.functions[func_index - self.defined.start]
        first = function.source.offset or 0
        yield from self.title(func_index)
        if function.locals:
            runs = (f"{count} x {self.types.val_type(t)}" for count, t in function.locals)
            yield f"  {'':>10}  {'':<{_CODE_WIDTH}}locals: {', '.join(runs)}"
        locals = NamedSpace(self.names.within(Subsection.LOCAL, func_index), sys.maxsize)
        printer = CodePrinter(self.types, self.spaces)
        printer.enter(self.names, func_index, locals)
        code = function.body.code
        try:
            yield from self._instructions(printer, function.body, first)
        except MalformedError as error:
            offset = min(error.offset or 0, len(code))
            yield f"  {first + offset:#010x}  {_hex(code[offset:])}  malformed: {error.message}"

    def _instructions(self, printer: CodePrinter, body: Expr, first: int) -> Iterator[str]:
        code = body.code
        at = 0
        for text in printer.lines(body):
            row, after = read_row(code, at)
            _, after = read_immediates(code, after, row)
            yield f"  {first + at:#010x}  {_hex(code[at:after])}{text[2:]}"
            at = after
        yield f"  {first + at:#010x}  {_hex(code[at : at + 1])}end"
        if at + 1 < len(code):
            raise MalformedError("code behind the end of the function", offset=at + 1)

    def _function(self, index: int) -> str:
        """A function's number and name."""
        name = self.function_names.get(index)
        return str(index) if name is None else f"{index} {quote_name(name)}"

    def _type(self, t: ExternType) -> str:
        """An external type, a space before it."""
        match t:
            case FuncExternType(index) | TagType(index):
                return self.types.type_use(index)
            case TableType():
                return f" {self.types.table_type(t)}"
            case MemoryType():
                return f" {self.types.memory_type(t)}"
            case GlobalType():
                return f" {self.types.global_type(t)}"

    def _imports(self) -> Iterator[str]:
        counts = dict.fromkeys(ExternKind, 0)
        for entry in self.module.imports:
            index = counts[entry.kind]
            counts[entry.kind] += 1
            names = f"{quote_name(entry.module)} {quote_name(entry.name)}"
            yield f"  {entry.kind} {index}{self._name(entry.kind, index)}: {names}{self._type(entry.type)}"

    def _name(self, kind: ExternKind, index: int) -> str:
        """The name of an entry of an index space, a space before it; '' if it has none."""
        name = self.names.of(SUBSECTION_OF[kind]).get(index)
        return "" if name is None else f" {quote_name(name)}"

    def _functions(self) -> Iterator[str]:
        for index, function in zip(self.defined, self.module.functions, strict=True):
            t = self.types.type_use(function.type_index)
            size = len(function.body.code)
            yield f"  {function.source.offset or 0:#010x}  {size:>8} bytes  func {self._function(index)}{t}"

    def _entries(self, kind: ExternKind, types: Sequence[ExternType]) -> Iterator[str]:
        for index, t in enumerate(types, len(self.module.imported(kind))):
            yield f"  {kind} {index}{self._name(kind, index)}{self._type(t)}"

    def _tables(self) -> Iterator[str]:
        for index, table in enumerate(self.module.tables, len(self.module.imported(ExternKind.TABLE))):
            init = "" if table.init is None else f" = {self._constant(table.init)}"
            yield f"  table {index}{self._name(ExternKind.TABLE, index)}{self._type(table.type)}{init}"

    def _globals(self) -> Iterator[str]:
        for index, entry in enumerate(self.module.globals, len(self.module.imported(ExternKind.GLOBAL))):
            init = self._constant(entry.init)
            yield f"  global {index}{self._name(ExternKind.GLOBAL, index)}{self._type(entry.type)} = {init}"

    def _exports(self) -> Iterator[str]:
        for export in self.module.exports:
            entry = f"{export.kind} {export.index}{self._name(export.kind, export.index)}"
            yield f"  {quote_name(export.name)}: {entry}"

    def _element(self, index: int, element: Element) -> str:
        match element.mode:
            case Active(table, offset):
                mode = f"table {table} at {self._constant(offset)}"
            case Declarative():
                mode = "declarative"
            case _:
                mode = "passive"
        name = self.names.of(Subsection.ELEMENT).get(index)
        label = f"{index}" if name is None else f"{index} {quote_name(name)}"
        place = f"{element.source.offset or 0:#010x}"
        return f"  {place}  elem {label}: {len(element.init)} x {self.types.val_type(element.type)}, {mode}"

    def _data(self, index: int, segment: Data) -> str:
        match segment.mode:
            case Active(memory, offset):
                mode = f"memory {memory} at {self._constant(offset)}"
            case _:
                mode = "passive"
        name = self.names.of(Subsection.DATA).get(index)
        label = f"{index}" if name is None else f"{index} {quote_name(name)}"
        start = quote_bytes(segment.init[:_SHOWN_BYTES]) + ("..." if len(segment.init) > _SHOWN_BYTES else "")
        place = f"{segment.source.offset or 0:#010x}"
        return f"  {place}  data {label}: {len(segment.init)} bytes, {mode}: {start}"

    def _constant(self, expr: Expr) -> str:
        """A constant expression on one line."""
        return CodePrinter(self.types, self.spaces).folded(expr, "expr")


def _group(title: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines below a title, and a blank line above it; nothing if there are no lines."""
    is_first = True
    for line in lines:
        if is_first:
            yield ""
            yield f"{title}:"
            is_first = False
        yield line


_CODE_BYTES: Final = 8
"""How many bytes of an instruction are shown."""
_CODE_WIDTH: Final = 3 * _CODE_BYTES + 1


def _hex(code: bytes) -> str:
    shown = code[:_CODE_BYTES].hex(" ") + ("+" if len(code) > _CODE_BYTES else "")
    return f"{shown:<{_CODE_WIDTH}}"
