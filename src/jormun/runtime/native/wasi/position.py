"""fd_seek and fd_tell, of regular files of the host, and in memory."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
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
from jormun.runtime.native.wasi.file import enter_file, leave_file

_LSEEK: Final = 8
_CURRENT: Final = 1
_END: Final = 2
_WHENCES: Final = 3
"""SET, CUR, END: lseek(2) numbers them as wasi_snapshot_preview1 does, and wasi_unstable does not."""


def _seek(offset: str, whence: str) -> str:
    """Lines from the label `allowed` on: a position that is out of range is an error, and Python's."""
    return f"""
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
  %position = load i64, ptr %position.at
  %size.bytes = load i64, ptr %content.size.at
  %is.from.end = icmp eq i64 {whence}, {_END}
  %from.end = select i1 %is.from.end, i64 %size.bytes, i64 0
  %is.from.here = icmp eq i64 {whence}, {_CURRENT}
  %from = select i1 %is.from.here, i64 %position, i64 %from.end
  ; A sum of which neither is negative, and that is not a number of 63 bits, is.
  %position.next = add i64 %from, {offset}
  %is.wrong = icmp slt i64 %position.next, 0
  br i1 %is.wrong, label %refuse, label %move
{leave_file("leave")}
move:
  store i64 %position.next, ptr %position.at
{unlock("tree")}
  br label %called
of.host:
{host_file("%file")}
  %file.moved = {x86_64.SYSTEM_CALL}(i64 {_LSEEK}, i64 %file, i64 {offset}, i64 {whence}, i64 0, i64 0, i64 0)
  br label %called
called:
  %moved = phi i64 [%position.next, %move], [%file.moved, %of.host]
{unlock("table")}
  %is.error = icmp slt i64 %moved, 0
  br i1 %is.error, label %python, label %answer
answer:
  store i64 %moved, ptr %place, align 1
  ret i32 0
{leave_table()}
"""


_FD_SEEK: Final = NativeCall(
    "fd_seek",
    ("i32 %fd", "i64 %offset", "i32 %whence", "i32 %result"),
    f"""
{place("%place", "%result", 8)}
  %is.whence = icmp ult i32 %whence, {_WHENCES}
  br i1 %is.whence, label %known, label %python
known:
  %whence.64 = zext i32 %whence to i64
  %is.still = icmp eq i64 %offset, 0
  %is.current = icmp eq i32 %whence, {_CURRENT}
  %is.told = and i1 %is.still, %is.current
  %needed = select i1 %is.told, i32 {world.SEEK | world.TELL}, i32 {world.SEEK}
{enter_table()}
{allowed("%needed")}
{_seek("%offset", "%whence.64")}
""",
)

_FD_TELL: Final = NativeCall(
    "fd_tell",
    ("i32 %fd", "i32 %result"),
    f"""
{place("%place", "%result", 8)}
{enter_table()}
{allowed(world.TELL)}
{_seek("0", str(_CURRENT))}
""",
)

CALLS: Final = (_FD_SEEK, _FD_TELL)
