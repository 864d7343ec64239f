"""Calls: of own functions, imports, tables' elements and references, and their tail forms (section 4.4.8).

Each function here handles one instruction: it reads its immediates from the function's bytes, takes operands from the
stack and appends lines. The calling convention is written down in llvm/convention.py, records in runtime/layout.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.errors import TrapKind
from jormun.llvm.convention import REGISTERS, to_register
from jormun.optimizing import passing, roots
from jormun.optimizing.shapes import CallShape
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

OVERFLOW = "%overflow"
"""The overflow area (llvm/convention.py), in functions that pass or take arguments there."""


def call(f: FunctionLowering) -> None:
    """`call x`."""
    func_index = f.read_u32()
    code, vm = callee(f, func_index)
    finish(f, f.shape.function_shape(func_index), code, vm, is_tail=False)


def return_call(f: FunctionLowering) -> None:
    """`return_call x`."""
    func_index = f.read_u32()
    is_own = func_index == f.func_index and func_index in f.unit  # a function's entry may be compiled without it
    code, vm = (f.body_symbol, "%vm") if is_own else published(f, func_index)
    finish(f, f.shape.function_shape(func_index), code, vm, is_tail=True)


def call_indirect(f: FunctionLowering) -> None:
    """`call_indirect x y`."""
    type_index = f.read_u32()
    code, vm = element(f, type_index, f.read_u32())
    finish(f, f.shape.shape(type_index), code, vm, is_tail=False)


def return_call_indirect(f: FunctionLowering) -> None:
    """`return_call_indirect x y`."""
    type_index = f.read_u32()
    code, vm = element(f, type_index, f.read_u32())
    finish(f, f.shape.shape(type_index), code, vm, is_tail=True)


def call_ref(f: FunctionLowering) -> None:
    """`call_ref x`."""
    type_index = f.read_u32()
    code, vm = referenced(f)
    finish(f, f.shape.shape(type_index), code, vm, is_tail=False)


def return_call_ref(f: FunctionLowering) -> None:
    """`return_call_ref x`."""
    type_index = f.read_u32()
    code, vm = referenced(f)
    finish(f, f.shape.shape(type_index), code, vm, is_tail=True)


def callee(f: FunctionLowering, func_index: int) -> tuple[str, str]:
    """The code and the instance record of a function of this module.

    A function of the same compile unit is called by its symbol. Another one is called through the code table, where
    lazy compilation may replace the pointer at any time; and so is one whose address has to be known, to call it from
    inside of a `try_table`.
    """
    is_direct = func_index in f.unit and f.frames[-1].handler is None
    return (f"@f{func_index}", "%vm") if is_direct else published(f, func_index)


def published(f: FunctionLowering, func_index: int) -> tuple[str, str]:
    """The same, by what the instance knows of the function: a pointer, whatever it was compiled with."""
    shape, op = f.shape, f.op
    if func_index < shape.imported_function_count:
        record = op.state(shape.layout.imported_function_offset(func_index), "ptr", is_constant=True)
        return record_target(f, record)
    table = op.state(layout.VM_CODE_TABLE, "ptr", is_constant=True)
    code = op.load_field(table, shape.layout.code_table_offset(func_index), "ptr")
    return code, "%vm"


def record_target(f: FunctionLowering, record: str) -> tuple[str, str]:
    """The code and the instance record that a function record names. Its vm never changes, its code may."""
    return (
        f.op.load_field(record, layout.FUNCTION_CODE, "ptr"),
        f.op.load_field(record, layout.FUNCTION_VM, "ptr", is_constant=True),
    )


def referenced(f: FunctionLowering) -> tuple[str, str]:
    """The target of the function reference on top of the stack; its type is known by validation."""
    reference = f.pop()
    f.op.trap_if(f.op.ref_is_null(reference), TrapKind.NULL_FUNCTION_REFERENCE)
    record = f.op.line(f"inttoptr i64 {reference} to ptr")
    return record_target(f, record)


def element(f: FunctionLowering, type_index: int, table_index: int) -> tuple[str, str]:
    """The target of the table element whose index is on top of the stack: bounds, null and type are checked."""
    op = f.op
    reference = op.table_element(table_index, f.pop(), TrapKind.UNDEFINED_ELEMENT)
    op.trap_if(op.ref_is_null(reference), TrapKind.UNINITIALIZED_ELEMENT)
    record = op.line(f"inttoptr i64 {reference} to ptr")
    actual = op.load_field(record, layout.FUNCTION_TYPE_ID, "i64", is_constant=True)
    expected = op.state(f.shape.layout.type_id_offset(type_index), "i64", is_constant=True)
    if f.shape.type_is_final(type_index):
        op.trap_if(op.line(f"icmp ne i64 {actual}, {expected}"), TrapKind.INDIRECT_CALL_TYPE_MISMATCH)
    else:
        same = op.line(f"icmp eq i64 {actual}, {expected}")
        ask, go = op.block_label(), op.block_label()
        f.lines.append(f"br i1 {same}, label %{go}, label %{ask}")
        f.lines.append(f"{ask}:")
        attributes = "nounwind willreturn memory(none)"
        answer = op.service("jormun_is_subtype", "i32", f"i64 {actual}, i64 {expected}", attributes)
        op.trap_if(op.line(f"icmp eq i32 {answer}, 0"), TrapKind.INDIRECT_CALL_TYPE_MISMATCH)
        f.lines += [f"br label %{go}", f"{go}:"]
    return record_target(f, record)


def finish(f: FunctionLowering, shape: CallShape, code: str, vm: str, is_tail: bool) -> None:
    """The call itself, with operands from the stack and results back to it."""
    values = [vm]
    if shape.has_buffer:
        values.append("%results" if is_tail else "%buffer")
    count = len(shape.params)
    if count:
        values += f.values[-count:]
        del f.values[-count:], f.types[-count:]
    if len(shape.registers) < len(values):
        values = overflow(f, shape, values)
    if is_tail:
        f.op.save_fuel()
        tail_call(f, shape, code, values)
        return
    f.calls += 1
    handler = f.frames[-1].handler
    if handler is not None:
        f.op.save_fuel()
        f.call_in_try(handler, shape, code, values)
        return
    roots.keep(f)
    result = passing.call(f, shape, code, shape.arguments % tuple(values))
    roots.reload(f)
    if shape.has_buffer:
        take_results(f, shape)
    elif shape.results:
        f.push(result, shape.returns)


def take_results(f: FunctionLowering, shape: CallShape) -> None:
    """Push the results that a call left in the buffer."""
    f.buffer_slots = max(f.buffer_slots, len(shape.results))
    for k, t in enumerate(shape.results):
        f.push(f.op.load_field("%buffer", layout.VALUE_SLOT_BYTES * k, t), t)


def overflow(f: FunctionLowering, shape: CallShape, values: list[str]) -> list[str]:
    """Write what is passed in the overflow area; the values that are passed in registers."""
    f.uses_overflow = True
    registers = []
    for place, t, value in zip(shape.places, shape.passed, values, strict=True):
        if place >= 0:
            registers.append(value)
        else:
            f.op.store_field(OVERFLOW, layout.VALUE_SLOT_BYTES * ~place, t, value)
    return registers


def tail_call(f: FunctionLowering, shape: CallShape, code: str, values: list[str]) -> None:
    """A call in this function's place, with these values in registers: all registers are passed."""
    f.makes_tail_calls = True
    passed = ["poison"] * len(REGISTERS)
    types = dict(zip(shape.places, shape.passed, strict=True))
    for place, value in zip(shape.registers, values, strict=True):
        passed[place] = value
        if types[place] != REGISTERS[place]:
            passed[place] = f"%a{f.op.fresh()[1:]}"
            f.lines += to_register(passed[place], types[place], value, REGISTERS[place])
    arguments = ", ".join([f"{register} {value}" for register, value in zip(REGISTERS, passed, strict=True)])
    text = f"musttail call {shape.returns} {code}({arguments})"
    if shape.returns == "void":
        f.lines += [text, "ret void"]
    else:
        f.lines.append(f"ret {shape.returns} {f.op.line(text)}")
    f.is_reachable = False
