"""LLVM text of stencils: a row's semantics, with operands read from their places and results left in registers.

A stencil is a function that takes and passes on the machine's registers as parameters and ends with a tail call of
`next`, `taken` or `trap_K`: jumps, of which that to `next` falls away. What is in holes is, for offsets, what the
machine says, or a constant that the code is searched for, MAGIC: LLVM has better code for constants than for addresses
where an operand is one, and what it makes of the constant beyond copying it is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jormun.baseline import catalogue
from jormun.baseline.catalogue import (
    CONSTANT,
    HEIGHTS,
    IF,
    REGISTER,
    REGISTERS,
    SLOT,
    UNARY,
    VALUE,
    is_float_class,
)
from jormun.baseline.stencil_build.machine import INTEGERS, VECTORS, Machine
from jormun.baseline.stencil_build.ops import StencilOps
from jormun.llvm.convention import VECTOR
from jormun.opcodes import numeric
from jormun.opcodes.immediates import Immediate, ImmediateValue, MemArg
from jormun.opcodes.signatures import Address, Signature
from jormun.opcodes.table import Row

MAGIC = -1515889097
"""Stands for a constant operand. Negative, so that it looks the same as 64 bits, sign-extended."""
MAGIC_SHIFT = 19
"""The same where only a shift count's low bits matter."""
_SHIFTS = frozenset({numeric.shl, numeric.shr_s, numeric.shr_u, numeric.rotl, numeric.rotr})
_DIVISIONS = frozenset({numeric.div_s, numeric.div_u, numeric.rem_s, numeric.rem_u})
"""LLVM has other ways to divide by a constant: these must not see that there is one."""

