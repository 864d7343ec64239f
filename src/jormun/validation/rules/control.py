"""Rules of control instructions (core specification, section 3.4.11), blocks and branches. To be compiled by mypyc."""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import i64
from jormun.opcodes.immediates import CatchKind
from jormun.opcodes.table import Row
from jormun.validation.code_reader import read_block_type, read_byte, read_count, read_heap_type, read_u32
from jormun.validation.control_stack import BLOCK, ELSE, IF, LOOP, Body
from jormun.validation.operand import (
    EXNREF,
    FIRST_CONCRETE,
    FUNCREF,
    I32,
    NULLABLE,
    describe,
    describe_all,
)


def unreachable(body: Body, row: Row) -> None:
    """[t1*] -> [t2*]."""
    body.set_unreachable()


def block(body: Body, row: Row) -> None:
    """[t1*] -> [t2*], by the block type."""
    params, results = read_block_type(body)
    body.enter(BLOCK, params, results)


def loop(body: Body, row: Row) -> None:
    """[t1*] -> [t2*]; a branch to it takes t1*."""
    params, results = read_block_type(body)
    body.enter(LOOP, params, results)


def if_(body: Body, row: Row) -> None:
    """[t1* i32] -> [t2*]."""
    params, results = read_block_type(body)
    body.pop(I32)
    body.enter(IF, params, results)


def else_(body: Body, row: Row) -> None:
    """Ends the first arm of an if, and begins the second with the same operands."""
    if body.frames[-1].kind != IF:
        raise MalformedError("misplaced else: it belongs to no if", offset=body.pc - 1)
    frame = body.leave()
    body.push_all(frame.params)
    body.enter(ELSE, frame.params, frame.results)


def end(body: Body, row: Row) -> None:
    """Ends a block, or the whole body."""
    frame = body.leave()
    if frame.kind == IF and frame.params != frame.results and not body.context.all_match(frame.params, frame.results):
        raise InvalidError(
            f"type mismatch: an if without else leaves {describe_all(frame.params)}, "
            f"expected {describe_all(frame.results)}"
        )
    body.push_all(frame.results)


def try_table(body: Body, row: Row) -> None:
    """[t1*] -> [t2*]; each clause brings what it catches to a label outside."""
    params, results = read_block_type(body)
    for _ in range(read_count(body)):
        _catch(body)
    body.enter(BLOCK, params, results)


def _catch(body: Body) -> None:
    at = body.pc
    kind = read_byte(body)
    if kind > CatchKind.CATCH_ALL_REF.value:
        raise MalformedError("malformed catch clause", offset=at)
    brought: list[int] = []
    if kind in (CatchKind.CATCH.value, CatchKind.CATCH_REF.value):
        brought += _tag(body)
    if kind in (CatchKind.CATCH_REF.value, CatchKind.CATCH_ALL_REF.value):
        brought.append(EXNREF & ~NULLABLE)
    label = body.label(read_u32(body))
    if not body.context.all_match(brought, label):
        raise InvalidError(
            f"type mismatch: a catch clause brings {describe_all(brought)}, its label expects {describe_all(label)}"
        )


def _tag(body: Body) -> list[int]:
    index = read_u32(body)
    tags = body.context.tags
    if index >= len(tags):
        raise InvalidError(f"unknown tag {index}, there are {len(tags)}")
    return tags[index].params


def throw(body: Body, row: Row) -> None:
    """[t1* t*] -> [t2*], where the tag takes t*."""
    body.pop_all(_tag(body))
    body.set_unreachable()


def throw_ref(body: Body, row: Row) -> None:
    """[t1* exnref] -> [t2*]."""
    body.pop(EXNREF)
    body.set_unreachable()


def br(body: Body, row: Row) -> None:
    """[t1* t*] -> [t2*], where the label takes t*."""
    body.pop_all(body.label(read_u32(body)))
    body.set_unreachable()


def br_if(body: Body, row: Row) -> None:
    """[t* i32] -> [t*]."""
    label = body.label(read_u32(body))
    body.pop(I32)
    body.pop_all(label)
    body.push_all(label)


def br_table(body: Body, row: Row) -> None:
    """[t1* t* i32] -> [t2*]: t* must match every label."""
    count = read_count(body)
    body.pop(I32)
    code = body.code
    pc = body.pc
    frames = body.frames
    depth_count = len(frames)
    # Each label is checked once and each list of types once, or 1,000,000 targets of 1,000 operands would take minutes.
    seen: set[int] = set()
    checked: set[int] = set()
    arity = -1
    for _ in range(count + 1):
        depth = code[pc]
        if depth < 0x80:
            pc += 1
        else:
            body.pc = pc
            depth = read_u32(body)
            pc = body.pc
        if depth in seen:
            continue
        seen.add(depth)
        label = frames[-1 - depth].label if depth < depth_count else body.label(depth)
        if arity < 0:
            arity = len(label)
        elif len(label) != arity:
            raise InvalidError(f"type mismatch: labels of br_table take {arity} and {len(label)} operands")
        if id(label) not in checked:
            checked.add(id(label))
            body.check_top(label)
    body.pc = pc
    body.set_unreachable()


