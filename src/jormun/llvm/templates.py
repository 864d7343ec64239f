"""Templates: the LLVM text of a row of the table, made once, in which operands are then filled in.

    template = make(row, architecture)
    number = op.count = op.count + 1
    op.lines.append(template.text % template.pick((number, x, y)))
    result = template.result % number

To be compiled by mypyc.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.llvm.lines import LLVM_TYPE
from jormun.llvm.values import TextOps
from jormun.opcodes.immediates import Immediate, ImmediateValue
from jormun.opcodes.markers import STRUCTURAL
from jormun.opcodes.ops import Type, is_float
from jormun.opcodes.signatures import Signature
from jormun.opcodes.table import Row
from jormun.types import NumType, VecType

VALUES = (
    Immediate.I32, Immediate.I64, Immediate.F32, Immediate.F64, Immediate.V128, Immediate.LANE, Immediate.LANES,
)  # fmt: skip
"""Immediates that are values, and mean the same everywhere."""
_NUMBER = "\x00"
_OPERANDS = "\x01\x02\x03\x04"
_LINE = re.compile("%\x0000( = [^%\n]*)%\x01([^%\n]*)(?:%\x02)?")
"""An instruction of one line, with one operand or two."""
_MARK = re.compile("%%([\x01-\x04])|\x00")


class Template:
    """The text of a row. Fields marked % are for Python's operator of that name."""

    __slots__ = (
        "arity",
        "head",
        "is_condition",
        "label",
        "pick",
        "result",
        "results",
        "row",
        "tail",
        "takes_literals",
        "text",
        "traps",
        "type",
        "types",
    )

    def __init__(
        self,
        row: Row,
        text: str,
        head: str,
        tail: str,
        pick: Callable[[tuple[object, ...]], tuple[object, ...]],
        arity: int,
        results: tuple[str, ...],
        types: tuple[str, ...],
        is_condition: bool,
        takes_literals: bool,
        label: str,
        traps: tuple[TrapKind, ...],
    ) -> None:
        self.row = row
        self.text = text
        """% The lines, joined by newlines; "" of an instruction that does nothing."""
        self.head = head
        self.tail = tail
        """FAST: of most templates, an instruction of one line, what stands between names: {name}{head}{x}{tail}{y}, or
        {name}{head}{x}{tail} for one operand. Joining them takes half as long as `text`. "" if it has no such form, or
        operands may not be literals."""
        self.pick = pick
        """From (number, *operands), what `text` wants. `number` is a fresh count of the TextOps."""
        self.arity = arity
        """How many operands there are."""
        self.results = results
        """% Names of the results, by `number`."""
        self.result = results[0] if results else ""
        """% The first of them."""
        self.types = types
        """LLVM types of the results, as the row's signature has them."""
        self.type = "i1" if is_condition else types[0] if types else ""
        """The LLVM type of the first of them, as the text has it."""
        self.is_condition = is_condition
        """Whether the result is an i1, which is yet to be extended to the i32 of the signature (zext i1 ... to i32)."""
        self.takes_literals = takes_literals
        """Whether operands may be literals; if not, call the semantics for them."""
        self.label = label
        """% The label of the block that the text ends in, by `number`; "" if it stays in the block that it began in."""
        self.traps = traps
        """The kinds of trap whose blocks the text refers to: to be added to `TextOps.traps`."""


class _Recorder(TextOps):
    """Notes what a template needs to know: all of an instruction's names share one number, and count within it."""

    def __init__(self, architecture: str) -> None:
        super().__init__(architecture)
        self.label = ""
        self.flags: dict[str, str] = {}
        self.adds_floats = False

    def fresh(self) -> str:
        """The next name with the instruction's number."""
        self.count += 1
        assert self.count <= 100, "a template has at most 100 names"
        return f"%{_NUMBER}{self.count - 1:02}"

    def block_label(self) -> str:
        """The next label with the instruction's number."""
        self.count += 1
        self.label = f"k{_NUMBER}{self.count - 1:02}"
        return self.label

    def flag(self, t: Type, condition: str) -> str:
        """Remember which result is the extension of which condition."""
        result = super().flag(t, condition)
        if isinstance(t, NumType):
            self.flags[result] = condition
        return result

    def add(self, t: Type, x: str, y: str) -> str:
        """Remember that floating-point numbers are added, where a literal 0 needs another text."""
        self.adds_floats = self.adds_floats or is_float(t)
        return super().add(t, x, y)

    def sub(self, t: Type, x: str, y: str) -> str:
        """Remember that floating-point numbers are subtracted."""
        self.adds_floats = self.adds_floats or is_float(t)
        return super().sub(t, x, y)


def make(row: Row, architecture: str = "", immediates: Sequence[ImmediateValue] = ()) -> Template | None:
    """The template of a row.

    None if its text depends on more than its operands and these immediates, or if it is no text at all but a literal.
    """
    signature = row.signature
    if not isinstance(signature, Signature) or any(kind not in VALUES for kind in row.immediates):
        return None
    if any(not isinstance(t, NumType | VecType) for t in signature.params):
        return None
    assert row.semantics not in STRUCTURAL
    arity = len(signature.params)
    op = _Recorder(architecture)
    operands = [f"%{mark}" for mark in _OPERANDS[:arity]]
    outcome: Any = row.semantics(op, *row.static, *immediates, *operands)
    names: tuple[str, ...] = () if outcome is None else outcome if isinstance(outcome, tuple) else (outcome,)
    is_condition = len(names) == 1 and names[0] in op.flags
    if is_condition:
        op.lines.pop()
        names = (op.flags[names[0]],)
    if any(_NUMBER not in name for name in names):
        return None
    order: list[int] = []
    marked = "\n".join(op.lines)
    text = _formatted(marked, order)
    line = None if op.adds_floats or order != list(range(arity + 1)) else _LINE.fullmatch(marked)
    return Template(
        row,
        text,
        line[1] if line else "",
        line[2] if line else "",
        _picker(order),
        arity,
        tuple(_formatted(name, []) for name in names),
        tuple(
            VECTOR if isinstance(t, VecType) else LLVM_TYPE[t]
            for t in signature.results
            if isinstance(t, NumType | VecType)
        ),
        is_condition,
        not op.adds_floats,
        _formatted(op.label, []),
        tuple(sorted(op.traps, key=lambda kind: kind.value)),
    )


def _formatted(text: str, order: list[int]) -> str:
    """Text for Python's % operator; `order` receives what each field is: 0 the number, k the operand k."""
    parts = []
    end = 0
    text = text.replace("%", "%%")
    for mark in _MARK.finditer(text):
        operand = mark.group(1)
        order.append(ord(operand) if operand else 0)
        parts += [text[end : mark.start()], "%s" if operand else "%d"]
        end = mark.end()
    return "".join([*parts, text[end:]])


def _picker(order: list[int]) -> Callable[[tuple[object, ...]], tuple[object, ...]]:
    """A function that picks these items, as fast as Python can."""
    if len(order) > 1:
        return itemgetter(*order)
    return itemgetter(slice(order[0], order[0] + 1)) if order else itemgetter(slice(0, 0))
