"""How modules are read and compiled, as a value that is passed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jormun.api.tier import TIERS, Tier
from jormun.features import DEFAULT_FEATURES, Features
from jormun.runtime.engine import Optimizer
from jormun.runtime.tiering.settings import DEFAULT_TIERING, Tiering

if TYPE_CHECKING:
    from jormun.optimizing.engine import OptimizingEngine
    from jormun.runtime.engine import Engine


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a module.

    `tier` says which compiler makes its machine code: "baseline", which starts at once; "optimizing", LLVM, whose code
    is fastest; or "auto", baseline and then, in the background, LLVM for what turns out to be hot, as `tiering` says.
    `features` are the proposals that are accepted beyond WebAssembly 3.0. Raises ValueError for a tier that does not
    exist.
    """

    tier: Tier = "auto"
    features: Features = DEFAULT_FEATURES
    tiering: Tiering = DEFAULT_TIERING

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"unknown tier {self.tier!r}, there are {', '.join(TIERS)}")

    @property
    def engine(self) -> Engine:
        """The engine of the tier. There is one of each in a process."""
        if self.tier == "optimizing":
            return _optimizing_engine()
        return _baseline_engine(self.tiering if self.tier == "auto" else None)


@cache
def _baseline_engine(tiering: Tiering | None) -> Engine:
    from jormun.baseline.engine import BaselineEngine

    return BaselineEngine(None if tiering is None else Optimizer(_optimizing_engine, tiering))


@cache
def _optimizing_engine() -> OptimizingEngine:
    from jormun.optimizing.engine import OptimizingEngine  # costs the import of LLVM, so only when it is needed

    return OptimizingEngine()
