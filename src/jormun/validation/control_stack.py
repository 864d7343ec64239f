"""The state of a body under validation: operand stack, control stack and locals (core specification, section 7.3).

Both stacks are lists; a FLOOR on the operand stack separates the operands of a block from those below it. To be
compiled by mypyc.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from jormun.errors import InvalidError
from jormun.limits import LOCALS, NESTING, OPERANDS
from jormun.validation.context import Context
from jormun.validation.operand import (
    BOT,
    BOT_REF,
    FIRST_REFERENCE,
    FLOOR,
    POLY,
    UNSET,
    describe,
    describe_all,
    is_defaultable,
)

BLOCK: Final = 0
LOOP: Final = 1
IF: Final = 2
ELSE: Final = 3

NO_TYPES: Final[list[int]] = []
"""The empty result type. Lists that are result types are never changed."""


class ControlFrame:
    """A block that is open. `floor` is the place of its FLOOR; `unset` how many locals had been set at its start."""

    __slots__ = ("floor", "kind", "label", "params", "results", "set_before")

    def __init__(self, kind: int, params: list[int], results: list[int], floor: int, set_before: int) -> None:
        self.kind = kind
        self.params = params
        self.results = results
        self.label = params if kind == LOOP else results
        self.floor = floor
        self.set_before = set_before


class Body:
    """A function's body or a constant expression while it is validated.

    `code` has padding behind it, so that reading a byte past the end is harmless; `pc` is the place of the next byte
    to read. `locals` has the type of each local that may be read, UNSET for others; it may be shorter than
    `local_count`, see `local_type`.
    """

    __slots__ = (
        "_param_count", "_run_ends", "_runs", "_set", "code", "context", "frames", "instruction", "is_constant",
        "length", "local_count", "locals", "locals_set", "operands", "pc", "results", "start",
    )  # fmt: skip

    def __init__(self, context: Context, code: bytes, length: int, results: list[int], is_constant: bool) -> None:
        self.context = context
        self.code = code
        self.length = length
        self.pc = 0
        self.start = 0
        """Where the instruction at hand starts."""
        self.instruction = ""
        """Its name, for messages; empty when there is none."""
        self.results = results
        self.is_constant = is_constant
        self.operands: list[int] = [FLOOR]
        self.frames: list[ControlFrame] = [ControlFrame(BLOCK, NO_TYPES, results, 0, 0)]
        self.local_count = 0
        self.locals: list[int] = []
        self._param_count = 0
        self._runs: list[tuple[int, int]] = []
        self._run_ends: list[int] = []
        self._set: set[int] = set()
        self.locals_set: list[int] = []
        """The locals without a default that have been set in open blocks, in order."""

    def push(self, t: int) -> None:
        """Push an operand."""
        self.operands.append(t)

    def push_all(self, types: list[int]) -> None:
        """Push operands, the last on top."""
        operands = self.operands
        operands += types
        if len(operands) > OPERANDS:
            raise InvalidError(f"too many operands on the stack, at most {OPERANDS} are allowed")

    def pop(self, expected: int) -> None:
        """Pop an operand that matches `expected`."""
        operands = self.operands
        t = operands[-1]
        if t == expected:
            operands.pop()
        elif t == FLOOR:
            raise InvalidError(f"type mismatch: instruction requires [{describe(expected)}] but stack has []")
        elif t != POLY:
            if not self.context.matches(t, expected):
                raise InvalidError(
                    f"type mismatch: instruction requires [{describe(expected)}] but stack has [{describe(t)}]"
                )
            operands.pop()

    def pop_all(self, types: list[int]) -> None:
        """Pop operands that match `types`, the last first."""
        count = len(types)
        if count == 0:
            return
        operands = self.operands
        if operands[-count:] == types:
            del operands[-count:]
            return
        for i in range(count - 1, -1, -1):
            if operands[-1] == POLY:
                return
            self.pop(types[i])

    def pop_repeated(self, expected: int, count: int) -> None:
        """Pop `count` operands that match `expected`."""
        for _ in range(count):
            if self.operands[-1] == POLY:
                return
            self.pop(expected)

    def pop_any(self) -> int:
        """Pop an operand of any type, and return that."""
        t = self.operands[-1]
        if t == FLOOR:
            raise InvalidError("type mismatch: instruction requires a value but stack has []")
        if t == POLY:
            return BOT
        return self.operands.pop()

    def pop_reference(self) -> int:
        """Pop a reference, and return its type."""
        t = self.pop_any()
        if t == BOT:
            return BOT_REF
        if t < FIRST_REFERENCE:
            raise InvalidError(f"type mismatch: instruction requires a reference but stack has [{describe(t)}]")
        return t

    def check_top(self, types: list[int]) -> None:
        """Check that the operands on top match `types`, and leave them as they are."""
        operands = self.operands
        count = len(types)
        if count == 0 or operands[-count:] == types:
            return
        at = len(operands) - 1
        for i in range(count - 1, -1, -1):
            t = operands[at]
            if t == POLY:
                return
            if t == FLOOR or not self.context.matches(t, types[i]):
                found = "" if t == FLOOR else describe(t)
                raise InvalidError(
                    f"type mismatch: instruction requires [{describe(types[i])}] but stack has [{found}]"
                )
            at -= 1

    def set_unreachable(self) -> None:
        """Forget the operands of this block: what follows is not reached until its end."""
        floor = self.frames[-1].floor
        del self.operands[floor:]
        self.operands.append(POLY)

    def enter(self, kind: int, params: list[int], results: list[int]) -> None:
        """Open a block, whose parameters become its first operands."""
        if len(self.frames) > NESTING:
            raise InvalidError(f"too many open blocks, at most {NESTING} are allowed")
        operands = self.operands
        count = len(params)
        if count and operands[-count:] == params:
            floor = len(operands) - count
            operands.insert(floor, FLOOR)
        else:
            self.pop_all(params)
            floor = len(operands)
            operands.append(FLOOR)
            self.push_all(params)
        self.frames.append(ControlFrame(kind, params, results, floor, len(self.locals_set)))

    def leave(self) -> ControlFrame:
        """Close the innermost block: exactly its results must be there. Its results are not pushed outside."""
        operands = self.operands
        frame = self.frames.pop()
        self.pop_all(frame.results)
        if len(operands) - 1 != frame.floor:
            found = operands[frame.floor + 1 :] + frame.results
            raise InvalidError(
                f"type mismatch: expected {describe_all(frame.results)} at the end of the block, "
                f"found {describe_all(found)}"
            )
        operands.pop()
        if len(self.locals_set) > frame.set_before:
            self._forget(frame.set_before)
        return frame

    def label(self, depth: int) -> list[int]:
        """The types of the label so many blocks outward."""
        if depth >= len(self.frames):
            raise InvalidError(f"unknown label {depth}, {len(self.frames)} are in scope")
        return self.frames[-1 - depth].label

    def set_locals(self, params: list[int], runs: list[tuple[int, int]]) -> None:
        """Declare the locals: parameters, and runs (count, type)."""
        total = len(params)
        for count, _ in runs:
            total += count
        if total > LOCALS:
            raise InvalidError(f"too many locals: {total}, at most {LOCALS} are allowed")
        self.local_count = total
        self._param_count = len(params)
        self._runs = runs
        # Not all of them: a body of 10 bytes may declare 50,000, and a module has room for 1,000,000 bodies.
        room = self.length
        local_types = params.copy()
        for count, t in runs:
            if room <= 0:
                break
            local_types += [t if is_defaultable(t) else UNSET] * min(count, room)
            room -= count
        self.locals = local_types

    def local_type(self, index: int) -> int:
        """The type of a local, set or not."""
        if index >= self.local_count:
            raise InvalidError(f"unknown local {index}, there are {self.local_count}")
        if index < len(self.locals):
            t = self.locals[index]
            if t != UNSET:
                return t
        if not self._run_ends:
            self._run_ends = list(accumulate([count for count, _ in self._runs], initial=self._param_count))[1:]
        return self._runs[bisect_right(self._run_ends, index)][1]

    def readable_local_type(self, index: int) -> int:
        """The type of a local, which must have been set if its type has no default."""
        t = self.local_type(index)
        if not is_defaultable(t) and index >= self._param_count and index not in self._set:
            raise InvalidError(f"uninitialized local {index}")
        return t

    def set_local(self, index: int) -> None:
        """Remember, until the end of this block, that a local has been set."""
        t = self.local_type(index)
        if not is_defaultable(t) and index >= self._param_count and index not in self._set:
            self._set.add(index)
            self.locals_set.append(index)
            if index < len(self.locals):
                self.locals[index] = t

    def _forget(self, set_before: int) -> None:
        for index in self.locals_set[set_before:]:
            self._set.discard(index)
            if index < len(self.locals):
                self.locals[index] = UNSET
        del self.locals_set[set_before:]
