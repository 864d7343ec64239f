"""path_filestat_get. Paths in memory are looked up among the names that Python has found before, those of the host by
the kernel (beneath.py).

In memory a path is one or more names with a slash between them; what has other slashes, a dot for a name, or leads
through a link is Python's, and names that the table does not have. A guest's thread may write to the path meanwhile:
each name is compared byte by byte with one of the directory at hand, so that whatever is found lies below the directory
that the guest has.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native.wasi.beneath import PATH, copy_path
from jormun.runtime.native.wasi.call import (
    ATTRIBUTES,
    NativeCall,
    allowed,
    done,
    enter_table,
    host_file,
    in_file,
    leave_table,
    place,
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.clock import C_STACK_BYTES
from jormun.runtime.native.wasi.file import enter_file, leave_file, told
from jormun.runtime.native.wasi.filestat import STAT, type_of_stat, write_filestat

_PATH_BYTES: Final = 4096
"""As in wasi/filesystem.py."""
_SLASH: Final = 0x2F
_RECORD_BITS: Final = 6
"""Records are aligned to 64 bytes."""

# ptr jormun_wasi_find(names, directory, path, bytes): the record of the node that a path of some bytes leads to from a
# directory, whose record that is, or null. The lock of the tree is held. Each byte is read once for the hash and once
# for each place that is compared.
TEXT: Final = f"""
define internal ptr @jormun_wasi_find(ptr %names, ptr %root, ptr %path, i64 %bytes) {ATTRIBUTES} {{
  %is.none = icmp eq ptr %names, null
  br i1 %is.none, label %missing, label %name
name:
  %directory = phi ptr [%root, %0], [%node, %deeper]
  %start = phi i64 [0, %0], [%start.next, %deeper]
  %address = ptrtoint ptr %directory to i64
  %address.high = lshr i64 %address, {_RECORD_BITS}
  %address.32 = trunc i64 %address.high to i32
  %hash.first = xor i32 %address.32, {world.NAME_HASH_START}
  %text = getelementptr i8, ptr %path, i64 %start
  br label %hash.head
hash.head:
  %end = phi i64 [%start, %name], [%end.next, %hash.byte]
  %hash = phi i32 [%hash.first, %name], [%hash.next, %hash.byte]
  %is.end = icmp eq i64 %end, %bytes
  br i1 %is.end, label %hashed, label %hash.some
hash.some:
  %byte.at = getelementptr i8, ptr %path, i64 %end
  %byte = load volatile i8, ptr %byte.at
  %is.slash = icmp eq i8 %byte, {_SLASH}
  br i1 %is.slash, label %hashed, label %hash.byte
hash.byte:
  %byte.32 = zext i8 %byte to i32
  %hash.mixed = xor i32 %hash, %byte.32
  %hash.next = mul i32 %hash.mixed, {world.NAME_HASH_FACTOR}
  %end.next = add i64 %end, 1
  br label %hash.head
hashed:
  %length = sub i64 %end, %start
  br label %probe
probe:
  %tried = phi i32 [0, %hashed], [%tried.next, %other]
  %is.tried = icmp eq i32 %tried, {world.NAME_PROBES}
  br i1 %is.tried, label %missing, label %look
look:
  %place.any = add i32 %hash, %tried
  %place.32 = and i32 %place.any, {world.NAMES - 1}
  %place.64 = zext i32 %place.32 to i64
  %offset = mul i64 %place.64, {world.NAME_BYTES}
  %place = getelementptr i8, ptr %names, i64 %offset
  %its.directory.at = getelementptr i8, ptr %place, i64 {world.NAME_DIRECTORY}
  %its.directory = load ptr, ptr %its.directory.at
  %its.length.at = getelementptr i8, ptr %place, i64 {world.NAME_LENGTH}
  %its.length = load i64, ptr %its.length.at
  %is.directory = icmp eq ptr %its.directory, %directory
  %is.length = icmp eq i64 %its.length, %length
  %is.likely = and i1 %is.directory, %is.length
  br i1 %is.likely, label %compare, label %other
other:
  %tried.next = add i32 %tried, 1
  br label %probe
compare:
  %its.text.at = getelementptr i8, ptr %place, i64 {world.NAME_TEXT}
  %its.text = load ptr, ptr %its.text.at
  br label %compare.head
compare.head:
  %k = phi i64 [0, %compare], [%k.next, %compare.same]
  %is.all = icmp eq i64 %k, %length
  br i1 %is.all, label %found, label %compare.byte
compare.byte:
  %mine.at = getelementptr i8, ptr %text, i64 %k
  %mine = load volatile i8, ptr %mine.at
  %its.at = getelementptr i8, ptr %its.text, i64 %k
  %its = load i8, ptr %its.at
  %is.same = icmp eq i8 %mine, %its
  br i1 %is.same, label %compare.same, label %other
compare.same:
  %k.next = add i64 %k, 1
  br label %compare.head
found:
  %node.at = getelementptr i8, ptr %place, i64 {world.NAME_NODE}
  %node = load ptr, ptr %node.at
  %is.last = icmp eq i64 %end, %bytes
  br i1 %is.last, label %there, label %deeper.perhaps
deeper.perhaps:
  %kind.at = getelementptr i8, ptr %node, i64 {world.CONTENT_KIND}
  %kind = load i32, ptr %kind.at
  %is.way = icmp eq i32 %kind, {world.DIRECTORY}
  br i1 %is.way, label %deeper, label %missing
deeper:
  %start.next = add i64 %end, 1
  br label %name
there:
  ret ptr %node
missing:
  ret ptr null
}}
"""


def place_of_path(lookup: str) -> str:
    """Lines that define %text as the place of the path %path of %length bytes, and %is.following, whether LookupFlags,
    an i32, say that a link is followed; or go to Python.
    """
    return f"""
  %is.lookup = icmp ule i32 {lookup}, 1
  %is.short = icmp ule i32 %length, {_PATH_BYTES}
  %is.path = and i1 %is.lookup, %is.short
  br i1 %is.path, label %path.known, label %python
