"""fd_fdstat_get, fd_filestat_get, fd_prestat_get and fd_prestat_dir_name: what a table's entry
tells, a file in memory, and fstat(2).
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
    place,
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.file import enter_file, leave_file, told
from jormun.runtime.native.wasi.filestat import FSTAT, STAT, write_filestat

_BLANK: Final = "<i64 0, i64 0, i64 0, i64 1, i64 0, i64 0, i64 0, i64 0>"
"""What is said of a stream in memory: one link."""

_FD_FDSTAT_GET: Final = NativeCall(
    "fd_fdstat_get",
    ("i32 %fd", "i32 %result"),
    f"""
{place("%place", "%result", world.ENTRY_STATUS_BYTES)}
{enter_table()}
{allowed(world.STATUS)}
  %status.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STATUS}
  %status = load <3 x i64>, ptr %status.at, align 8
  store <3 x i64> %status, ptr %place, align 1
{unlock("table")}
  ret i32 0
{leave_table()}
""",
)

_FD_PRESTAT_GET: Final = NativeCall(
    "fd_prestat_get",
    ("i32 %fd", "i32 %result"),
    f"""
{place("%place", "%result", 8)}
{enter_table()}
{allowed(world.NAMED)}
  %length.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_NAME_BYTES}
  %length = load i32, ptr %length.at
{unlock("table")}
  ; A directory is 0, in the first byte.
  store i32 0, ptr %place, align 1
  %length.place = getelementptr i8, ptr %place, i64 4
  store i32 %length, ptr %length.place, align 1
  ret i32 0
{leave_table()}
""",
)

_FD_PRESTAT_DIR_NAME: Final = NativeCall(
    "fd_prestat_dir_name",
    ("i32 %fd", "i32 %path", "i32 %room.bytes"),
    f"""
{enter_table()}
{allowed(world.NAMED)}
  %length.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_NAME_BYTES}
  %length.32 = load i32, ptr %length.at
  %is.short = icmp ule i32 %length.32, %room.bytes
  br i1 %is.short, label %fits, label %leave
fits:
  %length = zext i32 %length.32 to i64
  %start = zext i32 %path to i64
  %end = add i64 %start, %length
  %is.inside = icmp ule i64 %end, %size
  br i1 %is.inside, label %write, label %leave
write:
  %place = getelementptr i8, ptr %base, i64 %start
  %name.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_NAME}
  %name = load ptr, ptr %name.at
  %copied = {x86_64.COPY}(ptr %place, ptr %name, i64 %length)
{unlock("table")}
  ret i32 0
{leave_table()}
""",
)


_FD_FILESTAT_GET: Final = NativeCall(
    "fd_filestat_get",
    ("i32 %fd", "i32 %result"),
    f"""
{place("%place", "%result", world.CONTENT_STATUS_BYTES)}
{enter_table()}
{allowed(world.FILE_STATUS, "no.file")}
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
{told("%content")}
  %kept = load <8 x i64>, ptr %content, align 8
{unlock("tree")}
  br label %write
{leave_file("leave")}
no.file:
  %found.blank = and i32 %operations, {world.BLANK}
  %is.blank = icmp ne i32 %found.blank, 0
  br i1 %is.blank, label %write, label %leave
write:
  %all = phi <8 x i64> [%kept, %tell], [{_BLANK}, %no.file]
{unlock("table")}
  store <8 x i64> %all, ptr %place, align 1
  ret i32 0
of.host:
{host_file("%file")}
  %failed = {x86_64.SYSTEM_CALL}(i64 {FSTAT}, i64 %file, ptr %stat, i64 0, i64 0, i64 0, i64 0)
  %type.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STATUS}
  %type.8 = load i8, ptr %type.at
  %type = zext i8 %type.8 to i64
{unlock("table")}
  %is.told = icmp eq i64 %failed, 0
  br i1 %is.told, label %answer, label %python
answer:
{write_filestat()}
  ret i32 0
{leave_table()}
""",
    frame=STAT,
)

CALLS: Final = (_FD_FDSTAT_GET, _FD_FILESTAT_GET, _FD_PRESTAT_GET, _FD_PRESTAT_DIR_NAME)
