"""References that live on while others run: where a collection finds them.

A collection looks at all words of guests' stacks (runtime/native/collector.py). What LLVM makes of a reference may be
the address of a field, or of one beyond the object, and it may keep that in place of the reference. So over calls
references are in memory, the *roots*: those in locals all the time, operands from before the call. To LLVM the callee
might have changed that memory, whose address it has given away: so it reads references anew, and whatever it makes of
one is made between two calls. Where nothing is called, roots are as any memory that becomes registers.

Operands below a block are kept when it begins, and read at each of its labels, where many ways come together.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.llvm.convention import REF

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

ROOT = "!tbaa !12"
"""What is accessed: a function's own references."""
_AREA = "%roots"


def keep(f: FunctionLowering, height: int = -1) -> None:
    """Have operands, those below a height or all, in the roots."""
    if height < 0:
        height = len(f.types)
    kept = f.kept
    if REF not in f.types:
        return
    for k in range(height):
        if f.types[k] != REF or f.values[k][:1] != "%":
            continue  # a null stays one, and what an entry must not use needs no memory
        if len(kept) <= k:
            kept += [""] * (k + 1 - len(kept))
        if kept[k] != f.values[k]:
            kept[k] = f.values[k]
            f.root_count = max(f.root_count, k + 1)
            f.lines.append(f"store {REF} {f.values[k]}, ptr {operand(k)}, {ROOT}")


def reload(f: FunctionLowering) -> None:
    """Behind a call or a label: what was known of references before is not used any more."""
    for local in f.reference_locals:
        f.known.pop(local, None)
    for k in range(min(len(f.kept), len(f.types))):
        if f.kept[k] and f.kept[k] == f.values[k]:
            f.kept[k] = f.values[k] = f.op.line(f"load {REF}, ptr {operand(k)}, {ROOT}")


def operand(position: int) -> str:
    """The root of an operand."""
    return f"%q{position}"


def allocations(f: FunctionLowering) -> list[str]:
    """The part of the entry block that holds locals, and the roots of operands."""
    lines = []
    count = len(f.reference_locals) + f.root_count
    if f.calls and count:
        lines += [f"{_AREA} = alloca [{count} x {REF}]", f'call void asm sideeffect "", "r,~{{memory}}"(ptr {_AREA})']
        names = [*(f"%l{local}" for local in f.reference_locals), *map(operand, range(f.root_count))]
        lines += [f"{name} = getelementptr {REF}, ptr {_AREA}, i64 {k}" for k, name in enumerate(names)]
    else:
        lines += [f"{operand(k)} = alloca {REF}" for k in range(f.root_count)]
        lines += [f"%l{local} = alloca {REF}" for local in f.reference_locals]
    return lines + [f"%l{i} = alloca {t}" for i, t in enumerate(f.local_types) if t != REF]
