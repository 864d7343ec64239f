"""A function of numbers, and the loop over NumPy's arrays around it, as one piece of machine code.

The loop is guest code: `u(ptr vm, i64 args, i64 count, i64 steps)` takes what NumPy passes to the inner loop of a ufunc
("PyUFuncGenericFunction": addresses of the operands, a number of elements, distances in bytes) and calls the function,
which LLVM inlines and, where strides are those of whole arrays or of a repeated number, vectorises.

NumPy calls `ufunc`, on the host's stack and mostly without the GIL. It asks Python to run the loop as any guest. A loop
over a function that is *plain*, which touches nothing but its operands and ends soon, needs no guest's stack, and is
run where it is, until it is time to let Python look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jormun.errors import UnsupportedError
from jormun.llvm import keep
from jormun.llvm.object import Image, read_object
from jormun.llvm.pipeline import Effort, compile_text
from jormun.llvm.target import host
from jormun.optimizing import fuel
from jormun.optimizing.engine import UNIT_BYTES
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.prologue import forwarder
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.ufunc_loop import Loop, entry
from jormun.optimizing.unit import PREAMBLE
from jormun.runtime.image import PART, CodeFunction, CodeImage
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.runtime.tiering.call_graph import CallGraph
from jormun.validation.module import ValidModule

PLAIN_BODY_BYTES, PLAIN_LOCALS = 4_096, 200
"""The bodies and locals that a plain function may have, with all that it calls: its frame is on a stack of the
host's, which is nobody's to fill."""
UNATTENDED_BYTES = 1 << 26
"""How many bytes of plain bodies are run before Python is asked: some 20 ms."""
MOST_SPECIALIZED, MOST_SPECIALIZED_BYTES = 3, 1_000
"""With more operands, or with longer bodies, only whole arrays have a loop of their own: there are 2 to the power of
the operands, each with a copy of the function."""
_DEFINE = re.compile(r"^define (?!internal )", re.MULTILINE)
_CALL = re.compile(r"@f([0-9]+)\(")


@dataclass(frozen=True, slots=True)
class UfuncImage:
    """Code, and where in it the guest's loop and the function for NumPy are."""

    image: CodeImage
    loop_offset: int
    ufunc_offset: int
    is_plain: bool


def ufunc_image(
    valid: ValidModule, places: Layout, calls: CallGraph, func_index: int, costs: Costs | None = None
) -> UfuncImage:
    """The code for an own function of a module, whose operands are numbers; see above. With `costs` it is metered, and
    the function is not plain: its fuel is reached through its instance.

    Raises UnsupportedError for a function that this tier does not have.
    """
    shape = ModuleShape(valid, places, host().architecture, costs)
    bodies = _Bodies(shape, _unit(calls, func_index), func_index)
    is_specialized = (
        len(bodies.root.params) <= MOST_SPECIALIZED and calls.size_bytes(func_index) <= MOST_SPECIALIZED_BYTES
    )
    text = [PREAMBLE, *bodies.texts, Loop(bodies.root, func_index, is_specialized).text()]
    text.append(entry(UNATTENDED_BYTES // max(bodies.size_bytes, 16) if bodies.is_plain else 0))
    if any(map(keep.is_called, bodies.texts)):
        text.append(keep.declarations())
    if costs is not None:
        text.append(fuel.METADATA)
    image = read_object(compile_text("".join(text), host(), bodies.effort, bodies.most_phis))
    functions = _functions(image, func_index)
    return UfuncImage(
        CodeImage(image.fixed(), functions, image.architecture),
        image.symbols["u"].offset,
        image.symbols["ufunc"].offset,
        bodies.is_plain,
    )


def _unit(calls: CallGraph, root: int) -> list[int]:
    """The function and all that it calls, as far as that fits into a unit."""
    unit = [root]
    left_bytes = UNIT_BYTES - calls.size_bytes(root)
    for func_index in unit:  # which grows
        for callee in calls.callees(func_index):
            if callee not in unit and calls.size_bytes(callee) <= left_bytes:
                left_bytes -= calls.size_bytes(callee)
                unit.append(callee)
    return unit


def _functions(image: Image, func_index: int) -> tuple[CodeFunction, ...]:
    """Where code is, for backtraces: the loop counts as the function, which is inlined there."""
    found = []
    for name, symbol in image.symbols.items():
        if symbol.is_function and name != "ufunc":
            index = func_index if name == "u" else int(name[1:])
            found.append(CodeFunction(PART, index, symbol.offset, symbol.size_bytes))
    return tuple(sorted(found, key=lambda function: function.offset))


class _Bodies:
    """The functions themselves, which nobody else calls, and what they are like."""

    def __init__(self, shape: ModuleShape, unit: Sequence[int], root: int) -> None:
        self.root = shape.function_shape(root)
        self.texts: list[str] = []
        self.effort = Effort.FULL
        self.most_phis = 0
        self.size_bytes = 0
        callees: dict[int, set[int]] = {}
        local_count = 0
        is_plain = True
        together = frozenset(unit)
        for func_index in unit:
            lowering = FunctionLowering(shape, func_index, together)
            try:
                text = lowering.text()
            except UnsupportedError:
                if func_index == root:
                    raise
                text = forwarder(lowering)
                is_plain = False
            self.texts.append(_DEFINE.sub("define internal ", text))
            self.most_phis = max(self.most_phis, lowering.most_phis)
            self.size_bytes += len(lowering.code)
            local_count += len(lowering.local_types)
            if lowering.is_hard:
                self.effort = Effort.LEAST
            is_plain = is_plain and not lowering.has_loops and _is_self_contained(text)
            callees[func_index] = set(map(int, _CALL.findall(text.partition("\n")[2])))
        self.is_plain = (
            is_plain
            and self.size_bytes <= PLAIN_BODY_BYTES
            and local_count <= PLAIN_LOCALS
            and not _is_recursive(callees)
        )


def _is_self_contained(text: str) -> bool:
    """Whether a lowered function neither reads nor passes on its instance but to functions of its unit, nor the stack's
    context. Whatever is not an operation on its operands is reached through `%vm`: memories, tables, globals, other
    code, traps.
    """
    if "musttail" in text or "frameaddress" in text:
        return False
    _, _, body = text.partition("\n")
    return all("%vm" not in line or _CALL.search(line) is not None for line in body.split("\n"))


def _is_recursive(callees: dict[int, set[int]]) -> bool:
    """Whether one of the functions may call itself: those that call none that is left are taken away, and some stay."""
    left = dict(callees)
    while left:
        leaves = [index for index, called in left.items() if called.isdisjoint(left)]
        if not leaves:
            return True
        for index in leaves:
            del left[index]
    return False
