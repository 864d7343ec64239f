"""path_open, of regular files that are there.

A number is given to what was opened here before Python knows of it: Python makes a descriptor of it when it is asked
for one of that number, when it needs a number itself, or when all are closed (DescriptorTable, wasi/descriptors.py).

Safe because: Python keeps machine code out while it chooses a number; an entry that allows nothing is free, and all
others allow something at any time. A file is regular when it is looked at before it is opened, since to open some
devices has effects, and when it is open, since it may be another one by then.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.beneath import CLOSE, O_CLOEXEC, O_NOFOLLOW, PATH, copy_path
from jormun.runtime.native.wasi.call import (
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
from jormun.runtime.native.wasi.closing import count_opened
from jormun.runtime.native.wasi.file import enter_file, leave_file
from jormun.runtime.native.wasi.filestat import FSTAT, REGULAR, STAT, kind_of_stat
from jormun.runtime.native.wasi.names import find, place_of_path
from jormun.runtime.rights import ALL_RIGHTS, FILE_RIGHTS, NEEDS, READING, WRITING

_REGULAR_FILE: Final = 4
"""The type in WASI."""
_O_WRONLY, _O_RDWR, _O_NOCTTY, _O_NONBLOCK = 1, 2, 0x100, 0x800
_OPENED: Final = O_NOFOLLOW | O_CLOEXEC | _O_NOCTTY | _O_NONBLOCK
"""What Python opens files with, too (wasi/host_directory.py)."""


def _harmless(name: str, otherwise: str) -> str:
    """Lines that go on where %stat tells of a regular file, and not of one on %device."""
    return f"""
{kind_of_stat(f"%{name}")}
  %{name}.is.regular = icmp eq i64 %{name}, {REGULAR}
  %{name}.device = load i64, ptr %stat
  %{name}.is.elsewhere = icmp ne i64 %{name}.device, %device
  %{name}.is.harmless = and i1 %{name}.is.regular, %{name}.is.elsewhere
  br i1 %{name}.is.harmless, label %{name}.harmless, label %{otherwise}
{name}.harmless:
"""


def _operations(before: str) -> str:
    """Lines that define %opened.operations: those of an i32 that need none but the rights %kept."""
    lines = []
    for k, (some, right) in enumerate(NEEDS):
        lines += [
            f"  %right.{k} = and i64 %kept, {right}",
            f"  %has.{k} = icmp ne i64 %right.{k}, 0",
            f"  %mask.{k} = select i1 %has.{k}, i32 -1, i32 {~some}",
            f"  %operations.{k} = and i32 {before}, %mask.{k}",
        ]
        before = f"%operations.{k}"
    return "\n".join([*lines, f"  %opened.operations = or i32 {before}, 0"])


_PATH_OPEN: Final = NativeCall(
    "path_open",
    (
        "i32 %fd", "i32 %lookup", "i32 %path", "i32 %length", "i32 %oflags", "i64 %rights", "i64 %inheriting",
        "i32 %fdflags", "i32 %result",
    ),
    f"""
  %some.flags = or i32 %oflags, %fdflags
  %is.plain.open = icmp eq i32 %some.flags, 0
  br i1 %is.plain.open, label %plain, label %python
plain:
{place_of_path("%lookup")}
{place("%place", "%result", 4)}
{enter_table()}
{allowed(world.OPEN_BELOW)}
  %parent.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_RIGHTS + 8}
  %parent = load i64, ptr %parent.at
  %both = or i64 %rights, %inheriting
  %asked = and i64 %both, {ALL_RIGHTS}
  %parent.not = xor i64 %parent, -1
  %too.many = and i64 %asked, %parent.not
  %is.inherited = icmp eq i64 %too.many, 0
  br i1 %is.inherited, label %inherited, label %leave
inherited:
  %kept = and i64 %rights, {FILE_RIGHTS}
  %reading = and i64 %rights, {READING}
  %writing = and i64 %rights, {WRITING}
  %is.reading = icmp ne i64 %reading, 0
  %is.writing = icmp ne i64 %writing, 0
  %read.only.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_IS_READ_ONLY}
  %read.only = load i32, ptr %read.only.at
  %is.read.only = icmp ne i32 %read.only, 0
  %is.refused = and i1 %is.writing, %is.read.only
  br i1 %is.refused, label %leave, label %search.from
search.from:
  %writable = zext i1 %is.writing to i32
  br label %search
; The lowest number that is free.
search:
  %k = phi i32 [{world.FIRST_FREE}, %search.from], [%k.next, %search.next]
  %is.over = icmp uge i32 %k, %entries.count
  br i1 %is.over, label %leave, label %search.entry
search.entry:
  %k.64 = zext i32 %k to i64
  %k.offset = mul i64 %k.64, {world.ENTRY_BYTES}
  %new = getelementptr i8, ptr %entries, i64 %k.offset
  %new.operations.at = getelementptr i8, ptr %new, i64 {world.ENTRY_OPERATIONS}
  %new.operations = load atomic i32, ptr %new.operations.at seq_cst, align 4
  %is.free = icmp eq i32 %new.operations, 0
  br i1 %is.free, label %free, label %search.next
search.next:
  %k.next = add i32 %k, 1
  br label %search
