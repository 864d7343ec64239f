"""An open block of a function that is being compiled.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import Final

from jormun.hints import i64

BODY: Final = 0
BLOCK: Final = 1
LOOP: Final = 2
IF: Final = 3
ELSE: Final = 4


class Frame:
    """What the label of a block needs: classes of what it takes and gives, and who branches to it."""

    __slots__ = ("else_at", "height", "is_targeted", "kind", "params", "position", "results", "sources")

    def __init__(self, kind: i64, height: i64, params: list[int], results: list[int]) -> None:
        self.kind: i64 = kind
        self.height: i64 = height
        """How many operands lie below the block's parameters."""
        self.params: list[int] = params
        self.results: list[int] = results
        self.position: i64 = 0
        """Of a loop: where its code begins."""
        self.sources: list[int] = []
        """Branches to the end that are to be filled in."""
        self.is_targeted: bool = False
        self.else_at: i64 = -1
        """Of an `if`: the branch to its second part, to be filled in."""

    @property
    def carried(self) -> list[int]:
        """The classes of what a branch to the label carries."""
        return self.params if self.kind == LOOP else self.results
