"""The seam between the run time and whatever turns functions into machine code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from jormun.runtime.layout import Layout
from jormun.runtime.tiering.settings import Tiering
from jormun.validation.module import ValidModule

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of functions compiled so far and the number of all."""


class LoopHead(NamedTuple):
    """A loop of a function that the module defines; `offset` is that of its opcode in the body, in bytes."""

    func_index: int
    offset: int


class Improver(Protocol):
    """An engine that makes better code of functions that run already."""

    def improve(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> bytes:
        """Like `Engine.compile`, but what cannot be made better is left undefined."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """How hot functions get better code: `improver` is called when the first of them does, in the thread that works."""

    improver: Callable[[], Improver]
    tiering: Tiering


class Engine(Protocol):
    """Compiles functions of valid modules into ELF objects for this machine.

    An object defines `f{i}`, or `t{i}` where it makes tail calls, for each function index it was asked for, and
    `o{i}_{offset}` for each loop: `RET o(ptr vm, ptr fp, ptr results)` in the C convention goes on at the head of the
    loop with the state in the baseline frame at `fp` (layout.BASELINE_FRAME_BYTES), and returns what the function
    returns, at `results` where it has two results or more. Code refers to nothing outside of the object. Engines are
    shared by threads.
    """

    @property
    def name(self) -> str:
        """The name of the tier: 'optimizing'."""

    @property
    def optimizer(self) -> Optimizer | None:
        """What makes better code where this engine's is hot; None if its code does not ask."""

    def compile(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> bytes:
        """An object that defines these functions, given by index, and the entries at these loops."""

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """The machine code of a function that the module defines, as assembly for this machine: labels, instructions,
        comments and directives, a line each.
        """

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterable[bytes]:
        """Objects that together define each function of the module. Uses all cores."""
