"""Files in memory: where their content is read and written, and what a record of an open one tells.

Safe because, beside what is said of all calls (__init__.py): a tree's record is ours or Python's, and whoever has it
finds records, tables of blocks and blocks that belong together, since Python makes all its changes while it has it. A
block is used only up to its length, which is in the table beside its address; blocks behind the end of the table are
Python's to find. All of a transfer is checked before any of it is copied.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import ATTRIBUTES, lock, unlock
from jormun.runtime.native.wasi.clock import NANOSECONDS, REALTIME, TIMESPEC

_PREADV: Final = 295
APPEND: Final = 1
"""The bit of FdFlags."""
POSITION: Final = "-1"
"""The offset of a transfer that is at the position, and moves it."""
REFUSED: Final = -1
"""The result of a transfer that Python is to make."""


def enter_file(record: str, otherwise: str) -> str:
    """Lines that lock the tree of an open file's record, or go to `otherwise`. They define %tree, %content, and
    %position.at, %content.size.at and %lower, what is said of them. What follows ends with `leave_file`, or
    `unlock("tree")`.
    """
    return f"""
  %tree.at = getelementptr i8, ptr {record}, i64 {world.FILE_TREE}
  %tree = load ptr, ptr %tree.at
{lock("tree", "%tree", world.TREE_BUSY, otherwise)}
  %claimed.at = getelementptr i8, ptr %tree, i64 {world.TREE_CLAIMED}
  %claimed = load atomic i32, ptr %claimed.at seq_cst, align 4
  %is.claimed = icmp ne i32 %claimed, 0
  br i1 %is.claimed, label %refuse, label %entered
entered:
  %content.at = getelementptr i8, ptr {record}, i64 {world.FILE_CONTENT}
  %content = load ptr, ptr %content.at
  %position.at = getelementptr i8, ptr {record}, i64 {world.FILE_POSITION}
  %content.size.at = getelementptr i8, ptr %content, i64 {world.CONTENT_SIZE}
  %lower.at = getelementptr i8, ptr %content, i64 {world.CONTENT_LOWER}
  %lower = load i64, ptr %lower.at
"""


def leave_file(otherwise: str) -> str:
    """The label `refuse`."""
    return f"""
refuse:
{unlock("tree")}
  br label %{otherwise}
"""


def told(node: str) -> str:
    """Lines that go on where all that a record of attributes says is true, else to `refuse`."""
    return f"""
  %is.true.at = getelementptr i8, ptr {node}, i64 {world.CONTENT_IS_TOLD}
  %is.true.32 = load i32, ptr %is.true.at
  %is.true = icmp ne i32 %is.true.32, 0
  br i1 %is.true, label %tell, label %refuse
tell:
"""


# From the label `check` on: lines that copy %moved bytes (i64) from the content at %start (i64) on, or to it, and go on
# at the label `copied` with %end, where that was. They go to `refuse` before they copy any, where a block is not there
# whole.
_COPY: Final = f"""
check:
  %end = add i64 %start, %moved
  %blocks.at = getelementptr i8, ptr %content, i64 {world.CONTENT_BLOCKS}
  %blocks = load ptr, ptr %blocks.at
  %block.count.at = getelementptr i8, ptr %content, i64 {world.CONTENT_BLOCK_COUNT}
  %block.count = load i64, ptr %block.count.at
  br label %check.head
check.head:
  %c = phi i64 [%start, %check], [%c.next, %check.there]
  %is.checked = icmp uge i64 %c, %end
  br i1 %is.checked, label %copy.head, label %check.block
check.block:
  %c.index = lshr i64 %c, {world.BLOCK_BITS}
  %c.is.known = icmp ult i64 %c.index, %block.count
  br i1 %c.is.known, label %check.known, label %refuse
check.known:
  %c.pair = getelementptr {{ptr, i64}}, ptr %blocks, i64 %c.index
  %c.length.at = getelementptr i8, ptr %c.pair, i64 8
  %c.length = load i64, ptr %c.length.at
  %c.begin = and i64 %c, {world.BLOCK_BYTES - 1}
  %c.room = sub i64 {world.BLOCK_BYTES}, %c.begin
  %c.left = sub i64 %end, %c
  %c.is.last = icmp ult i64 %c.left, %c.room
  %c.bytes = select i1 %c.is.last, i64 %c.left, i64 %c.room
  %c.end = add i64 %c.begin, %c.bytes
  %c.is.there = icmp ule i64 %c.end, %c.length
  br i1 %c.is.there, label %check.there, label %refuse
