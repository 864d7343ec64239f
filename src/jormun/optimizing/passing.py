"""How functions of a unit pass each other what is left of the fuel: in a register, and not through memory.

Where a function is called by others of its unit, `f7` takes what is left behind its arguments, and returns it behind
its result. Whoever else calls the function calls `e7`, which reads and writes the place that VM_FUEL names instead. All
other functions do so themselves; calls of what may be anywhere write that place before, and read it behind.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.optimizing.fuel import FUEL
from jormun.optimizing.shapes import CallShape
from jormun.optimizing.state import CONSTANT
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

LEFT = "%fuel.0"
"""The parameter that says what is left."""


class Passing:
    """Whom a function passes it to, and whether others pass it to the function."""

    __slots__ = ("callees", "is_possible", "is_taken", "returns")

    def __init__(self, is_possible: bool) -> None:
        self.is_possible = is_possible
        """Whether the unit has functions that take it."""
        self.callees: set[int] = set()
        """The functions that this one calls so."""
        self.is_taken = False
        """Whether this one is called so; known when all of the unit have been lowered."""
        self.returns: list[tuple[int, str]] = []
        """Where in the lines it returns, and which value, or none: how is not known yet."""


# In functions that are being lowered.


def call(f: FunctionLowering, shape: CallShape, code: str, arguments: str) -> str:
    """Call a function: the name of its result, if it has one."""
    op = f.op
    # LLVM must not make a loop of endless recursion, which has to exhaust the stack.
    if f.passing.is_possible and code[0] == "@":
        f.passing.callees.add(int(code[2:]))
        left = op.line("load i64, ptr %fuel")
        pair = returned(shape)
        value, left = "", op.line(f"notail call {pair} {code}({arguments}, i64 {left})")
        if shape.returns != "void":
            value, left = op.line(f"extractvalue {pair} {left}, 0"), op.line(f"extractvalue {pair} {left}, 1")
        f.lines.append(f"store i64 {left}, ptr %fuel")
        return value
    op.save_fuel()
    text = f"notail call {shape.returns} {code}({arguments})"
    value = ""
    if shape.returns == "void":
        f.lines.append(text)
    else:
        value = op.line(text)
    op.read_fuel()
    return value


def write_return(f: FunctionLowering, value: str) -> None:
    """Return a value, or none where it is empty."""
    if f.op.is_metered:
        f.passing.returns.append((len(f.lines), value))
        f.lines.append("ret ?")
    else:
        f.lines.append(f"ret {f.call_shape.returns} {value}" if value else "ret void")


def finish_returns(f: FunctionLowering) -> None:
    """Write what `write_return` left open."""
    shape = f.call_shape
    is_given = f.passing.is_taken and not f.makes_tail_calls
    for k, (at, value) in enumerate(f.passing.returns):
        left = f"%left{k}"
        lines = [f"{left} = load i64, ptr %fuel"]
        if is_given:
            lines += give(shape, value, left)
        else:
            lines.append(f"store i64 {left}, ptr %fuel.cell, align 8, {FUEL}")
            lines.append(f"ret {shape.returns} {value}" if value else "ret void")
        f.lines[at] = "\n".join(lines)


# Around them.


def head(f: FunctionLowering, params: str) -> list[str]:
    """The start of a function that makes no tail calls, with these parameters; before it `e7`, if there is one."""
    shape = f.call_shape
    if not f.passing.is_taken:
        return [f"define {shape.returns} @f{f.func_index}({params}) #0 {{", "entry:"]
    f.op.takes_fuel = True
    pair = returned(shape)
    arguments = params.replace("nonnull ", "")
    is_void = shape.returns == "void"
    # Not inlined: a backtrace shows the two as one call, which it knows by one being called by the other.
    return [
        f"define {shape.returns} @e{f.func_index}({params}) #0 {{",
        *cell("%vm"),
        f"%before = load i64, ptr %cell, align 8, {FUEL}",
        f"%pair = call {pair} @f{f.func_index}({arguments}, i64 %before) noinline",
        *([] if is_void else [f"%value = extractvalue {pair} %pair, 0", f"%left = extractvalue {pair} %pair, 1"]),
        f"store i64 {'%pair' if is_void else '%left'}, ptr %cell, align 8, {FUEL}",
        "ret void" if is_void else f"ret {shape.returns} %value",
        "}",
        f"define internal {pair} @f{f.func_index}({params}, i64 {LEFT}) #0 {{",
        "entry:",
    ]


def calling(f: FunctionLowering, params: str, vm: str, code: list[str], callee: str, arguments: str) -> list[str]:
    """An `f7` for the functions of the unit that calls a function of the same type by what its convention says:
    `callee`, which `code` defines, with `arguments`.
    """
    shape = f.call_shape
    is_void = shape.returns == "void"
    call_text = f"call {shape.returns} {callee}({arguments})"
    if not f.passing.is_taken:
        return [
            f"define internal {shape.returns} @f{f.func_index}({params}) #0 {{",
            *code,
            *([call_text, "ret void"] if is_void else [f"%value = {call_text}", f"ret {shape.returns} %value"]),
            "}",
        ]
    return [
        f"define internal {returned(shape)} @f{f.func_index}({params}, i64 {LEFT}) #0 {{",
        *code,
        *cell(vm),
        f"store i64 {LEFT}, ptr %cell, align 8, {FUEL}",
        call_text if is_void else f"%value = {call_text}",
        f"%left = load i64, ptr %cell, align 8, {FUEL}",
        *give(shape, "" if is_void else "%value", "%left"),
        "}",
    ]


def returned(shape: CallShape) -> str:
    """The type of what a function returns that returns what is left."""
    return "i64" if shape.returns == "void" else f"{{{shape.returns}, i64}}"


def give(shape: CallShape, value: str, left: str) -> list[str]:
    """Return a value, or none where it is empty, and what is left."""
    if not value:
        return [f"ret i64 {left}"]
    pair = returned(shape)
    return [
        f"{left}.1 = insertvalue {pair} poison, {shape.returns} {value}, 0",
        f"{left}.2 = insertvalue {pair} {left}.1, i64 {left}, 1",
        f"ret {pair} {left}.2",
    ]


def cell(vm: str) -> list[str]:
    """Lines that define %cell as the place of what is left."""
    return [
        f"%cell.p = getelementptr i8, ptr {vm}, i64 {layout.VM_FUEL}",
        f"%cell = load ptr, ptr %cell.p, align 8, {CONSTANT}",
    ]
