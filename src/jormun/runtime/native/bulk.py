"""Changes to whole stretches of memories and tables, for code that calls them (core specification, 4.4.5 and 4.4.6).

Functions of the C convention in LLVM text, run on the guest's stack. They take addresses of records
(runtime/layout.py), and starts and sizes as unsigned 64-bit numbers. Each access is safe because the whole stretch was
compared with the present size, which never shrinks, and because a trap does not return. A guest that is to be stopped
meanwhile ends behind the change, which may be all that it does.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.convention import overflow_area
from jormun.runtime import layout

_ATTRIBUTES = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'
HEED = [
    *overflow_area("%noted", layout.STACK_BLOCK_BYTES, layout.CONTEXT_NOTED),
    "%is.noted = load volatile i64, ptr %noted",
    "%is.none = icmp eq i64 %is.noted, 0",
    "br i1 %is.none, label %out, label %heed",
    "heed:",
    "call void @jormun_heed(ptr %noted.b)",
    "br label %out",
    "out:",
]
"""Lines that heed a signal that came meanwhile."""
_MEMORY, _TABLE = TrapKind.MEMORY_OUT_OF_BOUNDS.value, TrapKind.TABLE_OUT_OF_BOUNDS.value


def text() -> str:
    """The functions' LLVM text. They call jormun_trap, jormun_heed, memmove and memset."""
    memory = ("%to.record", "%to", layout.MEMORY_BASE, layout.MEMORY_SIZE_BYTES, 1, _MEMORY)
    table = ("%to.record", "%to", layout.TABLE_ELEMENTS, layout.TABLE_SIZE, 8, _TABLE)
    other_memory = ("%from.record", "%from", *memory[2:])
    other_table = ("%from.record", "%from", *table[2:])
    move_bytes = ["call ptr @memmove(ptr %write, ptr %read, i64 %size)"]
    move_references = ["%bytes = shl i64 %size, 3", "call ptr @memmove(ptr %write, ptr %read, i64 %bytes)"]
    fill_bytes = ["call ptr @memset(ptr %write, i32 %value, i64 %size)"]
    fill_references = [
        "br label %head", "head:", "%k = phi i64 [0, %write.ok], [%n, %loop]", "%is_done = icmp eq i64 %k, %size",
        "br i1 %is_done, label %done, label %loop", "loop:", "%slot = getelementptr i64, ptr %write, i64 %k",
        "store i64 %value, ptr %slot", "%n = add i64 %k, 1", "br label %head", "done:",
    ]  # fmt: skip
    copy = "ptr %to.record, ptr %from.record, i64 %to, i64 %from, i64 %size"
    init = "ptr %to.record, ptr %segment, i64 %segment.size, i64 %to, i64 %from, i64 %size"
    parts = [
        _function("memory_fill", "ptr %to.record, i64 %to, i32 %value, i64 %size", _span("write", *memory), fill_bytes),
        _function("memory_copy", copy, _span("write", *memory) + _span("read", *other_memory), move_bytes),
        _function("memory_init", init, _span("write", *memory) + _segment(1, _MEMORY), move_bytes),
        _function(
            "table_fill", "ptr %to.record, i64 %to, i64 %value, i64 %size", _span("write", *table), fill_references
        ),
        # For code that has checked: where to write, and from where or what.
        _function("move", "ptr %write, ptr %read, i64 %size", [], move_bytes),
        _function("set", "ptr %write, i32 %value, i64 %size", [], fill_bytes),
        _function("table_copy", copy, _span("write", *table) + _span("read", *other_table), move_references),
        _function("table_init", init, _span("write", *table) + _segment(8, _TABLE), move_references),
    ]
    return "".join(parts)


def _function(name: str, parameters: str, checks: list[str], body: list[str]) -> str:
    head = f"define void @jormun_{name}({parameters}) {_ATTRIBUTES} {{"
    return "\n".join([head, *checks, *body, *HEED, "ret void", "}\n"])


def _span(name: str, record: str, start: str, base: int, size: int, unit_bytes: int, kind: int) -> list[str]:
    """Lines that define `name` as the address of `%size` units from `start` on, all within what a record describes."""
    return [
        f"%{name}.size.at = getelementptr i8, ptr {record}, i64 {size}",
        f"%{name}.limit = load i64, ptr %{name}.size.at",
        f"%{name}.base.at = getelementptr i8, ptr {record}, i64 {base}",
        f"%{name}.base = load ptr, ptr %{name}.base.at",
        *_checked(name, start, unit_bytes, kind),
    ]


def _segment(unit_bytes: int, kind: int) -> list[str]:
    """The same for a segment, as `read`."""
    return [
        "%read.limit = add i64 %segment.size, 0",
        "%read.base = getelementptr i8, ptr %segment, i64 0",
        *_checked("read", "%from", unit_bytes, kind),
    ]


def _checked(name: str, start: str, unit_bytes: int, kind: int) -> list[str]:
    return [
        f"%{name}.long = icmp ugt i64 %size, %{name}.limit",
        f"%{name}.last = sub i64 %{name}.limit, %size",
        f"%{name}.beyond = icmp ugt i64 {start}, %{name}.last",
        f"%{name}.bad = or i1 %{name}.long, %{name}.beyond",
        f"br i1 %{name}.bad, label %{name}.trap, label %{name}.ok",
        f"{name}.trap:",
        f"call void @jormun_trap(i32 {kind})",
        "unreachable",
        f"{name}.ok:",
        f"%{name} = getelementptr i{8 * unit_bytes}, ptr %{name}.base, i64 {start}",
    ]
