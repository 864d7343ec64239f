"""Modules, decoded (core specification, section 5.5).

Bodies of functions are sliced and not looked into: the validator reads them, and finds what is malformed there. All
else is checked here. Time and memory are in proportion to the file. To be compiled by mypyc.
"""

from __future__ import annotations

import gc
from array import array

from jormun import limits
from jormun.binary import segments, type_section
from jormun.binary.reader import Reader
from jormun.binary.sections import Section, sections
from jormun.binary.undecoded import UndecodedDatas
from jormun.errors import MalformedError
from jormun.features import DEFAULT_FEATURES, Features
from jormun.hints import Final, Sequence
from jormun.syntax.code import END, skip_expression
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.leb128 import UNEXPECTED_END, read_u32
from jormun.syntax.module import Custom, Element, Export, Global, Import, Module, Table
from jormun.syntax.places import SIZE, IndexStarts, Places
from jormun.syntax.section import SectionId
from jormun.types import ExternKind, MemoryType, RecType, TagType


def decode(data: bytes, features: Features = DEFAULT_FEATURES, is_trusted: bool = False) -> Module:
    """The module that `data` encodes. Raises MalformedError with the offset in `data`.

    `Source.offset` of a function, a table or a global is that of its expression, of a segment that of the segment; the
    offsets of all declarations are in `Module.places`. Of a module that is known to be valid, data segments are decoded
    when somebody looks at them.
    """
    decoder = _Decoder(data, features, is_trusted)
    # FAST: nothing in a module is part of a cycle, and the collector's search for some takes 40 % of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for section in sections(data):
            decoder.section(section)
        return decoder.module()
    finally:
        if was_enabled:
            gc.enable()


class _Decoder:
    """The parts of the module that were read so far."""

    def __init__(self, data: bytes, features: Features, is_trusted: bool) -> None:
        self.data = data
        self.features = features
        self.is_trusted = is_trusted
        self.types: tuple[RecType, ...] = ()
        self.imports: tuple[Import, ...] = ()
        self.type_indices: tuple[int, ...] = ()
        self.functions: tuple[Function, ...] = ()
        self.code_offset = len(data)
        self.tables: tuple[Table, ...] = ()
        self.memories: tuple[MemoryType, ...] = ()
        self.tags: tuple[TagType, ...] = ()
        self.globals: tuple[Global, ...] = ()
        self.exports: tuple[Export, ...] = ()
        self.start: int | None = None
        self.elements: tuple[Element, ...] = ()
        self.data_count: int | None = None
        self.datas: Sequence[Data] = ()
        self.customs: list[Custom] = []
        self.starts: dict[SectionId, Sequence[int]] = {}
        """Where the entries of sections begin, for errors of validation."""
        self.last = 0
        """The id of the last section that was neither custom nor empty; one that is empty leaves no trace in a module,
        so that custom sections are placed by the others."""

    def section(self, section: Section) -> None:
        """Decode one more section."""
        reader = Reader(self.data, section.start, section.end)
        id = section.id
        starts: list[int] = []
        if id is SectionId.CODE:
            self.functions = self._code(reader)
        elif id is SectionId.CUSTOM:
            name = reader.name()
            self.customs.append(Custom(name, reader.take(reader.end - reader.at), self.last))
        elif id is SectionId.TYPE:
            self.types = self._types(reader)
        elif id is SectionId.IMPORT:
            self.imports = _imports(reader, self.features, starts)
        elif id is SectionId.FUNCTION:
            self.type_indices = reader.indices(limits.FUNCTIONS, "functions")
            content = self.data[section.start : reader.at]
            self.starts[id] = IndexStarts(content, section.start, len(self.type_indices))
        elif id is SectionId.TABLE:
            self.tables = _tables(reader, starts)
        elif id is SectionId.MEMORY:
            self.memories = _memories(reader, self.features, starts)
        elif id is SectionId.TAG:
            self.tags = _tags(reader, starts)
        elif id is SectionId.GLOBAL:
            self.globals = _globals(reader, starts)
        elif id is SectionId.EXPORT:
            self.exports = _exports(reader, starts)
        elif id is SectionId.START:
            starts.append(reader.at)
            self.start = reader.u32()
        elif id is SectionId.ELEMENT:
            self.elements = _elements(reader, starts)
        elif id is SectionId.DATA_COUNT:
            self.data_count = reader.u32()
        else:
            self.datas = self._datas(reader, starts)
        if starts:
            self.starts[id] = array(SIZE, starts)
        if reader.at != reader.end:
            left = reader.end - reader.at
            raise MalformedError(f"section size mismatch: {left} bytes left in {id} section", offset=reader.at)
        count, _ = read_u32(self.data, section.start)
        if count or id is SectionId.START or id is SectionId.DATA_COUNT:
            self.last = id.value or self.last

    def _types(self, reader: Reader) -> tuple[RecType, ...]:
        total = type_section.TypeCount()
        groups: list[RecType] = []
        for _ in range(reader.count(limits.TYPES, "types")):
            groups.append(type_section.rectype(reader, total))
        self.starts[SectionId.TYPE] = array(SIZE, total.starts)
        return tuple(groups)

    def _code(self, reader: Reader) -> tuple[Function, ...]:
        self.code_offset = reader.at
        functions: list[Function] = []
        runs: dict[int, object] = {}
        declared = len(self.type_indices)
        for i in range(reader.count(limits.FUNCTIONS, "functions")):
            functions.append(_function(reader, self.type_indices[i] if i < declared else 0, runs))
        return tuple(functions)

    def _datas(self, reader: Reader, starts: list[int]) -> Sequence[Data]:
        at = reader.at
        count = reader.count(limits.DATA_SEGMENTS, "data segments")
        if self.data_count is not None and count != self.data_count:
            raise self._inconsistent_datas(count, at)
        if self.is_trusted:
            start, reader.at = reader.at, reader.end
            return UndecodedDatas(self.data, start, reader.end, count)
        datas: list[Data] = []
        for _ in range(count):
            starts.append(reader.at)
            datas.append(segments.data(reader))
        return tuple(datas)

    def _inconsistent_datas(self, count: int, at: int) -> MalformedError:
        message = f"data count and data section have inconsistent lengths: {self.data_count} and {count}"
        return MalformedError(message, offset=at)

    def module(self) -> Module:
        """The whole, once all sections were read."""
        declared, defined = len(self.type_indices), len(self.functions)
        if declared != defined:
            message = f"function and code section have inconsistent lengths: {declared} and {defined}"
            raise MalformedError(message, offset=self.code_offset)
        if self.data_count is not None and len(self.datas) != self.data_count:
            raise self._inconsistent_datas(0, len(self.data))
        return Module(
            types=self.types,
            imports=self.imports,
            functions=self.functions,
            tables=self.tables,
            memories=self.memories,
            tags=self.tags,
            globals=self.globals,
            exports=self.exports,
            start=self.start,
            elements=self.elements,
            datas=self.datas,
            has_data_count=self.data_count is not None,
            customs=tuple(self.customs),
            places=Places(self.starts),
        )


