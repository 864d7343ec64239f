"""random_get, from bytes that Python has drawn ahead."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, lock, place, unlock

# All that is asked for is there, or Python answers, who draws more. Whatever the world's source is, bytes are used in
# its order, and once: the position is moved before the lock is given back.
CALLS: Final = (
    NativeCall(
        "random_get",
        ("i32 %buffer", "i32 %length.32"),
        f"""
  %length = zext i32 %length.32 to i64
{place("%place", "%buffer", "%length")}
  %record.at = getelementptr i8, ptr %world, i64 {world.WORLD_RANDOM}
  %record = load ptr, ptr %record.at
{lock("stream", "%record", world.STREAM_BUSY, "python")}
  %claimed.at = getelementptr i8, ptr %record, i64 {world.STREAM_CLAIMED}
  %claimed = load atomic i32, ptr %claimed.at seq_cst, align 4
  %is.claimed = icmp ne i32 %claimed, 0
  br i1 %is.claimed, label %give.up, label %use
use:
  %used.at = getelementptr i8, ptr %record, i64 {world.STREAM_POSITION}
  %used = load i64, ptr %used.at
  %all.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT_BYTES}
  %all = load i64, ptr %all.at
  %left = sub i64 %all, %used
  %is.there = icmp ule i64 %length, %left
  br i1 %is.there, label %take, label %give.up
take:
  %bytes.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT}
  %bytes = load ptr, ptr %bytes.at
  %from = getelementptr i8, ptr %bytes, i64 %used
  %copied = {x86_64.COPY}(ptr %place, ptr %from, i64 %length)
  %used.next = add i64 %used, %length
  store i64 %used.next, ptr %used.at
{unlock("stream")}
  ret i32 0
give.up:
{unlock("stream")}
  br label %python
""",
    ),
)
