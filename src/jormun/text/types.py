"""Types in the text format (core specification, section 6.4)."""

from __future__ import annotations

from jormun.dataclass import dataclass, field
from jormun.text.context import ModuleContext, Space
from jormun.text.cursor import Cursor, shorten
from jormun.text.keywords import HEAP_TYPES, PACKED_TYPES, VALUE_TYPES
from jormun.types import (
    I32,
    I64,
    ArrayType,
    CompositeType,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    NumType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    ValType,
)


def heap_type(cursor: Cursor, context: ModuleContext) -> HeapType:
    """Read a heap type."""
    abstract = HEAP_TYPES.get(cursor.texts[cursor.at])
    if abstract is not None:
        cursor.at += 1
        return abstract
    if cursor.is_identifier() or cursor.is_unsigned():
        return context.types.read(cursor)
    raise cursor.unexpected("a heap type")


def ref_type(cursor: Cursor, context: ModuleContext) -> RefType:
    """Read a reference type."""
    t = val_type(cursor, context, "a reference type")
    if not isinstance(t, RefType):
        cursor.at -= 1
        raise cursor.unexpected("a reference type")
    return t


def val_type(cursor: Cursor, context: ModuleContext, expected: str = "a value type") -> ValType:
    """Read a value type."""
    short = VALUE_TYPES.get(cursor.texts[cursor.at])
    if short is not None:
        cursor.at += 1
        return short
    if not cursor.takes_open("ref"):
        raise cursor.unexpected(expected)
    t = RefType(cursor.takes("null"), heap_type(cursor, context))
    cursor.close()
    return t


def val_types(cursor: Cursor, context: ModuleContext) -> list[ValType]:
    """Read value types up to the parenthesis that closes them, and that parenthesis."""
    types = []
    while not cursor.takes(")"):
        types.append(val_type(cursor, context))
    return types


@dataclass(slots=True)
class Locals:
    """The identifiers and names of a function's parameters and locals."""

    count: int = 0
    indices: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def declare(self, cursor: Cursor, context: ModuleContext, keyword: str) -> list[ValType]:
        """Read what stands between `(param` or `(local` and its parenthesis, and that; the types."""
        at = cursor.at
        identifier = cursor.optional_identifier()
        name = cursor.annotated_name()
        if identifier is None and name is None:
            types = val_types(cursor, context)
            self.count += len(types)
            return types
        if identifier is not None:
            if identifier in self.indices:
                raise cursor.error(f"duplicate {keyword} {shorten(cursor.texts[at])}", at)
            self.indices[identifier] = self.count
        self.names[self.count] = name if name is not None else identifier or ""
        self.count += 1
        types = [val_type(cursor, context)]
        cursor.close()
        return types


def signature(cursor: Cursor, context: ModuleContext, names: Locals | None) -> FuncType:
    """Read parameters and results. Parameters may have identifiers if there are `names` to put them in."""
    if cursor.texts[cursor.at] != "(":
        return _EMPTY
    params: list[ValType] = []
    results: list[ValType] = []
    while cursor.takes_open("param"):
        if names is not None:
            params += names.declare(cursor, context, "local")
        else:
            params += val_types(cursor, context)
    while cursor.takes_open("result"):
        results += val_types(cursor, context)
    return FuncType(tuple(params), tuple(results))


_EMPTY = FuncType((), ())


def type_use(cursor: Cursor, context: ModuleContext, names: Locals | None = None) -> tuple[int, FuncType]:
    """Read a type use (6.4.10): an explicit index, a signature, or both, which then must agree.

    Returns the index and the function type; the empty one if the index stands for no function type, which is for
    validation to find.
    """
    start = cursor.start()
    if not cursor.takes_open("type"):
        function = signature(cursor, context, names)
        return context.type_index(function, start), function
    at = cursor.at
    index = context.types.read(cursor)
    cursor.close()
    behind = cursor.at
    function = signature(cursor, context, names)
    if cursor.opens("param"):
        raise cursor.unexpected("no parameters behind results")
    explicit = context.function_type(index)
    if cursor.at == behind or function == _EMPTY:
        return index, explicit or _EMPTY
    if explicit is None and index >= len(context.definitions):
        raise cursor.error(f"unknown type {index}", at)
    if explicit != function:
        raise cursor.error(f"inline function type {function} is not that of type {index}", at)
    return index, function


