"""How hand-written LLVM text takes and passes arguments by the convention of guest code."""

from __future__ import annotations

from collections.abc import Sequence

from jormun.llvm.convention import OVERFLOW_SLOT_BYTES, overflow_area, places
from jormun.runtime.layout import STACK_BLOCK_BYTES, STACK_OVERFLOW_AREA

DECLARATIONS = "declare ptr @llvm.frameaddress.p0(i32)\ndeclare ptr @llvm.ptrmask.p0.i64(ptr, i64)\n"
"""What the text of `take` and `give` refers to."""


def take(types: Sequence[str], names: Sequence[str]) -> tuple[str, list[str]]:
    """The parameters of a function, and the lines at its entry that define those that are not among them."""
    lines = [] if min(places(types)) >= 0 else overflow_area("%taken", STACK_BLOCK_BYTES, STACK_OVERFLOW_AREA)
    params = []
    for place, t, name in zip(places(types), types, names, strict=True):
        if place >= 0:
            params.append(f"{t} {name}")
        else:
            lines.append(f"{name}.a = getelementptr i8, ptr %taken, i64 {OVERFLOW_SLOT_BYTES * ~place}")
            lines.append(f"{name} = load {t}, ptr {name}.a, align 8")
    return ", ".join(params), lines


def give(types: Sequence[str], values: Sequence[str], label: str = "given") -> tuple[str, list[str]]:
    """The arguments of a call, and the lines before it that store those that are not among them."""
    lines = [] if min(places(types)) >= 0 else overflow_area(f"%{label}", STACK_BLOCK_BYTES, STACK_OVERFLOW_AREA)
    arguments = []
    for k, (place, t, value) in enumerate(zip(places(types), types, values, strict=True)):
        if place >= 0:
            arguments.append(f"{t} {value}")
        else:
            lines.append(f"%{label}{k} = getelementptr i8, ptr %{label}, i64 {OVERFLOW_SLOT_BYTES * ~place}")
            lines.append(f"store {t} {value}, ptr %{label}{k}, align 8")
    return ", ".join(arguments), lines
