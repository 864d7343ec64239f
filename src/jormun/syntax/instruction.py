"""An instruction as a value (core specification, section 2.4)."""

from __future__ import annotations

from jormun.dataclass import dataclass
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
