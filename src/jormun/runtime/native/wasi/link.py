"""path_readlink, of links in memory that machine code finds."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    enter_table,
    in_file,
    leave_table,
    place,
    unlock,
)
from jormun.runtime.native.wasi.file import enter_file, leave_file
from jormun.runtime.native.wasi.names import find, place_of_path

CALLS: Final = (
    NativeCall(
        "path_readlink",
        ("i32 %fd", "i32 %path", "i32 %length", "i32 %to", "i32 %to.bytes", "i32 %result"),
        f"""
{place_of_path("0")}
{place("%place", "%result", 4)}
  %to.bytes.64 = zext i32 %to.bytes to i64
{place("%buffer", "%to", "%to.bytes.64")}
{enter_table()}
{allowed(world.READ_LINKS_BELOW)}
  br label %in.file
{in_file()}
{enter_file("%open", "leave")}
{find()}
  br i1 %is.link, label %link, label %refuse
link:
  %link.text.at = getelementptr i8, ptr %node, i64 {world.LINK_TEXT}
  %link.text = load ptr, ptr %link.text.at
  %is.untold = icmp eq ptr %link.text, null
  br i1 %is.untold, label %refuse, label %tell
{leave_file("leave")}
tell:
  %bytes.at = getelementptr i8, ptr %node, i64 {world.LINK_TEXT_BYTES}
  %bytes = load i64, ptr %bytes.at
  %is.cut = icmp ult i64 %to.bytes.64, %bytes
  %used = select i1 %is.cut, i64 %to.bytes.64, i64 %bytes
  %copied = {x86_64.COPY}(ptr %buffer, ptr %link.text, i64 %used)
{unlock("tree")}{unlock("table")}
  %used.32 = trunc i64 %used to i32
  store i32 %used.32, ptr %place, align 1
  ret i32 0
{leave_table()}
""",
    ),
)
