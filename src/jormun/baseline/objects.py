"""Structures, arrays, i31 and casts (core specification, section 4.4.4).

Objects are made, and whole stretches of arrays changed, by services of the run time, when all operands are in their
slots: there a collection finds references. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import branches, fuel, state
from jormun.baseline.catalogue import CLASS_I32, CLASS_I64, CLASS_NAMES, class_of
from jormun.baseline.operands import CONSTANT, OWN
from jormun.errors import TrapKind
from jormun.hints import TYPE_CHECKING, Final, i64
from jormun.opcodes.immediates import Cast
from jormun.opcodes.table import BY_NAME, Row
from jormun.runtime import heap_layout
from jormun.runtime.heap_layout import KIND_NULLABLE, KIND_SHAPE, OBJECT_BYTES
from jormun.syntax.code import read_immediates
from jormun.types import ArrayType, DefType, HeapType, PackedType, RefType, StorageType, StructType

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

_BR_ON_CAST: Final = BY_NAME["br_on_cast"][0]
_REF_TEST, _REF_TEST_NULL = BY_NAME["ref.test"]
_REF_CAST, _REF_CAST_NULL = BY_NAME["ref.cast"]
_PACKED: Final = {PackedType.I8: "i8", PackedType.I16: "i16"}


# Types.


def storages(f: FunctionCompiler, type: i64) -> list[StorageType]:
    """What fields of a structure type hold, or elements of an array type."""
    composite = f.facts.valid.types[type].composite
    if isinstance(composite, ArrayType):
        return [composite.field.storage]
    assert isinstance(composite, StructType)
    return [each.storage for each in composite.fields]


def name_of(t: StorageType) -> str:
    """What pieces call what a field holds."""
    return _PACKED[t] if isinstance(t, PackedType) else CLASS_NAMES[class_of(t)]


def number_of(f: FunctionCompiler, type: i64) -> i64:
    """Where in the instance the number of a type's shape is."""
    return f.facts.layout.type_id_offset(type)


def size_log2(t: StorageType) -> i64:
    """The power of two that the size of an element is."""
    return heap_layout.storage_bytes(t).bit_length() - 1


# Structures.


def struct_new(f: FunctionCompiler) -> None:
    """`struct.new x`."""
    type = f.read_unsigned()
    fields = storages(f, type)
    offsets, _ = heap_layout.offsets_of(tuple(fields))
    first = f.height - len(fields)
    settle(f, first)
    new_struct(f, type)
    for index, t in enumerate(fields):
        f.stamp(f.pieces.numbers[f"object.init.{name_of(t)}"], f.entries[first + index] >> 5, offsets[index], 0)
    f.drop(len(fields))
    state.take(f, CLASS_I64)


def struct_new_default(f: FunctionCompiler) -> None:
    """`struct.new_default x`."""
    type = f.read_unsigned()
    f.spill()
    new_struct(f, type)
    state.take(f, CLASS_I64)


def new_struct(f: FunctionCompiler, type: i64) -> None:
    """Have a new structure where services return. All registers have been emptied."""
    _, size_bytes = heap_layout.offsets_of(tuple(storages(f, type)))
    shape = ("pass.vm", number_of(f, type))
    if size_bytes > heap_layout.LARGEST_BYTES:
        state.serve(f, "jormun_large_structure", [shape], 0)
        return
    number = heap_layout.class_of(size_bytes)
    state.serve(f, "jormun_structure", [("pass.const.i32", number), shape], 0)


def settle(f: FunctionCompiler, first: i64) -> None:
    """Empty all registers, and have operands from number `first` on in memory, constants too."""
    f.spill()
    for k in range(first, f.height):
        if f.entries[k] & 3 == CONSTANT:
            f.flush(k)


def struct_get(f: FunctionCompiler, suffix: str) -> None:
    """`struct.get x y`; a packed field is extended as `suffix` says."""
    type = f.read_unsigned()
    field = f.read_unsigned()
    fields = storages(f, type)
    offsets, _ = heap_layout.offsets_of(tuple(fields))
    t = fields[field]
    k = f.height - 1
    f.fetch(k)
    check_struct(f, k)
    c = result_class(t)
    f.claim(k)
    f.stamp(f.pieces.numbers[f"object.get.{name_of(t)}{suffix}.{k & 3}"], offsets[field], 0, 0)
    f.drop(1)
    f.push_register(c)


