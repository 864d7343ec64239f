"""fd_fdstat_set_flags of files in memory, and, with fd_fdstat_set_rights, where all stays as it is.

To change the host's files, and to limit rights, which can be done a few times to each descriptor, is Python's.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native.wasi.call import NativeCall, allowed, enter_table, in_file, leave_table, unlock
from jormun.runtime.native.wasi.file import enter_file, leave_file
from jormun.runtime.rights import Rights

_FLAGS: Final = 1 << 5
"""FdFlags are less."""
_CHANGEABLE: Final = 1 | 4
"""APPEND and NONBLOCK; the others stay as path_open set them."""

_FD_FDSTAT_SET_FLAGS: Final = NativeCall(
    "fd_fdstat_set_flags",
    ("i32 %fd", "i32 %flags"),
    f"""
  %is.flags = icmp ult i32 %flags, {_FLAGS}
  br i1 %is.flags, label %known, label %python
known:
{enter_table()}
{allowed(world.STATUS)}
  %rights.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_RIGHTS}
  %rights = load i64, ptr %rights.at
  %right = and i64 %rights, {Rights.FD_FDSTAT_SET_FLAGS}
  %is.right = icmp ne i64 %right, 0
  br i1 %is.right, label %may, label %leave
may:
  %flags.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_FLAGS}
  %before.16 = load i16, ptr %flags.at
  %before = zext i16 %before.16 to i32
  %is.same = icmp eq i32 %before, %flags
  br i1 %is.same, label %end, label %other
other:
  %found.set = and i32 %operations, {world.SET_FLAGS}
  %is.set = icmp ne i32 %found.set, 0
  br i1 %is.set, label %in.file, label %leave
{in_file()}
{enter_file("%open", "leave")}
  %kept = and i32 %before, {~_CHANGEABLE}
  %changed = and i32 %flags, {_CHANGEABLE}
  %after = or i32 %kept, %changed
  %file.flags.at = getelementptr i8, ptr %open, i64 {world.FILE_FLAGS}
  store i32 %after, ptr %file.flags.at
  %after.16 = trunc i32 %after to i16
  store i16 %after.16, ptr %flags.at
{unlock("tree")}
  br label %end
end:
{unlock("table")}
  ret i32 0
{leave_file("leave")}
{leave_table()}
""",
)

_FD_FDSTAT_SET_RIGHTS: Final = NativeCall(
    "fd_fdstat_set_rights",
    ("i32 %fd", "i64 %base.rights", "i64 %inheriting"),
    f"""
{enter_table()}
{allowed(world.STATUS)}
  %rights.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_RIGHTS}
  %rights = load <2 x i64>, ptr %rights.at, align 8
{unlock("table")}
  %rights.own = extractelement <2 x i64> %rights, i64 0
  %rights.below = extractelement <2 x i64> %rights, i64 1
  %is.own = icmp eq i64 %rights.own, %base.rights
  %is.below = icmp eq i64 %rights.below, %inheriting
  %is.same = and i1 %is.own, %is.below
  br i1 %is.same, label %same, label %python
same:
  ret i32 0
{leave_table()}
""",
)

CALLS: Final = (_FD_FDSTAT_SET_FLAGS, _FD_FDSTAT_SET_RIGHTS)
