"""Blocks, branches, globals, and operands that are only moved (core specification, sections 4.4.1 to 4.4.9).

Each function here handles one instruction of a function being lowered: it reads its immediates and takes its operands.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.errors import TrapKind
from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF
from jormun.optimizing import fuel, passing, roots
from jormun.optimizing.frame import BLOCK, BODY, ELSE, IF, LOOP, NOTHING, Frame
from jormun.runtime import layout
from jormun.syntax.type_bytes import EMPTY_BLOCK
from jormun.syntax.type_code import read_blocktype, read_valtype
from jormun.types import FuncType

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering


def open_frame(f: FunctionLowering, kind: int) -> Frame:
    """Read a block type and push the frame of a block that begins here."""
    params = results = NOTHING
    if f.code[f.at] == EMPTY_BLOCK:  # FAST: nine blocks of ten
        f.at += 1
    else:
        type, f.at = read_blocktype(f.code, f.at)
        if isinstance(type, int):
            composite = f.shape.valid.types[type].composite
            assert isinstance(composite, FuncType)
            params, results = [llvm_type(t) for t in composite.params], [llvm_type(t) for t in composite.results]
        elif type is not None:
            results = [llvm_type(type)]
    frame = Frame(kind, f.op.block_label(), len(f.values) - len(params), params, results)
    frame.handler = f.frames[-1].handler
    f.frames.append(frame)
    roots.keep(f, frame.height)
    if f.entry is not None:
        f.entry.open_block(f, frame)
    return frame


def unreachable(f: FunctionLowering) -> None:
    """`unreachable`."""
    f.lines.append(f"br label %{f.op.trap_label(TrapKind.UNREACHABLE)}")
    f.is_reachable = False


def block(f: FunctionLowering) -> None:
    """`block`: nothing happens until its end."""
    open_frame(f, BLOCK)


def loop(f: FunctionLowering) -> None:
    """`loop`: its label is here."""
    offset = f.at - 1  # of the opcode, a byte
    frame = open_frame(f, LOOP)
    frame.accesses = len(f.op.pending)
    frame.calls = f.calls
    f.has_loops = True
    f.hand_over(frame.params)
    fuel.start_loop(f)
    f.lines.append(f"br label %{frame.label}")
    f.take_over(frame, frame.params)
    if f.entry is not None:
        f.entry.open_loop(f, frame, offset)
    fuel.charge_round(f)


def if_(f: FunctionLowering) -> None:
    """`if`: what is known of locals holds in its first part too, which has no other way in."""
    condition = f.pop_condition()
    frame = open_frame(f, IF)
    frame.else_label = f"{frame.label}e"
    frame.else_values = f.values[frame.height :]
    f.lines.append(f"br i1 {condition}, label %{frame.label}t, label %{frame.else_label}\n{frame.label}t:")
    fuel.charge(f)


def else_(f: FunctionLowering) -> None:
    """`else`: the end of the first part, and the start of the second."""
    frame = f.frames[-1]
    if f.is_reachable:
        branch_to(f, frame)
    start_else(f, frame)
    fuel.charge(f)


def start_else(f: FunctionLowering, frame: Frame) -> None:
    """Begin the second part of an `if`, on the parameters that the first had."""
    frame.kind = ELSE
    f.reset(frame)
    f.start_block(frame.else_label)
    roots.reload(f)
    f.values += frame.else_values
    f.types += frame.params
    f.is_reachable = True


def end(f: FunctionLowering) -> None:
    """`end`: of a block, where all its branches meet, or of the function."""
    frame = f.frames[-1]
    if frame.kind == IF:  # one without an `else`: its parameters are its results
        if f.is_reachable:
            branch_to(f, frame)
        start_else(f, frame)
    f.frames.pop()
    if frame.kind == LOOP:
        if frame.calls == f.calls:
            f.op.relax(frame.accesses)
    elif frame.is_caught:
        if f.is_reachable:
            branch_to(f, frame)
        f.dispatch(frame)
        f.is_reachable = False
    if frame.kind != LOOP and frame.is_targeted:
        if f.is_reachable:
            branch_to(f, frame)
        f.take_over(frame, frame.results)
        f.is_reachable = True
    if frame.is_entered and f.entry is not None:
        f.entry.close_block(f, frame)
    if not f.is_reachable or not f.frames:
        if frame.kind == BODY and f.is_reachable:
            write_return(f)
        return
    fuel.charge(f)


def branch_to(f: FunctionLowering, frame: Frame) -> None:
    """Jump to the label of a frame, with the values on top of the stack."""
    frame.is_targeted = True
    if frame.branch_types:
        f.hand_over(frame.branch_types)
    f.lines.append(f"br label %{frame.label}")


def target(f: FunctionLowering) -> Frame:
    """The frame that a label, the next immediate, names. Values for it are handed over, and left on the stack."""
    frame = f.frames[-1 - f.read_u32()]
    frame.is_targeted = True
    if frame.branch_types:
        f.hand_over(frame.branch_types)
    return frame


def br(f: FunctionLowering) -> None:
    """`br l`."""
    f.lines.append(f"br label %{target(f).label}")
    f.is_reachable = False


def br_if(f: FunctionLowering) -> None:
    """`br_if l`."""
    condition = f.pop_condition()
    branch_if(f, condition, target(f))


def branch_if(f: FunctionLowering, condition: str, frame: Frame) -> None:
    """Jump if a condition holds. What follows has no other way in, so what is known of locals stays known."""
    following = f.op.block_label()
    f.lines.append(f"br i1 {condition}, label %{frame.label}, label %{following}\n{following}:")
    fuel.charge(f)


def br_table(f: FunctionLowering) -> None:
    """`br_table l* l`."""
    index = f.pop()
    count = f.read_u32()
    labels = []
    for _ in range(count):
        frame = f.frames[-1 - f.read_u32()]
        frame.is_targeted = True
        labels.append(frame.label)
    labels.append(target(f).label)  # all labels take the same types, from the same slots
    cases = " ".join(f"i32 {k}, label %{label}" for k, label in enumerate(labels[:-1]))
    f.lines.append(f"switch i32 {index}, label %{labels[-1]} [{cases}]")
    f.is_reachable = False


def br_on_null(f: FunctionLowering) -> None:
    """`br_on_null l`."""
    reference = f.pop()
    branch_if(f, f.op.ref_is_null(reference), target(f))
    f.push(reference, REF)


def br_on_non_null(f: FunctionLowering) -> None:
    """`br_on_non_null l`."""
    condition = f.op.line(f"icmp ne i64 {f.values[-1]}, 0")
    branch_if(f, condition, target(f))
    f.pop()


def return_(f: FunctionLowering) -> None:
    """`return`."""
    write_return(f)
    f.is_reachable = False


def write_return(f: FunctionLowering) -> None:
    """Return the values on top of the stack."""
    shape = f.call_shape
    if shape.has_buffer:
        for k, (type, value) in enumerate(zip(shape.results, f.values[-len(shape.results) :], strict=True)):
            f.op.store_field("%results", layout.VALUE_SLOT_BYTES * k, type, value)
    passing.write_return(f, "" if shape.returns == "void" else f.values[-1])


def drop(f: FunctionLowering) -> None:
    """`drop`."""
    f.pop()


def select(f: FunctionLowering) -> None:
    """`select`; with types or without, operands know theirs."""
    condition = f.pop_condition()
    type = f.types[-1]
    second = f.pop()
    f.values[-1] = f.op.line(f"select i1 {condition}, {type} {f.values[-1]}, {type} {second}")


def select_typed(f: FunctionLowering) -> None:
    """`select t`."""
    for _ in range(f.read_u32()):
        _, f.at = read_valtype(f.code, f.at)
    select(f)


def global_get(f: FunctionLowering) -> None:
    """`global.get x`."""
    index = f.read_u32()
    f.push(f.op.global_get(index), f.shape.global_types[index])


def global_set(f: FunctionLowering) -> None:
    """`global.set x`."""
    f.op.global_set(f.read_u32(), f.pop())