def struct_get_whole(f: FunctionCompiler) -> None:
    """`struct.get x y`."""
    struct_get(f, "")


def struct_get_s(f: FunctionCompiler) -> None:
    """`struct.get_s x y`."""
    struct_get(f, "s")


def struct_get_u(f: FunctionCompiler) -> None:
    """`struct.get_u x y`."""
    struct_get(f, "u")


def result_class(t: StorageType) -> i64:
    """The class of a field's value."""
    return CLASS_I32 if isinstance(t, PackedType) else class_of(t)


def check_struct(f: FunctionCompiler, k: i64) -> None:
    """Trap if operand k, a structure in a register, is null."""
    f.stamp(f.pieces.numbers[f"non_null.{TrapKind.NULL_STRUCTURE_REFERENCE.value}.{k & 3}"], 0, 0, 0)


def struct_set(f: FunctionCompiler) -> None:
    """`struct.set x y`."""
    type = f.read_unsigned()
    field = f.read_unsigned()
    fields = storages(f, type)
    offsets, _ = heap_layout.offsets_of(tuple(fields))
    k = f.height - 2
    f.fetch(k)
    f.fetch(k + 1)
    check_struct(f, k)
    f.stamp(f.pieces.numbers[f"object.set.{name_of(fields[field])}.{k & 3}"], offsets[field], 0, 0)
    f.drop(2)


# Arrays.


def array_new(f: FunctionCompiler) -> None:
    """`array.new x`."""
    type = f.read_unsigned()
    t = storages(f, type)[0]
    k = f.height - 2
    settle(f, k)
    fuel.charge_size(f, k + 1, size_log2(t))
    state.serve(f, "jormun_array", [("pass.vm", number_of(f, type)), state.argument(f, k + 1)], 0)
    state.take(f, CLASS_I64)
    f.spill()
    fill(f, k + 2, ("pass.const.i32", 0), k, k + 1)
    f.stamp(f.pieces.numbers["give.i64"], f.entries[k + 2] >> 5, 0, 0)
    f.drop(3)
    state.take(f, CLASS_I64)


def fill(f: FunctionCompiler, array: i64, start: tuple[str, i64], element: i64, size: i64) -> None:
    """Set elements of an array, given as operands, to the one that is in the slot of an operand."""
    passed: list[tuple[str, i64]] = [state.argument(f, array), start]
    passed += [("pass.address", f.entries[element] >> 5), state.argument(f, size)]
    state.serve(f, "jormun_array_fill", passed, 0)


def array_new_default(f: FunctionCompiler) -> None:
    """`array.new_default x`."""
    type = f.read_unsigned()
    f.spill()
    k = f.height - 1
    fuel.charge_size(f, k, size_log2(storages(f, type)[0]))
    state.serve(f, "jormun_array", [("pass.vm", number_of(f, type)), state.argument(f, k)], 1)
    state.take(f, CLASS_I64)


def array_new_fixed(f: FunctionCompiler) -> None:
    """`array.new_fixed x n`."""
    type = f.read_unsigned()
    count = f.read_unsigned()
    t = storages(f, type)[0]
    first = f.height - count
    settle(f, first)
    state.serve(f, "jormun_array", [("pass.vm", number_of(f, type)), ("pass.const.i32", count)], 0)
    offset: i64 = OBJECT_BYTES
    for k in range(first, f.height):
        f.stamp(f.pieces.numbers[f"object.init.{name_of(t)}"], f.entries[k] >> 5, offset, 0)
        offset += heap_layout.storage_bytes(t)
    f.drop(count)
    state.take(f, CLASS_I64)


def array_new_data(f: FunctionCompiler) -> None:
    """`array.new_data x y`."""
    type = f.read_unsigned()
    array_from(f, "jormun_array_data", type, f.facts.layout.data_offset(f.read_unsigned()))


def array_new_elem(f: FunctionCompiler) -> None:
    """`array.new_elem x y`."""
    type = f.read_unsigned()
    array_from(f, "jormun_array_elements", type, f.facts.layout.elem_offset(f.read_unsigned()))


