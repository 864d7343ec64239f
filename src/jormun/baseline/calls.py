"""Calls: of own functions, imports, tables' elements and references, and their tail forms (section 4.4.8).

Arguments go from where they are to registers and the overflow area (llvm/convention.py); what is in registers and
lives on goes to its slot first. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_I64
from jormun.baseline.facts import CallFacts
from jormun.baseline.operands import CONSTANT, REGISTER
from jormun.errors import TrapKind
from jormun.hints import TYPE_CHECKING, i64
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler


def call(f: FunctionCompiler) -> None:
    """`call x`."""
    callee = f.facts.callee(f.read_unsigned())
    pass_arguments(f, callee.facts)
    handler = f.frames[-1].handler
    if handler is None:
        f.stamp(f.pieces.call_imported if callee.is_imported else f.pieces.call_own, callee.offset, 0, 0)
    else:
        f.stamp(f.pieces.try_imported if callee.is_imported else f.pieces.try_own, callee.offset, 0, 0)
        handler.caught.append(f.branch_at)
    take_results(f, callee.facts)


def return_call(f: FunctionCompiler) -> None:
    """`return_call x`."""
    callee = f.facts.callee(f.read_unsigned())
    pass_arguments(f, callee.facts, is_tail=True)
    f.stamp(f.pieces.numbers["tail.imported" if callee.is_imported else "tail.own"], callee.offset, 0, 0)
    f.is_reachable = False


def call_indirect(f: FunctionCompiler) -> None:
    """`call_indirect x y`."""
    type_index = f.read_unsigned()
    call_record(f, f.facts.call(type_index), element(f, type_index), is_tail=False)


def return_call_indirect(f: FunctionCompiler) -> None:
    """`return_call_indirect x y`."""
    type_index = f.read_unsigned()
    call_record(f, f.facts.call(type_index), element(f, type_index), is_tail=True)


def call_ref(f: FunctionCompiler) -> None:
    """`call_ref x`."""
    type_index = f.read_unsigned()
    call_record(f, f.facts.call(type_index), referenced(f), is_tail=False)


def return_call_ref(f: FunctionCompiler) -> None:
    """`return_call_ref x`."""
    type_index = f.read_unsigned()
    call_record(f, f.facts.call(type_index), referenced(f), is_tail=True)


def element(f: FunctionCompiler, type_index: i64) -> i64:
    """The slot with the function record of the table element whose index is on top, which is popped. It is checked."""
    table = f.read_unsigned()
    numbers, offsets = f.pieces.numbers, f.facts.layout
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.element[k & 3], offsets.table_record_offset(table), 0, 0)
    expected = offsets.type_id_offset(type_index)
    if f.facts.valid.types[type_index].is_final:
        f.stamp(f.pieces.type[k & 3], 0, expected, 0)
        return record_slot(f, k)
    slot = record_slot(f, k)
    f.spill()
    f.stamp(numbers["is_subtype"], slot, expected, 0)
    return slot


def referenced(f: FunctionCompiler) -> i64:
    """The slot with the function reference on top, which is popped. It is not null."""
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"non_null.{TrapKind.NULL_FUNCTION_REFERENCE.value}.{k & 3}"], 0, 0, 0)
    return record_slot(f, k)


def record_slot(f: FunctionCompiler, k: i64) -> i64:
    """Put the topmost operand, a function record's address in a register, into its slot, and pop it."""
    f.entries[k] = CLASS_I64 << 2 | REGISTER
    slot = f.slot(k)
    f.stamp(f.pieces.put[CLASS_I64 * 4 + (k & 3)], slot, 0, 0)
    f.drop(1)
    return slot


def call_record(f: FunctionCompiler, facts: CallFacts, slot: i64, is_tail: bool) -> None:
    """Call the function whose record's address is in a slot."""
    pass_arguments(f, facts, is_tail)
    if is_tail:
        f.stamp(f.pieces.numbers["tail.record"], slot, 0, 0)
        f.is_reachable = False
        return
    handler = f.frames[-1].handler
    if handler is None:
        f.stamp(f.pieces.call_record, slot, 0, 0)
    else:
        f.stamp(f.pieces.try_record, slot, 0, 0)
        handler.caught.append(f.branch_at)
    take_results(f, facts)


def pass_arguments(f: FunctionCompiler, facts: CallFacts, is_tail: bool = False) -> None:
    """Load the operands on top into registers and the overflow area, and pop them; the buffer for results too."""
    f.spill()
    pieces, entries, rows = f.pieces, f.entries, facts.rows
    count = len(rows)
    first = f.height - count
    if facts.has_area:
        pass_in_area(f, facts, first)
    for k in range(count):
        row = rows[k]
        if row >= 0:
            entry = entries[first + k]
            f.stamp((pieces.pass_constant if entry & 3 == CONSTANT else pieces.pass_)[row], entry >> 5, 0, 0)
    f.drop(count)
    if facts.has_buffer:
        if is_tail:
            f.stamp(pieces.numbers["pass.results"], 0, 0, 0)
        else:
            f.stamp(pieces.numbers["pass.address.1"], buffer(f, facts), 0, 0)


def pass_in_area(f: FunctionCompiler, facts: CallFacts, first: i64) -> None:
    """Store those operands, from number `first` on, that go to the overflow area."""
    f.stamp(f.pieces.numbers["area"], 0, 0, 0)
    for k, place in enumerate(facts.places):
        if place < 0:
            if f.entries[first + k] & 3 == CONSTANT:
                f.flush(first + k)
            area = layout.STACK_OVERFLOW_AREA + layout.VALUE_SLOT_BYTES * ~place
            f.stamp(f.pieces.pass_area[facts.params[k]], f.entries[first + k] >> 5, area, 0)


def buffer(f: FunctionCompiler, facts: CallFacts) -> i64:
    """The offset from the frame pointer of the buffer for a call's results: beyond the slots that they go to then."""
    end = f.end_of(f.height - 1)
    for c in facts.results:
        end += 16 if c == 4 else 8
    return f.place_of(end + layout.VALUE_SLOT_BYTES * len(facts.results))


def take_results(f: FunctionCompiler, facts: CallFacts) -> None:
    """Push what a call returned."""
    if facts.has_buffer:
        start = buffer(f, facts)
        k = f.height
        f.push_own(facts.results)
        for index, c in enumerate(facts.results):
            f.stamp(f.pieces.copy[c], start + layout.VALUE_SLOT_BYTES * index, f.entries[k + index] >> 5, 0)
    elif facts.results:
        c = facts.results[0]
        f.stamp(f.pieces.result[c * 4 + (f.height & 3)], 0, 0, 0)
        f.push_register(c)
