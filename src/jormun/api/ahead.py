"""Compiling ahead of time, and loading what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jormun.cache.artifact import Artifact
from jormun.cache.entry import Entry
from jormun.cache.plain import from_plain
from jormun.hints import TYPE_CHECKING
from jormun.runtime.image import CodeImage
from jormun.runtime.tiering.learned import Learned

if TYPE_CHECKING:
    from jormun.api.module import Module
    from jormun.optimizing.destination import Destination
    from jormun.runtime.engine import Progress


class Loaded:
    """The code of an artifact (runtime/module.py's `CodeKeeper`). Nothing is added to it."""

    def __init__(self, artifact: Artifact) -> None:
        self.blueprint = from_plain(artifact.entry.plain, artifact.data)
        self._image = artifact.entry.image

    def images(self) -> Iterable[CodeImage]:
        """The code that there is."""
        return (self._image,) if self._image.functions else ()

    def learned(self) -> Learned:
        """Nothing: there is optimized code of all functions."""
        return Learned()

    def watch(self, learned: Callable[[], Learned]) -> None:
        """Do not ask: nothing is kept."""

    def keep(self, image: CodeImage) -> None:
        """Take what was compiled, which is the next process's work again."""


def compile_ahead(module: Module, to: Destination, progress: Progress | None = None) -> Artifact:
    """All functions of a module, as far as the optimizing tier compiles them, for a machine."""
    from jormun.optimizing.engine import OptimizingEngine
    from jormun.runtime.layout import Layout

    engine = OptimizingEngine(to.target)
    images = list(engine.compile_all(module.valid, Layout(module.blueprint), progress))
    image = CodeImage.joined(images) if images else CodeImage(b"", (), to.requirements.architecture)
    return Artifact(to.requirements, module.config.features, module.data, Entry(module.described(), image))