def array_from(f: FunctionCompiler, service: str, type: i64, segment: i64) -> None:
    """An array of part of a segment, whose record is at an offset in the instance."""
    f.spill()
    k = f.height - 2
    fuel.charge_size(f, k + 1, size_log2(storages(f, type)[0]))
    passed: list[tuple[str, i64]] = [("pass.vm", number_of(f, type)), ("pass.const.i32", segment)]
    state.serve(f, service, [*passed, state.argument(f, k), state.argument(f, k + 1)], 2)
    state.take(f, CLASS_I64)


def array_get(f: FunctionCompiler, suffix: str) -> None:
    """`array.get x`; a packed element is extended as `suffix` says."""
    t = storages(f, f.read_unsigned())[0]
    k = f.height - 2
    f.fetch(k)
    f.fetch(k + 1)
    f.stamp(f.pieces.numbers[f"array.check.{k & 3}"], 0, 0, 0)
    f.claim(k)
    f.stamp(f.pieces.numbers[f"array.get.{name_of(t)}{suffix}.{k & 3}"], 0, 0, 0)
    f.drop(2)
    f.push_register(result_class(t))


def array_get_whole(f: FunctionCompiler) -> None:
    """`array.get x`."""
    array_get(f, "")


def array_get_s(f: FunctionCompiler) -> None:
    """`array.get_s x`."""
    array_get(f, "s")


def array_get_u(f: FunctionCompiler) -> None:
    """`array.get_u x`."""
    array_get(f, "u")


def array_set(f: FunctionCompiler) -> None:
    """`array.set x`."""
    t = storages(f, f.read_unsigned())[0]
    k = f.height - 3
    f.fetch(k)
    f.fetch(k + 1)
    f.fetch(k + 2)
    f.stamp(f.pieces.numbers[f"array.check.{k & 3}"], 0, 0, 0)
    f.stamp(f.pieces.numbers[f"array.set.{name_of(t)}.{k & 3}"], 0, 0, 0)
    f.drop(3)


def array_len(f: FunctionCompiler) -> None:
    """`array.len`."""
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"array.len.{k & 3}"], 0, 0, 0)
    f.drop(1)
    f.push_register(CLASS_I32)


def array_fill(f: FunctionCompiler) -> None:
    """`array.fill x`."""
    t = storages(f, f.read_unsigned())[0]
    k = f.height - 4
    settle(f, k + 2)
    fuel.charge_size(f, k + 3, size_log2(t))
    fill(f, k, state.argument(f, k + 1), k + 2, k + 3)
    f.drop(4)


def array_copy(f: FunctionCompiler) -> None:
    """`array.copy x y`."""
    t = storages(f, f.read_unsigned())[0]
    f.read_unsigned()
    f.spill()
    k = f.height - 5
    fuel.charge_size(f, k + 4, size_log2(t))
    state.serve(f, "jormun_array_copy", [state.argument(f, k + index) for index in range(5)], 5)


def array_init_data(f: FunctionCompiler) -> None:
    """`array.init_data x y`."""
    type = f.read_unsigned()
    array_init(f, "jormun_array_init_data", type, f.facts.layout.data_offset(f.read_unsigned()))


def array_init_elem(f: FunctionCompiler) -> None:
    """`array.init_elem x y`."""
    type = f.read_unsigned()
    array_init(f, "jormun_array_init_elements", type, f.facts.layout.elem_offset(f.read_unsigned()))


def array_init(f: FunctionCompiler, service: str, type: i64, segment: i64) -> None:
    """Copy part of a segment, whose record is at an offset in the instance."""
    f.spill()
    k = f.height - 4
    fuel.charge_size(f, k + 3, size_log2(storages(f, type)[0]))
    passed: list[tuple[str, i64]] = [state.argument(f, k), state.argument(f, k + 1), ("pass.const.i32", segment)]
    state.serve(f, service, [*passed, state.argument(f, k + 2), state.argument(f, k + 3)], 4)


# i31 and casts.


def ref_i31(f: FunctionCompiler) -> None:
    """`ref.i31`."""
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"i31.new.{k & 3}"], 0, 0, 0)
    f.drop(1)
    f.push_register(CLASS_I64)


def i31_get_s(f: FunctionCompiler) -> None:
    """`i31.get_s`."""
    i31_get(f, "s")


def i31_get_u(f: FunctionCompiler) -> None:
    """`i31.get_u`."""
    i31_get(f, "u")


