"""An instruction as a value, and expressions (core specification, sections 2.4 and 2.4.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.table import Row


@dataclass(frozen=True, slots=True)
class Instruction:
    """A row of the table with values for its immediates, in the row's order. `offset` is in bytes from the start of the
    expression that it was read from.
    """

    row: Row
    immediates: tuple[ImmediateValue, ...] = ()
    offset: int = 0

    def __str__(self) -> str:
        return " ".join([self.row.name, *map(str, self.immediates)])


@dataclass(slots=True, unsafe_hash=True)  # FAST: see syntax/module.py
class Expr:
    """A sequence of instructions, kept as the bytes that encode it, its final `end` (0x0B) included.

    Bytes are what every pass reads: a list of objects would take 50 times the memory. syntax/code.py iterates over
    them. Equality is that of the bytes; the decoder keeps non-minimal LEB128 numbers as they were, so two encodings of
    the same instructions may differ (syntax/code.py has `canonical`, which rewrites them).
    """

    code: Final[bytes]
