"""Exceptions: where they are thrown, and what a `try_table` does with them (core specification, section 4.4.8).

A call inside of a `try_table` branches where an exception came in place of results (calls.py). What it branches to, the
dispatch, stands behind the block: there the clauses are compared. Operands below the block are in their slots, as at
any label. Each function here handles an instruction whose opcode has been read, or is what those are made of.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import blocks, branches, state
from jormun.baseline.catalogue import CLASS_I64
from jormun.baseline.frame import TRY, Frame
from jormun.baseline.operands import CONSTANT
from jormun.errors import TrapKind
from jormun.hints import TYPE_CHECKING, Final, i64
from jormun.opcodes.immediates import CatchKind
from jormun.opcodes.table import BY_NAME
from jormun.runtime import layout
from jormun.syntax.code import catches_of, read_immediates

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

_TRY_TABLE: Final = BY_NAME["try_table"][0]
_REFERENCE: Final = [CLASS_I64]
_SLOT_BYTES: Final = layout.VALUE_SLOT_BYTES


def try_table(f: FunctionCompiler) -> None:
    """`try_table`: its clauses name labels outside of it."""
    immediates, end = read_immediates(f.body, f.at, _TRY_TABLE)
    frame = blocks.open_frame(f, TRY)
    f.at = end
    frame.catches = catches_of(immediates)
    if frame.catches:
        frame.handler = frame


def throw(f: FunctionCompiler) -> None:
    """`throw x`: the values go to slots beyond all others, where the service reads them."""
    tag = f.read_unsigned()
    classes = f.facts.tag(tag)
    f.spill()
    count = len(classes)
    first = f.height - count
    if count == 1 and classes[0] <= CLASS_I64:
        identity = f.facts.layout.tag_offset(tag)
        passed: list[tuple[str, i64]] = [("pass.const.i32", tag), state.argument(f, first), ("pass.vm", identity)]
        state.serve(f, "jormun_throw_word", passed, count)
        f.stamp(f.pieces.numbers["exception.new"], 0, 0, 0)
        raise_(f)
        return
    start = f.place_of(f.end_of(f.height - 1) + _SLOT_BYTES * count)
    for k in range(count):
        if f.entries[first + k] & 3 == CONSTANT:
            f.flush(first + k)
        f.stamp(f.pieces.copy[classes[k]], f.entries[first + k] >> 5, start + _SLOT_BYTES * k, 0)
    state.serve(f, "jormun_throw", [("pass.const.i32", tag), ("pass.address", start)], count)
    f.stamp(f.pieces.numbers["exception.new"], 0, 0, 0)
    raise_(f)


def throw_ref(f: FunctionCompiler) -> None:
    """`throw_ref`."""
    k = f.height - 1
    f.fetch(k)
    numbers = f.pieces.numbers
    f.stamp(numbers[f"non_null.{TrapKind.NULL_EXCEPTION_REFERENCE.value}.{k & 3}"], 0, 0, 0)
    f.stamp(numbers[f"exception.{k & 3}"], 0, 0, 0)
    f.drop(1)
    raise_(f)


def raise_(f: FunctionCompiler) -> None:
    """Go to the dispatch of the `try_table` that is innermost here, or leave the function."""
    handler = f.frames[-1].handler
    if handler is None:
        f.stamp(f.pieces.numbers["exception.raise"], 0, 0, 0)
    else:
        f.stamp(f.pieces.jump, 0, 0, 0)
        handler.caught.append(f.branch_at)
    f.is_reachable = False


def dispatch(f: FunctionCompiler, frame: Frame) -> None:
    """Find the clause of a `try_table`, which has ended, for the exception that has come, and go where it says."""
    numbers = f.pieces.numbers
    here = f.here()
    for at in frame.caught:
        f.patch(at, here)
    is_complete = False
    for each in frame.catches:
        blocks.reset(f, frame, blocks.NOTHING)
        other: i64 = -1
        if each.tag is not None:
            f.stamp(numbers["exception.other"], f.facts.layout.tag_offset(each.tag), 0, 0)
            other = f.branch_at
            classes = f.facts.tag(each.tag)
            k = f.height
            f.push_own(classes)
            at_value: i64 = layout.EXCEPTION_VALUES
            for c in classes:
                f.stamp(f.pieces.exception_get[c], at_value, f.entries[k] >> 5, 0)
                at_value += _SLOT_BYTES
                k += 1
        if each.kind is CatchKind.CATCH_REF or each.kind is CatchKind.CATCH_ALL_REF:
            k = f.height
            f.push_own(_REFERENCE)
            f.stamp(numbers["exception.put"], f.entries[k] >> 5, 0, 0)
        branches.branch(f, f.frames[-1 - each.label])
        if other < 0:
            is_complete = True
            break
        f.patch(other, f.here())
    if not is_complete:
        raise_(f)
    blocks.reset(f, frame, blocks.NOTHING)