def _imports(reader: Reader, features: Features, starts: list[int]) -> tuple[Import, ...]:
    imports: list[Import] = []
    for _ in range(reader.count(limits.IMPORTS, "imports")):
        starts.append(reader.at)
        module = reader.name()
        name = reader.name()
        imports.append(Import(module, name, type_section.externtype(reader, features)))
    return tuple(imports)


HAS_INIT: Final = b"\x40\x00"
"""Stands where a table's type would begin, when the table says what its elements start with."""


def _tables(reader: Reader, starts: list[int]) -> tuple[Table, ...]:
    tables: list[Table] = []
    for _ in range(reader.count(limits.TABLES, "tables")):
        starts.append(reader.at)
        if reader.at < reader.end and reader.data[reader.at] == HAS_INIT[0]:
            reader.byte()
            reader.zero()
            t = type_section.tabletype(reader)
            at = reader.at
            tables.append(Table(t, reader.expression(), Source(at)))
        else:
            tables.append(Table(type_section.tabletype(reader)))
    return tuple(tables)


def _memories(reader: Reader, features: Features, starts: list[int]) -> tuple[MemoryType, ...]:
    memories: list[MemoryType] = []
    for _ in range(reader.count(limits.MEMORIES, "memories")):
        starts.append(reader.at)
        memories.append(type_section.memorytype(reader, features))
    return tuple(memories)


def _tags(reader: Reader, starts: list[int]) -> tuple[TagType, ...]:
    tags: list[TagType] = []
    for _ in range(reader.count(limits.TAGS, "tags")):
        starts.append(reader.at)
        tags.append(type_section.tagtype(reader))
    return tuple(tags)


def _globals(reader: Reader, starts: list[int]) -> tuple[Global, ...]:
    globals: list[Global] = []
    for _ in range(reader.count(limits.GLOBALS, "globals")):
        starts.append(reader.at)
        t = type_section.globaltype(reader)
        at = reader.at
        globals.append(Global(t, reader.expression(), Source(at)))
    return tuple(globals)


def _exports(reader: Reader, starts: list[int]) -> tuple[Export, ...]:
    exports: list[Export] = []
    for _ in range(reader.count(limits.EXPORTS, "exports")):
        starts.append(reader.at)
        name = reader.name()
        at = reader.at
        byte = reader.byte()
        kind = _KINDS.get(byte)
        if kind is None:
            raise MalformedError(f"malformed export kind {byte:#04x}", offset=at)
        exports.append(Export(name, kind, reader.u32()))
    return tuple(exports)


_KINDS: dict[int, ExternKind] = {kind.value: kind for kind in ExternKind}


def _elements(reader: Reader, starts: list[int]) -> tuple[Element, ...]:
    elements: list[Element] = []
    for _ in range(reader.count(limits.ELEMENT_SEGMENTS, "element segments")):
        starts.append(reader.at)
        elements.append(segments.element(reader))
    return tuple(elements)


def _function(reader: Reader, type_index: int, runs: dict[int, object]) -> Function:
    """A function's code (5.5.13)."""
    at = reader.at
    size_bytes = reader.size()
    if size_bytes > limits.FUNCTION_SIZE_BYTES:
        limit = limits.FUNCTION_SIZE_BYTES
        raise MalformedError(f"function too large: {size_bytes} bytes, the limit is {limit}", offset=at)
    section_end = reader.end
    end = reader.at + size_bytes
    if end > section_end:
        raise MalformedError(UNEXPECTED_END, offset=section_end)
    reader.end = end
    locals = type_section.locals_of(reader, runs)
    body = reader.at
    if body == end or reader.data[end - 1] != END:
        # What is wrong may lie before the end: reading the instructions says it better.
        skip_expression(reader.data, body, end)
        raise MalformedError(f"{UNEXPECTED_END}: END opcode expected", offset=end)
    reader.at = end
    reader.end = section_end
    return Function(type_index, locals, Expr(reader.data, body, end), Source(body))