def br_on_null(body: Body, row: Row) -> None:
    """[t* (ref null ht)] -> [t* (ref ht)], where the label takes t*."""
    label = body.label(read_u32(body))
    reference = body.pop_reference()
    body.pop_all(label)
    body.push_all(label)
    body.push(reference & ~NULLABLE)


def br_on_non_null(body: Body, row: Row) -> None:
    """[t* (ref null ht)] -> [t*], where the label takes t* (ref ht)."""
    label = body.label(read_u32(body))
    reference = body.pop_reference() & ~NULLABLE
    _check_last(body, reference, label)
    body.pop_all(label[:-1])
    body.push_all(label[:-1])


def _check_last(body: Body, reference: i64, label: list[int]) -> None:
    """Check that a reference may be the last operand that a branch takes to a label."""
    if not label or not body.context.matches(reference, label[-1]):
        raise InvalidError(
            f"type mismatch: the branch takes {describe(reference)} last, its label expects {describe_all(label)}"
        )


def br_on_cast(body: Body, row: Row) -> None:
    """[t* rt1] -> [t* rt1 - rt2], where the label takes t* rt2."""
    label, source, target = _label_and_cast(body)
    _check_last(body, target, label)
    body.pop(source)
    body.pop_all(label[:-1])
    body.push_all(label[:-1])
    body.push(_without(source, target))


def br_on_cast_fail(body: Body, row: Row) -> None:
    """[t* rt1] -> [t* rt2], where the label takes t* rt1 - rt2."""
    label, source, target = _label_and_cast(body)
    _check_last(body, _without(source, target), label)
    body.pop(source)
    body.pop_all(label[:-1])
    body.push_all(label[:-1])
    body.push(target)


def _label_and_cast(body: Body) -> tuple[list[int], int, int]:
    """Read a label and the two types of a cast, whose flags stand before the label; the second must match the first."""
    at = body.pc
    flags = read_byte(body)
    if flags > 3:
        raise MalformedError("malformed br_on_cast flags", offset=at)
    label = body.label(read_u32(body))
    source = read_heap_type(body) << 1 | flags & 1
    target = read_heap_type(body) << 1 | flags >> 1
    if not body.context.matches(target, source):
        raise InvalidError(f"type mismatch: {describe(target)} does not match {describe(source)}")
    return label, source, target


def _without(source: i64, target: i64) -> i64:
    """The difference of reference types (3.1.9): null is gone from the source when the target has it."""
    return source & ~NULLABLE if target & NULLABLE else source


def return_(body: Body, row: Row) -> None:
    """[t1* t*] -> [t2*], where the function returns t*."""
    body.pop_all(body.results)
    body.set_unreachable()


def call(body: Body, row: Row) -> None:
    """[t1*] -> [t2*], the function's type."""
    index = read_u32(body)
    functions = body.context.functions
    if index >= len(functions):
        raise InvalidError(f"unknown function {index}, there are {len(functions)}")
    callee = functions[index]
    body.pop_all(callee.params)
    body.push_all(callee.results)


def call_indirect(body: Body, row: Row) -> None:
    """[t1* at] -> [t2*], the type given."""
    params, results = _indirect(body)
    body.pop_all(params)
    body.push_all(results)


def call_ref(body: Body, row: Row) -> None:
    """[t1* (ref null x)] -> [t2*]."""
    params, results = _by_reference(body)
    body.pop_all(params)
    body.push_all(results)


def return_call(body: Body, row: Row) -> None:
    """[t3* t1*] -> [t4*], where the callee's results match this function's."""
    index = read_u32(body)
    functions = body.context.functions
    if index >= len(functions):
        raise InvalidError(f"unknown function {index}, there are {len(functions)}")
    _tail_call(body, functions[index].params, functions[index].results)


def return_call_indirect(body: Body, row: Row) -> None:
    """[t3* t1* at] -> [t4*]."""
    params, results = _indirect(body)
    _tail_call(body, params, results)


def return_call_ref(body: Body, row: Row) -> None:
    """[t3* t1* (ref null x)] -> [t4*]."""
    params, results = _by_reference(body)
    _tail_call(body, params, results)


def _tail_call(body: Body, params: list[int], results: list[int]) -> None:
    if not body.context.all_match(results, body.results):
        raise InvalidError(
            f"type mismatch: the callee returns {describe_all(results)}, this function {describe_all(body.results)}"
        )
    body.pop_all(params)
    body.set_unreachable()


def _indirect(body: Body) -> tuple[list[int], list[int]]:
    """Read the type and table of an indirect call, and pop the index into the table."""
    context = body.context
    functype = context.function_type(read_u32(body))
    table = read_u32(body)
    if table >= len(context.tables):
        raise InvalidError(f"unknown table {table}, there are {len(context.tables)}")
    if not context.matches(context.tables[table], FUNCREF):
        raise InvalidError(
            f"type mismatch: expected a table of functions, table {table} holds {describe(context.tables[table])}"
        )
    body.pop(context.table_addresses[table])
    return functype.params, functype.results


def _by_reference(body: Body) -> tuple[list[int], list[int]]:
    """Read the type of a call by reference, and pop the reference."""
    functype = body.context.function_type(read_u32(body))
    assert functype.heap >= FIRST_CONCRETE
    body.pop(functype.heap << 1 | NULLABLE)
    return functype.params, functype.results
