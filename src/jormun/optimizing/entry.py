"""On-stack replacement: a function that goes on at the head of one of its loops, with the state of a baseline frame.

It is the whole function, lowered once more under another name. Its entry block reads the frame and jumps to that loop,
the target; the ordinary start leads nowhere, and LLVM drops it. Two things need care.

**Loops keep one way in.** A jump into the middle of a nest would give the loops around the target a second way in, and
LLVM optimizes only loops that have one. And the target itself is optimized best where LLVM sees its start. So the entry
block goes to a copy of the target, which ends what was begun. What leaves the copy goes to the outermost loop, with a
number, the way; at its head, and at each head further in, a switch on the way leads on. It is 0 in all other rounds,
which the machine predicts. A long target is not copied: the entry block leads to it by the same means.

**Operands below a block** are names that were defined before it, on a way that the entry does not take. Nothing can use
them until the block ends. So those below the blocks around the target, and below the target, are put into memory where
the block begins (and by the entry block, from the frame), and read again behind its end. Each is written and read once
in the text, so that text and time stay linear.

To be compiled by mypyc.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from jormun.errors import UnsupportedError
from jormun.llvm.convention import REF, REGISTERS, VECTOR, from_register, overflow_area
from jormun.optimizing import calls, exceptions, fuel, roots
from jormun.optimizing.frame import LOOP, TRY, Frame, slot
from jormun.optimizing.prologue import allocations
from jormun.optimizing.state import STATE
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

COPIED_BYTES = 10_000
"""The longest target that is copied."""
PLACE = ";"
"""A line, a comment to LLVM, where text may have to be put once the target is found."""
WAY = "%way"
"""In memory: the place in `Entry.path` of the block whose label is to be reached; that of the target stands for its end
if it is copied. 0 if there is none."""
PARAMETERS = ("%vm", "%fp", "%results")
"""Of the function: the instance record, the baseline frame, and where results go when there are several."""


class Entry:
    """The way into a function at the loop whose opcode is at byte `offset` of its body."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.path: list[Frame] = []
        """The blocks around the target, outermost first, and the target; empty until it is found."""
        self.loops: list[int] = []
        """The places in the path of the loops around the target, and of the target."""
        self.types: list[str] = []
        """Of all operands at the head of the target, its parameters included."""
        self.height = 0
        """How many of them lie below the parameters."""
        self.body = 0
        """Where in the function's bytes the body of the target begins."""
        self.copy: Frame | None = None
        """Of the target, if it is copied."""
        self.has_end = False
        """Whether code falls through the target's end."""

    def symbol(self, func_index: int) -> str:
        """The name of the function."""
        return f"@o{func_index}_{self.offset}"

    # While the body is lowered.

    def open_block(self, f: FunctionLowering, frame: Frame) -> None:
        """A block begins: leave room for saving what lies below it, in case the target is inside of it."""
        if not self.path:
            frame.opening = len(f.lines)
            f.lines.append(PLACE)

    def open_loop(self, f: FunctionLowering, frame: Frame, offset: int) -> None:
        """Behind the label of a loop: it is the target, or may be around it."""
        if self.path:
            return
        frame.head = len(f.lines)
        f.lines.append(PLACE)
        if offset == self.offset:
            self.reach(f)

    def reach(self, f: FunctionLowering) -> None:
        """The target is found: save what lies below it and the blocks around it, which are all open now."""
        self.path = list(f.frames)
        self.loops = [k for k, frame in enumerate(self.path) if frame.kind == LOOP]
        self.types = list(f.types)
        self.height = self.path[-1].height
        self.body = f.at
        for outer, frame in pairwise(self.path):
            frame.is_entered = True
            saved = [f"store {f.types[k]} {f.values[k]}, ptr {below(k)}" for k in range(outer.height, frame.height)]
            if saved:
                f.lines[frame.opening] = "\n".join(saved)

    def close_block(self, f: FunctionLowering, frame: Frame) -> None:
        """Behind the end of a block around the target, of the target, or of its copy."""
        if frame is self.copy:
            if f.is_reachable:
                f.hand_over(frame.results)
                f.lines += self.leave(len(self.path) - 1)
            f.frames.clear()  # that is all of the copy
            return
        if frame is self.path[-1] and self.is_nested and f.at - self.body <= COPIED_BYTES:
            self.copy = Frame(LOOP, f.op.block_label(), frame.height, frame.params, frame.results)
            self.copy.is_entered = True
            if f.is_reachable:
                self.has_end = True
                f.hand_over(frame.results)
                f.lines.append(f"br label %{end_of(frame)}")
                f.take_over(frame, frame.results, end_of(frame))
        if f.is_reachable:
            for k in range(f.frames[-1].height, frame.height):
                f.values[k] = f.op.line(f"load {f.types[k]}, ptr {below(k)}")

    @property
    def is_nested(self) -> bool:
        """Whether there are loops around the target."""
        return len(self.loops) > 1

    def leave(self, way: int) -> list[str]:
        """Go to the label of a block of the path, by the heads of the loops that it is in."""
        return [f"store i32 {way}, ptr {WAY}", f"br label %{self.path[self.loops[0]].label}"]

    # Behind the body.

    def complete(self, f: FunctionLowering) -> None:
        """Lower the copy of the target, and lead from the heads of loops to where it is left for.

        Raises UnsupportedError if the target was not found.
        """
        if not self.path:
            raise UnsupportedError(f"function {f.func_index}: no loop is ever reached at {self.offset:#x}")
        if not self.is_nested:
            return
        labels = {len(self.path) - 1: self.path[-1].label}
        if self.copy is not None:
            labels = self.lower_copy(f, self.copy)
        ways = sorted(labels)
        for place, inner in pairwise(self.loops):
            label = self.path[place].label
            lines = [f"%{label}w = load i32, ptr {WAY}"]
            first, last = bisect_right(ways, place), bisect_right(ways, inner)
            if last < len(ways):
                lines.append(f"%{label}i = icmp ugt i32 %{label}w, {inner}")
                lines.append(f"br i1 %{label}i, label %{self.path[inner].label}, label %{label}c")
                lines.append(f"{label}c:")
            cases = " ".join(f"i32 {way}, label %{label}w{way}" for way in ways[first:last])
            lines.append(f"switch i32 %{label}w, label %{label}b [{cases}]")
            for way in ways[first:last]:
                lines += [f"{label}w{way}:", f"store i32 0, ptr {WAY}", f"br label %{labels[way]}"]
            lines.append(f"{label}b:")
            f.lines[self.path[place].head] = "\n".join(lines)

    def lower_copy(self, f: FunctionLowering, copy: Frame) -> dict[int, str]:
        """Lower the copy of the target. Returns the labels, by way, in the outermost loop that it is left for."""
        outermost = self.loops[0]
        f.frames[:] = self.path[:outermost]  # what is outside of all loops is reached by a jump
        around = self.path[outermost]
        f.frames.append(Frame(around.kind, around.label, around.height, around.params, around.results))
        f.frames[-1].handler = around.handler
        for frame in self.path[outermost + 1 : -1]:
            double = Frame(frame.kind, f"{frame.label}x", frame.height, frame.params, frame.results)
            double.catches = frame.catches
            double.handler = double if frame.kind == TRY else f.frames[-1].handler
            f.frames.append(double)
        doubles = list(f.frames)
        copy.handler = doubles[-1].handler
        f.frames.append(copy)
        f.at = self.body
        f.is_reachable = True
        f.values[:] = [""] * len(self.types)  # nothing in the copy can use what lies below it
        f.types[:] = self.types
        f.kept.clear()
        copy.accesses, copy.calls = len(f.op.pending), f.calls
        f.take_over(copy, copy.params)
        fuel.charge_round(f)
        f.lower()
        for k in range(len(doubles) - 1, outermost, -1):
            if doubles[k].is_caught:
                f.frames[:] = doubles[:k]
                exceptions.dispatch(f, doubles[k])
        f.frames.clear()
        labels = {}
        for way, (frame, double) in enumerate(zip(self.path, doubles, strict=False)):
            if way > outermost and double.is_targeted:
                f.lines += [f"{double.label}:", *self.leave(way)]
                labels[way] = frame.label
        if self.has_end:
            labels[len(self.path) - 1] = end_of(self.path[-1])
        return labels

    def head(self, f: FunctionLowering) -> list[str]:
        """The signature, and the entry block."""
        lines = self.signature(f)
        if f.uses_overflow:
            lines += overflow_area(calls.OVERFLOW, layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA)
        lines += allocations(f)
        lines += [f"{below(k)} = alloca {t}" for k, t in enumerate(self.types[: self.height])]
        lines += self.frame_lines(f)
        if self.is_nested:
            lines.append(f"{WAY} = alloca i32")
        if self.copy is not None:
            lines += [f"store i32 0, ptr {WAY}", f"br label %{self.copy.label}"]
        elif self.is_nested:
            lines += self.leave(len(self.path) - 1)
        else:
            lines.append(f"br label %{self.path[-1].label}")
        return [*lines, "start:"]

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
            operand = k - len(f.local_types)
            if t == REF and 0 <= operand < f.root_count:
                lines.append(f"store {t} %i{k}, ptr {roots.operand(operand)}")
        return lines


def below(position: int) -> str:
    """Where the operand at this position is kept while blocks around the target, or the target, are open above it."""
    return f"%b{position}"


def end_of(target: Frame) -> str:
    """The label behind the end of the target, where its copy and the target meet."""
    return f"{target.label}z"
