"""What the guests of a store may still take, and what they took."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.runtime.address_space import Budget

if TYPE_CHECKING:
    from jormun.runtime.metering.fuel import Fuel


@dataclass(frozen=True, slots=True)
class Usage:
    """What the guests of a store have used so far."""

    fuel: int
    """What metered code has paid; 0 for a store without a limit on fuel."""
    memory_bytes: int
    """What all memories and tables take now."""
    memory_peak_bytes: int
    """The most that they took at once."""


class Allowance:
    """The limits of a store while its guests run."""

    __slots__ = ("_budget", "_fuel")

    def __init__(self, fuel: Fuel | None, budget: Budget) -> None:
        """Of a store whose code is not metered, `fuel` is None."""
        self._fuel = fuel
        self._budget = budget

    @property
    def fuel(self) -> int:
        """How much fuel is left. It may be set, in a function of the host that a guest has called or while no guest
        runs: `limits.fuel += 1000`. Raises ValueError where there is no limit on fuel.
        """
        return max(self._metered.left, 0)

    @fuel.setter
    def fuel(self, amount: int) -> None:
        if not isinstance(amount, int) or amount < 0:
            raise ValueError(f"fuel is a number from 0 on, not {amount!r}")
        fuel = self._metered
        fuel.add(amount - max(fuel.left, 0))

    @property
    def usage(self) -> Usage:
        """What was used."""
        used = 0 if self._fuel is None else self._fuel.used
        return Usage(used, self._budget.taken_bytes, self._budget.peak_bytes)

    @property
    def _metered(self) -> Fuel:
        if self._fuel is None:
            raise ValueError("there is no limit on fuel: code pays for what it runs where Limits(fuel=...) says so")
        return self._fuel

    def __repr__(self) -> str:
        left = "without a limit on fuel" if self._fuel is None else f"{self.fuel:,} of fuel left"
        return f"<Allowance: {left}, {self._budget.taken_bytes:,} of {self._budget.size_bytes:,} bytes taken>"
