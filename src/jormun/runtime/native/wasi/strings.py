"""args_get, args_sizes_get, environ_get and environ_sizes_get, from records that do not change."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, place


def _record(at: int) -> str:
    """Lines that define %strings, a record of strings, and %count.32 and %text.bytes.32, its fields."""
    return f"""
  %strings.at = getelementptr i8, ptr %world, i64 {at}
  %strings = load ptr, ptr %strings.at
  %count.at = getelementptr i8, ptr %strings, i64 {world.STRINGS_COUNT}
  %count.32 = load i32, ptr %count.at
  %text.bytes.at = getelementptr i8, ptr %strings, i64 {world.STRINGS_BYTES}
  %text.bytes.32 = load i32, ptr %text.bytes.at
"""


def _sizes(name: str, at: int) -> NativeCall:
    return NativeCall(
        name,
        ("i32 %count.to", "i32 %bytes.to"),
        f"""
{place("%count.place", "%count.to", 4)}
{place("%bytes.place", "%bytes.to", 4)}
{_record(at)}
  store i32 %text.bytes.32, ptr %bytes.place, align 1
  store i32 %count.32, ptr %count.place, align 1
  ret i32 0
""",
    )


def _get(name: str, at: int) -> NativeCall:
    """The text comes first, then the addresses, as Python writes them: the guest may have them overlap.

    What is added to the text's address is less than its length, so that the sum is an address inside, of 32 bits.
    """
    return NativeCall(
        name,
        ("i32 %array", "i32 %buffer"),
        f"""
{_record(at)}
  %count = zext i32 %count.32 to i64
  %text.bytes = zext i32 %text.bytes.32 to i64
  %array.bytes = shl i64 %count, 2
{place("%addresses", "%array", "%array.bytes")}
{place("%place", "%buffer", "%text.bytes")}
  %text.at = getelementptr i8, ptr %strings, i64 {world.STRINGS_TEXT}
  %text = load ptr, ptr %text.at
  %copied = {x86_64.COPY}(ptr %place, ptr %text, i64 %text.bytes)
  br label %head
head:
  %k = phi i64 [0, %place.inside], [%k.next, %string]
  %is.last = icmp eq i64 %k, %count
  br i1 %is.last, label %written, label %string
string:
  %starts = getelementptr i8, ptr %strings, i64 {world.STRINGS_STARTS}
  %start.at = getelementptr i32, ptr %starts, i64 %k
  %start = load i32, ptr %start.at
  %address = add i32 %buffer, %start
  %address.at = getelementptr i32, ptr %addresses, i64 %k
  store i32 %address, ptr %address.at, align 1
  %k.next = add i64 %k, 1
  br label %head
written:
  ret i32 0
""",
    )


CALLS: Final = (
    _sizes("args_sizes_get", world.WORLD_ARGUMENTS),
    _get("args_get", world.WORLD_ARGUMENTS),
    _sizes("environ_sizes_get", world.WORLD_ENVIRONMENT),
    _get("environ_get", world.WORLD_ENVIRONMENT),
)
