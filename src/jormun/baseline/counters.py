"""Counters of entries and loops, which lead to better code (runtime/tiering/).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Final, i64

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

AT_ENTRY: Final = -1
"""In place of a loop's offset, when a function's entry has used up the counter."""


def count_entry(f: FunctionCompiler) -> None:
    """Count an entry."""
    count(f, f.entry_weight, AT_ENTRY)


def count(f: FunctionCompiler, weight: i64, offset: i64) -> None:
    """Take from the function's counter; when it is used up, the run time is asked for better code."""
    if f.counts and weight:
        f.stamp(f.pieces.count, 4 * f.own_index, weight, 0)
        f.exits.append((f.branch_at, f.here(), offset))


def write_exits(f: FunctionCompiler) -> None:
    """Write what happens when counters are used up, behind the function's code."""
    numbers = f.pieces.numbers
    for at, back, offset in f.exits:
        f.patch(at, f.here())
        name = "tier_up.entry" if offset == AT_ENTRY else "tier_up.loop"
        f.stamp(numbers[name], f.own_index, offset, 0)
        f.patch(f.branch_at, back)
