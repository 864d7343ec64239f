"""The seam between the run time and whatever turns functions into machine code."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING, Callable, Iterable, Protocol, Sequence, TypeAlias
from jormun.runtime.image import CodeImage
from jormun.runtime.layout import Layout
from jormun.runtime.tiering.settings import Tiering

if TYPE_CHECKING:
    from jormun.runtime.metering.costs import Costs
    from jormun.validation.module import ValidModule

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of functions compiled so far and the number of all."""


@dataclass(frozen=True, slots=True)
class LoopHead:
    """A loop of a function that the module defines; `offset` is that of its opcode in the body, in bytes."""

    func_index: int
    offset: int


class Improver(Protocol):
    """An engine that makes better code of functions that run already."""

    def improve(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> CodeImage:
        """Code that has these functions, and entries at these loops; what cannot be made better is left out."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """How hot functions get better code: `improver` is called when the first of them does, in the thread that works."""

    improver: Callable[[], Improver]
    tiering: Tiering


class Engine(Protocol):
    """Compiles functions of valid modules into code for this machine. Engines are shared by threads.

    An entry at a loop, `RET o(ptr vm, ptr fp, ptr results)` in the C convention, goes on at the head of the loop with
    the state in the baseline frame at `fp` (layout.BASELINE_FRAME_BYTES), and returns what the function returns, at
    `results` where it has two results or more.
    """

    @property
    def name(self) -> str:
        """The name of the tier: 'optimizing'."""

    @property
    def optimizer(self) -> Optimizer | None:
        """What makes better code where this engine's is hot; None if its code does not ask."""

    @property
    def costs(self) -> Costs | None:
        """What instructions cost in its code; None if that is not metered."""

    def compile(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> CodeImage:
        """Code that has these functions, given by index."""

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """The machine code of a function that the module defines, as assembly for this machine: labels, instructions,
        comments and directives, a line each.
        """

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterable[CodeImage]:
        """Images that together have each function of the module. Uses all cores."""
