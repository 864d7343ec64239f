"""Fuel: charges (runtime/metering/charges.py), which are taken where VM_FUEL says.

A charge touches no register that has an operand; nor does what asks for more fuel when there is too little. To be
compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_I64
from jormun.baseline.operands import CONSTANT
from jormun.hints import TYPE_CHECKING, Final, i64
from jormun.runtime.metering.charges import ENTRY

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

_OF_SIZE: Final = -1
"""In place of a charge that is known when code is compiled."""


def charge_entry(f: FunctionCompiler) -> None:
    """Pay for what runs from the function's entry on."""
    _charge(f, ENTRY)


def charge(f: FunctionCompiler) -> None:
    """Pay for the code that begins behind the instruction at hand, if it is charged by itself."""
    if f.is_metered:
        amount: i64 = f.charges.amounts.get(f.at, 0)
        if amount:
            f.stamp(f.pieces.fuel_later, amount, 0, 0)


def _charge(f: FunctionCompiler, offset: i64) -> None:
    amount: i64 = f.charges.amounts.get(offset, 0)
    if amount:
        f.stamp(f.pieces.fuel, amount, 0, 0)
        f.unpaid.append((f.branch_at, f.here(), amount))


def start_loop(f: FunctionCompiler) -> None:
    """Pay for all rounds of the loop at hand, if they are known (`Rounds.count`). All operands are in their slots."""
    if not f.is_metered:
        return
    rounds = f.charges.rounds.get(f.at)
    if rounds is None:
        return
    numbers = f.pieces.numbers
    if rounds.bound_local >= 0:
        f.stamp(numbers["fuel.size.i32"], f.local_place(rounds.bound_local), 0, 0)
    else:
        f.stamp(numbers["fuel.const.i32"], rounds.bound, 0, 0)
    f.stamp(numbers["fuel.distance"], f.local_place(rounds.counter), 0, 0)
    f.stamp(numbers["fuel.shift"], (1 << rounds.shift) - 1, rounds.shift, 0)
    f.stamp(numbers["fuel.rounds"], rounds.inverse, rounds.mask, 0)
    f.stamp(numbers["fuel.all"], f.charges.amounts[f.at], 0, 0)
    f.unpaid.append((f.branch_at, f.here(), _OF_SIZE))


def charge_round(f: FunctionCompiler) -> None:
    """Pay for a round of the loop whose head is here."""
    if f.is_metered and f.at not in f.charges.rounds:
        _charge(f, f.at)


def charge_size(f: FunctionCompiler, k: i64, scale_log2: i64) -> None:
    """Pay for a change of so many units of 2**scale_log2 bytes as operand k says. All registers must have been
    emptied.
    """
    costs = f.facts.costs
    if costs is None:
        return
    numbers = f.pieces.numbers
    entry = f.entries[k]
    c = "i64" if (entry >> 2) & 7 == CLASS_I64 else "i32"
    f.stamp(numbers[f"fuel.{'const' if entry & 3 == CONSTANT else 'size'}.{c}"], entry >> 5, 0, 0)
    f.stamp(numbers["fuel.units"], 0, costs.unit_log2 - scale_log2, 0)
    f.unpaid.append((f.branch_at, f.here(), _OF_SIZE))


def write_unpaid(f: FunctionCompiler) -> None:
    """Write what asks for more fuel, behind the function's code."""
    for at, back, amount in f.unpaid:
        f.patch(at, f.here())
        if amount == _OF_SIZE:
            f.stamp(f.pieces.numbers["fuel.units.unpaid"], 0, 0, 0)
        else:
            f.stamp(f.pieces.numbers["fuel.unpaid"], amount, 0, 0)
        f.patch(f.branch_at, back)
