"""Compiling ahead of time, and loading what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jormun.cache.artifact import Artifact
from jormun.cache.entry import Entry
from jormun.cache.plain import from_plain, part_of
from jormun.errors import UnsupportedError
from jormun.hints import TYPE_CHECKING, Final
from jormun.runtime.image import CodeImage
from jormun.runtime.tiering.learned import Learned

if TYPE_CHECKING:
    from jormun.api.module import Module
    from jormun.api.tier import Tier
    from jormun.llvm.target import Target
    from jormun.runtime.engine import Engine, Progress
    from jormun.runtime.metering.costs import Costs
    from jormun.runtime.requirements import Requirements
    from jormun.runtime.tiering.settings import Tiering

AHEAD_TIERS: Final[tuple[Tier, ...]] = ("baseline", "optimizing")
"""The tiers that compile ahead of time."""


class Loaded:
    """The code of an artifact (runtime/module.py's `CodeKeeper`). Nothing is added to it."""

    def __init__(self, artifact: Artifact) -> None:
        self.blueprint = from_plain(artifact.entry.plain, part_of(artifact.data), artifact.entry.own)
        self._image = artifact.entry.image

    def images(self) -> Iterable[CodeImage]:
        """The code that there is."""
        return (self._image,) if self._image.functions else ()

    def learned(self) -> Learned:
        """Nothing: there is code of all functions, and no other run adds to it."""
        return Learned()

    def watch(self, learned: Callable[[], Learned]) -> None:
        """Do not ask: nothing is kept."""

    def keep(self, image: CodeImage) -> None:
        """Take what was compiled, which is the next process's work again."""


class Compiler:
    """What compiles whole modules ahead of time, for one kind of machine."""

    def __init__(
        self, tier: Tier, target: str | None = None, cpu: str | None = None, *, is_metered: bool = False
    ) -> None:
        """Of one of AHEAD_TIERS; for a target and a CPU as `Module.save` has them. Code that `is_metered` pays fuel by
        the costs of a module's config. Raises UnsupportedError for a target or CPU that there is no code for, and
        ValueError for another tier.
        """
        self.tier = tier
        self._is_metered = is_metered
        self.requirements: Requirements
        self._target: Target | None = None
        if tier == "baseline":
            from jormun.baseline.engine import REQUIREMENTS

            if target is not None or cpu is not None:
                raise UnsupportedError(
                    f"the baseline tier makes code for {REQUIREMENTS} alone, the same for all its CPUs since 2009:"
                    " a target or a CPU is for the optimizing tier"
                )
            self.requirements = REQUIREMENTS
        elif tier == "optimizing":
            from jormun.optimizing.destination import destination

            to = destination(target, cpu)
            self.requirements = to.requirements
            self._target = to.target
        else:
            raise ValueError(f"no tier {tier!r} compiles ahead of time, there are {', '.join(AHEAD_TIERS)}")

    def compile(self, module: Module, progress: Progress | None = None) -> Artifact:
        """All functions of a module, as far as the tier compiles them."""
        from jormun.runtime.layout import Layout

        costs = module.config.table if self._is_metered else None
        engine = self._baseline(module.config.tiering, costs)
        if self._target is not None:
            from jormun.optimizing.engine import OptimizingEngine

            engine = OptimizingEngine(self._target, costs)
        images = list(engine.compile_all(module.valid, Layout(module.blueprint), progress))
        image = CodeImage.joined(images) if images else CodeImage(b"", (), self.requirements.architecture)
        plain, own = module.described()
        entry = Entry(plain, image, own=own)
        return Artifact(self.requirements, module.config.features, module.data, entry, costs)

    def _baseline(self, tiering: Tiering, costs: Costs | None) -> Engine:
        """Makes code that counts, and gets better where that is hot, if whoever runs it wants that."""
        from jormun.api.config import Config

        config = Config(tier="auto", tiering=tiering, costs=costs)
        return config.engine if costs is None else config.metered_engine
