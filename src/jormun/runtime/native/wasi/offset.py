"""fd_pread and fd_pwrite, of regular files of the host, and in memory."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.buffers import FRAME, answer_count, first_or_all, gather
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    enter_table,
    host_file,
    in_file,
    leave_table,
    place,
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.clock import C_STACK_BYTES
from jormun.runtime.native.wasi.file import APPEND

_PREAD, _PWRITE, _PREADV, _PWRITEV = 17, 18, 295, 296
"""Numbers of system calls (x86-64)."""


_UNLESS_APPENDING: Final = f"""
  %status.flags.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_FLAGS}
  %status.flags = load i16, ptr %status.flags.at
  %appends = and i16 %status.flags, {APPEND}
  %is.appending = icmp ne i16 %appends, 0
  br i1 %is.appending, label %leave, label %at.offset
at.offset:
"""
"""Lines that leave a file of the host's to Python that appends: so would Linux, wherever it is told to write."""


def _transfer(name: str, operation: int, one: int, many: int, content: str, check: str = "") -> NativeCall:
    """An offset from 2**63 on is negative here, and an error, of the kernel's too, is Python's."""
    return NativeCall(
        name,
        ("i32 %fd", "i32 %iovs", "i32 %count", "i64 %offset", "i32 %result"),
        f"""
{place("%place", "%result", 4)}
{gather()}
{enter_table()}
{allowed(operation)}
{whether_in_memory("in.memory")}
in.memory:
  %is.offset = icmp sge i64 %offset, 0
  br i1 %is.offset, label %in.file, label %leave
{in_file()}
  %content.done = call i64 @jormun_wasi_{content}(ptr %open, ptr %buffers, i64 %found, i64 %total, i64 %offset)
  br label %called
of.host:
{host_file("%file")}
{check}
{first_or_all(one, many)}
  %file.done = {x86_64.SYSTEM_CALL}(i64 %number, i64 %file, ptr %from, i64 %length, i64 %offset, i64 0, i64 0)
  br label %called
called:
  %moved = phi i64 [%content.done, %in.file], [%file.done, %{"at.offset" if check else "of.host"}]
{unlock("table")}
  %is.error = icmp slt i64 %moved, 0
  br i1 %is.error, label %python, label %answer
answer:
{answer_count("%moved")}
{leave_table()}
""",
        frame=FRAME,
        stack_bytes=C_STACK_BYTES,
    )


CALLS: Final = (
    _transfer("fd_pread", world.READ_AT, _PREAD, _PREADV, "take"),
    _transfer("fd_pwrite", world.WRITE_AT, _PWRITE, _PWRITEV, "put", _UNLESS_APPENDING),
)
