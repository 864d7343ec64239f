"""A stand-in for the baseline compiler: LLVM code that counts down at loop heads and entries, and asks for better code.

At a loop head that has used up its counter, the function's state is put into a baseline frame, by the rule that
runtime/layout.py gives, and the run time is asked for code to go on with. The frame is filled with rubbish before, so
that whatever is read from a wrong place shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from jormun.llvm import keep
from jormun.llvm.convention import VECTOR
from jormun.llvm.pipeline import Effort, compile_text
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE
from jormun.optimizing import control
from jormun.optimizing.code_image import code_image
from jormun.optimizing.engine import OptimizingEngine
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.rows import HANDLERS
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.state import STATE
from jormun.optimizing.unit import PREAMBLE
from jormun.runtime import layout
from jormun.runtime.engine import LoopHead, Optimizer, Progress
from jormun.runtime.image import LOOP_ENTRY, CodeImage
from jormun.runtime.layout import TIER_UP_AT_ENTRY, Layout
from jormun.runtime.tiering.settings import Tiering
from jormun.syntax.code import instructions
from jormun.validation.module import ValidModule

LOOP = next(code for code, row in BY_CODE.items() if row.signature is Rule.LOOP)
RUBBISH = 0xA5


def loop_heads(valid: ValidModule) -> list[LoopHead]:
    """All loops of a module."""
    first = valid.imported_function_count
    return [
        LoopHead(first + k, each.offset)
        for k, function in enumerate(valid.module.functions)
        for each in instructions(function.body.code)
        if each.row.code == LOOP
    ]


class StandIn:
    """Compiles as the optimizing engine does, with loops that can be left for their entries."""

    name = "stand-in"

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tiering: Tiering | None = None) -> None:
        """With `tiering`, what is asked of its code is answered by better code."""
        self.optimizer = None if tiering is None else Optimizer(OptimizingEngine, tiering)
        self.costs = None
        self.entry_weight = 0 if tiering is None else tiering.entry_weight
        self.loop_weight = 1 if tiering is None else tiering.loop_weight
        self.asking: set[int] = set()
        """The functions being lowered as baseline code, by the identity of their lowering."""

        def loop(f: FunctionLowering) -> None:
            offset = f.at - 1
            control.loop(f)
            if id(f) in self.asking:
                self.leave(f, self.loop_weight, offset)

        monkeypatch.setitem(HANDLERS, LOOP, loop)

    def text(self, valid: ValidModule, layout: Layout, functions: Sequence[int]) -> str:
        """The LLVM text of functions."""
        shape = ModuleShape(valid, layout, "x86_64")
        bodies = []
        for func_index in functions:
            f = FunctionLowering(shape, func_index, ())
            self.asking.add(id(f))
            # A function is entered anew by the call of its own new code, which takes arguments in registers alone.
            if self.entry_weight and not f.uses_overflow:
                self.leave(f, self.entry_weight, TIER_UP_AT_ENTRY)
            bodies.append(f.text())
            self.asking.remove(id(f))
        if any(map(keep.is_called, bodies)):
            bodies.append(keep.declarations())
        memset = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\n"
        return "".join([PREAMBLE, memset, *bodies])

    def leave(self, f: FunctionLowering, weight: int, offset: int) -> None:
        """Count down, ask, and go on in other code if there is any."""
        op, lines, index = f.op, f.lines, f.func_index - f.shape.imported_function_count
        counters = op.state(layout.VM_COUNTERS, "ptr", is_constant=True)
        counter = op.load_field(counters, 4 * index, "i32")
        left = op.line(f"sub i32 {counter}, {weight}")
        op.store_field(counters, 4 * index, "i32", left)
        is_used_up = op.line(f"icmp slt i32 {left}, 0")
        ask, go, other = op.block_label(), op.block_label(), op.block_label()
        lines += [f"br i1 {is_used_up}, label %{ask}, label %{go}", f"{ask}:"]
        answer = op.service("jormun_tier_up", "i64", f"ptr %vm, i32 {index}, i32 {offset if offset < 1 << 31 else -1}")
        lines.append(f"br i1 {op.line(f'icmp eq i64 {answer}, 0')}, label %{go}, label %{other}")
        lines.append(f"{other}:")
        code = op.line(f"inttoptr i64 {answer} to ptr")
        shape = f.call_shape
        results = "%results" if shape.has_buffer else "null"
        if offset == TIER_UP_AT_ENTRY:
            names = ["%vm", *(["%results"] if shape.has_buffer else []), *(f"%p{k}" for k in range(len(shape.params)))]
            arguments = ", ".join(f"{t} {name}" for t, name in zip(shape.passed, names, strict=True))
        else:
            arguments = f"ptr %vm, ptr {self.frame(f)}, ptr {results}"
        call = f"call {shape.returns} {code}({arguments})"
        if shape.returns == "void":
            lines += [call, "ret void"]
        else:
            lines.append(f"ret {shape.returns} {op.line(call)}")
        lines.append(f"{go}:")

    def frame(self, f: FunctionLowering) -> str:
        """The baseline frame with the function's present state, in the memory that calls use for their results."""
        op = f.op
        values = list(zip(f.types, f.values, strict=True))
        for k, t in enumerate(f.local_types):
            values.insert(k, (t, op.line(f"load {t}, ptr %l{k}")))
        size_bytes = layout.BASELINE_FRAME_BYTES + sum(16 if t == VECTOR else 8 for t, _ in values)
        f.buffer_slots = max(f.buffer_slots, -(-size_bytes // 16))
        f.lines.append(f"call void @llvm.memset.p0.i64(ptr %buffer, i8 {RUBBISH}, i64 {size_bytes}, i1 false)")
        fp = op.line(f"getelementptr i8, ptr %buffer, i64 {size_bytes}")
        end = layout.BASELINE_FRAME_BYTES
        for t, value in values:
            end += 16 if t == VECTOR else 8
            f.lines.append(f"store {t} {value}, ptr {op.field(fp, -end)}, align 8, {STATE}")
        return fp

    # The protocol of engines.

    def compile(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> CodeImage:
        """Code that has these functions."""
        assert not loops
        return code_image(compile_text(self.text(module, layout, functions), None, Effort.BRIEF))

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterator[CodeImage]:
        """All functions."""
        first = module.imported_function_count
        yield self.compile(module, layout, range(first, first + len(module.module.functions)))


def entries_in(image: CodeImage, address: int = 0) -> dict[LoopHead, int]:
    """Where the entries of an image are that is loaded at an address."""
    return {LoopHead(f.index, f.loop): address + f.offset for f in image.functions if f.kind == LOOP_ENTRY}


class TierUps:
    """Services that answer `jormun_tier_up` by `answer`, and anything else as before."""

    def __init__(self, services: object, answer: Callable[[int, int, int], int]) -> None:
        self._services = services
        self.tier_up = answer

    def __getattr__(self, name: str) -> object:
        return getattr(self._services, name)
