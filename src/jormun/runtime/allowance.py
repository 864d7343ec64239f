"""What the guests of a store may still take, and what they took."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.runtime.budget import Budget

if TYPE_CHECKING:
    from jormun.runtime.bounds import CallBounds
    from jormun.runtime.metering.fuel import Fuel


@dataclass(frozen=True, slots=True)
class Usage:
    """What the guests of a store have used so far."""

    fuel: int
    """What metered code has paid; 0 for a store without a limit on fuel."""
    memory_bytes: int
    """What memories and tables take now, in bytes, and objects of the host that guests have references to."""
    memory_peak_bytes: int
    """The most that they took at once."""
    table_elements: int
    """How many elements all tables have now."""
    instances: int
    """How many instances there are."""
    wall_s: float
    """How many seconds calls from Python took, with all that they called and what they waited for; those of several
    threads add up. Where a call is awaited, not what the coroutines took that it waited for. It is measured by
    `jormun.run`, and in stores with a `timeout`, a `cpu_timeout` (math.inf will do) or a `stack`; else it is 0.
    """
    cpu_s: float
    """How many seconds of them their threads had a processor; measured in the same stores."""


class Allowance:
    """The limits of a store while its guests run."""

    __slots__ = ("_bounds", "_budget", "_fuel")

    def __init__(self, fuel: Fuel | None, budget: Budget, bounds: CallBounds | None) -> None:
        """Of a store whose code is not metered, `fuel` is None; `bounds` where calls have none beyond that."""
        self._fuel = fuel
        self._budget = budget
        self._bounds = bounds

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
        size_bytes, elements, instances = self._budget.taken
        wall_s, cpu_s = (0.0, 0.0) if self._bounds is None else self._bounds.spent.seconds
        return Usage(used, size_bytes, self._budget.peak_bytes, elements, instances, wall_s, cpu_s)

    @property
    def _metered(self) -> Fuel:
        if self._fuel is None:
            raise ValueError("there is no limit on fuel: code pays for what it runs where Limits(fuel=...) says so")
        return self._fuel

    def __repr__(self) -> str:
        left = "without a limit on fuel" if self._fuel is None else f"{self.fuel:,} of fuel left"
        return f"<Allowance: {left}, {self._budget.taken_bytes:,} of {self._budget.size_bytes:,} bytes taken>"
