"""The machine code of functions, as lines for people: the text behind `jormun objdump --machine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jormun.api.config import Config
from jormun.errors import UnsupportedError
from jormun.runtime.layout import Layout
from jormun.syntax.module import Module
from jormun.validation.module import validate

_DIRECTIVES = (".file", ".globl", ".ident", ".p2align", ".section", ".size", ".text", ".type")
"""What the assembler is told beside instructions, labels and constants."""


def machine_code(module: Module) -> Callable[[int], Iterator[str]]:
    """What gives the lines of the machine code of a function, by its index, as the optimizing tier compiles it alone.

    Raises InvalidError or MalformedError unless the module is valid.
    """
    valid = validate(module)
    layout = Layout(valid)
    engine = Config(tier="optimizing").engine

    def lines(func_index: int) -> Iterator[str]:
        try:
            assembly = engine.assembly(valid, layout, func_index)
        except UnsupportedError as error:
            yield f"  not compiled: {error}"
            return
        for line in assembly.splitlines():
            text = line.strip()
            if text and not text.startswith((*_DIRECTIVES, ".Lfunc_end", "#")):
                yield text if text.endswith(":") else f"    {text.replace(chr(9), ' ')}"

    return lines
