"""An open block of a function that is being lowered.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.opcodes.immediates import Catch

BODY, BLOCK, LOOP, IF, ELSE, TRY = range(6)
"""Kinds of frames: the function itself, `block`, `loop`, the first part of an `if`, and its second, `try_table`."""

NOTHING: list[str] = []
"""The types and values of most blocks. It stays as it is."""


class Frame:
    """What the label of a block needs."""

    __slots__ = (
        "accesses",
        "branch_types",
        "calls",
        "catches",
        "else_label",
        "else_values",
        "handler",
        "head",
        "height",
        "is_caught",
        "is_entered",
        "is_targeted",
        "kind",
        "label",
        "opening",
        "params",
        "results",
    )

    def __init__(self, kind: int, label: str, height: int, params: list[str], results: list[str]) -> None:
        self.kind = kind
        self.label = label
        self.height = height
        """How many values lie below the block's parameters."""
        self.params = params
        self.results = results
        self.branch_types = params if kind == LOOP else results
        """What a branch to the label carries."""
        self.is_targeted = False
        """Whether a branch to `label` has been written."""
        self.else_label = ""
        self.else_values = NOTHING
        """Of an `if`: its parameters, with which both parts begin."""
        self.accesses = 0
        """Of a loop: how many accesses were pending before it."""
        self.calls = 0
        """Of a loop: how many calls there had been before it."""
        self.opening = self.head = 0
        """For an entry (entry.py): the indices of the lines right before the block, and behind a loop's label."""
        self.is_entered = False
        """Whether the function is entered inside of the block: at its head, or that of a loop in it."""
        self.handler: Frame | None = None
        """The innermost `try_table` that code in the block is in, itself if it is one."""
        self.catches: tuple[Catch, ...] = ()
        """Of a `try_table`: its clauses."""
        self.is_caught = False
        """Whether code has been written that leads to them."""


def slot(position: int, type: str) -> str:
    """The slot in which labels find a value."""
    return f"%s{position}{_LETTERS.get(type[0], type)}"


_LETTERS = {"<": "v", "%": "r"}
"""In the names of slots, for types that cannot be part of a name."""
