"""fd_pread and fd_pwrite, of regular files of the host."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, allowed, enter_table, host_file, leave_table, place, unlock
from jormun.runtime.native.wasi.transfer import FRAME, answer_count, first_or_all, gather

_PREAD, _PWRITE, _PREADV, _PWRITEV = 17, 18, 295, 296
"""Numbers of system calls (x86-64)."""


def _transfer(name: str, operation: int, one: int, many: int) -> NativeCall:
    """An offset from 2**63 on is negative here, and the kernel's error is Python's."""
    return NativeCall(
        name,
        ("i32 %fd", "i32 %iovs", "i32 %count", "i64 %offset", "i32 %result"),
        f"""
{place("%place", "%result", 4)}
{gather()}
{enter_table()}
{allowed(operation)}
{host_file("%file")}
{first_or_all(one, many)}
  %moved = {x86_64.SYSTEM_CALL}(i64 %number, i64 %file, ptr %from, i64 %length, i64 %offset, i64 0, i64 0)
{unlock("table")}
  %is.error = icmp slt i64 %moved, 0
  br i1 %is.error, label %python, label %answer
answer:
{answer_count("%moved")}
{leave_table()}
""",
        frame=FRAME,
    )


CALLS: Final = (
    _transfer("fd_pread", world.READ_AT, _PREAD, _PREADV),
    _transfer("fd_pwrite", world.WRITE_AT, _PWRITE, _PWRITEV),
)
