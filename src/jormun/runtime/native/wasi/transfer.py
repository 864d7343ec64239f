"""fd_read and fd_write: of regular files of the host, pipes that are ready, and streams in memory."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import (
    ATTRIBUTES,
    NativeCall,
    allowed,
    done,
    enter_table,
    host_file,
    leave_table,
    lock,
    place,
    unlock,
)

IOVECS: Final = 16
"""How many buffers a call may have here. C libraries send two at most."""
TRANSFER_BYTES: Final = 0x7FFF_F000
"""More than the kernel moves in one call is Python's to cut."""
_READ, _WRITE, _LSEEK, _READV, _WRITEV, _PREADV2, _PWRITEV2 = 0, 1, 8, 19, 20, 327, 328
"""Numbers of system calls (x86-64)."""
_CURRENT: Final = 1
"""SEEK_CUR of lseek(2)."""
_PIPE_BYTES: Final = 4096
"""As much is written to a pipe whole or not at all (PIPE_BUF in pipe(7)); of more, a part might be."""
_NO_WAIT: Final = 8
"""RWF_NOWAIT of preadv2(2): an error in place of waiting. It is one on all but new kernels, and Python's then."""

FRAME: Final = f"  %buffers = alloca [{IOVECS} x {{ptr, i64}}]"
"""Room for the host's iovecs, 16 bytes each."""

# {i64, i64} jormun_wasi_buffers(ptr base, i64 size, i32 iovs, i32 count, ptr buffers): writes the host's iovecs of the
# buffers that `count` iovecs of the guest's name, empty ones left out; how many, and how many bytes in all. None when
# one is outside of the memory, or there are more than IOVECS.
BUFFERS: Final = f"""
define internal {{i64, i64}} @jormun_wasi_buffers(
  ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers
) {ATTRIBUTES} {{
  %is.many = icmp ugt i32 %count, {IOVECS}
  br i1 %is.many, label %none, label %few
few:
  %many = zext i32 %count to i64
  %start = zext i32 %iovs to i64
  %length = shl i64 %many, 3
  %end = add i64 %start, %length
  %is.outside = icmp ugt i64 %end, %size
  br i1 %is.outside, label %none, label %head
head:
  %k = phi i64 [0, %few], [%k.next, %next]
  %found = phi i64 [0, %few], [%found.next, %next]
  %total = phi i64 [0, %few], [%total.next, %next]
  %is.last = icmp eq i64 %k, %many
  br i1 %is.last, label %done, label %iovec
iovec:
  %ahead = shl i64 %k, 3
  %at = add i64 %start, %ahead
  %address.at = getelementptr i8, ptr %base, i64 %at
  %address.32 = load volatile i32, ptr %address.at, align 1
  %bytes.at = getelementptr i8, ptr %address.at, i64 4
  %bytes.32 = load volatile i32, ptr %bytes.at, align 1
  %address = zext i32 %address.32 to i64
  %bytes = zext i32 %bytes.32 to i64
  %is.empty = icmp eq i64 %bytes, 0
  br i1 %is.empty, label %next, label %check
check:
  %buffer.end = add i64 %address, %bytes
  %is.beyond = icmp ugt i64 %buffer.end, %size
  br i1 %is.beyond, label %none, label %take
take:
  %buffer = getelementptr i8, ptr %base, i64 %address
  %place = getelementptr {{ptr, i64}}, ptr %buffers, i64 %found
  store ptr %buffer, ptr %place
  %place.bytes = getelementptr i8, ptr %place, i64 8
  store i64 %bytes, ptr %place.bytes
  %found.more = add i64 %found, 1
  %total.more = add i64 %total, %bytes
  br label %next
next:
  %found.next = phi i64 [%found, %iovec], [%found.more, %take]
  %total.next = phi i64 [%total, %iovec], [%total.more, %take]
  %k.next = add i64 %k, 1
  br label %head
done:
  %answer = insertvalue {{i64, i64}} poison, i64 %found, 0
  %both = insertvalue {{i64, i64}} %answer, i64 %total, 1
  ret {{i64, i64}} %both
none:
  ret {{i64, i64}} zeroinitializer
}}
"""


def gather() -> str:
    """Lines that define %buffers of the iovecs %iovs, %found, how many, and %total, the bytes in all; or go to Python:
    where a buffer is outside, where there are too many, where nothing is to be moved.
    """
    return f"""
  %gathered = call {{i64, i64}} @jormun_wasi_buffers(ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers)
  %found = extractvalue {{i64, i64}} %gathered, 0
  %total = extractvalue {{i64, i64}} %gathered, 1
  ; None found is one less than none, as unsigned numbers are: far too much.
  %total.less = sub i64 %total, 1
  %is.moved = icmp ult i64 %total.less, {TRANSFER_BYTES}
  br i1 %is.moved, label %gathered.all, label %python
gathered.all:
"""


