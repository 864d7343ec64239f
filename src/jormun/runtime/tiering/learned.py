"""What tiering learned about a module, as plain data: for a later run, which then starts with its hot functions."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Iterable
from jormun.runtime.engine import LoopHead


@dataclass(frozen=True, slots=True)
class Learned:
    """The functions that were hot, and loops of theirs. What got better code is to be had from the cache besides."""

    functions: tuple[int, ...] = ()
    """Those that got better code, in that order, then those that still waited for it, the most urgent first."""
    loops: tuple[LoopHead, ...] = ()
    """Those that were left for better code, or waited for that."""
    refused: tuple[int, ...] = ()
    """The functions that the optimizing compiler cannot compile, or would take minutes for."""

    def data(self) -> list[list[int]]:
        """Lists of numbers: the functions, the function and offset of each loop in turn, the functions refused."""
        numbers = [number for loop in self.loops for number in (loop.func_index, loop.offset)]
        return [list(self.functions), numbers, list(self.refused)]

    def joined(self, other: Learned) -> Learned:
        """Both, this one's first; the very same object if the other says nothing new."""
        if self == other:
            return self
        functions = tuple(dict.fromkeys(self.functions + other.functions))
        loops = tuple(dict.fromkeys(self.loops + other.loops))
        refused = tuple(dict.fromkeys(self.refused + other.refused))
        sizes = (len(functions), len(loops), len(refused))
        if sizes == (len(self.functions), len(self.loops), len(self.refused)):
            return self
        return Learned(functions, loops, refused)

    @classmethod
    def of(cls, data: object) -> Learned:
        """What `data` gave. It comes from a file: raises ValueError when it is not of that form.

        Which functions a module has is for `TierUp.expect` to know.
        """
        match data:
            case [list(functions), list(numbers), list(refused)]:
                if len(numbers) % 2 == 0 and _are_indices([*functions, *numbers, *refused]):
                    pairs = zip(numbers[::2], numbers[1::2], strict=True)
                    return cls(tuple(functions), tuple([LoopHead(*pair) for pair in pairs]), tuple(refused))
        raise ValueError("expected a list of functions, one of loops, and one of functions refused, as numbers")


def _are_indices(numbers: Iterable[object]) -> bool:
    return all(type(number) is int and 0 <= number < 1 << 32 for number in numbers)
