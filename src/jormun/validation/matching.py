"""Matching (subtyping) of closed types (core specification, section 3.3).

Closed definitions are canonical, so that equality is identity and a definition matches another when that one is on its
chain of declared supertypes, whose length is bounded.
"""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.hints import TYPE_CHECKING, Final
from jormun.limits import SUBTYPING_DEPTH
from jormun.types import (
    AbsHeapType,
    ArrayType,
    CompositeType,
    DefType,
    ExternType,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    RefType,
    StorageType,
    StructType,
    TableType,
    TagType,
    ValType,
)
from jormun.validation.canonical import close_group, placed_type

if TYPE_CHECKING:
    from jormun.syntax.module import Module

_EQ = frozenset({AbsHeapType.EQ, AbsHeapType.ANY})
ABSTRACT_SUPERTYPES: Final[dict[AbsHeapType, frozenset[AbsHeapType]]] = {
    AbsHeapType.ANY: frozenset(),
    AbsHeapType.EQ: frozenset({AbsHeapType.ANY}),
    AbsHeapType.I31: _EQ,
    AbsHeapType.STRUCT: _EQ,
    AbsHeapType.ARRAY: _EQ,
    AbsHeapType.NONE: _EQ | {AbsHeapType.I31, AbsHeapType.STRUCT, AbsHeapType.ARRAY},
    AbsHeapType.FUNC: frozenset(),
    AbsHeapType.NOFUNC: frozenset({AbsHeapType.FUNC}),
    AbsHeapType.EXTERN: frozenset(),
    AbsHeapType.NOEXTERN: frozenset({AbsHeapType.EXTERN}),
    AbsHeapType.EXN: frozenset(),
    AbsHeapType.NOEXN: frozenset({AbsHeapType.EXN}),
}
"""The abstract heap types that each abstract heap type matches, itself left out (3.3.3)."""


def close_types(module: Module) -> list[DefType]:
    """The canonical definition of each type index.

    Raises InvalidError ('unknown type', 'sub type') when the definitions are not valid (3.2.8 to 3.2.12).
    """
    deftypes: list[DefType] = []
    for rec in module.types:
        start = len(deftypes)
        close_group(rec, deftypes, module.places)
        for index, subtype in enumerate(rec.subtypes, start):
            if subtype.supertypes:
                try:
                    _check_subtype(index, deftypes[index], subtype.supertypes[0])
                except InvalidError as error:
                    raise placed_type(error, module.places, index) from None
    return deftypes


def _check_subtype(index: int, deftype: DefType, super_index: int) -> None:
    supertype = deftype.supertype
    assert supertype is not None
    if supertype.is_final:
        raise InvalidError(f"sub type {index} has the supertype {super_index}, which is final")
    if deftype.depth > SUBTYPING_DEPTH:
        raise InvalidError(f"sub type {index} has more than {SUBTYPING_DEPTH} supertypes above it")
    if not match_composite(deftype.composite, supertype.composite):
        raise InvalidError(f"sub type {index} does not match its supertype {super_index}")


def abstract_of(composite: CompositeType) -> AbsHeapType:
    """The least abstract heap type that all types of this kind match."""
    if isinstance(composite, FuncType):
        return AbsHeapType.FUNC
    return AbsHeapType.STRUCT if isinstance(composite, StructType) else AbsHeapType.ARRAY


def bottom_of(abstract: AbsHeapType) -> AbsHeapType:
    """The heap type that matches all of the hierarchy that `abstract` belongs to."""
    match abstract:
        case AbsHeapType.FUNC | AbsHeapType.NOFUNC:
            return AbsHeapType.NOFUNC
        case AbsHeapType.EXTERN | AbsHeapType.NOEXTERN:
            return AbsHeapType.NOEXTERN
        case AbsHeapType.EXN | AbsHeapType.NOEXN:
            return AbsHeapType.NOEXN
        case _:
            return AbsHeapType.NONE


