"""Canonical definitions and subtyping."""

from __future__ import annotations

import gc
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from jormun.errors import InvalidError
from jormun.syntax.module import Module
from jormun.types import (
    EXTERNREF,
    FUNCREF,
    I32,
    I64,
    AbsHeapType,
    ArrayType,
    CompositeType,
    DefType,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    PackedType,
    RecType,
    RefType,
    StructType,
    SubType,
    TableType,
    TagType,
)
from jormun.validation import canonical
from jormun.validation.canonical import close
from jormun.validation.context import Context
from jormun.validation.matching import (
    close_types,
    match_deftype,
    match_extern,
    match_heap,
    match_ref,
    match_val,
)
from jormun.validation.module import validate

NOTHING = FuncType((), ())


def ref(heap: HeapType, nullable: bool = True) -> RefType:
    return RefType(nullable, heap)


def struct_of(*heaps: HeapType) -> StructType:
    return StructType(tuple(FieldType(ref(heap), False) for heap in heaps))


def rec(*composites: CompositeType) -> RecType:
    return RecType(tuple(SubType(True, (), composite) for composite in composites))


def open_type(composite: CompositeType, *supertypes: int) -> RecType:
    return RecType((SubType(False, supertypes, composite),))


def closed(*recs: RecType) -> list[DefType]:
    return close_types(Module(types=recs))


def test_equal_definitions_of_different_modules_are_one_object() -> None:
    """A definition is one object, wherever its index is."""
    first = closed(rec(FuncType((I32,), (I64,))))
    second = closed(rec(NOTHING), rec(FuncType((I32,), (I64,))))
    assert first[0] is second[1]
    assert first[0] is not second[0]


def test_groups_are_equal_up_to_the_place_of_their_indices() -> None:
    """Indices inside a group count from its start, others stand for what they refer to."""
    alone = closed(rec(struct_of(1), struct_of(0)))
    moved = closed(rec(NOTHING), rec(struct_of(2), struct_of(1)))
    assert alone == moved[1:]
    outside = closed(rec(struct_of(0)), rec(struct_of(0)))
    assert outside[0] is not outside[1]


@pytest.mark.parametrize(
    "other",
    [
        rec(struct_of(0), struct_of(0)),
        rec(struct_of(1), struct_of(1)),
        rec(struct_of(0)),
        RecType((SubType(False, (), struct_of(0)), SubType(True, (), struct_of(1)))),
        rec(StructType((FieldType(ref(0, False), False),)), struct_of(1)),
        rec(StructType((FieldType(ref(0), True),)), struct_of(1)),
    ],
)
def test_groups_that_differ_are_not_equal(other: RecType) -> None:
    """Order, size, finality, nullability and mutability are parts of a group."""
    assert closed(rec(struct_of(0), struct_of(1)))[0] is not closed(other)[0]


def test_closed_types_hold_definitions() -> None:
    """No index is left in what is closed, the definition itself included."""
    deftypes = closed(rec(NOTHING), rec(struct_of(0, 1, AbsHeapType.ANY)))
    assert deftypes[1].composite == struct_of(deftypes[0], deftypes[1], AbsHeapType.ANY)
    assert close(ref(1), deftypes) == ref(deftypes[1])
    assert close(I32, deftypes) is I32
    with pytest.raises(InvalidError, match="unknown type 2"):
        close(ref(2), deftypes)


def test_registry_lets_go_of_types_that_nothing_uses() -> None:
    """Types of modules that are gone take no memory, and their ids are not used again."""
    gc.collect()
    before = len(canonical._groups)
    deftypes = closed(*(rec(FuncType((I32,) * 7 + (I64,) * i, ())) for i in range(500)))
    last = deftypes[-1].id
    assert len(canonical._groups) >= before + 500
    del deftypes
    gc.collect()
    assert len(canonical._groups) <= before + 1
    assert closed(rec(FuncType((I32,) * 7 + (I64,), ())))[0].id > last


def test_a_member_keeps_its_whole_group() -> None:
    """While one definition of a group lives, the others are the same objects when they come again."""
    group = rec(FuncType((I32,) * 9, ()), FuncType((I64,) * 9, ()))
    first, second = closed(group)
    second_id = second.id
    del second
    gc.collect()
    again = closed(group)
    assert again[0] is first
    assert again[1].id == second_id


