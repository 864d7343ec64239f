"""An open block of a function that is being compiled.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Final, i64
from jormun.opcodes.immediates import Catch

BODY: Final = 0
BLOCK: Final = 1
LOOP: Final = 2
IF: Final = 3
ELSE: Final = 4
TRY: Final = 5


class Frame:
    """What the label of a block needs: classes of what it takes and gives, and who branches to it."""

    __slots__ = (
        "carried", "catches", "caught", "else_at", "handler", "height", "is_direct", "kind", "params", "position",
        "results", "sources", "table_sources",
    )  # fmt: skip

    def __init__(
        self, kind: i64, height: i64, params: list[int], results: list[int], handler: Frame | None = None
    ) -> None:
        self.kind: i64 = kind
        self.height: i64 = height
        """How many operands lie below the block's parameters."""
        self.params: list[int] = params
        self.results: list[int] = results
        self.carried: list[int] = params if kind == LOOP else results
        """The classes of what a branch to the label carries."""
        self.is_direct: bool = kind != BODY and not self.carried
        """Whether a branch goes to the label and does nothing else."""
        self.position: i64 = 0
        """Of a loop: where its code begins."""
        self.sources: list[int] = []
        """Branches to the end that are to be filled in."""
        self.table_sources: list[tuple[int, int]] | None = None
        """The same in tables of branches, and the tables' offsets, from which their distances count."""
        self.else_at: i64 = -1
        """Of an `if`: the branch to its second part, to be filled in."""
        self.handler: Frame | None = handler
        """The innermost `try_table` with clauses that code in the block is in, itself if it is one."""
        self.catches: tuple[Catch, ...] = ()
        """Of a `try_table`: its clauses."""
        self.caught: list[int] = []
        """Branches to where its clauses are compared, to be filled in."""