check.there:
  %c.next = add i64 %c, %c.bytes
  br label %check.head
; %b is the buffer, of which %o bytes are done, and %p the place in the content.
copy.head:
  %b = phi ptr [%buffers, %check.head], [%b.next, %copy.piece]
  %o = phi i64 [0, %check.head], [%o.next, %copy.piece]
  %p = phi i64 [%start, %check.head], [%p.next, %copy.piece]
  %is.over = icmp uge i64 %p, %end
  br i1 %is.over, label %copied, label %copy.piece
copy.piece:
  %b.address = load ptr, ptr %b
  %b.bytes.at = getelementptr i8, ptr %b, i64 8
  %b.bytes = load i64, ptr %b.bytes.at
  %b.left = sub i64 %b.bytes, %o
  %p.index = lshr i64 %p, {world.BLOCK_BITS}
  %p.pair = getelementptr {{ptr, i64}}, ptr %blocks, i64 %p.index
  %p.address = load ptr, ptr %p.pair
  %p.begin = and i64 %p, {world.BLOCK_BYTES - 1}
  %p.room = sub i64 {world.BLOCK_BYTES}, %p.begin
  %p.left = sub i64 %end, %p
  %is.rest = icmp ult i64 %p.left, %p.room
  %within = select i1 %is.rest, i64 %p.left, i64 %p.room
  %is.narrow = icmp ult i64 %b.left, %within
  %piece = select i1 %is.narrow, i64 %b.left, i64 %within
  %here = getelementptr i8, ptr %b.address, i64 %o
  %there = getelementptr i8, ptr %p.address, i64 %p.begin
  %ignored = {x86_64.COPY}(ptr %<target>, ptr %<source>, i64 %piece)
  %p.next = add i64 %p, %piece
  %o.more = add i64 %o, %piece
  %is.used = icmp eq i64 %o.more, %b.bytes
  %b.more = getelementptr i8, ptr %b, i64 16
  %b.next = select i1 %is.used, ptr %b.more, ptr %b
  %o.next = select i1 %is.used, i64 0, i64 %o.more
  br label %copy.head
"""
# Lines that define %is.allowed: whether the tree has room for %grown bytes more; %left is what it has.
_ROOM: Final = f"""
  %left.at = getelementptr i8, ptr %tree, i64 {world.TREE_LEFT}
  %left = load i64, ptr %left.at
  %is.room = icmp sge i64 %left, %grown
  %is.still = icmp eq i64 %grown, 0
  %is.allowed = or i1 %is.room, %is.still
"""
# Lines that note that the file, of %size.bytes, has grown so much, at %time.
_GROWN: Final = f"""
  %left.next = sub i64 %left, %grown
  store i64 %left.next, ptr %left.at
  %size.next = add i64 %size.bytes, %grown
  store i64 %size.next, ptr %content.size.at
  %modified.at = getelementptr i8, ptr %content, i64 {world.CONTENT_MODIFIED}
  store i64 %time, ptr %modified.at
  %changed.at = getelementptr i8, ptr %content, i64 {world.CONTENT_CHANGED}
  store i64 %time, ptr %changed.at
  %is.modified.at = getelementptr i8, ptr %content, i64 {world.CONTENT_IS_MODIFIED}
  store i32 1, ptr %is.modified.at
"""
_LEAVE: Final = f"""
{leave_file("refused")}
refused:
  ret i64 {REFUSED}
