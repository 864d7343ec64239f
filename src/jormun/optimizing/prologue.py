"""What a function begins with: its signature and its entry block, written last, when it is known what they must hold.

To be compiled by mypyc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jormun.llvm.convention import REGISTERS, from_register, overflow_area, to_register
from jormun.optimizing import calls, exceptions, objects, passing, roots
from jormun.optimizing.frame import slot
from jormun.optimizing.shapes import ZERO
from jormun.optimizing.state import STATE
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering


def prologue(f: FunctionLowering) -> list[str]:
    """The signature and the entry block, of an entry too."""
    if f.entry is not None:
        return f.entry.head(f)
    shape = f.call_shape
    names = ["%vm", *(["%results"] if shape.has_buffer else []), *(f"%p{i}" for i in range(len(shape.params)))]
    parameters = list(zip(shape.places, shape.passed, names, strict=True))
    if f.makes_tail_calls:
        lines = tail_call_head(f, parameters)
    else:
        params = ", ".join(f"{t} {name}" for place, t, name in parameters if place >= 0)
        params = params.replace("ptr %vm", "ptr nonnull %vm", 1)
        lines = passing.head(f, params)
    if f.uses_overflow:
        lines += overflow_area(calls.OVERFLOW, layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA)
    for place, t, name in parameters:
        if place < 0:
            slot_bytes = layout.VALUE_SLOT_BYTES * ~place
            lines.append(f"{name}.a = getelementptr i8, ptr {calls.OVERFLOW}, i64 {slot_bytes}")
            lines.append(f"{name} = load {t}, ptr {name}.a, align 8, {STATE}")
    lines += allocations(f)
    count = len(shape.params)
    lines += [f"store {t} %p{i}, ptr %l{i}" for i, t in enumerate(shape.params)]
    lines += [f"store {t} {ZERO[t]}, ptr %l{count + i}" for i, t in enumerate(f.local_types[count:])]
    lines += ["br label %start", "start:"]
    return lines


def allocations(f: FunctionLowering) -> list[str]:
    """The part of the entry block that holds the function's memory, and the constants that it reads once."""
    lines = roots.allocations(f)
    lines += [f"{slot(k, t)} = alloca {t}" for k, t in sorted(f.slots)]
    if f.catches:
        lines.append(f"{exceptions.PENDING} = alloca i64")
    if f.thrown_slots:
        lines.append(f"{exceptions.THROWN} = alloca [{f.thrown_slots} x i128], align 16")
    if f.op.passes_value:
        lines.append(f"{objects.VALUE} = alloca i128, align 16")
    if f.buffer_slots:
        lines.append(f"%buffer = alloca [{f.buffer_slots} x i128], align 16")
    return lines + f.op.entry_lines()


def forwarder(f: FunctionLowering) -> str:
    """The LLVM text of an `f{func_index}`, for the functions of this unit, that calls what the code table has."""
    shape = f.call_shape
    arguments = shape.arguments % tuple([f"%a{k}" for k in range(len(shape.registers))])
    offset = f.shape.layout.code_table_offset(f.func_index)
    code = [
        f"%at = getelementptr i8, ptr %a0, i64 {layout.VM_CODE_TABLE}",
        "%table = load ptr, ptr %at, align 8",
        f"%entry = getelementptr i8, ptr %table, i64 {offset}",
        "%code = load ptr, ptr %entry, align 8",
    ]
    return "\n".join([*passing.calling(f, arguments, "%a0", code, "%code", arguments), "", ""])


def tail_call_head(f: FunctionLowering, parameters: Sequence[tuple[int, str, str]]) -> list[str]:
    """The signature of a function that makes tail calls, and one for functions compiled with it, which call it by
    its own prototype. Parameters are places, types and names.
    """
    inner = ["%vm", *(f"%r{k}" for k in range(1, len(REGISTERS)))]
    by_place = {place: (t, name) for place, t, name in parameters if place >= 0}
    passed = ["poison"] * len(REGISTERS)
    code: list[str] = []
    for place, (t, name) in by_place.items():
        code += to_register(f"{name}.r", t, name, REGISTERS[place])
        passed[place] = f"{name}.r"
    params = ", ".join(f"{t} {name}" for t, name in by_place.values())
    arguments = ", ".join(f"{t} {value}" for t, value in zip(REGISTERS, passed, strict=True))
    lines = passing.calling(f, params, "%vm", code, f.body_symbol, arguments)
    params = ", ".join(f"{t} {name}" for t, name in zip(REGISTERS, inner, strict=True))
    lines += [f"define {f.call_shape.returns} {f.body_symbol}({params}) #0 {{", "entry:"]
    for place, (t, name) in by_place.items():
        if place:
            lines += from_register(name, t, inner[place], REGISTERS[place])
    return lines
