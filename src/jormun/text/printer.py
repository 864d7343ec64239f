"""Modules written as text (core specification, chapter 6): flat, indented, with the names of the name section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from jormun import limits
from jormun.errors import InvalidError, MalformedError
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.mode import Active, Declarative
from jormun.syntax.module import INDEX_TYPE, Element, Import, Module
from jormun.syntax.names import NAME_SECTION, SUBSECTION_OF, Subsection, encode_names, names_of
from jormun.text.annotations import last_section, place_of
from jormun.text.code_printer import CodePrinter
from jormun.text.identifiers import NamedSpace, identifier, quote_bytes, quote_name
from jormun.text.type_printer import TypePrinter
from jormun.types import (
    DefType,
    ExternKind,
    FuncExternType,
    GlobalType,
    MemoryType,
    TableType,
    TagType,
)


def print_module(module: Module) -> str:
    """The text of a module. Parsing it gives the same module, with numbers and locals encoded in the shortest way.

    The module should be valid: instructions that do not even decode are a MalformedError. So many locals that their
    text would be out of proportion to the module are an InvalidError.
    """
    local_count = sum(count for function in module.functions for count, _ in function.locals)
    if local_count > limits.PRINTED_LOCALS:
        raise InvalidError(f"{local_count} locals are too many to print, at most {limits.PRINTED_LOCALS} are")
    return "".join(f"{line}\n" for line in _ModulePrinter(module).lines())


class _ModulePrinter:
    """Writes one module, line by line."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = names_of(module)
        self.types = TypePrinter(module.types, self.names)
        self.spaces = {
            subsection: NamedSpace(self.names.of(subsection), count)
            for subsection, count in _entry_counts(module).items()
        }
        self.code = CodePrinter(self.types, self.spaces)
        self.counts = dict.fromkeys(ExternKind, 0)
        """How many entries of each index space were declared."""
        self.declared_local_count = 0

    def lines(self) -> Iterator[str]:
        """The lines of the module."""
        module = self.module
        name = self.names.module
        if name is None:
            yield "(module"
        else:
            yield f"(module {identifier(name)}" if name else '(module (@name "")'
        yield from self.types.lines()
        for entry in module.imports:
            yield self._import(entry)
        for table in module.tables:
            init = "" if table.init is None else f" {self._inline(table.init, table.source)}"
            yield f"  (table{self._declare(ExternKind.TABLE)} {self.types.table_type(table.type)}{init})"
        for memory in module.memories:
            yield f"  (memory{self._declare(ExternKind.MEMORY)} {self.types.memory_type(memory)})"
        for tag in module.tags:
            yield f"  (tag{self._declare(ExternKind.TAG)}{self.types.type_use(tag.type)})"
        for own in module.globals:
            init = self._inline(own.init, own.source)
            yield f"  (global{self._declare(ExternKind.GLOBAL)} {self.types.global_type(own.type)} {init})"
        for export in module.exports:
            reference = self.spaces[SUBSECTION_OF[export.kind]].refer(export.index)
            yield f"  (export {quote_name(export.name)} ({export.kind} {reference}))"
        if module.start is not None:
            yield f"  (start {self.spaces[Subsection.FUNCTION].refer(module.start)})"
        for index, element in enumerate(module.elements):
            yield self._element(index, element)
        for function in module.functions:
            yield from self._function(function)
        for index, segment in enumerate(module.datas):
            yield self._data(index, segment)
        yield from self._annotations()
        yield ")"

    def _declare(self, kind: ExternKind) -> str:
        """What the declaration of the next entry of an index space says of its name and number."""
        index = self.counts[kind]
        self.counts[kind] += 1
        return f"{self.spaces[SUBSECTION_OF[kind]].declare(index)} (;{index};)"

    def _import(self, entry: Import) -> str:
        names = f"{quote_name(entry.module)} {quote_name(entry.name)}"
        index = self.counts[entry.kind]
        declaration = f"{entry.kind}{self._declare(entry.kind)}"
        match entry.type:
            case FuncExternType(type_index):
                locals = self._locals(index, self._parameter_count(type_index))
                t = self.types.type_use(type_index, locals)
                self.declared_local_count += locals.declared_count
            case TableType() as table:
                t = f" {self.types.table_type(table)}"
            case MemoryType() as memory:
                t = f" {self.types.memory_type(memory)}"
            case GlobalType() as global_type:
                t = f" {self.types.global_type(global_type)}"
            case TagType(type_index):
                t = self.types.type_use(type_index)
        return f"  (import {names} ({declaration}{t}))"

    # Code.

    def _inline(self, expr: Expr, source: Source) -> str:
        try:
            return self.code.inline(expr)
        except MalformedError as error:
            raise _moved(error, source) from error

    def _parameter_count(self, type_index: int | DefType) -> int:
        function_type = self.types.function_type(type_index)
        return len(function_type.params) if function_type else 0

    def _locals(self, function: int, count: int) -> NamedSpace:
        return NamedSpace(self.names.within(Subsection.LOCAL, function), count)

    def _function(self, function: Function) -> Iterator[str]:
        index = self.counts[ExternKind.FUNC]
        first = self._parameter_count(function.type_index)
        locals = self._locals(index, first + sum(count for count, _ in function.locals))
        yield f"  (func{self._declare(ExternKind.FUNC)}{self.types.type_use(function.type_index, locals)}"
        types = [t for count, t in function.locals for _ in range(count)]
        for clause in self.types.named_clauses("local", types, locals, first):
            yield f"    {clause}"
        self.declared_local_count += locals.declared_count
        self.code.enter(self.names, index, locals)
        try:
            yield from self.code.lines(function.body)
        except MalformedError as error:
            raise _moved(error, function.source) from error
        yield "  )"

    # Segments.

    def _element(self, index: int, element: Element) -> str:
        words = [f"  (elem{self.spaces[Subsection.ELEMENT].declare(index)} (;{index};)"]
        try:
            match element.mode:
                case Active(table, offset):
                    if table:
                        words.append(f"(table {self.spaces[Subsection.TABLE].refer(table)})")
                    words.append(self.code.folded(offset, "offset"))
                case Declarative():
                    words.append("declare")
            words += self._element_list(element)
        except MalformedError as error:
            raise _moved(error, element.source) from error
        return f"{' '.join(words)})"

    def _element_list(self, element: Element) -> Iterator[str]:
        functions = self.spaces[Subsection.FUNCTION]
        is_list = True
        for entry in element.init:
            if isinstance(entry, Expr):
                is_list = False
                break
        if is_list and (element.init or element.type == INDEX_TYPE):
            yield "func"
        else:
            yield self.types.val_type(element.type)
        for entry in element.init:
            yield self.code.folded(entry, "item") if isinstance(entry, Expr) else functions.refer(entry)

    def _data(self, index: int, segment: Data) -> str:
        words = [f"  (data{self.spaces[Subsection.DATA].declare(index)} (;{index};)"]
        if isinstance(segment.mode, Active):
            if segment.mode.index:
                words.append(f"(memory {self.spaces[Subsection.MEMORY].refer(segment.mode.index)})")
            try:
                words.append(self.code.folded(segment.mode.offset, "offset"))
            except MalformedError as error:
                raise _moved(error, segment.source) from error
        words.append(quote_bytes(segment.init))
        return f"{' '.join(words)})"

    # Custom sections.

    def _annotations(self) -> Iterator[str]:
        module = self.module
        if module.has_data_count and not self.code.uses_data:
            yield "  (@datacount)"
        customs = module.customs[:-1] if self._names_are_complete() else module.customs
        for custom in customs:
            data = f" {quote_bytes(custom.data)}" if custom.data else ""
            yield f"  (@custom {quote_name(custom.name)} {place_of(custom.after)}{data})"

    def _names_are_complete(self) -> bool:
        """Whether a parser will make the name section anew, just as it is, from the names that were written."""
        customs, names = self.module.customs, self.names
        if not names or [custom.name for custom in customs].count(NAME_SECTION) != 1:
            return False
        last = customs[-1]
        if last.name != NAME_SECTION or last.after != last_section(self.module) or encode_names(names) != last.data:
            return False
        total = sum(map(len, names.direct.values()))
        total += sum(len(group) for groups in names.indirect.values() for group in groups.values())
        spaces = [*self.spaces.values(), self.types.space, *self.types.fields.values()]
        declared = sum(space.declared_count for space in spaces)
        return declared + self.declared_local_count + self.code.declared_label_count == total


def _entry_counts(module: Module) -> dict[Subsection, int]:
    """How many entries the index spaces have that entries have names in."""
    counts = Counter(each.kind for each in module.imports)
    return {
        Subsection.FUNCTION: counts[ExternKind.FUNC] + len(module.functions),
        Subsection.TABLE: counts[ExternKind.TABLE] + len(module.tables),
        Subsection.MEMORY: counts[ExternKind.MEMORY] + len(module.memories),
        Subsection.GLOBAL: counts[ExternKind.GLOBAL] + len(module.globals),
        Subsection.TAG: counts[ExternKind.TAG] + len(module.tags),
        Subsection.ELEMENT: len(module.elements),
        Subsection.DATA: len(module.datas),
    }


def _moved(error: MalformedError, source: Source) -> MalformedError:
    """An error about an expression as one about the file that it came from."""
    if error.offset is None or source.offset is None:
        return error
    return MalformedError(error.message, offset=error.offset + source.offset)