def i31_get(f: FunctionCompiler, suffix: str) -> None:
    """The number in an i31 reference, extended as `suffix` says."""
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"non_null.{TrapKind.NULL_I31_REFERENCE.value}.{k & 3}"], 0, 0, 0)
    f.stamp(f.pieces.numbers[f"i31.get_{suffix}.{k & 3}"], 0, 0, 0)
    f.drop(1)
    f.push_register(CLASS_I32)


def convert(f: FunctionCompiler) -> None:
    """`any.convert_extern` and `extern.convert_any`: references are the same bits."""


def ref_test(f: FunctionCompiler) -> None:
    """`ref.test (ref ht)`."""
    test(f, _REF_TEST)


def ref_test_null(f: FunctionCompiler) -> None:
    """`ref.test (ref null ht)`."""
    test(f, _REF_TEST_NULL)


def test(f: FunctionCompiler, row: Row) -> None:
    """Replace a reference by whether it has a type."""
    matches_next(f, row)
    k = f.height - 1
    f.drop(1)
    f.claim(k)
    f.stamp(f.pieces.numbers[f"matched.value.{k & 3}"], 0, 0, 0)
    f.push_register(CLASS_I32)


def ref_cast(f: FunctionCompiler) -> None:
    """`ref.cast (ref ht)`."""
    matches_next(f, _REF_CAST)
    f.stamp(f.pieces.numbers["matched.cast"], 0, 0, 0)


def ref_cast_null(f: FunctionCompiler) -> None:
    """`ref.cast (ref null ht)`."""
    matches_next(f, _REF_CAST_NULL)
    f.stamp(f.pieces.numbers["matched.cast"], 0, 0, 0)


def matches_next(f: FunctionCompiler, row: Row) -> None:
    """The same as `matches`, for the type that is the next immediate."""
    (target,), end = read_immediates(f.body, f.at, row)
    f.at = end
    assert isinstance(target, RefType)
    matches(f, target.heap, target.nullable)


def br_on_cast(f: FunctionCompiler) -> None:
    """`br_on_cast l t t`."""
    branch_on_cast(f, "matched.if", "matched.unless")


def br_on_cast_fail(f: FunctionCompiler) -> None:
    """`br_on_cast_fail l t t`."""
    branch_on_cast(f, "matched.unless", "matched.if")


def branch_on_cast(f: FunctionCompiler, taken: str, passed: str) -> None:
    """The reference is the last of the label's values, and stays."""
    immediates, end = read_immediates(f.body, f.at, _BR_ON_CAST)
    f.at = end
    label, cast = immediates
    assert isinstance(label, int) and isinstance(cast, Cast)
    f.flush(f.height - 1)
    matches(f, cast.target.heap, cast.target.nullable)
    k = f.height - 1
    f.entries[k] = f.slot(k) << 5 | CLASS_I64 << 2 | OWN
    numbers = f.pieces.numbers
    branches.branch_if(f, f.frames[-1 - label], numbers[taken], numbers[passed], 0, 0)


def matches(f: FunctionCompiler, target: HeapType, is_nullable: bool) -> None:
    """Find out whether the topmost operand, which stays, has a type."""
    heap = f.facts.valid.types[target] if isinstance(target, int) else target
    kind = heap_layout.kind_of(heap)
    k = f.height - 1
    if kind == KIND_SHAPE:
        assert isinstance(target, int) and isinstance(heap, DefType)
        if heap.depth < heap_layout.SHALLOW:
            f.fetch(k)
            name = "null" if is_nullable else "object"
            place = heap_layout.SHAPE_SUPERTYPES + 4 * heap.depth
            f.stamp(f.pieces.numbers[f"matches.{name}.{k & 3}"], number_of(f, target), place, 0)
            return
    settle(f, k)
    passed: list[tuple[str, i64]] = [state.argument(f, k)]
    passed.append(("pass.const.i32", kind | (KIND_NULLABLE if is_nullable else 0)))
    if isinstance(target, int):
        assert isinstance(heap, DefType)
        passed += [("pass.vm", number_of(f, target)), ("pass.const.i32", heap.depth)]
    else:
        passed += [("pass.const.i64", 0), ("pass.const.i32", 0)]
    state.serve(f, "jormun_matches", passed, 0)
    f.stamp(f.pieces.numbers["matched"], 0, 0, 0)
