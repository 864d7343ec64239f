"""Blueprints as plain tuples, which `marshal` writes and reads at once, and back.

Types refer to definitions by type index, since the canonical objects belong to one process (validation/canonical.py).
"""

from __future__ import annotations

from array import array

from jormun.hints import Any, Callable, Mapping, Sequence, TypeAlias
from jormun.runtime.blueprint import Blueprint, DataBlueprint, ElementBlueprint, ExportBlueprint, ImportBlueprint
from jormun.types import (
    AbsHeapType,
    ArrayType,
    CompositeType,
    DefType,
    ExternKind,
    ExternType,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    NumType,
    PackedType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
    VecType,
)
from jormun.validation.canonical import close_group

Plain: TypeAlias = Any
"""Tuples, ints, str and bytes: what one function here writes, only its counterpart reads."""
Part: TypeAlias = "Callable[[int, int], tuple[bytes, int]]"
"""Gives so many bytes of a module's file, from an offset on: an object that has them, and where they begin in it."""
_FUNC, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)
_STRUCT, _ARRAY = 1, 2
_SIMPLE: dict[int, StorageType] = {t.value: t for t in (*NumType, *VecType, *PackedType)}
_HEAPS: dict[int, AbsHeapType] = {heap.value: heap for heap in AbsHeapType}
_NUMBERS: dict[int, NumType] = {t.value: t for t in NumType}


def to_plain(blueprint: Blueprint, groups: Sequence[RecType], file: bytes) -> tuple[Plain, bytes | memoryview]:
    """The blueprint of the module in `file`, whose type section is `groups`, as plain values, and the bytes of segments
    that are not in the file.
    """
    own: list[memoryview] = []
    indices: dict[DefType, int] = {}
    for index, deftype in enumerate(blueprint.types):
        indices.setdefault(deftype, index)
    plain = (
        tuple([tuple([_from_subtype(t) for t in group.subtypes]) for group in groups]),
        tuple([(each.module, each.name, _from_extern(each.type, indices)) for each in blueprint.imports]),
        tuple([(each.name, each.kind.value, each.index) for each in blueprint.exports]),
        array("I", blueprint.function_types).tobytes(),
        tuple([_from_extern(t, indices) for t in blueprint.table_types]),
        tuple([_from_extern(t, indices) for t in blueprint.memory_types]),
        tuple([_from_extern(t, indices) for t in blueprint.global_types]),
        tuple([indices[t] for t in blueprint.tag_types]),
        array("I", blueprint.body_sizes).tobytes(),
        blueprint.referenced_functions,
        blueprint.tables,
        blueprint.globals,
        tuple([(each.table, each.offset, each.functions, each.items) for each in blueprint.elements]),
        blueprint.data_count,
        _from_datas(blueprint.datas, file, own),
        _from_datas(blueprint.contents, file, own),
        blueprint.start,
        blueprint.short_functions,
    )
    return plain, own[0] if len(own) == 1 else b"".join(own)  # FAST: one may have many MB


def part_of(file: bytes) -> Part:
    """Parts of a file that is in memory."""
    return lambda start, size_bytes: (file, start)


def from_plain(plain: Plain, part: Part, own: bytes | memoryview) -> Blueprint:
    """The blueprint that `to_plain` was given, for the same file."""
    (
        groups, imports, exports, function_types, tables, memories, global_types, tags, sizes, referenced, inits,
        values, elements, data_count, datas, contents, start, short,
    ) = plain  # fmt: skip
    types: list[DefType] = []
    for group in groups:
        close_group(RecType(tuple([_to_subtype(each) for each in group])), types)
    indices = array("I")
    indices.frombytes(function_types)
    body_sizes = array("I")
    body_sizes.frombytes(sizes)
    return Blueprint(
        tuple([ImportBlueprint(module, name, _to_extern(t, types)) for module, name, t in imports]),
        tuple([ExportBlueprint(name, ExternKind(kind), index) for name, kind, index in exports]),
        tuple(types),
        indices,
        tuple([_to_table(t, types) for t in tables]),
        tuple([_to_memory(t) for t in memories]),
        tuple([_to_global(t, types) for t in global_types]),
        tuple([types[index] for index in tags]),
        body_sizes,
        referenced,
        inits,
        values,
        tuple([ElementBlueprint(*each) for each in elements]),
        data_count,
        tuple([_to_segment(each, part, own) for each in datas]),
        tuple([_to_data(each, part, own) for each in contents]),
        start,
        short,
    )


def _from_datas(datas: Sequence[DataBlueprint], file: bytes, own: list[memoryview]) -> Plain:
    """Segments: where in the file their bytes are, or where in the pieces of `own`, to which they are added."""
    plain, end = [], sum(map(len, own))
    for data in datas:
        is_in_file = data.source is file
        plain.append(
            (data.index, data.memory, data.offset, is_in_file, data.start if is_in_file else end, data.size_bytes)
        )
        if not is_in_file:
            own.append(data.contents)
            end += data.size_bytes
    return tuple(plain)


