"""fd_readdir: a copy of what a directory's descriptor keeps of its entries (wasi/listing.py).

From the start on it is Python's, which looks at the directory anew, except where the directory is in memory and has the
same entries still. So is the end of a listing that is large, which Python keeps no longer.

Safe because, beside what is said of all calls (__init__.py): Python holds what the entry leads to, does not resize it,
and takes it out of the entry before it lets it go. Numbers in it are Python's, and a cookie is below their count.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    done,
    enter_table,
    in_file,
    leave_table,
    place,
    unlock,
)
from jormun.runtime.native.wasi.file import enter_file, leave_file

CALLS: Final = (
    NativeCall(
        "fd_readdir",
        ("i32 %fd", "i32 %to", "i32 %to.bytes", "i64 %cookie", "i32 %result"),
        f"""
  %to.bytes.64 = zext i32 %to.bytes to i64
{place("%buffer", "%to", "%to.bytes.64")}
{place("%place", "%result", 4)}
{enter_table()}
{allowed(world.READ_LISTING)}
  %is.start = icmp eq i64 %cookie, 0
  br i1 %is.start, label %start, label %listed
start:
  %found.memory = and i32 %operations, {world.IN_MEMORY}
  %is.in.memory = icmp ne i32 %found.memory, 0
  br i1 %is.in.memory, label %in.file, label %leave
{in_file()}
{enter_file("%open", "leave")}
  %changes.at = getelementptr i8, ptr %content, i64 {world.DIRECTORY_CHANGES}
  %changes = load i64, ptr %changes.at
  %changes.then.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_LISTING_CHANGES}
  %changes.then = load i64, ptr %changes.then.at
  %is.same = icmp eq i64 %changes, %changes.then
  br i1 %is.same, label %same, label %refuse
same:
{unlock("tree")}
  br label %listed
listed:
  %count.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_LISTING_COUNT}
  %count = load i64, ptr %count.at
  %is.known = icmp ult i64 %cookie, %count
  br i1 %is.known, label %known, label %leave
known:
  %starts.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_LISTING_STARTS}
  %starts = load ptr, ptr %starts.at
  %from.at = getelementptr i64, ptr %starts, i64 %cookie
  %from = load i64, ptr %from.at
  %last = sub i64 %count, 1
  %end.at = getelementptr i64, ptr %starts, i64 %last
  %end = load i64, ptr %end.at
  %left = sub i64 %end, %from
  %is.end = icmp ult i64 %left, %to.bytes.64
  %used = select i1 %is.end, i64 %left, i64 %to.bytes.64
  %starts.bytes = mul i64 %count, 8
  %listing.bytes = add i64 %end, %starts.bytes
  %is.large = icmp ugt i64 %listing.bytes, {world.LISTING_BYTES}
  %is.over = and i1 %is.end, %is.large
  br i1 %is.over, label %leave, label %copy
copy:
  %listing.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_LISTING}
  %listing = load ptr, ptr %listing.at
  %some = getelementptr i8, ptr %listing, i64 %from
  %copied = {x86_64.COPY}(ptr %buffer, ptr %some, i64 %used)
{unlock("table")}
  %used.32 = trunc i64 %used to i32
  store i32 %used.32, ptr %place, align 1
  br label %done
{leave_file("leave")}
{leave_table()}
{done()}
""",
    ),
)
