"""How modules are read and compiled, as a value that is passed."""

from __future__ import annotations

import os

from jormun.api.tier import TIERS, Tier
from jormun.dataclass import dataclass
from jormun.features import DEFAULT_FEATURES, Features
from jormun.functions import cache
from jormun.hints import TYPE_CHECKING
from jormun.runtime.engine import Optimizer
from jormun.runtime.tiering.settings import DEFAULT_TIERING, Tiering

if TYPE_CHECKING:
    from jormun.cache.cache import Cache
    from jormun.hints import Callable, Iterable, Sequence
    from jormun.optimizing.engine import OptimizingEngine
    from jormun.runtime.engine import Engine, Progress
    from jormun.runtime.image import CodeImage
    from jormun.runtime.layout import Layout
    from jormun.runtime.metering.costs import Costs
    from jormun.validation.module import ValidModule


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a module.

    `tier` says which compiler makes its machine code: "baseline", which starts at once; "optimizing", LLVM, whose code
    is fastest; or "auto", baseline and then, in the background, LLVM for what turns out to be hot, as `tiering` says.
    `features` are the proposals that are accepted beyond WebAssembly 3.0. `cache` says where compiled code is kept for
    the next process: True for the user's cache folder, or $JORMUN_CACHE_DIR if it is set; a path for another folder;
    False for nowhere. `costs` says how much fuel instructions take, where there is a limit to that (`Limits.fuel`);
    without, each takes 1 (`Costs`). Raises ValueError for a tier that does not exist.

    >>> import jormun
    >>> config = jormun.Config(tier="optimizing", cache=False)
    >>> jormun.load('(module (func (export "one") (result i32) (i32.const 1)))', config=config).exports.one()
    1
    """

    tier: Tier = "auto"
    features: Features = DEFAULT_FEATURES
    tiering: Tiering = DEFAULT_TIERING
    cache: bool | str | os.PathLike[str] = True
    costs: Costs | None = None

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"unknown tier {self.tier!r}, there are {', '.join(TIERS)}")

    @property
    def engine(self) -> Engine:
        """The engine of the tier. There is one of each in a process."""
        return self._engine(None)

    @property
    def metered_engine(self) -> Engine:
        """The same for code that pays for what it runs, by `costs`."""
        return self._engine(self.table)

    @property
    def table(self) -> Costs:
        """What instructions cost."""
        from jormun.runtime.metering.costs import DEFAULT_COSTS  # few guests have fuel

        return DEFAULT_COSTS if self.costs is None else self.costs

    def _engine(self, costs: Costs | None) -> Engine:
        if self.tier == "optimizing":
            return _optimizing(costs)
        return _baseline(self.tiering if self.tier == "auto" else None, costs)

    @property
    def code_cache(self) -> Cache | None:
        """The cache, if there is to be one. There is one for each folder in a process."""
        if self.cache is False:
            return None
        return _cache(None if self.cache is True else os.fspath(self.cache))


class _LazyEngine:
    """An engine that is imported when there is something to compile: a warm start needs none of it."""

    def __init__(
        self, name: str, load: Callable[[], Engine], costs: Costs | None, optimizer: Optimizer | None = None
    ) -> None:
        self.name = name
        self._load = load
        self.costs = costs
        self.optimizer = optimizer

    def compile(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> CodeImage:
        """See `Engine.compile`."""
        return self._load().compile(module, layout, functions)

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """See `Engine.assembly`."""
        return self._load().assembly(module, layout, func_index)

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterable[CodeImage]:
        """See `Engine.compile_all`."""
        return self._load().compile_all(module, layout, progress)


@cache
def _baseline(tiering: Tiering | None, costs: Costs | None) -> Engine:
    optimizer = None if tiering is None else Optimizer(lambda: _optimizing_engine(costs), tiering)

    @cache
    def load() -> Engine:
        from jormun.baseline.engine import BaselineEngine

        return BaselineEngine(optimizer, costs)

    return _LazyEngine("baseline", load, costs, optimizer)


@cache
def _optimizing_engine(costs: Costs | None) -> OptimizingEngine:
    from jormun.optimizing.engine import OptimizingEngine

    return OptimizingEngine(costs=costs)


@cache
def _optimizing(costs: Costs | None) -> Engine:
    return _LazyEngine("optimizing", lambda: _optimizing_engine(costs), costs)


@cache
def _cache(folder: str | None) -> Cache:
    from jormun.cache.cache import Cache

    return Cache(folder)