def _to_data(plain: Plain, part: Part, own: bytes | memoryview) -> DataBlueprint:
    """What a memory begins with: not copied, since it may be many MB."""
    index, memory, offset, is_in_file, start, size_bytes = plain
    source, at = part(start, size_bytes) if is_in_file else (own, start)
    return DataBlueprint(index, memory, offset, source, at, size_bytes)


def _to_segment(plain: Plain, part: Part, own: bytes | memoryview) -> DataBlueprint:
    """A segment whose bytes machine code reads: they are in an object that has an address."""
    index, memory, offset, is_in_file, start, size_bytes = plain
    source, at = part(start, size_bytes) if is_in_file else (bytes(own[start : start + size_bytes]), 0)
    return DataBlueprint(index, memory, offset, source, at, size_bytes)


def _from_storage(t: StorageType, indices: Mapping[DefType, int]) -> Plain:
    """A number for what has no parts, (nullable, heap) for references: a type index, or below 0 an abstract type."""
    if not isinstance(t, RefType):
        return t.value
    heap = t.heap
    if isinstance(heap, DefType):
        return (t.nullable, indices[heap])
    return (t.nullable, -heap.value if isinstance(heap, AbsHeapType) else heap)


def _to_storage(plain: Plain, types: Sequence[DefType] | None) -> Any:
    """A storage type; with `types`, closed."""
    if isinstance(plain, int):
        return _SIMPLE[plain]
    nullable, index = plain
    heap: HeapType = _HEAPS[-index] if index < 0 else index if types is None else types[index]
    return RefType(nullable, heap)


def _from_subtype(t: SubType) -> Plain:
    composite = t.composite
    none: Mapping[DefType, int] = {}
    if isinstance(composite, FuncType):
        params = tuple([_from_storage(each, none) for each in composite.params])
        parts: Plain = (_FUNC, params, tuple([_from_storage(each, none) for each in composite.results]))
    elif isinstance(composite, StructType):
        parts = (_STRUCT, tuple([(_from_storage(f.storage, none), f.is_mutable) for f in composite.fields]))
    else:
        parts = (_ARRAY, ((_from_storage(composite.field.storage, none), composite.field.is_mutable),))
    return (t.is_final, t.supertypes, parts)


def _to_subtype(plain: Plain) -> SubType:
    is_final, supertypes, parts = plain
    composite: CompositeType
    if parts[0] == _FUNC:
        composite = FuncType(
            tuple([_to_storage(t, None) for t in parts[1]]), tuple([_to_storage(t, None) for t in parts[2]])
        )
    else:
        fields = tuple([FieldType(_to_storage(t, None), is_mutable) for t, is_mutable in parts[1]])
        composite = StructType(fields) if parts[0] == _STRUCT else ArrayType(fields[0])
    return SubType(is_final, supertypes, composite)


def _from_extern(t: ExternType, indices: Mapping[DefType, int]) -> Plain:
    match t:
        case FuncExternType(DefType() as deftype):
            return (_FUNC, indices[deftype])
        case TagType(DefType() as deftype):
            return (_TAG, indices[deftype])
        case TableType(element, limits, address):
            return (_TABLE, _from_storage(element, indices), limits.minimum, limits.maximum, address.value)
        case MemoryType(limits, address, is_shared, log2):
            return (_MEMORY, limits.minimum, limits.maximum, address.value, is_shared, log2)
        case GlobalType(value, is_mutable):
            return (_GLOBAL, _from_storage(value, indices), is_mutable)
        case _:
            raise AssertionError(t)


def _to_extern(plain: Plain, types: Sequence[DefType]) -> ExternType:
    kind = plain[0]
    if kind == _FUNC:
        return FuncExternType(types[plain[1]])
    if kind == _TABLE:
        return _to_table(plain, types)
    if kind == _MEMORY:
        return _to_memory(plain)
    return _to_global(plain, types) if kind == _GLOBAL else TagType(types[plain[1]])


def _to_table(plain: Plain, types: Sequence[DefType]) -> TableType:
    _, element, minimum, maximum, address = plain
    return TableType(_to_storage(element, types), Limits(minimum, maximum), _NUMBERS[address])


def _to_memory(plain: Plain) -> MemoryType:
    _, minimum, maximum, address, is_shared, log2 = plain
    return MemoryType(Limits(minimum, maximum), _NUMBERS[address], is_shared, log2)


def _to_global(plain: Plain, types: Sequence[DefType]) -> GlobalType:
    _, value, is_mutable = plain
    return GlobalType(_to_storage(value, types), is_mutable)
