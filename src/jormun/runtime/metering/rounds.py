"""Loops whose rounds can be counted before the first: by a local that steps to a bound (core specification, 4.4.8).

Compilers end most loops so: `local.get i; i32.const s; i32.add; local.tee i; local.get n; i32.ne; br_if 0; end`, where
n is a local that the loop does not set, or a constant, or missing with its comparison where it is 0.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_NAME, Row

WRITERS: Final = (Rule.LOCAL_GET, Rule.LOCAL_SET, Rule.LOCAL_TEE)
"""The rules of instructions that are about locals, which have signatures by context like those of control."""
_SETTERS: Final = (Rule.LOCAL_SET, Rule.LOCAL_TEE)
_LONGEST: Final = 6
_GET, _TEE, _CONST, _ADD, _NE = (
    BY_NAME[name][0].code for name in ("local.get", "local.tee", "i32.const", "i32.add", "i32.ne")
)
_MASK: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Rounds:
    """How many rounds a loop has: the least number above 0 of steps from one number to another, modulo 2**32."""

    counter: int
    """The local that steps."""
    step: int
    """By how much, signed and not 0."""
    bound: int
    """Where to: a constant, unless there is a local."""
    bound_local: int = -1

    @property
    def shift(self) -> int:
        """The power of two in the step. Where the distance lacks it, the loop never ends."""
        return (self.step & -self.step).bit_length() - 1

    @property
    def inverse(self) -> int:
        """What the distance, divided by that power, is multiplied with to divide it by the rest of the step: an i32."""
        inverse = pow(self.step >> self.shift, -1, 1 << 32)
        return inverse - (inverse >> 31 << 32)

    @property
    def mask(self) -> int:
        """One less than the number of rounds where the distance is 0, which is the most: an i32."""
        return _MASK >> self.shift if self.shift else -1

    def count(self, start: int, bound: int) -> int | None:
        """The number for a counter that begins with `start`, both of any sign; None for a loop that never ends. What
        engines compute, for them to be compared with.
        """
        distance = (bound - start) & _MASK
        if distance & ((1 << self.shift) - 1):
            return None
        return (((distance >> self.shift) * self.inverse - 1) & (_MASK >> self.shift)) + 1


class Tail:
    """What a loop's last instructions are, and which locals the loop sets, while its body is read."""

    __slots__ = ("_around", "_backs", "_last", "_written")

    def __init__(self, around: Tail | None) -> None:
        self._around = around
        self._last: list[tuple[int, ImmediateValue]] = []
        self._backs: list[int] = []
        """Where branches to the loop go on if they are not taken; 0 for others."""
        self._written: dict[int, int] = {}

    def note(self, row: Row, immediates: tuple[ImmediateValue, ...]) -> None:
        """An instruction that is no control."""
        self._last.append((row.code, immediates[0] if immediates else None))
        if len(self._last) > _LONGEST:
            del self._last[0]
        if row.signature in _SETTERS:
            local = immediates[0]
            assert isinstance(local, int)
            self._count(local, 1)

    def _count(self, local: int, times: int) -> None:
        self._written[local] = self._written.get(local, 0) + times
        if self._around is not None:
            self._around._count(local, times)

    def forget(self) -> None:
        """What comes next is not all that comes before the branch."""
        self._last.clear()

    def goes_back(self, behind: int) -> None:
        """A branch to the loop's head."""
        self._backs.append(behind)

    def rounds(self, end: int) -> Rounds | None:
        """How many rounds it has, if its branch right before the `end` at this offset alone decides, by a count."""
        if self._backs != [end]:
            return None
        codes = [code for code, _ in self._last]
        values = [value for _, value in self._last]
        for form, counter, step, bound in _FORMS:
            first = len(codes) - len(form)
            if first < 0 or codes[first:] != form:
                continue
            values = values[first:]
            local, amount = values[counter], values[step]
            if local != values[counter + 3] or not isinstance(local, int) or not isinstance(amount, int) or not amount:
                return None
            limit: ImmediateValue = 0 if bound is None else values[bound]
            assert isinstance(limit, int)
            if self._written.get(local) != 1:
                return None
            if bound is None or form[bound] == _CONST:
                return Rounds(local, amount, limit)
            return None if limit in self._written else Rounds(local, amount, 0, limit)
        return None


_COUNTING: Final = [_GET, _CONST, _ADD, _TEE]
_FORMS: Final[tuple[tuple[list[int], int, int, int | None], ...]] = (
    ([*_COUNTING, _CONST, _NE], 0, 1, 4),
    ([*_COUNTING, _GET, _NE], 0, 1, 4),
    ([_GET, *_COUNTING, _NE], 1, 2, 0),
    ([_CONST, *_COUNTING, _NE], 1, 2, 0),
    (_COUNTING, 0, 1, None),
)
"""The instructions before the branch, and which of them name the counter, the step and the bound."""
