"""Streams in memory: what fd_read takes from one, and fd_write adds to it; and what is read ahead of a file."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import host_file, lock, unlock

_READ, _LSEEK = 0, 8
"""Numbers of system calls (x86-64)."""
_CURRENT: Final = 1
"""SEEK_CUR of lseek(2)."""

# What a stream has for a reader and for a writer, whose record is %record. They define %moved, how many bytes are
# copied, %used, where they begin, %used.at, where the place behind them is noted, and %bytes.at, where the address of
# all is. A writer who finds too little room leaves all to Python, a reader who finds too little may have %is.ahead, and
# reads more.
TAKE: Final = f"""
  %used.at = getelementptr i8, ptr %record, i64 {world.STREAM_POSITION}
  %used.now = load i64, ptr %used.at
  %all.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT_BYTES}
  %all = load i64, ptr %all.at
  %left = sub i64 %all, %used.now
  %is.less = icmp ult i64 %left, %total
  %moved.now = select i1 %is.less, i64 %left, i64 %total
  %bytes.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT}
  %is.wanting = and i1 %is.less, %is.ahead
  br i1 %is.wanting, label %again, label %copy
; What was read ahead is too little: give it back, and read anew, so that the read of a regular file is whole.
again:
{host_file("%host.ahead")}
  %back = sub i64 0, %left
  %seeked = {x86_64.SYSTEM_CALL}(i64 {_LSEEK}, i64 %host.ahead, i64 %back, i64 {_CURRENT}, i64 0, i64 0, i64 0)
  %is.lost = icmp slt i64 %seeked, 0
  br i1 %is.lost, label %give.up, label %empty
empty:
  store i64 0, ptr %all.at
  store i64 0, ptr %used.at
  %is.large = icmp ugt i64 %total, {world.AHEAD_LEAST_BYTES}
  br i1 %is.large, label %large, label %fill
large:
{unlock("stream")}
  br label %file
fill:
  %room.bytes = load ptr, ptr %bytes.at
  %filled = {x86_64.SYSTEM_CALL}(
    i64 {_READ}, i64 %host.ahead, ptr %room.bytes, i64 {world.AHEAD_BYTES}, i64 0, i64 0, i64 0)
  %is.some = icmp sgt i64 %filled, 0
  br i1 %is.some, label %filled.some, label %give.up
filled.some:
  store i64 %filled, ptr %all.at
  %is.end = icmp ult i64 %filled, %total
  %moved.filled = select i1 %is.end, i64 %filled, i64 %total
  br label %copy
copy:
  %moved = phi i64 [%moved.now, %use], [%moved.filled, %filled.some]
  %used = phi i64 [%used.now, %use], [0, %filled.some]
"""
ADD: Final = f"""
  %used.at = getelementptr i8, ptr %record, i64 {world.STREAM_OUTPUT_BYTES}
  %used = load i64, ptr %used.at
  %all.at = getelementptr i8, ptr %record, i64 {world.STREAM_OUTPUT_ROOM}
  %all = load i64, ptr %all.at
  %left = sub i64 %all, %used
  %moved = add i64 %total, 0
  %bytes.at = getelementptr i8, ptr %record, i64 {world.STREAM_OUTPUT}
  %is.full = icmp ult i64 %left, %total
  br i1 %is.full, label %give.up, label %copy
copy:
"""


def stream(kept: str, target: str, source: str) -> str:
    """The label `stream`: copies between the buffers and the stream of %entry, and goes on at `answer` from `close`,
    where %moved is how many bytes, or at `leave`. `kept` is TAKE or ADD; target and source are %here, the guest's
    buffer, and %there, the stream's bytes.
    """
    return f"""
stream:
  %stream.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  %record = load ptr, ptr %stream.at
{lock("stream", "%record", world.STREAM_BUSY, "leave")}
  %claimed.at = getelementptr i8, ptr %record, i64 {world.STREAM_CLAIMED}
  %claimed = load atomic i32, ptr %claimed.at seq_cst, align 4
  %is.claimed = icmp ne i32 %claimed, 0
  br i1 %is.claimed, label %give.up, label %use
give.up:
{unlock("stream")}
  br label %leave
use:
{kept}
  %bytes = load ptr, ptr %bytes.at
  br label %head
head:
  %at = phi ptr [%buffers, %copy], [%at.next, %piece]
  %rest = phi i64 [%moved, %copy], [%rest.next, %piece]
  %position = phi i64 [%used, %copy], [%position.next, %piece]
  %is.over = icmp eq i64 %rest, 0
  br i1 %is.over, label %close, label %piece
piece:
  %here.address = load ptr, ptr %at
  %piece.bytes.at = getelementptr i8, ptr %at, i64 8
  %piece.bytes = load i64, ptr %piece.bytes.at
  %is.short = icmp ult i64 %rest, %piece.bytes
  %piece.moved = select i1 %is.short, i64 %rest, i64 %piece.bytes
  %there.address = getelementptr i8, ptr %bytes, i64 %position
  %copied = {x86_64.COPY}(ptr {target}.address, ptr {source}.address, i64 %piece.moved)
  %at.next = getelementptr i8, ptr %at, i64 16
  %rest.next = sub i64 %rest, %piece.moved
  %position.next = add i64 %position, %piece.moved
  br label %head
close:
  store i64 %position, ptr %used.at
{unlock("stream")}{unlock("table")}
  br label %answer
"""