def test_threads_agree() -> None:
    """Modules that are validated at once get the same definitions."""
    recs = [rec(FuncType((I32,) * i, (I64,) * 3)) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: closed(*recs), range(16)))
    assert all(result == results[0] for result in results)


def test_a_group_of_100_000_types() -> None:
    """Neither size nor references in a circle cost recursion."""
    count = 100_000
    deftypes = closed(rec(*(struct_of((i + 1) % count) for i in range(count))))
    assert len({d.id for d in deftypes}) == count
    assert "DefType" in repr(deftypes[0].composite)


def chain(length: int) -> list[RecType]:
    return [open_type(NOTHING), *(open_type(NOTHING, i) for i in range(length))]


def test_supertypes_match_at_any_remove() -> None:
    """A definition matches those that it declares, in that direction only."""
    deftypes = closed(*chain(63))
    assert match_deftype(deftypes[63], deftypes[0])
    assert not match_deftype(deftypes[0], deftypes[63])
    assert match_val(ref(deftypes[9], False), ref(deftypes[3]))
    assert not match_val(ref(deftypes[9]), ref(deftypes[3], False))


def test_supertypes_are_bounded() -> None:
    """A chain of supertypes is at most 63 long, as in browsers."""
    with pytest.raises(InvalidError, match="sub type 64"):
        closed(*chain(64))


@pytest.mark.parametrize(
    ("recs", "message"),
    [
        ([rec(NOTHING), open_type(NOTHING, 0)], "sub type 1 has the supertype 0, which is final"),
        ([open_type(NOTHING), open_type(struct_of(), 0)], "sub type 1 does not match"),
        ([open_type(struct_of()), open_type(NOTHING, 0)], "sub type 1 does not match"),
        ([open_type(struct_of(AbsHeapType.EQ)), open_type(struct_of(AbsHeapType.ANY), 0)], "sub type"),
        ([open_type(struct_of(AbsHeapType.EQ)), open_type(struct_of(), 0)], "sub type"),
        ([open_type(FuncType((I32,), ())), open_type(FuncType((I64,), ()), 0)], "sub type"),
        ([open_type(NOTHING), open_type(NOTHING), open_type(NOTHING, 0, 1)], "sub type 2 has 2 supertypes"),
        ([open_type(NOTHING, 0)], "unknown type 0"),
        ([open_type(NOTHING, 7)], "unknown type 7"),
        ([rec(struct_of(1)), rec(struct_of(0))], "unknown type 1"),
        ([open_type(ArrayType(FieldType(I32, True))), open_type(ArrayType(FieldType(I32, False)), 0)], "sub type"),
        (
            [open_type(ArrayType(FieldType(PackedType.I8, False))), open_type(ArrayType(FieldType(I32, False)), 0)],
            "sub type",
        ),
    ],
)
def test_definitions_that_are_not_valid(recs: list[RecType], message: str) -> None:
    """Supertypes come before, are open, and are matched."""
    with pytest.raises(InvalidError, match=message):
        validate(Module(types=tuple(recs)))


def test_wider_and_deeper_subtypes_are_valid() -> None:
    """Structures grow at the end, fields that cannot change vary with their types, parameters the other way."""
    closed(open_type(struct_of(AbsHeapType.ANY)), open_type(struct_of(AbsHeapType.EQ, AbsHeapType.FUNC), 0))
    eq, any_ = ref(AbsHeapType.EQ), ref(AbsHeapType.ANY)
    closed(open_type(FuncType((eq,), (any_,))), open_type(FuncType((any_,), (eq,)), 0))


A = AbsHeapType
SUPERTYPES = {
    A.ANY: "", A.EQ: "any", A.I31: "eq any", A.STRUCT: "eq any", A.ARRAY: "eq any",
    A.NONE: "i31 struct array eq any", A.FUNC: "", A.NOFUNC: "func", A.EXTERN: "", A.NOEXTERN: "extern",
    A.EXN: "", A.NOEXN: "exn",
}  # fmt: skip


