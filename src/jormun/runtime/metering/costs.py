"""What instructions cost in fuel, as a value that is passed: the same in every tier and on every machine."""

from __future__ import annotations

from jormun.dataclass import dataclass, field
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FREE: Final = ("nop", "block", "loop", "else", "end", "drop", "unreachable", "return")
"""What costs nothing unless somebody says so: it only gives code its shape, or becomes no code."""
MOST: Final = 1_000_000
"""What an instruction may cost. Ours: bodies are bounded, so that a function's charges fit machine instructions."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost table of a module: how much fuel each instruction takes.

    An instruction costs `default`, but for those in FREE, which cost nothing, and those that `instructions` names, as
    the standard calls them, with costs of their own. Instructions that change whole stretches of memories and tables
    (`memory.fill`, `table.copy`) cost 1 more for each `unit_bytes` bytes that they are asked to change, rounded down;
    an element of a table counts 8. Raises ValueError for costs that are negative or beyond MOST, and for a unit that is
    no power of two from 16 to 2**31. Names that no instruction has are found when code is compiled.

    >>> import jormun
    >>> jormun.Costs(instructions={"i64.div_s": 20, "drop": 1}).instructions
    (('drop', 1), ('i64.div_s', 20))
    """

    default: int = 1
    instructions: Mapping[str, int] | Iterable[tuple[str, int]] = field(default=())
    unit_bytes: int = 64

    def __post_init__(self) -> None:
        given: object = self.instructions
        pairs = given.items() if hasattr(given, "items") else self.instructions
        table = tuple(sorted(dict(pairs).items()))
        for name, cost in (("default", self.default), *table):
            if not 0 <= cost <= MOST:
                raise ValueError(f"{name} must cost from 0 to {MOST:,}, and not {cost!r}")
        if not 16 <= self.unit_bytes <= 1 << 31 or self.unit_bytes & (self.unit_bytes - 1):
            raise ValueError(f"unit_bytes must be a power of two from 16 to 2**31, and is {self.unit_bytes!r}")
        object.__setattr__(self, "instructions", table)  # hashable, and the same for the same table

    @property
    def pairs(self) -> tuple[tuple[str, int], ...]:
        """The instructions that have costs of their own, with those, in order."""
        assert isinstance(self.instructions, tuple)
        return self.instructions

    @property
    def unit_log2(self) -> int:
        """The power of two that `unit_bytes` is."""
        return self.unit_bytes.bit_length() - 1


DEFAULT_COSTS: Final = Costs()
