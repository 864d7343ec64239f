"""Modules, encoded (core specification, section 5.5): every number in as few bytes as hold it, no empty section.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.binary.decode import HAS_INIT
from jormun.binary.segments import HAS_EXPRESSIONS, HAS_INDEX_OR_IS_DECLARATIVE, IS_NOT_ACTIVE
from jormun.binary.type_section import HAS_MAXIMUM, HAS_PAGE_SIZE, IS_64_BIT, IS_SHARED
from jormun.hints import Sequence
from jormun.syntax.code import single
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function
from jormun.syntax.leb128 import write_unsigned
from jormun.syntax.mode import Active, Declarative
from jormun.syntax.module import INDEX_TYPE, Element, Module, Table
from jormun.syntax.names import write_name
from jormun.syntax.preamble import MAGIC, VERSION
from jormun.syntax.section import PLACES, SectionId
from jormun.syntax.type_bytes import ARRAY, FUNC, REC, STRUCT, SUB, SUB_FINAL
from jormun.syntax.type_code import (
    encode_reftype,
    encode_storagetype,
    encode_valtype,
)
from jormun.types import (
    FUNCREF,
    I64,
    ArrayType,
    CompositeType,
    DefType,
    ExternType,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    RecType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)


def encode(module: Module) -> bytes:
    """The bytes of a module, as short as they can be.

    What `decode` gives for them is equal to `module`, if its segments that list function indices have the type that
    such segments have, and its custom sections are placed after sections that it has. Types must not be closed.
    """
    out = bytearray(MAGIC + VERSION)
    customs = sorted(module.customs, key=lambda custom: PLACES[custom.after])
    written = 0
    for id in SectionId:
        content = b"" if id is SectionId.CUSTOM else _section(module, id)
        if content:
            _write_section(out, id, content)
        while written < len(customs) and PLACES[customs[written].after] <= PLACES[id.value]:
            custom = bytearray()
            write_name(custom, customs[written].name)
            custom += customs[written].data
            _write_section(out, SectionId.CUSTOM, custom)
            written += 1
    return bytes(out)


def _write_section(out: bytearray, id: SectionId, content: bytes | bytearray) -> None:
    out.append(id.value)
    write_unsigned(out, len(content))
    out += content


def _section(module: Module, id: SectionId) -> bytes | bytearray:
    """The contents of a section; nothing if the module has no need of it."""
    out = bytearray()
    if id is SectionId.TYPE and module.types:
        write_unsigned(out, len(module.types))
        for group in module.types:
            _write_rectype(out, group)
    elif id is SectionId.IMPORT and module.imports:
        write_unsigned(out, len(module.imports))
        for imported in module.imports:
            write_name(out, imported.module)
            write_name(out, imported.name)
            out.append(imported.kind.value)
            _write_externtype(out, imported.type)
    elif id is SectionId.FUNCTION and module.functions:
        _write_indices(out, [function.type_index for function in module.functions])
    elif id is SectionId.TABLE and module.tables:
        write_unsigned(out, len(module.tables))
        for table in module.tables:
            _write_table(out, table)
    elif id is SectionId.MEMORY and module.memories:
        write_unsigned(out, len(module.memories))
        for memory in module.memories:
            _write_memorytype(out, memory)
    elif id is SectionId.TAG and module.tags:
        write_unsigned(out, len(module.tags))
        for tag in module.tags:
            _write_externtype(out, tag)
    elif id is SectionId.GLOBAL and module.globals:
        write_unsigned(out, len(module.globals))
        for entry in module.globals:
            _write_globaltype(out, entry.type)
            out += entry.init.code
    elif id is SectionId.EXPORT and module.exports:
        write_unsigned(out, len(module.exports))
        for export in module.exports:
            write_name(out, export.name)
            out.append(export.kind.value)
            write_unsigned(out, export.index)
    elif id is SectionId.START and module.start is not None:
        write_unsigned(out, module.start)
    elif id is SectionId.ELEMENT and module.elements:
        write_unsigned(out, len(module.elements))
        for element in module.elements:
            _write_element(out, element)
    elif id is SectionId.DATA_COUNT and module.has_data_count:
        write_unsigned(out, len(module.datas))
    elif id is SectionId.CODE and module.functions:
        write_unsigned(out, len(module.functions))
        for function in module.functions:
            _write_function(out, function)
    elif id is SectionId.DATA and module.datas:
        write_unsigned(out, len(module.datas))
        for segment in module.datas:
            _write_data(out, segment)
    return out


def _write_indices(out: bytearray, indices: Sequence[int]) -> None:
    write_unsigned(out, len(indices))
    for index in indices:
        write_unsigned(out, index)


def _write_rectype(out: bytearray, group: RecType) -> None:
    if len(group.subtypes) != 1:
        out.append(REC)
        write_unsigned(out, len(group.subtypes))
    for subtype in group.subtypes:
        _write_subtype(out, subtype)


def _write_subtype(out: bytearray, subtype: SubType) -> None:
    if subtype.supertypes or not subtype.is_final:
        out.append(SUB_FINAL if subtype.is_final else SUB)
        _write_indices(out, subtype.supertypes)
    _write_composite(out, subtype.composite)


def _write_composite(out: bytearray, composite: CompositeType) -> None:
    if isinstance(composite, FuncType):
        out.append(FUNC)
        _write_resulttype(out, composite.params)
        _write_resulttype(out, composite.results)
    elif isinstance(composite, StructType):
        out.append(STRUCT)
        write_unsigned(out, len(composite.fields))
        for field in composite.fields:
            _write_field(out, field)
    else:
        assert isinstance(composite, ArrayType)
        out.append(ARRAY)
        _write_field(out, composite.field)


def _write_resulttype(out: bytearray, types: Sequence[ValType]) -> None:
    write_unsigned(out, len(types))
    for t in types:
        encode_valtype(out, t)


def _write_field(out: bytearray, field: FieldType) -> None:
    encode_storagetype(out, field.storage)
    out.append(field.is_mutable)


def _write_externtype(out: bytearray, t: ExternType) -> None:
    """The type without its kind."""
    if isinstance(t, FuncExternType):
        write_unsigned(out, _type_index(t.type))
    elif isinstance(t, TableType):
        _write_tabletype(out, t)
    elif isinstance(t, MemoryType):
        _write_memorytype(out, t)
    elif isinstance(t, GlobalType):
        _write_globaltype(out, t)
    else:
        assert isinstance(t, TagType)
        out.append(0)
        write_unsigned(out, _type_index(t.type))


def _type_index(t: int | DefType) -> int:
    assert isinstance(t, int), "a closed type belongs to no module"
    return t


def _write_table(out: bytearray, table: Table) -> None:
    if table.init is None:
        _write_tabletype(out, table.type)
    else:
        out += HAS_INIT
        _write_tabletype(out, table.type)
        out += table.init.code


def _write_tabletype(out: bytearray, t: TableType) -> None:
    encode_reftype(out, t.element)
    flags = IS_64_BIT if t.address is I64 else 0
    _write_limits(out, flags, t.limits)


def _write_memorytype(out: bytearray, t: MemoryType) -> None:
    flags = IS_64_BIT if t.address is I64 else 0
    if t.is_shared:
        flags |= IS_SHARED
    if t.page_size_log2 != 16:
        flags |= HAS_PAGE_SIZE
    _write_limits(out, flags, t.limits)
    if t.page_size_log2 != 16:
        write_unsigned(out, t.page_size_log2)


def _write_limits(out: bytearray, flags: int, limits: Limits) -> None:
    out.append(flags if limits.maximum is None else flags | HAS_MAXIMUM)
    write_unsigned(out, limits.minimum)
    if limits.maximum is not None:
        write_unsigned(out, limits.maximum)


def _write_globaltype(out: bytearray, t: GlobalType) -> None:
    encode_valtype(out, t.value)
    out.append(t.is_mutable)


def _write_element(out: bytearray, element: Element) -> None:
    indices = [item for item in element.init if isinstance(item, int)]
    has_expressions = element.type != INDEX_TYPE or len(indices) < len(element.init)
    flags = HAS_EXPRESSIONS if has_expressions else 0
    mode = element.mode
    if isinstance(mode, Active):
        if mode.index or (has_expressions and element.type != FUNCREF):
            flags |= HAS_INDEX_OR_IS_DECLARATIVE
    else:
        flags |= IS_NOT_ACTIVE
        if isinstance(mode, Declarative):
            flags |= HAS_INDEX_OR_IS_DECLARATIVE
    out.append(flags)
    if isinstance(mode, Active):
        if flags & HAS_INDEX_OR_IS_DECLARATIVE:
            write_unsigned(out, mode.index)
        out += mode.offset.code
    if flags & (IS_NOT_ACTIVE | HAS_INDEX_OR_IS_DECLARATIVE):
        if has_expressions:
            encode_reftype(out, element.type)
        else:
            out.append(0)
    if has_expressions:
        write_unsigned(out, len(element.init))
        for item in element.init:
            out += (item if isinstance(item, Expr) else single("ref.func", item)).code
    else:
        _write_indices(out, indices)


def _write_function(out: bytearray, function: Function) -> None:
    locals = bytearray()
    write_unsigned(locals, len(function.locals))
    for count, t in function.locals:
        write_unsigned(locals, count)
        encode_valtype(locals, t)
    write_unsigned(out, len(locals) + function.body.size_bytes)
    out += locals
    out += function.body.code


def _write_data(out: bytearray, segment: Data) -> None:
    mode = segment.mode
    if isinstance(mode, Active):
        out.append(HAS_INDEX_OR_IS_DECLARATIVE if mode.index else 0)
        if mode.index:
            write_unsigned(out, mode.index)
        out += mode.offset.code
    else:
        out.append(IS_NOT_ACTIVE)
    write_unsigned(out, len(segment.init))
    out += segment.init
