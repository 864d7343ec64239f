"""A compile unit: the LLVM module that defines some functions of a WebAssembly module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jormun.errors import UnsupportedError
from jormun.llvm import keep
from jormun.llvm.pipeline import Effort
from jormun.optimizing import fuel
from jormun.optimizing.entry import Entry
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.prologue import forwarder
from jormun.optimizing.shapes import ModuleShape
from jormun.runtime.engine import LoopHead

PREAMBLE = """\
%ref = type i64
declare ptr @llvm.frameaddress.p0(i32)
declare ptr @llvm.ptrmask.p0.i64(ptr, i64)
attributes #0 = { nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins" }
!0 = !{}
!1 = !{!3, !3, i64 0}
!2 = !{!4, !4, i64 0}
!3 = !{!"state", !5, i64 0}
!4 = !{!"guest", !5, i64 0}
!5 = !{!"jormun"}
!10 = !{!11, !11, i64 0}
!11 = !{!"objects", !5, i64 0}
!12 = !{!13, !13, i64 0}
!13 = !{!"roots", !5, i64 0}
!9 = !{!"branch_weights", i32 1, i32 1048575}
"""
"""What every unit begins with: attributes, and the kinds of memory, which never overlap.

"frame-pointer" is what backtraces walk, "probe-stack" makes a large frame touch the guard page, "no-builtins" keeps
LLVM from calling the C library where a loop looks like one of its functions.
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """LLVM text, and what optimizing it is worth."""

    text: str
    effort: Effort
    most_phis: int = 0
    """How many phis LLVM may need, at most, in one of its functions."""


def make_unit(
    shape: ModuleShape,
    functions: Sequence[int],
    loops: Sequence[LoopHead] = (),
    *,
    skips_unsupported: bool = False,
    skips_hard: bool = False,
) -> Unit:
    """The unit that defines these functions, given by index, and the entries at these loops.

    A function with an instruction that this tier does not have raises UnsupportedError, or is left out; calls of it
    then go through the code table, as to any function that is not compiled yet. So may functions be that are hard for
    LLVM. The entries of what is left out are left out too. A loop that does not exist, or that is never reached, is
    not supported either.
    """
    together = frozenset(functions)
    left_out: set[int] = set()
    lowered: list[FunctionLowering] = []
    effort = Effort.BRIEF
    most_phis = 0
    wanted: list[tuple[int, Entry | None]] = [(func_index, None) for func_index in functions]
    wanted += [(loop.func_index, Entry(loop.offset)) for loop in loops]
    for func_index, entry in wanted:
        if entry is not None and func_index in left_out:
            continue
        lowering = FunctionLowering(shape, func_index, together, entry, passes_fuel=shape.costs is not None)
        try:
            lowering.lower_body()
        except UnsupportedError:
            if not skips_unsupported:
                raise
            is_left_out = True
        else:
            is_left_out = lowering.is_hard and skips_hard
        if is_left_out:
            if entry is None:
                left_out.add(func_index)
                lowering.passing.callees.clear()
                lowered.append(lowering)
            continue
        lowered.append(lowering)
        most_phis = max(most_phis, lowering.most_phis)
        if lowering.is_hard:
            effort = Effort.LEAST
        elif lowering.has_loops and effort is Effort.BRIEF:
            effort = Effort.FULL
    taken = set[int]().union(*[lowering.passing.callees for lowering in lowered])
    bodies = []
    for lowering in lowered:
        lowering.passing.is_taken = lowering.entry is None and lowering.func_index in taken
        bodies.append(forwarder(lowering) if lowering.func_index in left_out else lowering.finished())
    if any(map(keep.is_called, bodies)):
        bodies.append(keep.declarations())
    if shape.costs is not None:
        bodies.append(fuel.METADATA)
    return Unit("".join([PREAMBLE, *bodies]), effort, most_phis)
