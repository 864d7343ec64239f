"""On-stack replacement: a function that goes on at the head of one of its loops, with the state of a baseline frame.

It is the whole function, lowered once more under another name. Its entry block reads the frame and jumps to that loop,
the target; the ordinary start leads nowhere, and LLVM drops it. Two things need care.

**Loops keep one way in.** A jump into the middle of a nest would give the loops around the target a second way in, and
LLVM optimizes only loops that have one. So the entry block jumps to the outermost of them, and a flag, which the target
clears, leads from its head straight to the next head further in. The first round of each loop around the target is
entered so, and all others test a flag that the machine predicts.

**Operands below a block** are names that were defined before it, on a way that the entry does not take. Nothing can use
them until the block ends. So those below the blocks around the target, and below the target, are put into memory where
the block begins (and by the entry block, from the frame), and read again behind its end. Each is written and read once
in the text, so that text and time stay linear.

To be compiled by mypyc.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from jormun.llvm.convention import REGISTERS, VECTOR, from_register, overflow_area
from jormun.optimizing import calls
from jormun.optimizing.frame import LOOP, Frame, slot
from jormun.optimizing.state import STATE
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

PLACE = ";"
"""A line, a comment to LLVM, where text may have to be put once the target is found."""
IS_ENTERING = "%entering"
"""The flag, in memory: the target has not been reached yet."""
PARAMETERS = ("%vm", "%fp", "%results")
"""Of the function: the instance record, the baseline frame, and where results go when there are several."""


class Entry:
    """The way into a function at the loop whose opcode is at byte `offset` of its body."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.types: list[str] = []
        """Of all operands at the head of the target, its parameters included."""
        self.height = 0
        """How many of them lie below the parameters."""
        self.loops: list[Frame] = []
        """The target, last, and the loops around it; empty until the target is found."""

    def symbol(self, func_index: int) -> str:
        """The name of the function."""
        return f"@o{func_index}_{self.offset}"

    # While the body is lowered.

    def open_block(self, f: FunctionLowering, frame: Frame) -> None:
        """A block begins: leave room for saving what lies below it, in case the target is inside of it."""
        if not self.loops:
            frame.opening = len(f.lines)
            f.lines.append(PLACE)

    def open_loop(self, f: FunctionLowering, frame: Frame, offset: int) -> None:
        """Behind the label of a loop: it is the target, or may be around it."""
        if self.loops:
            return
        frame.head = len(f.lines)
        f.lines.append(PLACE)
        if offset == self.offset:
            self.reach(f, frame)

    def reach(self, f: FunctionLowering, target: Frame) -> None:
        """The target is found: fill in what it needs of the blocks around it, which are all open now."""
        self.types = list(f.types)
        self.height = target.height
        for outer, frame in pairwise(f.frames):
            frame.is_entered = True
            saved = [f"store {f.types[k]} {f.values[k]}, ptr {below(k)}" for k in range(outer.height, frame.height)]
            if saved:
                f.lines[frame.opening] = "\n".join(saved)
        self.loops = [frame for frame in f.frames if frame.kind == LOOP]
        if len(self.loops) > 1:
            f.lines[target.head] = f"store i1 false, ptr {IS_ENTERING}"
        for loop, inner in pairwise(self.loops):
            label = loop.label
            f.lines[loop.head] = (
                f"%{label}f = load i1, ptr {IS_ENTERING}\n"
                f"br i1 %{label}f, label %{inner.label}, label %{label}b\n"
                f"{label}b:"
            )

    def close_block(self, f: FunctionLowering, frame: Frame) -> None:
        """Behind the end of a block around the target, or of the target: read again what lies below it."""
        for k in range(f.frames[-1].height, frame.height):
            f.values[k] = f.op.line(f"load {f.types[k]}, ptr {below(k)}")

    # Behind the body.

    def head(self, f: FunctionLowering) -> list[str]:
        """The signature, and the entry block."""
        lines = self.signature(f)
        if f.uses_overflow:
            lines += overflow_area(calls.OVERFLOW, layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA)
        lines += f.allocations()
        lines += [f"{below(k)} = alloca {t}" for k, t in enumerate(self.types[: self.height])]
        lines += self.frame_lines(f)
        if len(self.loops) > 1:
            lines += [f"{IS_ENTERING} = alloca i1", f"store i1 true, ptr {IS_ENTERING}"]
        lines += [f"br label %{self.loops[0].label}", "start:"]
        return lines

    def signature(self, f: FunctionLowering) -> list[str]:
        """`RET o(ptr vm, ptr fp, ptr results)`; with all registers as parameters where it makes tail calls."""
        returns, symbol = f.call_shape.returns, self.symbol(f.func_index)
        vm, *others = PARAMETERS
        if not f.makes_tail_calls:
            params = ", ".join(f"ptr {name}" for name in others)
            return [f"define {returns} {symbol}(ptr nonnull {vm}, {params}) #0 {{", "entry:"]
        names = [vm, *(f"%r{k}" for k in range(1, len(REGISTERS)))]
        params = ", ".join(f"{t} {name}" for t, name in zip(REGISTERS, names, strict=True))
        lines = [f"define {returns} {symbol}({params}) #0 {{", "entry:"]
        for k, name in enumerate(others, 1):
            lines += from_register(name, "ptr", names[k], REGISTERS[k])
        return lines

    def frame_lines(self, f: FunctionLowering) -> list[str]:
        """Reads the baseline frame (layout.BASELINE_FRAME_BYTES).

        Safe because the frame is the running baseline function's, whose locals and operands at this loop have the
        types that validation gave them, here as there.
        """
        lines = []
        end = layout.BASELINE_FRAME_BYTES
        places = [f"%l{k}" for k in range(len(f.local_types))]
        places += [below(k) if k < self.height else slot(k - self.height, t) for k, t in enumerate(self.types)]
        for k, (t, place) in enumerate(zip([*f.local_types, *self.types], places, strict=True)):
            end += layout.BASELINE_VECTOR_BYTES if t == VECTOR else layout.BASELINE_VALUE_BYTES
            lines.append(f"%i{k}.a = getelementptr i8, ptr %fp, i64 {-end}")
            lines.append(f"%i{k} = load {t}, ptr %i{k}.a, align 8, {STATE}")
            lines.append(f"store {t} %i{k}, ptr {place}")
        return lines


def below(position: int) -> str:
    """Where the operand at this position is kept while blocks around the target, or the target, are open above it."""
    return f"%b{position}"
