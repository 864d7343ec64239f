"""Rules of reference instructions (core specification, section 3.4.6). To be compiled by mypyc."""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.hints import i64
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_heap_type, read_u32
from jormun.validation.control_stack import Body
from jormun.validation.operand import (
    ANYREF,
    EQREF,
    EXTERNREF,
    HEAP_ANY,
    HEAP_EXTERN,
    HEAP_I31,
    I31REF,
    I32,
    NULLABLE,
    describe,
)


def ref_null(body: Body, row: Row) -> None:
    """[] -> [(ref null ht)]."""
    body.push(read_heap_type(body) << 1 | NULLABLE)


def ref_func(body: Body, row: Row) -> None:
    """[] -> [(ref x)], of a function that is mentioned outside of code."""
    index = read_u32(body)
    context = body.context
    if index >= len(context.functions):
        raise InvalidError(f"unknown function {index}, there are {len(context.functions)}")
    if body.is_constant:
        context.referenced_functions.add(index)
    elif index not in context.referenced_functions:
        raise InvalidError(f"undeclared function reference: function {index} is in no export, element or initial value")
    body.push(context.functions[index].heap << 1)


def ref_is_null(body: Body, row: Row) -> None:
    """[(ref null ht)] -> [i32]."""
    body.pop_reference()
    body.push(I32)


def ref_as_non_null(body: Body, row: Row) -> None:
    """[(ref null ht)] -> [(ref ht)]."""
    body.push(body.pop_reference() & ~NULLABLE)


def ref_eq(body: Body, row: Row) -> None:
    """[eqref eqref] -> [i32]."""
    body.pop(EQREF)
    body.pop(EQREF)
    body.push(I32)


def ref_test(body: Body, row: Row) -> None:
    """[rt'] -> [i32], where rt' is any type of the same hierarchy."""
    _pop_castable(body, row)
    body.push(I32)


def ref_cast(body: Body, row: Row) -> None:
    """[rt'] -> [rt], where rt' is any type of the same hierarchy."""
    body.push(_pop_castable(body, row))


def _pop_castable(body: Body, row: Row) -> i64:
    heap = read_heap_type(body)
    body.pop(body.context.top_of(heap) << 1 | NULLABLE)
    return heap << 1 | (NULLABLE if row.immediates[0] is Immediate.REF_TYPE_NULL else 0)


def ref_i31(body: Body, row: Row) -> None:
    """[i32] -> [(ref i31)]."""
    body.pop(I32)
    body.push(HEAP_I31 << 1)


def i31_get(body: Body, row: Row) -> None:
    """[i31ref] -> [i32]."""
    body.pop(I31REF)
    body.push(I32)


def any_convert_extern(body: Body, row: Row) -> None:
    """[(ref null? extern)] -> [(ref null? any)]."""
    _convert(body, EXTERNREF, HEAP_ANY)


def extern_convert_any(body: Body, row: Row) -> None:
    """[(ref null? any)] -> [(ref null? extern)]."""
    _convert(body, ANYREF, HEAP_EXTERN)


def _convert(body: Body, source: i64, target_heap: i64) -> None:
    reference = body.pop_reference()
    if not body.context.matches(reference, source):
        raise InvalidError(
            f"type mismatch: instruction requires [{describe(source)}] but stack has [{describe(reference)}]"
        )
    body.push(target_heap << 1 | reference & NULLABLE)
