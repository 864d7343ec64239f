"""Closing and canonicalisation of type definitions (core specification, sections 3.1.3, 3.2.9 and 2.3.12).

Types are iso-recursive: two definitions are one type when their recursive groups are equal, references inside a group
counted from its start. One registry serves the process, so that equal types of different modules are one `DefType`.
"""

from __future__ import annotations

from itertools import count

from jormun.containers import WeakValueDictionary
from jormun.errors import InvalidError
from jormun.hints import TYPE_CHECKING, Final
from jormun.syntax.type_bytes import ARRAY, FUNC, REF, REF_NULL, STRUCT, SUB, SUB_FINAL
from jormun.types import (
    F32,
    F64,
    I32,
    I64,
    V128,
    AbsHeapType,
    ArrayType,
    CompositeType,
    DefType,
    FieldType,
    FuncType,
    HeapType,
    NumType,
    PackedType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    ValType,
    VecType,
)

if TYPE_CHECKING:
    from jormun.syntax.places import Places


class _Group:
    """A recursive group: its definitions in order. Each of them keeps it alive, and it them."""

    __slots__ = ("__weakref__", "members")

    def __init__(self) -> None:
        self.members: list[DefType] = []


_ids: Final = count()
_groups: Final[WeakValueDictionary[bytes, _Group]] = WeakValueDictionary()
"""Each living group by its key. Groups are held weakly: a type lives as long as a module or a value that uses it, and
hostile modules cannot fill the registry. Keys are bytes because Python hashes bytes with a secret seed: no file can
make them collide. A key names types of other groups by `DefType.id`; it holds while the group lives, which keeps
those alive, and ids are never used again."""

_RESULTS: Final = 0x40
_END: Final = 0x0B
_INSIDE: Final = 0x01
_OUTSIDE: Final = 0x02
"""What a key has beside the bytes of the binary format: before results, behind a definition, before type indices."""


def close_group(rec: RecType, deftypes: list[DefType], places: Places | None = None) -> None:
    """Append the definitions of a group to those before it. Raises InvalidError ('unknown type', 'sub type')."""
    start = len(deftypes)
    end = start + len(rec.subtypes)
    key = bytearray()
    is_open: list[bool] = []
    for index, subtype in enumerate(rec.subtypes, start):
        try:
            is_open.append(_write_subtype(key, subtype, index, start, end, deftypes))
        except InvalidError as error:
            raise placed_type(error, places, index) from None
    frozen_key = bytes(key)
    group = _groups.get(frozen_key)
    if group is None:  # of two at once one is everybody's
        group = _groups.setdefault(frozen_key, _make_group(rec, is_open, start, deftypes))
    deftypes[start:] = group.members


def placed_type(error: InvalidError, places: Places | None, index: int) -> InvalidError:
    """The error with the place of a definition. What finds places is imported here, since a warm start needs none."""
    from jormun.syntax.section import SectionId
    from jormun.validation.place import placed

    return error if places is None else placed(error, places, SectionId.TYPE, index)


def close(valtype: ValType, deftypes: list[DefType]) -> ValType:
    """The value type with its type index, if any, replaced by the definition. Raises InvalidError ('unknown type')."""
    if isinstance(valtype, RefType):
        return close_ref(valtype, deftypes)
    return valtype


def close_ref(reftype: RefType, deftypes: list[DefType]) -> RefType:
    """The reference type with its type index, if any, replaced by the definition."""
    heap = reftype.heap
    if isinstance(heap, int):
        return RefType(reftype.nullable, close_index(heap, deftypes))
    return reftype


def close_index(index: int, deftypes: list[DefType]) -> DefType:
    """The definition with this type index. Raises InvalidError ('unknown type')."""
    if index >= len(deftypes):
        raise InvalidError(f"unknown type {index}, there are {len(deftypes)}")
    return deftypes[index]


