"""fd_advise, of regular files; fd_sync and fd_datasync of what has no device."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    enter_table,
    host_file,
    leave_table,
    unlock,
    whether_in_memory,
)

_FADVISE64: Final = 221
_ADVICES: Final = 6
_SEQUENTIAL, _RANDOM = 1, 2
"""posix_fadvise(2) numbers these two the other way round, and all others alike."""

_FD_ADVISE: Final = NativeCall(
    "fd_advise",
    ("i32 %fd", "i64 %offset", "i64 %length", "i32 %advice"),
    f"""
  ; A sum of two that are not negative is, where it is beyond 2**63.
  %end = add i64 %offset, %length
  %both = or i64 %offset, %length
  %all = or i64 %both, %end
  %is.range = icmp sge i64 %all, 0
  %is.advice = icmp ult i32 %advice, {_ADVICES}
  %is.known = and i1 %is.range, %is.advice
  br i1 %is.known, label %known, label %python
known:
{enter_table()}
{allowed(world.ADVISE)}
{whether_in_memory("called")}
of.host:
{host_file("%file")}
  %is.sequential = icmp eq i32 %advice, {_SEQUENTIAL}
  %is.random = icmp eq i32 %advice, {_RANDOM}
  %one = select i1 %is.sequential, i32 {_RANDOM}, i32 %advice
  %other = select i1 %is.random, i32 {_SEQUENTIAL}, i32 %one
  %number = zext i32 %other to i64
  %failed = {x86_64.SYSTEM_CALL}(
    i64 {_FADVISE64}, i64 %file, i64 %offset, i64 %length, i64 %number, i64 0, i64 0)
  br label %called
called:
  %result = phi i64 [0, %allowed], [%failed, %of.host]
{unlock("table")}
  %is.done = icmp eq i64 %result, 0
  br i1 %is.done, label %answer, label %python
answer:
  ret i32 0
{leave_table()}
""",
)


def _sync(name: str, operation: int) -> NativeCall:
    return NativeCall(
        name,
        ("i32 %fd",),
        f"""
{enter_table()}
{allowed(operation)}
{unlock("table")}
  ret i32 0
{leave_table()}
""",
    )


CALLS: Final = (_FD_ADVISE, _sync("fd_sync", world.SYNC), _sync("fd_datasync", world.SYNC_DATA))