free:
{whether_in_memory()}
{in_file()}
{enter_file("%open", "leave")}
{find()}
  %is.file = icmp eq i32 %kind, {world.REGULAR}
  %node.lower.at = getelementptr i8, ptr %node, i64 {world.CONTENT_LOWER}
  %node.lower = load i64, ptr %node.lower.at
  %is.own = icmp eq i64 %node.lower, {world.OWN}
  %is.openable = and i1 %is.file, %is.own
  br i1 %is.openable, label %openable, label %refuse
{leave_file("leave")}
openable:
  %times.opened.at = getelementptr i8, ptr %node, i64 {world.CONTENT_OPENED}
  %times.opened = load i32, ptr %times.opened.at
  %times.opened.next = add i32 %times.opened, 1
  store i32 %times.opened.next, ptr %times.opened.at
  %new.record = getelementptr i8, ptr %new, i64 {world.ENTRY_OPEN_FILE}
  %new.tree.at = getelementptr i8, ptr %new.record, i64 {world.FILE_TREE}
  store ptr %tree, ptr %new.tree.at
  %new.content.at = getelementptr i8, ptr %new.record, i64 {world.FILE_CONTENT}
  store ptr %node, ptr %new.content.at
  %new.position.at = getelementptr i8, ptr %new.record, i64 {world.FILE_POSITION}
  store i64 0, ptr %new.position.at
  %new.flags.at = getelementptr i8, ptr %new.record, i64 {world.FILE_FLAGS}
  store i64 0, ptr %new.flags.at
  %new.stream.at = getelementptr i8, ptr %new, i64 {world.ENTRY_STREAM}
  store ptr %new.record, ptr %new.stream.at
{unlock("tree")}
  %to.change = select i1 %is.read.only, i32 0, i32 {world.SET_TIMES}
  %to.fill = select i1 %is.writing, i32 {world.IN_MEMORY_WRITABLE}, i32 0
  %some.operations = or i32 %to.change, %to.fill
  %memory.operations = or i32 %some.operations, {world.IN_MEMORY_FILE}
  br label %new.file
of.host:
  %to.write = select i1 %is.reading, i64 {_OPENED | _O_RDWR}, i64 {_OPENED | _O_WRONLY}
  %flags = select i1 %is.writing, i64 %to.write, i64 {_OPENED}
  %device.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_DEVICE}
  %device = load i64, ptr %device.at
{host_file("%directory")}
{copy_path()}
  ; Links in the last place are Python's to follow.
  %failed = call i64 @jormun_wasi_look(i64 %directory, ptr %host.path, i32 %host.kind, i32 0, ptr %stat)
  %is.there = icmp eq i64 %failed, 0
  br i1 %is.there, label %there, label %leave
there:
{_harmless("before", "leave")}
  %file = call i64 @jormun_wasi_beneath(i64 %directory, ptr %host.path, i64 %flags)
  %is.open = icmp sge i64 %file, 0
  br i1 %is.open, label %file.open, label %leave
file.open:
  %untold = {x86_64.SYSTEM_CALL}(i64 {FSTAT}, i64 %file, ptr %stat, i64 0, i64 0, i64 0, i64 0)
  %is.told = icmp eq i64 %untold, 0
  br i1 %is.told, label %told, label %close
close:
  %closed = {x86_64.SYSTEM_CALL}(i64 {CLOSE}, i64 %file, i64 0, i64 0, i64 0, i64 0, i64 0)
  br label %leave
told:
{_harmless("after", "close")}
  %file.32 = trunc i64 %file to i32
  br label %new.file
new.file:
  %host.number = phi i32 [-1, %openable], [%file.32, %after.harmless]
  %file.operations = phi i32 [%memory.operations, %openable], [{world.REGULAR_FILE}, %after.harmless]
  %all.operations = or i32 %file.operations, {world.STATUS | world.USED}
  %new.file.at = getelementptr i8, ptr %new, i64 {world.ENTRY_FILE}
  store i32 %host.number, ptr %new.file.at
  ; The type, and no flags; then the rights, of which none are inherited.
  %new.status.at = getelementptr i8, ptr %new, i64 {world.ENTRY_STATUS}
  store i64 {_REGULAR_FILE}, ptr %new.status.at
  %new.rights.at = getelementptr i8, ptr %new, i64 {world.ENTRY_RIGHTS}
  store i64 %kept, ptr %new.rights.at
  %new.inheriting.at = getelementptr i8, ptr %new, i64 {world.ENTRY_RIGHTS + 8}
  store i64 0, ptr %new.inheriting.at
  %new.read.only.at = getelementptr i8, ptr %new, i64 {world.ENTRY_IS_READ_ONLY}
  store i32 %read.only, ptr %new.read.only.at
  %new.writable.at = getelementptr i8, ptr %new, i64 {world.ENTRY_IS_WRITABLE}
  store i32 %writable, ptr %new.writable.at
  %new.opened.at = getelementptr i8, ptr %new, i64 {world.ENTRY_IS_OPENED}
  store i32 1, ptr %new.opened.at
{count_opened(1)}
{_operations("%all.operations")}
  store atomic i32 %opened.operations, ptr %new.operations.at seq_cst, align 4
{unlock("table")}
  store i32 %k, ptr %place, align 1
  br label %done
{leave_table()}
{done()}
""",
    frame=f"{STAT}\n{PATH}",
    stack_bytes=C_STACK_BYTES,
)  # fmt: skip

CALLS: Final = (_PATH_OPEN,)