def _make_group(rec: RecType, is_open: list[bool], start: int, deftypes: list[DefType]) -> _Group:
    """Define the types of a group that is not in the registry, and append them to `deftypes`."""
    group = _Group()
    for subtype in rec.subtypes:
        supertype = deftypes[subtype.supertypes[0]] if subtype.supertypes else None
        deftypes.append(DefType(next(_ids), subtype.is_final, supertype, group))
    for index, subtype in enumerate(rec.subtypes):
        composite = subtype.composite
        deftypes[start + index].composite = _close_composite(composite, deftypes) if is_open[index] else composite
    group.members = deftypes[start:]
    return group


def _close_composite(composite: CompositeType, deftypes: list[DefType]) -> CompositeType:
    if isinstance(composite, FuncType):
        return FuncType(
            tuple([close(t, deftypes) for t in composite.params]),
            tuple([close(t, deftypes) for t in composite.results]),
        )
    if isinstance(composite, StructType):
        return StructType(tuple([_close_field(f, deftypes) for f in composite.fields]))
    return ArrayType(_close_field(composite.field, deftypes))


def _close_field(field: FieldType, deftypes: list[DefType]) -> FieldType:
    storage = field.storage
    if isinstance(storage, RefType):
        return FieldType(close_ref(storage, deftypes), field.is_mutable)
    return field


def _write_subtype(key: bytearray, subtype: SubType, index: int, start: int, end: int, deftypes: list[DefType]) -> bool:
    """Append what tells this definition from others to its group's key; whether it refers to a type by index."""
    is_open = False
    if len(subtype.supertypes) > 1:
        raise InvalidError(f"sub type {index} has {len(subtype.supertypes)} supertypes, at most one is allowed")
    key.append(SUB_FINAL if subtype.is_final else SUB)
    for supertype in subtype.supertypes:
        if supertype >= index:
            raise InvalidError(f"unknown type {supertype}: the supertype of type {index} must come before it")
        _write_index(key, supertype, start, deftypes)
    composite = subtype.composite
    if isinstance(composite, FuncType):
        key.append(FUNC)
        for valtype in composite.params:
            is_open |= _write_storage(key, valtype, start, end, deftypes)
        key.append(_RESULTS)
        for valtype in composite.results:
            is_open |= _write_storage(key, valtype, start, end, deftypes)
    elif isinstance(composite, StructType):
        key.append(STRUCT)
        for field in composite.fields:
            is_open |= _write_field(key, field, start, end, deftypes)
    else:
        key.append(ARRAY)
        is_open |= _write_field(key, composite.field, start, end, deftypes)
    key.append(_END)
    return is_open


def _write_field(key: bytearray, field: FieldType, start: int, end: int, deftypes: list[DefType]) -> bool:
    key.append(1 if field.is_mutable else 0)
    return _write_storage(key, field.storage, start, end, deftypes)


def _write_storage(key: bytearray, storage: StorageType, start: int, end: int, deftypes: list[DefType]) -> bool:
    if isinstance(storage, RefType):
        key.append(REF_NULL if storage.nullable else REF)
        return _write_heap(key, storage.heap, start, end, deftypes)
    key.append(storage_byte(storage))
    return False


def _write_heap(key: bytearray, heap: HeapType, start: int, end: int, deftypes: list[DefType]) -> bool:
    if isinstance(heap, int):
        if heap >= end:
            raise InvalidError(f"unknown type {heap}, there are {end} up to the end of this group")
        _write_index(key, heap, start, deftypes)
        return True
    assert isinstance(heap, AbsHeapType)
    key.append(heap.value)
    return False


def _write_index(key: bytearray, index: int, start: int, deftypes: list[DefType]) -> None:
    """Write a reference into the group as its place in it, one to a type outside as that type's id."""
    if index >= start:
        key.append(_INSIDE)
        key += (index - start).to_bytes(4, "little")
    else:
        key.append(_OUTSIDE)
        key += deftypes[index].id.to_bytes(8, "little")


def storage_byte(storage: NumType | VecType | PackedType) -> int:
    """The byte of the binary format, without the cost of an enum's `value`, which 1,000,000 types would feel."""
    if storage is I32:
        return 0x7F
    if storage is I64:
        return 0x7E
    if storage is F32:
        return 0x7D
    if storage is F64:
        return 0x7C
    if storage is V128:
        return 0x7B
    return 0x78 if storage is PackedType.I8 else 0x77
