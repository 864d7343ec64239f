"""fd_filestat_set_times and path_filestat_set_times, in memory, where machine code knows the attributes."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native.wasi.call import NativeCall, allowed, enter_table, in_file, leave_table, unlock
from jormun.runtime.native.wasi.clock import C_STACK_BYTES, NANOSECONDS, REALTIME, TIMESPEC
from jormun.runtime.native.wasi.file import enter_file, leave_file, told
from jormun.runtime.native.wasi.names import find, place_of_path

_FLAGS: Final = 1 << 4
"""FstFlags are less."""
_ACCESSED, _ACCESSED_NOW, _MODIFIED, _MODIFIED_NOW = 1, 2, 4, 8


def wanted() -> str:
    """Lines that define %time, the nanoseconds of now, and %is.accessed and %is.modified, whether the times %accessed
    and %modified are to be set, to the values %accessed.next and %modified.next; or go to Python, where %flags (i32)
    are none.
    """
    return f"""
  %is.flags = icmp ult i32 %flags, {_FLAGS}
  ; Of a pair of bits one at most may be set.
  %upper = lshr i32 %flags, 1
  %pairs = and i32 %upper, %flags
  %twice = and i32 %pairs, {_ACCESSED | _MODIFIED}
  %is.once = icmp eq i32 %twice, 0
  %is.plain = and i1 %is.flags, %is.once
  br i1 %is.plain, label %plain, label %python
plain:
  %failed = call i32 @clock_gettime(i32 {REALTIME}, ptr %timespec)
  %is.read = icmp eq i32 %failed, 0
  br i1 %is.read, label %told, label %python
told:
{NANOSECONDS}
{_chosen("accessed", _ACCESSED, _ACCESSED_NOW)}
{_chosen("modified", _MODIFIED, _MODIFIED_NOW)}
"""


def _chosen(name: str, given: int, now: int) -> str:
    return f"""
  %{name}.bits = and i32 %flags, {given | now}
  %is.{name} = icmp ne i32 %{name}.bits, 0
  %is.{name}.now = icmp eq i32 %{name}.bits, {now}
  %{name}.next = select i1 %is.{name}.now, i64 %time, i64 %{name}
"""


def _set(node: str, name: str, at: int) -> str:
    return f"""
  %{name}.at = getelementptr i8, ptr {node}, i64 {at}
  %{name}.before = load i64, ptr %{name}.at
  %{name}.after = select i1 %is.{name}, i64 %{name}.next, i64 %{name}.before
  store i64 %{name}.after, ptr %{name}.at
"""


def set_times(node: str) -> str:
    """Lines that set the times of a record of attributes, all of which are true, to what `wanted` defined."""
    return f"""
{_set(node, "accessed", world.CONTENT_ACCESSED)}
{_set(node, "modified", world.CONTENT_MODIFIED)}
  %changed.at = getelementptr i8, ptr {node}, i64 {world.CONTENT_CHANGED}
  store i64 %time, ptr %changed.at
  %is.timed.at = getelementptr i8, ptr {node}, i64 {world.CONTENT_IS_TIMED}
  store i32 1, ptr %is.timed.at
"""


_FD_FILESTAT_SET_TIMES: Final = NativeCall(
    "fd_filestat_set_times",
    ("i32 %fd", "i64 %accessed", "i64 %modified", "i32 %flags"),
    f"""
{wanted()}
{enter_table()}
{allowed(world.SET_TIMES)}
  br label %in.file
{in_file()}
{enter_file("%open", "leave")}
{told("%content")}
{set_times("%content")}
{unlock("tree")}{unlock("table")}
  ret i32 0
{leave_file("leave")}
{leave_table()}
""",
    frame=TIMESPEC,
    stack_bytes=C_STACK_BYTES,
)

_PATH_FILESTAT_SET_TIMES: Final = NativeCall(
    "path_filestat_set_times",
    ("i32 %fd", "i32 %lookup", "i32 %path", "i32 %length", "i64 %accessed", "i64 %modified", "i32 %flags"),
    f"""
{wanted()}
{place_of_path("%lookup")}
{enter_table()}
{allowed(world.SET_TIMES_BELOW)}
  br label %in.file
{in_file()}
{enter_file("%open", "leave")}
{find()}
{told("%node")}
{set_times("%node")}
{unlock("tree")}{unlock("table")}
  ret i32 0
{leave_file("leave")}
{leave_table()}
""",
    frame=TIMESPEC,
    stack_bytes=C_STACK_BYTES,
)

CALLS: Final = (_FD_FILESTAT_SET_TIMES, _PATH_FILESTAT_SET_TIMES)
