"""Fuel as LLVM text: charges (runtime/metering/charges.py), and where the count is kept.

While a function runs, what is left is in a slot of its own, which LLVM keeps in a register. It is in the place that
VM_FUEL names wherever somebody else may look: at calls of functions and services, and when the function returns or
traps. A fault alone finds there what the last of these left: the count is not stored before each access.

A charge is a subtraction, and where that is looked at, a branch that is never taken. Where the charge is more than what
was left, `jormun_fuel` answers with what is left once it is paid, or does not return. It keeps all registers, and to
LLVM touches no memory that the guest sees.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.state import CONSTANT, StateOps
from jormun.runtime import layout
from jormun.runtime.metering.charges import ENTRY
from jormun.runtime.metering.fuel import NEVER
from jormun.runtime.metering.rounds import Rounds

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

RARELY = "!prof !6"
FUEL = "!tbaa !7"
"""What is accessed: the place of what is left, which is no part of an instance's state, nor of a guest's memory."""
METADATA = """\
!6 = !{!"branch_weights", i32 1, i32 1048575}
!7 = !{!8, !8, i64 0}
!8 = !{!"fuel", !5, i64 0}
"""
"""What a unit with charges must hold."""
_ATTRIBUTES = "cold nounwind memory(inaccessiblemem: readwrite)"
"""Of a call for more fuel: it may not return, and what else it does nobody here sees."""
_HARMLESS = ("jormun_is_subtype",)
"""Services that neither trap nor look at fuel."""


class FuelOps(StateOps):
    """StateOps, and fuel. All of it does nothing in a module whose code is not metered."""

    def __init__(self, shape: ModuleShape, architecture: str) -> None:
        super().__init__(shape, architecture)
        self.is_metered: bool = shape.costs is not None
        self.takes_fuel: bool = False
        """Whether what is left is a parameter (passing.py)."""
        self.unpaid: list[tuple[str, str, str, str]] = []
        """Charges: where to go when there is too little fuel, and then; what they leave, and how much they are."""

    def fuel_lines(self) -> list[str]:
        """What the entry block holds."""
        if not self.is_metered:
            return []
        return [
            f"%fuel.p = getelementptr i8, ptr %vm, i64 {layout.VM_FUEL}",
            f"%fuel.cell = load ptr, ptr %fuel.p, align 8, {CONSTANT}",
            "%fuel = alloca i64",
            *([] if self.takes_fuel else [f"%fuel.0 = load i64, ptr %fuel.cell, align 8, {FUEL}"]),
            "store i64 %fuel.0, ptr %fuel",
        ]

    def save_fuel(self) -> None:
        """Let others see what is left."""
        if self.is_metered:
            left = self.line("load i64, ptr %fuel")
            self.lines.append(f"store i64 {left}, ptr %fuel.cell, align 8, {FUEL}")

    def read_fuel(self) -> None:
        """Go on with what others left."""
        if self.is_metered:
            left = self.line(f"load i64, ptr %fuel.cell, align 8, {FUEL}")
            self.lines.append(f"store i64 {left}, ptr %fuel")

    def service(self, name: str, result: str, arguments: str, attributes: str = "nounwind") -> str:
        """See StateOps."""
        if name not in _HARMLESS:
            self.save_fuel()
        return super().service(name, result, arguments, attributes)

    def subtract(self, amount: str) -> str:
        """Pay, an i64, without a look at what is left: what is left then."""
        left = self.line("load i64, ptr %fuel")
        then = self.line(f"sub nsw i64 {left}, {amount}")
        self.lines.append(f"store i64 {then}, ptr %fuel")
        return then

    def charge(self, amount: str) -> None:
        """Pay, an i64."""
        then = self.subtract(amount)
        is_short = self.line(f"icmp slt i64 {then}, 0")
        short, go = self.block_label(), self.block_label()
        self.lines.append(f"br i1 {is_short}, label %{short}, label %{go}, {RARELY}\n{go}:")
        self.unpaid.append((short, go, then, amount))

    def charge_size(self, size: str, scale_log2: int = 0) -> None:
        """Pay for a change of so many (an i64, unsigned) units of 2**scale_log2 bytes."""
        if self.shape.costs is not None:
            self.charge(self.line(f"lshr i64 {size}, {self.shape.costs.unit_log2 - scale_log2}"))

    def unpaid_blocks(self) -> list[str]:
        """The blocks that `charge` promised."""
        start = len(self.lines)
        for short, go, then, amount in self.unpaid:
            self.lines.append(f"{short}:")
            table = self.state(layout.VM_SERVICES, "ptr", is_constant=True)
            code = self.load_field(table, layout.service_offset("jormun_fuel"), "ptr", is_constant=True)
            arguments = f"ptr %vm, i64 {then}, i64 {amount}"
            paid = self.line(f"call preserve_allcc i64 {code}({arguments}) {_ATTRIBUTES}")
            self.lines += [f"store i64 {paid}, ptr %fuel", f"br label %{go}"]
        blocks = self.lines[start:]
        del self.lines[start:]
        return blocks


def charge_entry(f: FunctionLowering) -> None:
    """Pay for what runs from the function's entry on."""
    amount = f.charges.amounts.get(ENTRY, 0)
    if amount:
        f.op.charge(str(amount))


def charge(f: FunctionLowering) -> None:
    """Pay for the code that begins behind the instruction at hand, if it is charged by itself."""
    amount = f.charges.amounts.get(f.at, 0)
    if amount:
        f.op.subtract(str(amount))


def start_loop(f: FunctionLowering) -> None:
    """Pay for all rounds of the loop at hand, if they are known."""
    rounds = f.charges.rounds.get(f.at)
    if rounds is not None:
        _charge_rounds(f, rounds, f.charges.amounts[f.at])


def charge_round(f: FunctionLowering) -> None:
    """Pay for a round of the loop whose head is here."""
    if f.op.is_metered and f.at not in f.charges.rounds:
        f.op.charge(str(f.charges.amounts[f.at]))


def _charge_rounds(f: FunctionLowering, rounds: Rounds, amount: int) -> None:
    """See `Rounds.count`."""
    op = f.op
    start = op.line(f"load i32{f.local_places[rounds.counter]}")
    bound = str(rounds.bound)
    if rounds.bound_local >= 0:
        bound = op.line(f"load i32{f.local_places[rounds.bound_local]}")
    distance = op.line(f"sub i32 {bound}, {start}")
    count = op.line(f"lshr i32 {distance}, {rounds.shift}")
    count = op.line(f"mul i32 {count}, {rounds.inverse}")
    count = op.line(f"add i32 {count}, -1")
    count = op.line(f"and i32 {count}, {rounds.mask}")
    wide = op.line(f"zext i32 {count} to i64")
    wide = op.line(f"add nuw nsw i64 {wide}, 1")
    charge = op.line(f"mul nuw nsw i64 {wide}, {amount}")
    if rounds.shift:
        rest = op.line(f"and i32 {distance}, {(1 << rounds.shift) - 1}")
        is_endless = op.line(f"icmp ne i32 {rest}, 0")
        charge = op.line(f"select i1 {is_endless}, i64 {NEVER}, i64 {charge}")
    op.charge(charge)
