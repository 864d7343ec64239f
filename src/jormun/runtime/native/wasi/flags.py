"""fd_fdstat_set_flags of files in memory and regular files of the host, of these from the second time on; and, with
fd_fdstat_set_rights, where all stays as it is.

To limit rights, which can be done a few times to each descriptor, is Python's.
"""

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
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.file import APPEND, enter_file, leave_file
from jormun.runtime.rights import Rights

_FCNTL, _F_SETFL, _O_APPEND = 72, 4, 0x400
"""The system call (x86-64), its operation, and the host's flag."""
_FLAGS: Final = 1 << 5
"""FdFlags are less."""
_CHANGEABLE: Final = APPEND | 4
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
  %kept = and i32 %before, {~_CHANGEABLE}
  %changed = and i32 %flags, {_CHANGEABLE}
  %after = or i32 %kept, %changed
  br i1 %is.set, label %change, label %leave
change:
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
  %file.flags.at = getelementptr i8, ptr %open, i64 {world.FILE_FLAGS}
  store i32 %after, ptr %file.flags.at
{unlock("tree")}
  br label %told
of.host:
  %host.record.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  %host.record = load ptr, ptr %host.record.at
  %different = xor i32 %before, %after
  %switched = and i32 %different, {APPEND}
  %is.switched = icmp ne i32 %switched, 0
  br i1 %is.switched, label %switch, label %switched.now
; NONBLOCK is nothing to a regular file, and the host's flag for it is as the file was opened.
switch:
  %host.flags.at = getelementptr i8, ptr %host.record, i64 {world.FILE_HOST_FLAGS}
  %host.flags = load i64, ptr %host.flags.at
  %appends = and i32 %after, {APPEND}
  %is.appending = icmp ne i32 %appends, 0
  %host.append = select i1 %is.appending, i64 {_O_APPEND}, i64 0
  %host.flags.next = or i64 %host.flags, %host.append
{host_file("%file")}
  %failed = {x86_64.SYSTEM_CALL}(i64 {_FCNTL}, i64 %file, i64 {_F_SETFL}, i64 %host.flags.next, i64 0, i64 0, i64 0)
  %is.done = icmp sge i64 %failed, 0
  br i1 %is.done, label %switched.now, label %leave
switched.now:
  %host.file.flags.at = getelementptr i8, ptr %host.record, i64 {world.FILE_FLAGS}
  store i32 %after, ptr %host.file.flags.at
  br label %told
told:
  %after.16 = trunc i32 %after to i16
  store i16 %after.16, ptr %flags.at
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
