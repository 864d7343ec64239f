"""What tiering learned about a module, as plain data: for a later run, which then starts with its hot functions."""

from __future__ import annotations

from collections.abc import Iterable

from jormun.dataclass import dataclass
from jormun.runtime.engine import LoopHead


@dataclass(frozen=True, slots=True)
class Learned:
    """The functions that got better code, hottest first, and the loops that were left for it."""

    functions: tuple[int, ...] = ()
    loops: tuple[LoopHead, ...] = ()

    def data(self) -> list[list[int]]:
        """Lists of numbers: the functions, then the function and offset of each loop in turn."""
        return [list(self.functions), [number for loop in self.loops for number in (loop.func_index, loop.offset)]]

    @classmethod
    def of(cls, data: object) -> Learned:
        """What `data` gave. It comes from a file: raises ValueError when it is not of that form.

        Which functions a module has is for `TierUp.expect` to know.
        """
        match data:
            case [list(functions), list(numbers)] if len(numbers) % 2 == 0 and _are_indices([*functions, *numbers]):
                pairs = zip(numbers[::2], numbers[1::2], strict=True)
                return cls(tuple(functions), tuple(LoopHead(*pair) for pair in pairs))
        raise ValueError("expected a list of functions and one of loops, as numbers")


def _are_indices(numbers: Iterable[object]) -> bool:
    return all(type(number) is int and 0 <= number < 1 << 32 for number in numbers)
