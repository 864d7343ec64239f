"""How modules are read and compiled, as a value that is passed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jormun.api.tier import TIERS, Tier
from jormun.features import DEFAULT_FEATURES, Features

if TYPE_CHECKING:
    from jormun.runtime.engine import Engine


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a module.

    `tier` says which compiler makes its machine code: "optimizing", or "auto" for what Jormun thinks best, which is the
    same until there is another one. `features` are the proposals that are accepted beyond WebAssembly 3.0. Raises
    ValueError for a tier that does not exist.
    """

    tier: Tier = "auto"
    features: Features = DEFAULT_FEATURES

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"unknown tier {self.tier!r}, there are {', '.join(TIERS)}")

    @property
    def engine(self) -> Engine:
        """The engine of the tier. There is one of each in a process."""
        return _baseline_engine() if self.tier == "baseline" else _optimizing_engine()


@cache
def _baseline_engine() -> Engine:
    from jormun.baseline.engine import BaselineEngine

    return BaselineEngine()


@cache
def _optimizing_engine() -> Engine:
    from jormun.optimizing.engine import OptimizingEngine  # costs the import of LLVM, so only when it is needed

    return OptimizingEngine()
