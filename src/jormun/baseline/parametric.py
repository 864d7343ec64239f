"""Parametric instructions (core specification, section 4.4.7).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.operands import CONSTANT, REGISTER
from jormun.hints import TYPE_CHECKING, i64
from jormun.syntax.type_code import read_valtype

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler


def drop(f: FunctionCompiler) -> None:
    """`drop`."""
    f.drop(1)


def select(f: FunctionCompiler) -> None:
    """`select`; with types or without, operands know theirs."""
    k = f.height - 3
    c = f.class_at(k)
    f.fetch(k)
    y = f.entries[k + 1]
    is_slot: i64 = 0
    if y & 3 == CONSTANT:
        f.fetch(k + 1)
    elif y & 3 != REGISTER:
        is_slot = 1
    f.fetch(k + 2)
    f.stamp(f.pieces.select[(c * 2 + is_slot) * 4 + (k & 3)], 0, y >> 5, 0)
    f.drop(2)


def select_typed(f: FunctionCompiler) -> None:
    """`select t`."""
    for _ in range(f.read_unsigned()):
        _, f.at = read_valtype(f.body, f.at)
    select(f)
