"""fd_filestat_set_size and fd_allocate, of files in memory that grow, or stay as large as they are."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native.wasi.call import NativeCall, allowed, enter_table, leave_table, unlock
from jormun.runtime.native.wasi.clock import C_STACK_BYTES


def _grow(operation: int, size: str, *, keeps: bool) -> str:
    """Lines that make a file as large as `size`, an i64 that is not negative, where it is not larger; to cut a file off
    is Python's, unless it `keeps` what it has.
    """
    return f"""
{enter_table()}
{allowed(operation)}
  %record.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  %open = load ptr, ptr %record.at
  %done = call i64 @jormun_wasi_grow(ptr %open, i64 {size}, i1 {int(keeps)})
{unlock("table")}
  %is.done = icmp eq i64 %done, 0
  br i1 %is.done, label %answer, label %python
answer:
  ret i32 0
{leave_table()}
"""


CALLS: Final = (
    NativeCall(
        "fd_filestat_set_size",
        ("i32 %fd", "i64 %bytes"),
        f"""
  %is.size = icmp sge i64 %bytes, 0
  br i1 %is.size, label %known, label %python
known:
{_grow(world.RESIZE, "%bytes", keeps=False)}
""",
        stack_bytes=C_STACK_BYTES,
    ),
    NativeCall(
        "fd_allocate",
        ("i32 %fd", "i64 %offset", "i64 %length"),
        f"""
  ; A sum of two that are not negative is, where it is no size.
  %end = add i64 %offset, %length
  %both = or i64 %offset, %length
  %all = or i64 %both, %end
  %is.size = icmp sge i64 %all, 0
  %is.some = icmp ne i64 %length, 0
  %is.range = and i1 %is.size, %is.some
  br i1 %is.range, label %known, label %python
known:
{_grow(world.ALLOCATE, "%end", keeps=True)}
""",
        stack_bytes=C_STACK_BYTES,
    ),
)
