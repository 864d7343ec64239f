"""The state of a body under validation: operand stack, control stack and locals (core specification, section 7.3).

A FLOOR on the operand stack separates the operands of a block from those below it. To be compiled by mypyc.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from jormun.errors import InvalidError
from jormun.hints import Final, i64, mypyc_attr
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
from jormun.validation.stack import is_on_top, put, vec, with_room

BLOCK: Final = 0
LOOP: Final = 1
IF: Final = 2
ELSE: Final = 3

NO_TYPES: Final[list[int]] = []
"""The empty result type. Lists that are result types are never changed."""


ROOM: Final = 8
"""Places on the operand stack beyond those that a body's bytes may fill."""


@mypyc_attr(acyclic=True, free_list_len=1)
class ControlFrame:
    """A block that is open. `floor` is the place of its FLOOR, `set_before` how many locals had been set before it."""

    __slots__ = ("floor", "kind", "label", "params", "results", "set_before")

    def __init__(self, kind: i64, params: list[int], results: list[int], floor: i64, set_before: i64) -> None:
        self.kind = kind
        self.params = params
        self.results = results
        self.label = params if kind == LOOP else results
        self.floor = floor
        self.set_before = set_before


class Body:
    """A function's body or a constant expression while it is validated.

    `code` has padding behind it, so that reading a byte past the end is harmless; `pc` is the place of the next byte
    to read. Of `operands`, the first `height` are the stack; from `pc` on there is room for an operand for every two
    bytes, which is what an instruction takes that pushes one and pops none; what may push more asks for room first.
    `locals` has the type of each local that may be read, UNSET for others; it may be shorter than `local_count`, see
    `local_type`.
    """

    __slots__ = (
        "_param_count", "_run_ends", "_runs", "_set", "code", "context", "frames", "height", "instruction",
        "is_constant", "length", "local_count", "locals", "locals_set", "operands", "pc", "results", "start",
    )  # fmt: skip

    def __init__(self, context: Context, code: bytes, length: i64, results: list[int], is_constant: bool) -> None:
        self.context = context
        self.code = code
        self.length = length
        self.pc: i64 = 0
        self.start: i64 = 0
        """Where the instruction at hand starts."""
        self.instruction = ""
        """Its name, for messages; empty when there is none."""
        self.results = results
        self.is_constant = is_constant
        self.operands: vec[i64] = vec[i64]([FLOOR] * (length // 2 + ROOM))
        self.height: i64 = 1
        self.frames: list[ControlFrame] = [ControlFrame(BLOCK, NO_TYPES, results, 0, 0)]
        self.local_count = 0
        self.locals: vec[i64] = vec[i64]()
        self._param_count = 0
        self._runs: list[tuple[int, int]] = []
        self._run_ends: list[int] = []
        self._set: set[int] = set()
        self.locals_set: list[int] = []
        """The locals without a default that have been set in open blocks, in order."""

    def push(self, t: i64) -> None:
        """Push an operand."""
        self.operands[self.height] = t
        self.height += 1

    def push_all(self, types: list[int]) -> None:
        """Push operands, the last on top."""
        above = self.height + len(types)
        if above > OPERANDS:
            raise InvalidError(f"too many operands on the stack, at most {OPERANDS} are allowed")
        missing = above + (self.length - self.pc) // 2 + ROOM - len(self.operands)
        if missing > 0:
            self.operands = with_room(self.operands, max(missing, len(self.operands)))
        put(self.operands, self.height, types)
        self.height = above

    def pop(self, expected: i64) -> None:
        """Pop an operand that matches `expected`."""
        t = self.operands[self.height - 1]
        if t == expected:
            self.height -= 1
        elif t == FLOOR:
            raise InvalidError(f"type mismatch: instruction requires [{describe(expected)}] but stack has []")
        elif t != POLY:
            if not self.context.matches(t, expected):
                raise InvalidError(
                    f"type mismatch: instruction requires [{describe(expected)}] but stack has [{describe(t)}]"
                )
            self.height -= 1

    def pop_all(self, types: list[int]) -> None:
        """Pop operands that match these types, the last of which is on top."""
        if is_on_top(self.operands, self.height, types):
            self.height -= len(types)
            return
        for i in range(len(types) - 1, -1, -1):
            if self.operands[self.height - 1] == POLY:
                return
            self.pop(types[i])

    def pop_repeated(self, expected: i64, count: i64) -> None:
        """Pop `count` operands that match `expected`."""
        for _ in range(count):
            if self.operands[self.height - 1] == POLY:
                return
            self.pop(expected)

    def pop_any(self) -> i64:
        """Pop an operand of any type, and return that."""
        t = self.operands[self.height - 1]
        if t == FLOOR:
            raise InvalidError("type mismatch: instruction requires a value but stack has []")
        if t == POLY:
            return BOT
        self.height -= 1
        return t

    def pop_reference(self) -> i64:
        """Pop a reference, and return its type."""
        t = self.pop_any()
        if t == BOT:
            return BOT_REF
        if t < FIRST_REFERENCE:
            raise InvalidError(f"type mismatch: instruction requires a reference but stack has [{describe(t)}]")
        return t

    def check_top(self, types: list[int]) -> None:
        """Check that the operands on top match `types`, and leave them as they are."""
        if is_on_top(self.operands, self.height, types):
            return
        at = self.height - 1
        for i in range(len(types) - 1, -1, -1):
            t = self.operands[at]
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
        self.operands[floor] = POLY
        self.height = floor + 1

    def enter(self, kind: i64, params: list[int], results: list[int]) -> None:
        """Open a block, whose parameters become its first operands."""
        if len(self.frames) > NESTING:
            raise InvalidError(f"too many open blocks, at most {NESTING} are allowed")
        self.pop_all(params)
        floor = self.height
        self.push(FLOOR)
        if params:
            self.push_all(params)
        self.frames.append(ControlFrame(kind, params, results, floor, len(self.locals_set)))

    def leave(self) -> ControlFrame:
        """Close the innermost block: exactly its results must be there. Its results are not pushed outside."""
        frame = self.frames.pop()
        self.pop_all(frame.results)
        if self.height - 1 != frame.floor:
            found = [int(self.operands[i]) for i in range(frame.floor + 1, self.height)] + frame.results
            raise InvalidError(
                f"type mismatch: expected {describe_all(frame.results)} at the end of the block, "
                f"found {describe_all(found)}"
            )
        self.height -= 1
        if len(self.locals_set) > frame.set_before:
            self._forget(frame.set_before)
        return frame

    def label(self, depth: i64) -> list[int]:
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
        self.locals = vec[i64](local_types)

    def local_type(self, index: i64) -> i64:
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

    def readable_local_type(self, index: i64) -> i64:
        """The type of a local, which must have been set if its type has no default."""
        t = self.local_type(index)
        if not is_defaultable(t) and index >= self._param_count and index not in self._set:
            raise InvalidError(f"uninitialized local {index}")
        return t

    def set_local(self, index: i64) -> None:
        """Remember, until the end of this block, that a local has been set."""
        t = self.local_type(index)
        if not is_defaultable(t) and index >= self._param_count and index not in self._set:
            self._set.add(index)
            self.locals_set.append(index)
            if index < len(self.locals):
                self.locals[index] = t

    def _forget(self, set_before: i64) -> None:
        for index in self.locals_set[set_before:]:
            self._set.discard(index)
            if index < len(self.locals):
                self.locals[index] = UNSET
        del self.locals_set[set_before:]
