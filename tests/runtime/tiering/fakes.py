"""Modules whose baseline code is the test."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from jormun.runtime.engine import LoopHead
from jormun.runtime.tiering.background import Background
from jormun.runtime.tiering.call_graph import CallGraph
from jormun.runtime.tiering.settings import Tiering
from jormun.runtime.tiering.tier_up import BetterCode, TierUp
from jormun.text.module import parse_module
from jormun.validation.module import validate

CALLS = """(module (import "" "" (func $host))
  (func $leaf nop)
  (func $middle (call $leaf) (call $host))
  (func $top (loop (call $middle) (call $top)))
  (func $long (drop (i32.add (i32.const 1000000) (i32.add (i32.const 1000000) (i32.const 1000000)))) (call $leaf))
  (func $caller (return_call $long)))"""
LEAF, MIDDLE, TOP, LONG, CALLER = range(1, 6)


class NoThread(Background):
    """Work waits until a test does it."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted = 0

    def submit(self, work: object) -> None:
        """Nothing happens."""
        self.submitted += 1


class FakeModule:
    """Notes what is to be improved. Its code has addresses that tell what they are of."""

    def __init__(self, settings: Tiering, wat: str = CALLS, thread: Background | None = None) -> None:
        self.valid = validate(parse_module(wat))
        first = self.valid.imported_function_count
        self.own_functions = range(first, first + len(self.valid.module.functions))
        self.counter_values = memoryview(array("i", [7] * len(self.own_functions)))
        self.call_graph = CallGraph(self.valid)
        self.improved: list[tuple[list[int], list[LoopHead]]] = []
        self.refused: set[int] = set()
        self.error: BaseException | None = None
        self.no_thread = NoThread()
        self.tier_up = TierUp(self, settings, self.no_thread if thread is None else thread)

    def improve(self, functions: Sequence[int], loops: Sequence[LoopHead]) -> BetterCode:
        """Raises `error`, if there is one; `refused` functions are left out."""
        self.improved.append((list(functions), list(loops)))
        if self.error is not None:
            raise self.error
        return BetterCode(
            {each: address(each) for each in functions if each not in self.refused},
            {loop: address(loop.func_index, loop.offset) for loop in loops if loop.func_index not in self.refused},
        )

    def size_bytes(self, func_index: int) -> int:
        """The size of a function's body."""
        return len(self.valid.module.functions[func_index - self.own_functions.start].body.code)

    def counter(self, func_index: int) -> int:
        """What is left of a function's counter."""
        return self.counter_values[func_index - self.own_functions.start]

    def run(self, func_index: int, cost: int, loop: int | None = None) -> int | None:
        """Baseline code of a function that costs so much: what it is told to go on with, if it asks."""
        self.counter_values[func_index - self.own_functions.start] -= cost
        return self.tier_up.expired(func_index, loop) if self.counter(func_index) < 0 else None


def address(func_index: int, offset: int = 0xFFFF) -> int:
    """The address of a fake function, or of an entry of it."""
    return func_index << 16 | offset
