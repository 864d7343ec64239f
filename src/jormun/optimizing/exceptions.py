"""Exceptions as LLVM text: where they are thrown, and what a `try_table` does with them (core specification, 4.4.8).

A call inside of a `try_table` goes through `jormun_try` (runtime/native/exceptions.py), which answers, beside results,
with the address of the exception that came in their place, or 0. To LLVM it is a call like any other. What came is kept
in memory, which LLVM makes a register, and clauses are compared in code that stands behind the block: the dispatch. It
goes on with that of the `try_table` around, or raises the exception further.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.errors import TrapKind
from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF
from jormun.opcodes.immediates import CatchKind
from jormun.opcodes.table import BY_NAME
from jormun.optimizing import calls, control, roots
from jormun.optimizing.frame import TRY, Frame
from jormun.optimizing.shapes import CallShape
from jormun.runtime import layout
from jormun.syntax.code import catches_of, read_immediates
from jormun.types import I32, I64, FuncType

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

PENDING = "%pending"
"""In memory: the exception that has come."""
THROWN = "%thrown"
"""In memory: the values of one that is to be thrown."""
UNLIKELY = "!prof !9"
_INTEGERS = ("i32", "i64", REF)
_WORDS = (["i32"], ["i64"], [REF])
_TRY_TABLE = BY_NAME["try_table"][0]


def try_table(f: FunctionLowering) -> None:
    """`try_table`: its clauses name labels outside of it."""
    immediates, end = read_immediates(f.code, f.at, _TRY_TABLE)
    frame = control.open_frame(f, TRY)
    f.at = end
    frame.catches = catches_of(immediates)
    if frame.catches:
        frame.handler = frame


def throw(f: FunctionLowering) -> None:
    """`throw x`."""
    tag = f.read_u32()
    types = value_types(f, tag)
    f.calls += 1
    if types in _WORDS:
        value = f.op.as_i64(f.values[-1], I32 if f.types[-1] == "i32" else I64)
        f.pop()
        identity = f.op.state(f.shape.layout.tag_offset(tag), "i64", is_constant=True)
        arguments = f"ptr %vm, i32 {tag}, i64 {value}, i64 {identity}"
        raise_(f, f.op.service("jormun_throw_word", "i64", arguments))
        return
    f.thrown_slots = max(f.thrown_slots, len(types))
    for k, type in reversed(list(enumerate(types))):
        f.op.store_field(THROWN, layout.VALUE_SLOT_BYTES * k, type, f.pop())
    values = THROWN if types else "null"
    raise_(f, f.op.service("jormun_throw", "i64", f"ptr %vm, i32 {tag}, ptr {values}"))


def throw_ref(f: FunctionLowering) -> None:
    """`throw_ref`."""
    exception = f.pop()
    f.calls += 1
    f.op.trap_if(f.op.ref_is_null(exception), TrapKind.NULL_EXCEPTION_REFERENCE)
    raise_(f, exception)


def raise_(f: FunctionLowering, exception: str) -> None:
    """Go to the dispatch of the `try_table` that is innermost here, or leave the function."""
    handler = f.frames[-1].handler
    if handler is None:
        f.op.service("jormun_raise", "void", f"i64 {exception}", "cold noreturn nounwind")
        f.lines.append("unreachable")
    else:
        catch(f, handler)
        f.lines += [f"store i64 {exception}, ptr {PENDING}", f"br label %{dispatch_of(handler)}"]
    f.is_reachable = False


def catch(f: FunctionLowering, handler: Frame) -> None:
    """Note that code leads to the dispatch of a `try_table`."""
    f.catches = True
    handler.is_caught = True


def call(f: FunctionLowering, handler: Frame, shape: CallShape, code: str, values: list[str]) -> None:
    """A call inside of a `try_table`; see calls.finish."""
    op = f.op
    table = op.state(layout.VM_SERVICES, "ptr", is_constant=True)
    via = op.load_field(table, layout.service_offset("jormun_try"), "ptr", is_constant=True)
    # The answer is in the second integer register: in front of it is a result of that kind, if there is one.
    if shape.returns == "void":
        returned = "{i64, i64}"
    elif shape.returns in _INTEGERS:
        returned = f"{{{shape.returns}, i64}}"
    else:
        returned = f"{{i64, i64, {shape.returns}}}"
    arguments = shape.arguments % tuple(values)
    roots.keep(f)
    answer = op.line(f"notail call {returned} {via}(ptr nest {code}, {arguments}) nounwind")
    op.read_fuel()
    exception = op.line(f"extractvalue {returned} {answer}, 1")
    has_come = op.line(f"icmp ne i64 {exception}, 0")
    following = op.block_label()
    catch(f, handler)
    f.lines.append(f"store i64 {exception}, ptr {PENDING}")
    f.lines.append(f"br i1 {has_come}, label %{dispatch_of(handler)}, label %{following}, {UNLIKELY}\n{following}:")
    roots.reload(f)
    if shape.has_buffer:
        calls.take_results(f, shape)
    elif shape.returns != "void":
        place = 0 if shape.returns in _INTEGERS else 2
        f.push(op.line(f"extractvalue {returned} {answer}, {place}"), shape.returns)


def dispatch_of(handler: Frame) -> str:
    """The label of a dispatch."""
    return f"{handler.label}d"


def dispatch(f: FunctionLowering, frame: Frame) -> None:
    """Find the clause of a `try_table`, which has ended, for the exception that has come, and go where it says."""
    op = f.op
    f.start_block(dispatch_of(frame))
    f.reset(frame)
    roots.reload(f)
    exception = op.line(f"load i64, ptr {PENDING}")
    record = op.line(f"inttoptr i64 {exception} to ptr")
    tag = op.load_field(record, layout.EXCEPTION_TAG, "i64")
    for each in frame.catches:
        f.reset(frame)
        if each.tag is not None:
            own = op.state(f.shape.layout.tag_offset(each.tag), "i64", is_constant=True)
            is_it = op.line(f"icmp eq i64 {tag}, {own}")
            this, following = op.block_label(), op.block_label()
            f.lines.append(f"br i1 {is_it}, label %{this}, label %{following}\n{this}:")
            for k, type in enumerate(value_types(f, each.tag)):
                f.push(op.load_field(record, layout.EXCEPTION_VALUES + layout.VALUE_SLOT_BYTES * k, type), type)
        if each.kind in (CatchKind.CATCH_REF, CatchKind.CATCH_ALL_REF):
            f.push(exception, REF)
        control.branch_to(f, f.frames[-1 - each.label])
        if each.tag is None:
            break
        f.lines.append(f"{following}:")
        op.pointers.clear()
        if len(f.lines) > f.most_lines:
            f.refuse_length()
    else:
        raise_(f, exception)
    f.reset(frame)


def value_types(f: FunctionLowering, tag: int) -> list[str]:
    """The LLVM types of the values that exceptions with a tag have."""
    composite = f.shape.valid.tag_types[tag].composite
    assert isinstance(composite, FuncType)
    return [llvm_type(t) for t in composite.params]