def _storage_type(cursor: Cursor, context: ModuleContext) -> StorageType:
    packed = PACKED_TYPES.get(cursor.texts[cursor.at])
    if packed is None:
        return val_type(cursor, context)
    cursor.at += 1
    return packed


def _field_type(cursor: Cursor, context: ModuleContext) -> FieldType:
    if not cursor.takes_open("mut"):
        return FieldType(_storage_type(cursor, context), False)
    t = FieldType(_storage_type(cursor, context), True)
    cursor.close()
    return t


def _struct_type(cursor: Cursor, context: ModuleContext, index: int) -> StructType:
    fields: list[FieldType] = []
    space = Space("field")
    while cursor.takes_open("field"):
        if cursor.is_identifier() or cursor.has_annotated_name():
            position = space.declare(cursor)
            name = cursor.annotated_name()
            if name is not None:
                space.names[position] = name
            fields.append(_field_type(cursor, context))
            cursor.close()
            continue
        while not cursor.takes(")"):
            fields.append(_field_type(cursor, context))
        space.count = len(fields)
    if space.names:
        context.fields[index] = space
    return StructType(tuple(fields))


def _composite_type(cursor: Cursor, context: ModuleContext, index: int) -> CompositeType:
    composite: CompositeType
    if cursor.takes_open("func"):
        composite = signature(cursor, context, Locals())
    elif cursor.takes_open("struct"):
        composite = _struct_type(cursor, context, index)
    elif cursor.takes_open("array"):
        composite = ArrayType(_field_type(cursor, context))
    else:
        raise cursor.unexpected("a function, structure or array type")
    cursor.close()
    return composite


def _definition(cursor: Cursor, context: ModuleContext, index: int) -> SubType:
    """Read a definition from behind `(type` to its parenthesis."""
    context.type_starts.append(cursor.start(cursor.at - 2))
    cursor.optional_identifier()
    name = cursor.annotated_name()
    if name is not None:
        context.types.names[index] = name
    if cursor.takes_open("sub"):
        is_final = cursor.takes("final")
        supertypes = []
        while cursor.texts[cursor.at] != "(":
            supertypes.append(context.types.read(cursor))
        subtype = SubType(is_final, tuple(supertypes), _composite_type(cursor, context, index))
        cursor.close()
    else:
        subtype = SubType(True, (), _composite_type(cursor, context, index))
    cursor.close()
    return subtype


def rec_type(cursor: Cursor, context: ModuleContext, index: int) -> RecType:
    """Read a `(type` or `(rec` field whose first definition has an index; identifiers are declared already."""
    if cursor.takes_open("type"):
        return RecType((_definition(cursor, context, index),))
    cursor.expect("(")
    cursor.expect("rec")
    subtypes: list[SubType] = []
    while cursor.takes_open("type"):
        subtypes.append(_definition(cursor, context, index + len(subtypes)))
    cursor.close()
    return RecType(tuple(subtypes))


def address_type(cursor: Cursor) -> NumType:
    """Read the address type that may come next."""
    if cursor.takes("i64"):
        return I64
    cursor.takes("i32")
    return I32


def _limits(cursor: Cursor) -> Limits:
    minimum = cursor.unsigned(64)
    return Limits(minimum, cursor.unsigned(64) if cursor.is_unsigned() else None)


def page_size_log2(cursor: Cursor) -> int:
    """Read the page size that may come next (custom page sizes proposal)."""
    if not cursor.takes_open("pagesize"):
        return 16
    at = cursor.at
    size = cursor.unsigned(64)
    if size.bit_count() != 1:
        raise cursor.error(f"invalid custom page size {size}", at)
    cursor.close()
    return size.bit_length() - 1


def memory_type(cursor: Cursor) -> MemoryType:
    """Read a memory type."""
    address = address_type(cursor)
    limits = _limits(cursor)
    is_shared = cursor.takes("shared")
    return MemoryType(limits, address, is_shared, page_size_log2(cursor))


def table_type(cursor: Cursor, context: ModuleContext) -> TableType:
    """Read a table type."""
    address = address_type(cursor)
    limits = _limits(cursor)
    return TableType(ref_type(cursor, context), limits, address)


def global_type(cursor: Cursor, context: ModuleContext) -> GlobalType:
    """Read a global type."""
    if not cursor.takes_open("mut"):
        return GlobalType(val_type(cursor, context), False)
    t = GlobalType(val_type(cursor, context), True)
    cursor.close()
    return t