_TYPES = ("i32", "i64", "float", "double", VECTOR)
"""LLVM's types by class."""
_LANES = {"float": "<4 x float>", "double": "<2 x double>"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A stencil to be, by its number in the library. `kind` is that of the family; operands have `places`, the first at
    `height`.
    """

    number: int
    row: Row
    kind: int
    places: tuple[int, ...]
    height: int
    lane: int

    @property
    def has_shift_count(self) -> bool:
        """Whether a constant operand is a shift count."""
        return self.places[-1:] == (CONSTANT,) and self.row.semantics in _SHIFTS

    @property
    def is_first_constant(self) -> bool:
        """Whether the first operand is the constant, if one is: hole x then, else hole y."""
        return len(self.places) < 2 or self.places[-1] != CONSTANT

    @property
    def has_constant(self) -> bool:
        """Whether there is a constant that is no address: those are part of the offset."""
        assert isinstance(self.row.signature, Signature)
        types = self.row.signature.params
        return any(p == CONSTANT and not isinstance(t, Address) for p, t in zip(self.places, types, strict=True))

    def text(self, machine: Machine, is_opaque: bool = False) -> str:
        """The LLVM text that defines `s{number}`. If `is_opaque`, LLVM does not see that a constant is one."""
        writer = Writer(machine, is_opaque or self.row.semantics in _DIVISIONS)
        params = catalogue.params_of(self.row)
        operands = self._operands(writer, params)
        immediates: list[ImmediateValue] = []
        for immediate in self.row.immediates:
            is_memarg = immediate is Immediate.MEMARG
            immediates.append(MemArg(0, 0) if is_memarg else self.lane if immediate is Immediate.LANE else 0)
        outcome: Any = self.row.semantics(writer.op, *self.row.static, *immediates, *operands)
        symbol = f"s{self.number}"
        if self.kind != VALUE:
            for k, c in enumerate(params):
                names = VECTORS if is_float_class(c) else INTEGERS
                writer.registers[names[(self.height + k) % HEIGHTS]] = "poison"
            return writer.text(symbol, writer.op.conditions[outcome], self.kind == IF)
        values = () if outcome is None else outcome if isinstance(outcome, tuple) else (outcome,)
        for k, (c, value) in enumerate(zip(catalogue.results_of(self.row), values, strict=True)):
            writer.result(c, self.height + k, value)
        return writer.text(symbol)

    def _operands(self, writer: Writer, params: Sequence[int]) -> list[str]:
        assert isinstance(self.row.signature, Signature)
        operands: list[str] = []
        for k, (t, c, place) in enumerate(zip(self.row.signature.params, params, self.places, strict=True)):
            hole = "xy"[k] if k < 2 else ""
            if isinstance(t, Address):
                operands.append(writer.address(place, self.height + k, hole))
            else:
                operands.append(writer.operand(c, place, self.height + k, hole, k == 1 and self.has_shift_count))
        return operands


class Writer:
    """The text of one stencil."""

    def __init__(self, machine: Machine, is_opaque: bool) -> None:
        self.machine = machine
        self.convention = machine.convention
        self.op = StencilOps(machine)
        self.lines = self.op.lines
        self.is_opaque = is_opaque or machine.hides_numbers
        self.registers = {name: name for _, name in self.convention.parameters}

    def operand(self, c: int, place: int, height: int, hole: str, is_shift: bool = False) -> str:
        """An operand of a class."""
        t = _TYPES[c]
        if place == SLOT:
            address = self.op.line(f"getelementptr i8, ptr %fp, i64 {self.machine.offsets[hole]}")
            return self.op.line(f"load {t}, ptr {address}, align 8")
        if place == CONSTANT:
            magic = str(MAGIC_SHIFT if is_shift and not self.is_opaque else MAGIC)
            if not self.is_opaque:
                return magic
            return self.op.line(f'call {t} asm "", "=r,0"({t} {magic})')
        if not is_float_class(c):
            register = INTEGERS[height % HEIGHTS]
            return register if t == "i64" else self.op.line(f"trunc nuw i64 {register} to i32")
        register = VECTORS[height % HEIGHTS]
        if t == VECTOR:
            return register
        lanes = self.op.line(f"bitcast {VECTOR} {register} to {_LANES[t]}")
        return self.op.line(f"extractelement {_LANES[t]} {lanes}, i32 0")

    def address(self, place: int, height: int, hole: str) -> str:
        """An address: what of a register, or of a slot, zero-extended; a constant one is part of the offset."""
        if place == CONSTANT:
            return ""
        if place == REGISTER:
            return INTEGERS[height % HEIGHTS]
        address = self.op.line(f"getelementptr i8, ptr %fp, i64 {self.machine.offsets[hole]}")
        number = self.op.line(f"load i32, ptr {address}, align 8")
        return self.op.line(f"zext i32 {number} to i64")

    def result(self, c: int, height: int, value: str) -> None:
        """Leave a result in its register."""
        t = _TYPES[c]
        if not is_float_class(c):
            name = INTEGERS[height % HEIGHTS]
            self.registers[name] = value if t == "i64" else self.op.line(f"zext i32 {value} to i64")
            return
        name = VECTORS[height % HEIGHTS]
        if t != VECTOR:
            lanes = self.op.line(f"insertelement {_LANES[t]} poison, {t} {value}, i32 0")
            value = self.op.line(f"bitcast {_LANES[t]} {lanes} to {VECTOR}")
        self.registers[name] = value

    def leave(self, target: str, is_dead: bool = False) -> list[str]:
        """The jump out of the stencil. Where branches and traps go, operands in registers are of no interest."""
        arguments = ", ".join(
            f"{t} {'poison' if is_dead and name[1] in 'rx' else self.registers[name]}"
            for t, name in self.convention.parameters
        )
        return [f"musttail call {self.convention.name} void @{target}({arguments})", "ret void"]

    def text(self, name: str, condition: str | None = None, is_taken_if: bool = True) -> str:
        """The whole function; with a condition, it ends in a branch."""
        lines = [
            f"define {self.convention.name} void @{name}({self.convention.signature}) #0 {{",
            "entry:",
            *self.lines,
        ]
        if condition is None:
            lines += self.leave("next")
        else:
            labels = ("yes", "no") if is_taken_if else ("no", "yes")
            lines.append(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
            lines += ["yes:", *self.leave("taken", is_dead=True), "no:", *self.leave("next")]
        for kind in sorted(self.op.traps, key=lambda kind: kind.value):
            lines += [f"T{kind.value}:", *self.leave(f"trap_{kind.value}", is_dead=True)]
        return "\n".join([*lines, "}\n"])


def row_variants(row: Row, kind: int, first: int) -> Iterator[Variant]:
    """The stencils of a row's family, numbered from `first`."""
    combinations = _places(row, catalogue.form_of(row))
    for lane in range(catalogue.lanes_of(row)):
        for index, places in enumerate(combinations):
            if places is not None:
                for height in range(HEIGHTS):
                    number = first + (lane * len(combinations) + index) * HEIGHTS + height
                    yield Variant(number, row, kind, places, height, lane)


def _places(row: Row, form: int) -> list[tuple[int, ...] | None]:
    """The combinations of places in order, None for those that there are no stencils for."""
    params = catalogue.params_of(row)
    if form == REGISTERS:
        return [(REGISTER,) * len(params)]
    is_load_or_store = Immediate.MEMARG in row.immediates

    def allows(k: int, place: int) -> bool:
        return place != CONSTANT or not is_float_class(params[k])

    if form == UNARY:
        # Constants are folded by whoever made the program: only addresses remain.
        return [(p,) if p != CONSTANT or is_load_or_store else None for p in (REGISTER, SLOT, CONSTANT)]
    both: list[tuple[int, ...] | None] = []
    for p in (REGISTER, SLOT, CONSTANT):
        for q in (REGISTER, SLOT, CONSTANT):
            is_constant = p == q == CONSTANT and not is_load_or_store
            both.append((p, q) if allows(0, p) and allows(1, q) and not is_constant else None)
    return both
