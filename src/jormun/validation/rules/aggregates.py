"""Rules of structure and array instructions (core specification, section 3.4.7). To be compiled by mypyc."""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.hints import i64
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_u32
from jormun.validation.context import FieldCodes
from jormun.validation.control_stack import Body
from jormun.validation.operand import ARRAYREF, BOT, I8, I16, I32, NULLABLE, describe, is_reference
from jormun.validation.rules.memories import check_data, read_data
from jormun.validation.rules.tables import check_elements, elem_type


def _struct(body: Body) -> tuple[i64, FieldCodes]:
    """The structure type that comes next: the code of its heap type, and its fields."""
    index = read_u32(body)
    fields = body.context.struct_type(index)
    return body.context.concrete(index), fields


def _array(body: Body) -> tuple[i64, FieldCodes]:
    """The array type that comes next: the code of its heap type, and its field."""
    index = read_u32(body)
    field = body.context.array_type(index)
    return body.context.concrete(index), field


def _check_defaultable(fields: FieldCodes) -> None:
    if fields.without_default != BOT:
        raise InvalidError(f"type mismatch: a field of type {describe(fields.without_default)} has no default")


def struct_new(body: Body, row: Row) -> None:
    """[t*] -> [(ref x)]."""
    heap, fields = _struct(body)
    body.pop_all(fields.operands)
    body.push(heap << 1)


def struct_new_default(body: Body, row: Row) -> None:
    """[] -> [(ref x)]."""
    heap, fields = _struct(body)
    _check_defaultable(fields)
    body.push(heap << 1)


def _field(body: Body) -> tuple[i64, FieldCodes, i64]:
    """The field that comes next: the code of its structure's heap type, all fields, and its index."""
    heap, fields = _struct(body)
    index = read_u32(body)
    if index >= len(fields.storages):
        raise InvalidError(f"unknown field {index}, there are {len(fields.storages)}")
    return heap, fields, index


def _check_packing(storage: i64, is_packed: bool) -> None:
    if (storage in (I8, I16)) != is_packed:
        found = "packed" if storage in (I8, I16) else "not packed"
        raise InvalidError(f"type mismatch: a field of type {describe(storage)} is {found}")


def struct_get(body: Body, row: Row) -> None:
    """[(ref null x)] -> [t]."""
    heap, fields, index = _field(body)
    _check_packing(fields.storages[index], False)
    body.pop(heap << 1 | NULLABLE)
    body.push(fields.operands[index])


def struct_get_packed(body: Body, row: Row) -> None:
    """[(ref null x)] -> [i32]."""
    heap, fields, index = _field(body)
    _check_packing(fields.storages[index], True)
    body.pop(heap << 1 | NULLABLE)
    body.push(I32)


def struct_set(body: Body, row: Row) -> None:
    """[(ref null x) t] -> []."""
    heap, fields, index = _field(body)
    if not fields.are_mutable[index]:
        raise InvalidError(f"immutable field {index}")
    body.pop(fields.operands[index])
    body.pop(heap << 1 | NULLABLE)


def array_new(body: Body, row: Row) -> None:
    """[t i32] -> [(ref x)]."""
    heap, field = _array(body)
    body.pop(I32)
    body.pop(field.operands[0])
    body.push(heap << 1)


def array_new_default(body: Body, row: Row) -> None:
    """[i32] -> [(ref x)]."""
    heap, field = _array(body)
    _check_defaultable(field)
    body.pop(I32)
    body.push(heap << 1)


def array_new_fixed(body: Body, row: Row) -> None:
    """[t^n] -> [(ref x)]."""
    heap, field = _array(body)
    body.pop_repeated(field.operands[0], read_u32(body))
    body.push(heap << 1)


def array_new_data(body: Body, row: Row) -> None:
    """[i32 i32] -> [(ref x)]."""
    heap, field = _array(body)
    check_data(body, read_data(body))
    _check_numeric(field)
    body.pop(I32)
    body.pop(I32)
    body.push(heap << 1)


def _check_numeric(field: FieldCodes) -> None:
    if is_reference(field.storages[0]):
        raise InvalidError(f"array type is not numeric or vector, it holds {describe(field.storages[0])}")


def array_new_elem(body: Body, row: Row) -> None:
    """[i32 i32] -> [(ref x)]."""
    heap, field = _array(body)
    check_elements(body, elem_type(body, read_u32(body)), field.storages[0])
    body.pop(I32)
    body.pop(I32)
    body.push(heap << 1)


def array_get(body: Body, row: Row) -> None:
    """[(ref null x) i32] -> [t]."""
    heap, field = _array(body)
    _check_packing(field.storages[0], False)
    body.pop(I32)
    body.pop(heap << 1 | NULLABLE)
    body.push(field.storages[0])


def array_get_packed(body: Body, row: Row) -> None:
    """[(ref null x) i32] -> [i32]."""
    heap, field = _array(body)
    _check_packing(field.storages[0], True)
    body.pop(I32)
    body.pop(heap << 1 | NULLABLE)
    body.push(I32)


def _check_mutable(field: FieldCodes) -> None:
    if not field.are_mutable[0]:
        raise InvalidError("immutable array")


def array_set(body: Body, row: Row) -> None:
    """[(ref null x) i32 t] -> []."""
    heap, field = _array(body)
    _check_mutable(field)
    body.pop(field.operands[0])
    body.pop(I32)
    body.pop(heap << 1 | NULLABLE)


def array_len(body: Body, row: Row) -> None:
    """[arrayref] -> [i32]."""
    body.pop(ARRAYREF)
    body.push(I32)


def array_fill(body: Body, row: Row) -> None:
    """[(ref null x) i32 t i32] -> []."""
    heap, field = _array(body)
    _check_mutable(field)
    body.pop(I32)
    body.pop(field.operands[0])
    body.pop(I32)
    body.pop(heap << 1 | NULLABLE)


def array_copy(body: Body, row: Row) -> None:
    """[(ref null x) i32 (ref null y) i32 i32] -> []."""
    target_heap, target = _array(body)
    source_heap, source = _array(body)
    _check_mutable(target)
    if not body.context.matches(source.storages[0], target.storages[0]):
        raise InvalidError(
            f"array types do not match: expected {describe(target.storages[0])}, found {describe(source.storages[0])}"
        )
    body.pop(I32)
    body.pop(I32)
    body.pop(source_heap << 1 | NULLABLE)
    body.pop(I32)
    body.pop(target_heap << 1 | NULLABLE)


def array_init_data(body: Body, row: Row) -> None:
    """[(ref null x) i32 i32 i32] -> []."""
    heap, field = _array(body)
    check_data(body, read_data(body))
    _check_mutable(field)
    _check_numeric(field)
    _pop_init(body, heap)


def array_init_elem(body: Body, row: Row) -> None:
    """[(ref null x) i32 i32 i32] -> []."""
    heap, field = _array(body)
    element = elem_type(body, read_u32(body))
    _check_mutable(field)
    check_elements(body, element, field.storages[0])
    _pop_init(body, heap)


def _pop_init(body: Body, heap: i64) -> None:
    body.pop(I32)
    body.pop(I32)
    body.pop(I32)
    body.pop(heap << 1 | NULLABLE)
