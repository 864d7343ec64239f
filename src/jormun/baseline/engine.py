"""The engine: functions of a valid module in, machine code out, with no LLVM in between."""

from __future__ import annotations

from functools import cache

from jormun.baseline.compile import FunctionCompiler
from jormun.baseline.facts import ModuleFacts
from jormun.baseline.library import Library
from jormun.baseline.pieces import Pieces
from jormun.baseline.rows import Rows
from jormun.runtime.layout import Layout
from jormun.validation.module import ValidModule


class BaselineCompiler:
    """Compiles functions with the stencils of a library."""

    def __init__(self, data: bytes) -> None:
        self.library = Library(data)
        self.pieces = Pieces(self.library)
        self.rows = Rows(self.library)

    def facts(self, module: ValidModule, layout: Layout) -> ModuleFacts:
        """What all functions of a module share."""
        return ModuleFacts(module, layout)

    def compile(self, facts: ModuleFacts, func_index: int, counts: bool = False) -> bytes:
        """The machine code of a function, position-independent, with its entry at its start.

        Raises UnsupportedError for an instruction that this tier does not have.
        """
        compiler = FunctionCompiler(self.library, self.pieces, self.rows, facts, func_index, counts)
        code = compiler.compile()
        if compiler.needs_probe:
            code = FunctionCompiler(self.library, self.pieces, self.rows, facts, func_index, counts, True).compile()
        return code


@cache
def host_compiler() -> BaselineCompiler:
    """The compiler for this machine."""
    from jormun.baseline.stencil_build.build import build

    return BaselineCompiler(build())
