"""The engine: functions of a valid module in, machine code out, with no LLVM in between."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from jormun.baseline.compile import FunctionCompiler
from jormun.baseline.facts import ModuleFacts
from jormun.baseline.library import Library
from jormun.baseline.pieces import Pieces
from jormun.baseline.rows import Rows
from jormun.errors import UnsupportedError
from jormun.functions import cached_property
from jormun.hints import Iterator, Sequence
from jormun.prebuilt.artefact import STENCILS
from jormun.prebuilt.load import load
from jormun.runtime.engine import Optimizer, Progress
from jormun.runtime.image import BASELINE, CodeFunction, CodeImage, laid_out
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.runtime.native.support import cpu_flags
from jormun.runtime.requirements import KERNEL_FLAGS, Requirements
from jormun.validation.module import ValidModule

NEEDED = frozenset({"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"})
"""What stencils are made of (x86-64-v2, as the CPUs since 2009 have it), by the kernel's names."""
_NAMES = tuple(name for name, flag in KERNEL_FLAGS["x86_64"].items() if flag in NEEDED and name != "crc32")
REQUIREMENTS = Requirements("x86_64", "linux", "x86-64-v2", _NAMES)
"""What this tier's code needs of a machine."""
CHUNK_FUNCTIONS = 500
"""How many functions an image of `compile_all` has at most."""


class BaselineEngine:
    """Copy-and-patch, behind the `Engine` protocol. With an `optimizer`, its code counts, and asks for better code.
    With `costs`, it is metered.

    Code is for an `architecture`, which is the machine's that we run on, or another that there are stencils for.
    """

    name = "baseline"

    def __init__(
        self, optimizer: Optimizer | None = None, costs: Costs | None = None, *, architecture: str = "x86_64"
    ) -> None:
        self.optimizer = optimizer
        self.costs = costs
        self.architecture = architecture
        self._facts: WeakKeyDictionary[Layout, ModuleFacts] = WeakKeyDictionary()

    @cached_property
    def library(self) -> Library:
        """The stencils. Raises UnsupportedError on a CPU that lacks instructions that they are made of."""
        flags = cpu_flags() if self.architecture == "x86_64" else frozenset()
        lacking = sorted(NEEDED - flags) if flags else []
        if lacking:
            raise UnsupportedError(f"baseline code needs a CPU with {', '.join(lacking)}, which this one has not")
        return Library(load(STENCILS[self.architecture]))

    @cached_property
    def pieces(self) -> Pieces:
        """Their pieces."""
        return Pieces(self.library)

    @cached_property
    def rows(self) -> Rows:
        """Their families."""
        return Rows(self.library)

    def compile(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> CodeImage:
        """Code that has these functions, given by index.

        Raises UnsupportedError for a function with an instruction that this tier does not have.
        """
        facts = self.facts(module, layout)
        return self._image([(func_index, self.code(facts, func_index)) for func_index in functions])

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None = None) -> Iterator[CodeImage]:
        """Images that together have each function that this tier can compile."""
        facts = self.facts(module, layout)
        first, total = module.imported_function_count, len(module.module.functions)
        for start in range(0, total, CHUNK_FUNCTIONS):
            found = []
            for func_index in range(first + start, first + min(start + CHUNK_FUNCTIONS, total)):
                try:
                    found.append((func_index, self.code(facts, func_index)))
                except UnsupportedError:
                    continue  # it fails when it is called
            if progress is not None:
                progress(min(start + CHUNK_FUNCTIONS, total), total)
            if found:
                yield self._image(found)

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """The machine code of a function, as bytes: there is no assembly in between."""
        code = self.code(self.facts(module, layout), func_index)
        return "\n".join(f".byte {', '.join(f'0x{b:02x}' for b in code[k : k + 16])}" for k in range(0, len(code), 16))

    def facts(self, module: ValidModule, layout: Layout) -> ModuleFacts:
        """What all functions of a module share."""
        facts = self._facts.get(layout)
        if facts is None:
            facts = self._facts[layout] = ModuleFacts(module, layout, self.costs)
        return facts

    def code(self, facts: ModuleFacts, func_index: int) -> bytes:
        """The machine code of a function, with its entry at its start. Raises UnsupportedError."""
        for has_probe in (False, True):
            tiering = None if self.optimizer is None else self.optimizer.tiering
            compiler = FunctionCompiler(self.library, self.pieces, self.rows, facts, func_index, tiering, has_probe)
            code = compiler.compile()
            if not compiler.needs_probe:
                break
        return code

    def _image(self, found: Sequence[tuple[int, bytes]]) -> CodeImage:
        """An image of functions, given by index with their code."""
        code, starts = laid_out([code for _, code in found], self.architecture)
        functions = [
            CodeFunction(BASELINE, func_index, start, len(each))
            for start, (func_index, each) in zip(starts, found, strict=True)
        ]
        return CodeImage(code, tuple(functions), self.architecture)
