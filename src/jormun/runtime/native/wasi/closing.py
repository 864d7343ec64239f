"""fd_close and fd_renumber, of files that were opened here (opening.py).

Safe because, beside what is said of all calls (__init__.py): an entry of such a file is Python's only when it keeps
machine code out, so that it is changed here without a look at what Python does. The host's descriptor of one is known
to nobody else, and closed when it is in no entry any more.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.beneath import CLOSE
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    done,
    enter_table,
    host_file,
    in_file,
    leave_table,
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.file import enter_file, leave_file

_ENOSPC, _EDQUOT, _EIO = (28, 51), (122, 19), 29
"""Numbers of errors: the host's, and in WASI."""
_PIECE_BYTES: Final = 32
assert not world.ENTRY_BYTES % _PIECE_BYTES


def count_opened(change: int) -> str:
    """Lines that change how many files are open of which Python has not been told."""
    return f"""
  %opened.at = getelementptr i8, ptr %table, i64 {world.TABLE_OPENED}
  %opened.count = load i32, ptr %opened.at
  %opened.count.next = add i32 %opened.count, {change}
  store i32 %opened.count.next, ptr %opened.at
"""


def _opened_here(name: str, entry: str) -> str:
    """Lines that define %{name}.opened.at, and go to `leave` unless the entry is of a file that was opened here."""
    return f"""
  %{name}.opened.at = getelementptr i8, ptr {entry}, i64 {world.ENTRY_IS_OPENED}
  %{name}.opened = load i32, ptr %{name}.opened.at
  %{name}.is.opened = icmp ne i32 %{name}.opened, 0
  br i1 %{name}.is.opened, label %{name}.here, label %leave
{name}.here:
"""


def _let_go() -> str:
    """Lines that let go of the file of %entry, and define %host.file: the host's descriptor that `_close` is to close,
    or -1; or go to `leave`.
    """
    return f"""
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
  ; What has no name is gone when it is closed: that is Python's.
  %nameless.at = getelementptr i8, ptr %content, i64 {world.CONTENT_IS_NAMELESS}
  %nameless = load i32, ptr %nameless.at
  %is.nameless = icmp ne i32 %nameless, 0
  br i1 %is.nameless, label %refuse, label %named
{leave_file("leave")}
named:
  %times.opened.at = getelementptr i8, ptr %content, i64 {world.CONTENT_OPENED}
  %times.opened = load i32, ptr %times.opened.at
  %times.opened.next = sub i32 %times.opened, 1
  store i32 %times.opened.next, ptr %times.opened.at
{unlock("tree")}
  br label %gone
of.host:
{host_file("%file")}
  br label %gone
gone:
  %host.file = phi i64 [-1, %named], [%file, %of.host]
{count_opened(-1)}
"""


def _close() -> str:
    """Lines that close %host.file and answer, when the table is unlocked."""
    return f"""
  %is.host = icmp sge i64 %host.file, 0
  br i1 %is.host, label %close, label %done
close:
  %failed = {x86_64.SYSTEM_CALL}(i64 {CLOSE}, i64 %host.file, i64 0, i64 0, i64 0, i64 0, i64 0)
  %is.closed = icmp sge i64 %failed, 0
  br i1 %is.closed, label %done, label %fail
; Once only: it is closed, and an earlier write has failed.
fail:
  %is.full = icmp eq i64 %failed, {-_ENOSPC[0]}
  %is.over.quota = icmp eq i64 %failed, {-_EDQUOT[0]}
  %errno.full = select i1 %is.full, i32 {_ENOSPC[1]}, i32 {_EIO}
  %errno = select i1 %is.over.quota, i32 {_EDQUOT[1]}, i32 %errno.full
  ret i32 %errno
"""


def _copy_entry() -> str:
    """Lines that make all of %entry what %source is."""
    lines = []
    for at in range(0, world.ENTRY_BYTES, _PIECE_BYTES):
        lines += [
            f"  %source.{at}.at = getelementptr i8, ptr %source, i64 {at}",
            f"  %source.{at} = load <4 x i64>, ptr %source.{at}.at, align 8",
            f"  %entry.{at}.at = getelementptr i8, ptr %entry, i64 {at}",
            f"  store <4 x i64> %source.{at}, ptr %entry.{at}.at, align 8",
        ]
    return "\n".join(lines)


_FD_CLOSE: Final = NativeCall(
    "fd_close",
    ("i32 %fd",),
    f"""
{enter_table()}
{allowed(world.USED)}
{_opened_here("entry", "%entry")}
{_let_go()}
  store i32 0, ptr %entry.opened.at
  ; The number is free whatever comes of it.
  store atomic i32 0, ptr %operations.at seq_cst, align 4
{unlock("table")}
{_close()}
{leave_table()}
{done()}
""",
)

_FD_RENUMBER: Final = NativeCall(
    "fd_renumber",
    ("i32 %from", "i32 %fd"),
    f"""
{enter_table()}
{allowed(world.USED)}
{_opened_here("entry", "%entry")}
  %is.source = icmp ult i32 %from, %entries.count
  %is.other = icmp ne i32 %from, %fd
  %is.moved = and i1 %is.source, %is.other
  br i1 %is.moved, label %moved, label %leave
moved:
  %from.64 = zext i32 %from to i64
  %source.offset = mul i64 %from.64, {world.ENTRY_BYTES}
  %source = getelementptr i8, ptr %entries, i64 %source.offset
{_opened_here("source", "%source")}
{_let_go()}
{_copy_entry()}
  ; The record of a file in memory is in its entry; of the host's there is none.
  %record.here = getelementptr i8, ptr %entry, i64 {world.ENTRY_OPEN_FILE}
  %stream.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  store ptr %record.here, ptr %stream.at
  store i32 0, ptr %source.opened.at
  %source.operations.at = getelementptr i8, ptr %source, i64 {world.ENTRY_OPERATIONS}
  store atomic i32 0, ptr %source.operations.at seq_cst, align 4
{unlock("table")}
{_close()}
{leave_table()}
{done()}
""",
)

CALLS: Final = (_FD_CLOSE, _FD_RENUMBER)