def first_or_all(one: int, many: int) -> str:
    """Lines that define %number, the system call for one buffer or for several, and %from and %length, what it gets."""
    return f"""
  %is.one = icmp eq i64 %found, 1
  %first = load ptr, ptr %buffers
  %first.bytes.at = getelementptr i8, ptr %buffers, i64 8
  %first.bytes = load i64, ptr %first.bytes.at
  %number = select i1 %is.one, i64 {one}, i64 {many}
  %from = select i1 %is.one, ptr %first, ptr %buffers
  %length = select i1 %is.one, i64 %first.bytes, i64 %found
"""


def answer_count(value: str) -> str:
    """Lines that write a count (i64, which fits 32 bits) to %place, and end the call."""
    return f"""
  %count.32 = trunc i64 {value} to i32
  store i32 %count.32, ptr %place, align 1
  br label %done
{done()}
"""


# What a stream has for a reader and for a writer, whose record is %record. They define %moved, how many bytes are
# copied, %used, where they begin, %used.at, where the place behind them is noted, and %bytes.at, where the address of
# all is. A writer who finds too little room leaves all to Python, a reader who finds too little may have %is.ahead, and
# reads more.
_TAKE: Final = f"""
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
_ADD: Final = f"""
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


@dataclass(frozen=True, slots=True)
class _Transfer:
    """What is different in fd_read and fd_write."""

    name: str
    on_file: int
    """The bit of ENTRY_OPERATIONS that allows it."""
    on_stream: int
    ahead: int
    """And the one that allows to read ahead."""
    on_pipe: int
    one: int
    """The system call for one buffer."""
    many: int
    """And for several."""
    without_waiting: int
    """And for those that have the flag _NO_WAIT."""
    pipe_bytes: int
    """How many bytes may be asked of a pipe."""
    stream: str
    """What a stream has for it."""
    target: str
    """What is written: %here, the guest's buffer, or %there, the stream's bytes."""
    source: str


_FD_READ: Final = _Transfer(
    "fd_read", world.READ_FILE, world.READ_STREAM, world.READ_AHEAD, world.READ_PIPE, _READ, _READV, _PREADV2,
    TRANSFER_BYTES, _TAKE, "%here", "%there",
)  # fmt: skip
_FD_WRITE: Final = _Transfer(
    "fd_write", world.WRITE_FILE, world.WRITE_STREAM, 0, world.WRITE_PIPE, _WRITE, _WRITEV, _PWRITEV2, _PIPE_BYTES,
    _ADD, "%there", "%here",
)  # fmt: skip


def _transfer(it: _Transfer) -> NativeCall:
    return NativeCall(
        it.name,
        ("i32 %fd", "i32 %iovs", "i32 %count", "i32 %result"),
        f"""
{place("%place", "%result", 4)}
{gather()}
{enter_table()}
{allowed(it.on_file, "no.file")}
  br label %file
no.file:
  %on.ahead = and i32 %operations, {it.ahead}
  %is.ahead = icmp ne i32 %on.ahead, 0
  %on.stream = and i32 %operations, {it.on_stream | it.ahead}
  %is.stream = icmp ne i32 %on.stream, 0
  br i1 %is.stream, label %stream, label %no.stream
no.stream:
  %on.pipe = and i32 %operations, {it.on_pipe}
  %is.pipe = icmp ne i32 %on.pipe, 0
  %is.small = icmp ule i64 %total, {it.pipe_bytes}
  %is.whole = and i1 %is.pipe, %is.small
  br i1 %is.whole, label %pipe, label %leave
{leave_table()}

file:
{host_file("%host.file")}
{first_or_all(it.one, it.many)}
  %file.done = {x86_64.SYSTEM_CALL}(i64 %number, i64 %host.file, ptr %from, i64 %length, i64 0, i64 0, i64 0)
  br label %called

pipe:
{host_file("%host.pipe")}
  ; An offset of -1 is the position, if there is one.
  %pipe.done = {x86_64.SYSTEM_CALL}(
    i64 {it.without_waiting}, i64 %host.pipe, ptr %buffers, i64 %found, i64 -1, i64 0, i64 {_NO_WAIT})
  br label %called

called:
  %moved.by.call = phi i64 [%file.done, %file], [%pipe.done, %pipe]
{unlock("table")}
  %is.error = icmp slt i64 %moved.by.call, 0
  br i1 %is.error, label %python, label %answer

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
{it.stream}
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
  %copied = {x86_64.COPY}(ptr {it.target}.address, ptr {it.source}.address, i64 %piece.moved)
  %at.next = getelementptr i8, ptr %at, i64 16
  %rest.next = sub i64 %rest, %piece.moved
  %position.next = add i64 %position, %piece.moved
  br label %head
close:
  store i64 %position, ptr %used.at
{unlock("stream")}{unlock("table")}
  br label %answer

answer:
  %count.64 = phi i64 [%moved.by.call, %called], [%moved, %close]
{answer_count("%count.64")}
""",
        frame=FRAME,
    )


CALLS: Final = (_transfer(_FD_READ), _transfer(_FD_WRITE))
