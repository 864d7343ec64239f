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

_FSTAT: Final = 5
_STAT_BYTES: Final = 144
_BLANK: Final = "<i64 0, i64 0, i64 0, i64 1, i64 0, i64 0, i64 0, i64 0>"
"""What is said of a stream in memory: one link."""

# Where struct stat of <sys/stat.h> (x86-64) has what a filestat has, and where that has it: 8 bytes each.
_FIELDS: Final = ((0, 0), (8, 8), (16, 24), (48, 32))
"""Device, inode, number of links, size."""
_TIMES: Final = ((72, 40), (88, 48), (104, 56))
"""Access, modification, change: a timespec here, nanoseconds there, cut to 64 bits as Python does."""
_FILESTAT_TYPE: Final = 16

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


def _copied(number: int, source: int, target: int) -> str:
    return f"""
  %from.{number} = getelementptr i8, ptr %stat, i64 {source}
  %field.{number} = load i64, ptr %from.{number}
  %to.{number} = getelementptr i8, ptr %place, i64 {target}
  store i64 %field.{number}, ptr %to.{number}, align 1
"""


def _time(number: int, source: int, target: int) -> str:
    return f"""
  %seconds.at.{number} = getelementptr i8, ptr %stat, i64 {source}
  %seconds.{number} = load i64, ptr %seconds.at.{number}
  %rest.at.{number} = getelementptr i8, ptr %stat, i64 {source + 8}
  %rest.{number} = load i64, ptr %rest.at.{number}
  %whole.{number} = mul i64 %seconds.{number}, 1000000000
  %time.{number} = add i64 %whole.{number}, %rest.{number}
  %to.time.{number} = getelementptr i8, ptr %place, i64 {target}
  store i64 %time.{number}, ptr %to.time.{number}, align 1
"""


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
  %failed = {x86_64.SYSTEM_CALL}(i64 {_FSTAT}, i64 %file, ptr %stat, i64 0, i64 0, i64 0, i64 0)
  %type.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STATUS}
  %type.8 = load i8, ptr %type.at
  %type = zext i8 %type.8 to i64
{unlock("table")}
  %is.told = icmp eq i64 %failed, 0
  br i1 %is.told, label %answer, label %python
answer:
{"".join(_copied(k, *field) for k, field in enumerate(_FIELDS))}
{"".join(_time(k, *field) for k, field in enumerate(_TIMES))}
  %type.place = getelementptr i8, ptr %place, i64 {_FILESTAT_TYPE}
  store i64 %type, ptr %type.place, align 1
  ret i32 0
{leave_table()}
""",
    frame=f"  %stat = alloca [{_STAT_BYTES} x i8], align 8",
)

CALLS: Final = (_FD_FDSTAT_GET, _FD_FILESTAT_GET, _FD_PRESTAT_GET, _FD_PRESTAT_DIR_NAME)