def match_deftype(a: DefType, b: DefType) -> bool:
    """Whether `a` is `b` or declares it, at any remove, as a supertype (3.3.10)."""
    t: DefType | None = a
    for _ in range(a.depth - b.depth):
        assert t is not None
        t = t.supertype
    return t is b


def match_heap(a: HeapType, b: HeapType) -> bool:
    """Whether a closed heap type matches another (3.3.3)."""
    if a is b:
        return True
    if isinstance(a, AbsHeapType):
        if isinstance(b, AbsHeapType):
            return b in ABSTRACT_SUPERTYPES[a]
        assert isinstance(b, DefType)
        return a is bottom_of(abstract_of(b.composite))
    assert isinstance(a, DefType)
    if isinstance(b, DefType):
        return match_deftype(a, b)
    assert isinstance(b, AbsHeapType)
    abstract = abstract_of(a.composite)
    return abstract is b or b in ABSTRACT_SUPERTYPES[abstract]


def match_ref(a: RefType, b: RefType) -> bool:
    """Whether a closed reference type matches another (3.3.4)."""
    return (b.nullable or not a.nullable) and match_heap(a.heap, b.heap)


def match_val(a: ValType, b: ValType) -> bool:
    """Whether a closed value type matches another (3.3.5)."""
    if isinstance(a, RefType):
        return isinstance(b, RefType) and match_ref(a, b)
    return a is b


def match_composite(a: CompositeType, b: CompositeType) -> bool:
    """Whether a closed composite type matches another (3.3.7 to 3.3.9)."""
    if isinstance(a, FuncType):
        return (
            isinstance(b, FuncType)
            and len(a.params) == len(b.params)
            and len(a.results) == len(b.results)
            and all(map(match_val, b.params, a.params))
            and all(map(match_val, a.results, b.results))
        )
    if isinstance(a, StructType):
        return (
            isinstance(b, StructType) and len(a.fields) >= len(b.fields) and all(map(match_field, a.fields, b.fields))
        )
    return isinstance(b, ArrayType) and match_field(a.field, b.field)


def match_field(a: FieldType, b: FieldType) -> bool:
    """Whether a closed field type matches another: mutable ones only their equals (3.3.9)."""
    if a.is_mutable != b.is_mutable:
        return False
    return a.storage == b.storage if a.is_mutable else match_storage(a.storage, b.storage)


def match_storage(a: StorageType, b: StorageType) -> bool:
    """Whether a closed storage type matches another."""
    if isinstance(a, RefType):
        return isinstance(b, RefType) and match_ref(a, b)
    return a is b


def match_limits(provided: Limits, required: Limits) -> bool:
    """Whether limits are within others (3.3.11)."""
    if provided.minimum < required.minimum:
        return False
    if required.maximum is None:
        return True
    return provided.maximum is not None and provided.maximum <= required.maximum


def match_extern(provided: ExternType, required: ExternType) -> bool:
    """Whether what a host or another instance provides may stand for an import of the required type (3.3.12 to 3.3.16).

    Both are closed. The provided limits begin with the present size.
    """
    match provided, required:
        case FuncExternType(a), FuncExternType(b):
            return isinstance(a, DefType) and isinstance(b, DefType) and match_deftype(a, b)
        case TagType(a), TagType(b):
            return a is b
        case GlobalType(a, is_mutable), GlobalType(b, must_be_mutable):
            if is_mutable != must_be_mutable:
                return False
            return a == b if is_mutable else match_val(a, b)
        case TableType(), TableType():
            return (
                provided.address is required.address
                and provided.element == required.element
                and match_limits(provided.limits, required.limits)
            )
        case MemoryType(), MemoryType():
            return (
                provided.address is required.address
                and provided.is_shared == required.is_shared
                and provided.page_size_log2 == required.page_size_log2
                and match_limits(provided.limits, required.limits)
            )
        case _:
            return False
