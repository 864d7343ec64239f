"""The seam between the run time and whatever turns functions into machine code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jormun.hints import TYPE_CHECKING, Protocol, TypeAlias
from jormun.runtime.image import CodeImage
from jormun.runtime.layout import Layout

if TYPE_CHECKING:
    from jormun.validation.module import ValidModule

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of functions compiled so far and the number of all."""


class Engine(Protocol):
    """Compiles functions of valid modules into code for this machine. Engines are shared by threads."""

    @property
    def name(self) -> str:
        """The name of the tier: 'optimizing'."""

    def compile(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> CodeImage:
        """Code that has these functions, given by index."""

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """The machine code of a function that the module defines, as assembly for this machine: labels, instructions,
        comments and directives, a line each.
        """

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterable[CodeImage]:
        """Images that together have each function of the module. Uses all cores."""