"""
_PARAMETERS: Final = "ptr %file, ptr %buffers, i64 %found, i64 %total, i64 %at"

# i64 jormun_wasi_take(file, buffers, found, total, at): reads from an open file's content into `found` buffers of
# `total` bytes, at an offset or at its POSITION; how many bytes, or REFUSED. Below an overlay, one preadv(2) does it.
_TAKE: Final = f"""
define internal i64 @jormun_wasi_take({_PARAMETERS}) {ATTRIBUTES} {{
{enter_file("%file", "refused")}
  %position = load i64, ptr %position.at
  %is.at = icmp sge i64 %at, 0
  %start = select i1 %is.at, i64 %at, i64 %position
  %is.own = icmp eq i64 %lower, {world.OWN}
  br i1 %is.own, label %own, label %not.own
own:
  %size.bytes = load i64, ptr %content.size.at
  %is.behind = icmp uge i64 %start, %size.bytes
  %size.left = sub i64 %size.bytes, %start
  %is.little = icmp ult i64 %size.left, %total
  %moved.some = select i1 %is.little, i64 %size.left, i64 %total
  %moved = select i1 %is.behind, i64 0, i64 %moved.some
  br label %check
{_COPY.replace("<target>", "here").replace("<source>", "there")}
not.own:
  %is.below = icmp sge i64 %lower, 0
  br i1 %is.below, label %below, label %refuse
below:
  %read = {x86_64.SYSTEM_CALL}(i64 {_PREADV}, i64 %lower, ptr %buffers, i64 %found, i64 %start, i64 0, i64 0)
  %is.error = icmp slt i64 %read, 0
  br i1 %is.error, label %refuse, label %copied
copied:
  %count = phi i64 [%moved, %copy.head], [%read, %below]
  %position.next = add i64 %start, %count
  %position.kept = select i1 %is.at, i64 %position, i64 %position.next
  store i64 %position.kept, ptr %position.at
{unlock("tree")}
  ret i64 %count
{_LEAVE}}}
"""

# What a function begins with that changes a file: the nanoseconds of now, before anything is locked.
_NOW: Final = f"""
{TIMESPEC}
  %failed = call i32 @clock_gettime(i32 {REALTIME}, ptr %timespec)
  %is.read = icmp eq i32 %failed, 0
  br i1 %is.read, label %told, label %refused
told:
{NANOSECONDS}
"""

# i64 jormun_wasi_put(file, buffers, found, total, at): writes all of the buffers to an open file's content, at an
# offset, at its POSITION, or at its end if it appends; how many bytes, or REFUSED. It grows into what its tree may
# still take.
_PUT: Final = f"""
define internal i64 @jormun_wasi_put({_PARAMETERS}) {ATTRIBUTES} {{
{_NOW}{enter_file("%file", "refused")}
  %is.own = icmp eq i64 %lower, {world.OWN}
  br i1 %is.own, label %own, label %refuse
own:
  %position = load i64, ptr %position.at
  %size.bytes = load i64, ptr %content.size.at
  %flags.at = getelementptr i8, ptr %file, i64 {world.FILE_FLAGS}
  %flags = load i32, ptr %flags.at
  %appends = and i32 %flags, {APPEND}
  %is.appending = icmp ne i32 %appends, 0
  %begins = select i1 %is.appending, i64 %size.bytes, i64 %position
  %is.at = icmp sge i64 %at, 0
  %start = select i1 %is.at, i64 %at, i64 %begins
  %moved = add i64 %total, 0
  ; Below 2**63 both, so that the sum is right as an unsigned number.
  %reached = add i64 %start, %total
  %is.growing = icmp ugt i64 %reached, %size.bytes
  %more = sub i64 %reached, %size.bytes
  %grown = select i1 %is.growing, i64 %more, i64 0
{_ROOM}  br i1 %is.allowed, label %check, label %refuse
{_COPY.replace("<target>", "there").replace("<source>", "here")}
copied:
{_GROWN}  %position.kept = select i1 %is.at, i64 %position, i64 %end
  store i64 %position.kept, ptr %position.at
{unlock("tree")}
  ret i64 %moved
{_LEAVE}}}
"""

# i64 jormun_wasi_grow(file, size, keeps): makes the content of an open file at least as large; 0, or REFUSED, also
# where it is larger, unless it keeps that. Blocks that are not there are zeros.
_GROW: Final = f"""
define internal i64 @jormun_wasi_grow(ptr %file, i64 %bytes, i1 %keeps) {ATTRIBUTES} {{
{_NOW}{enter_file("%file", "refused")}
  %size.bytes = load i64, ptr %content.size.at
  %is.cut = icmp ult i64 %bytes, %size.bytes
  %is.changing = xor i1 %keeps, 1
  %is.wrong = and i1 %is.cut, %is.changing
  %is.own = icmp eq i64 %lower, {world.OWN}
  %is.right = xor i1 %is.wrong, 1
  %is.known = and i1 %is.own, %is.right
  br i1 %is.known, label %own, label %refuse
own:
  %more = sub i64 %bytes, %size.bytes
  %grown = select i1 %is.cut, i64 0, i64 %more
{_ROOM}
  br i1 %is.allowed, label %grow, label %refuse
grow:
{_GROWN}
{unlock("tree")}
  ret i64 0
{_LEAVE}}}
"""

TEXT: Final = _TAKE + _PUT + _GROW
"""The functions of LLVM text that calls make, when the table is theirs."""