@pytest.mark.parametrize(("a", "b"), list(itertools.product(AbsHeapType, AbsHeapType)))
def test_abstract_heap_types(a: AbsHeapType, b: AbsHeapType) -> None:
    """The hierarchy of section 3.3.3, for closed types and for operand codes."""
    expected = a is b or str(b) in SUPERTYPES[a].split()
    assert match_heap(a, b) is expected
    assert match_ref(ref(a, False), ref(b)) is expected
    context = Context([], [], validate.__defaults__[0])  # type: ignore[index]
    assert context.matches(context.code(ref(a)), context.code(ref(b))) is expected
    assert not context.matches(context.code(ref(a)), context.code(ref(b, False)))


@pytest.mark.parametrize(
    ("composite", "above", "below"),
    [
        (NOTHING, {A.FUNC}, {A.NOFUNC}),
        (struct_of(), {A.STRUCT, A.EQ, A.ANY}, {A.NONE}),
        (ArrayType(FieldType(I32, False)), {A.ARRAY, A.EQ, A.ANY}, {A.NONE}),
    ],
)
def test_definitions_among_abstract_types(composite: CompositeType, above: set[A], below: set[A]) -> None:
    """A definition is between the abstract type of its kind and the bottom of that hierarchy."""
    module = Module(types=(rec(composite),))
    deftypes = close_types(module)
    context = Context([module.types[0].subtypes[0]], deftypes, validate.__defaults__[0])  # type: ignore[index]
    for abstract in AbsHeapType:
        assert match_heap(deftypes[0], abstract) is (abstract in above)
        assert match_heap(abstract, deftypes[0]) is (abstract in below)
        concrete, other = context.code(ref(0)), context.code(ref(abstract))
        assert context.matches(concrete, other) is (abstract in above)
        assert context.matches(other, concrete) is (abstract in below)


PAGES = Limits(2, 5)
FUNCTION, OTHER = closed(rec(NOTHING), rec(FuncType((I32,), ())))
SUPER, SUB = closed(*chain(1))


@pytest.mark.parametrize(
    ("provided", "required", "expected"),
    [
        (FuncExternType(FUNCTION), FuncExternType(FUNCTION), True),
        (FuncExternType(FUNCTION), FuncExternType(OTHER), False),
        (FuncExternType(SUB), FuncExternType(SUPER), True),
        (FuncExternType(SUPER), FuncExternType(SUB), False),
        (FuncExternType(FUNCTION), TagType(FUNCTION), False),
        (TagType(SUB), TagType(SUB), True),
        (TagType(SUB), TagType(SUPER), False),
        (GlobalType(FUNCREF, False), GlobalType(FUNCREF, False), True),
        (GlobalType(ref(FUNCTION), False), GlobalType(FUNCREF, False), True),
        (GlobalType(ref(FUNCTION), True), GlobalType(FUNCREF, True), False),
        (GlobalType(I32, True), GlobalType(I32, False), False),
        (GlobalType(I32, False), GlobalType(I64, False), False),
        (TableType(FUNCREF, PAGES), TableType(FUNCREF, PAGES), True),
        (TableType(FUNCREF, PAGES), TableType(EXTERNREF, PAGES), False),
        (TableType(ref(FUNCTION), PAGES), TableType(FUNCREF, PAGES), False),
        (TableType(FUNCREF, PAGES, I64), TableType(FUNCREF, PAGES), False),
        (TableType(FUNCREF, PAGES), TableType(FUNCREF, Limits(3)), False),
        (MemoryType(PAGES), MemoryType(PAGES), True),
        (MemoryType(PAGES), MemoryType(Limits(0)), True),
        (MemoryType(PAGES), MemoryType(Limits(2, 6)), True),
        (MemoryType(PAGES), MemoryType(Limits(2, 4)), False),
        (MemoryType(Limits(2)), MemoryType(Limits(2, 4)), False),
        (MemoryType(PAGES), MemoryType(Limits(3, 5)), False),
        (MemoryType(PAGES, I64), MemoryType(PAGES), False),
        (MemoryType(PAGES, is_shared=True), MemoryType(PAGES), False),
        (MemoryType(PAGES, page_size_log2=0), MemoryType(PAGES), False),
    ],
)
def test_match_extern(provided, required, expected) -> None:  # type: ignore[no-untyped-def]
    """What may stand for an import."""
    assert match_extern(provided, required) is expected