path.known:
  %is.following = icmp ne i32 {lookup}, 0
  %length.64 = zext i32 %length to i64
{place("%text", "%path", "%length.64")}
"""


def find() -> str:
    """Lines that define %node, the record of what the path leads to in %tree, from the directory %content; or go to
    `refuse`, where it is a link that is to be followed, too.
    """
    return f"""
  %names.at = getelementptr i8, ptr %tree, i64 {world.TREE_NAMES}
  %names = load ptr, ptr %names.at
  %node = call ptr @jormun_wasi_find(ptr %names, ptr %content, ptr %text, i64 %length.64)
  %is.missing = icmp eq ptr %node, null
  br i1 %is.missing, label %refuse, label %found.node
found.node:
  %kind.at = getelementptr i8, ptr %node, i64 {world.CONTENT_KIND}
  %kind = load i32, ptr %kind.at
  %is.link = icmp eq i32 %kind, {world.LINK}
  %is.followed = and i1 %is.link, %is.following
  br i1 %is.followed, label %refuse, label %node.known
node.known:
"""


CALLS: Final = (
    NativeCall(
        "path_filestat_get",
        ("i32 %fd", "i32 %lookup", "i32 %path", "i32 %length", "i32 %result"),
        f"""
{place_of_path("%lookup")}
{place("%place", "%result", world.CONTENT_STATUS_BYTES)}
{enter_table()}
{allowed(world.LOOK_BELOW)}
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
{find()}
{told("%node")}
  %status = load <8 x i64>, ptr %node, align 8
{unlock("tree")}{unlock("table")}
  store <8 x i64> %status, ptr %place, align 1
  ret i32 0
of.host:
{host_file("%directory")}
{copy_path()}
  %failed = call i64 @jormun_wasi_look(
    i64 %directory, ptr %host.path, i32 %host.kind, i32 %lookup, ptr %stat)
{unlock("table")}
  %is.looked = icmp eq i64 %failed, 0
  br i1 %is.looked, label %answer, label %python
answer:
{type_of_stat()}
{write_filestat()}
  br label %done
{leave_file("leave")}
{leave_table()}
{done()}
""",
        frame=f"{STAT}\n{PATH}",
        stack_bytes=C_STACK_BYTES,
    ),
)
