"""Calls of WASI that machine code answers: clock_time_get, fd_read and fd_write, in LLVM text.

Each is called in place of a host function, with the same arguments, and answers what is plain and succeeds: a clock of
the host, a regular file of the host, a pipe that is ready, a stream in memory. All else it leaves to the host function,
by a jump that finds everything as the guest passed it: what is unknown, what fails, what would wait, what Python wants
to see. So errors and their order are Python's, and a call that failed here, which had no effect, is made again there.
What is known of descriptors and memory is in records (runtime/world.py).

Safe because:
- They run on the guest's stack, without the GIL, call nothing that takes it, and touch no object of Python's.
- A world's record, its table and the streams in it live as long as the host function, which is called through a record
  beside its own. A stream and a host's descriptor are used only between `_lock` and `_unlock` of the table, where
  Python waits before it takes either away.
- In between nothing is called, so that no fault ends the activation there: system calls are made by the instruction,
  and bytes copied by one. The function's own frame, less than a page, has been touched at its lower end by a call.
- Addresses are checked against the memory's present size, of which each call makes one reading; a memory neither
  shrinks nor moves. Where another thread may change iovecs meanwhile, what was checked is what is used: volatile loads
  are not made twice.
- The kernel gets addresses within the memory alone, and writes no more than their lengths.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.runtime import layout, world
from jormun.runtime.native import x86_64

FUNCTIONS: Final = {name: f"jormun_wasi_{name}" for name in ("clock_time_get", "fd_read", "fd_write")}
"""The functions of WASI that are here, and what theirs are called in the glue."""
_IOVECS: Final = 16
"""How many buffers a call may have here. C libraries send two at most."""
_TRANSFER_BYTES: Final = 0x7FFF_F000
"""More than the kernel moves in one call is Python's to cut."""
_CLOCKS: Final = 4
"""REALTIME, MONOTONIC, PROCESS_CPUTIME_ID, THREAD_CPUTIME_ID: clock_gettime(2) numbers them alike."""
_CLOCK_STACK_BYTES: Final = 4096
"""More stack than clock_gettime(2) takes, which is a function of the kernel's in user space."""
_READ, _WRITE, _READV, _WRITEV, _PREADV2, _PWRITEV2 = 0, 1, 19, 20, 327, 328
"""Numbers of system calls (x86-64)."""
_PIPE_BYTES: Final = 4096
"""As much is written to a pipe whole or not at all (PIPE_BUF in pipe(7)); of more, a part might be."""
_NO_WAIT: Final = 8
"""RWF_NOWAIT of preadv2(2): an error in place of waiting. It is one on all but new kernels, and Python's then."""
_ATTRIBUTES: Final = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'

_DECLARATIONS: Final = """
declare dso_local void @jormun_host_function()
declare dso_local i32 @clock_gettime(i32, ptr)
declare ptr @llvm.stacksave.p0()
declare void @llvm.stackrestore.p0(ptr)
"""

# {i64, i64} jormun_wasi_buffers(ptr base, i64 size, i32 iovs, i32 count, ptr buffers): writes the host's iovecs of the
# buffers that `count` iovecs of the guest's name, empty ones left out; how many, and how many bytes in all. None when
# one is outside of the memory, or there are more than _IOVECS.
_BUFFERS: Final = f"""
define internal {{i64, i64}} @jormun_wasi_buffers(
  ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers
) {_ATTRIBUTES} {{
  %is.many = icmp ugt i32 %count, {_IOVECS}
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


# What each function begins with. It defines %world, and %base and %size of the memory, or goes to %python: once in
# CALLS calls, and where there is no memory.
_BEGIN: Final = f"""
  %world.at = getelementptr i8, ptr %host, i64 {world.HOST_WORLD}
  %world = load ptr, ptr %world.at
  %calls.at = getelementptr i8, ptr %world, i64 {world.WORLD_CALLS}
  %calls = load i32, ptr %calls.at
  %is.turn = icmp eq i32 %calls, 0
  %calls.left = sub i32 %calls, 1
  %calls.next = select i1 %is.turn, i32 {world.CALLS}, i32 %calls.left
  store i32 %calls.next, ptr %calls.at
  br i1 %is.turn, label %python, label %turn
turn:
  %memory.at = getelementptr i8, ptr %world, i64 {world.WORLD_MEMORY}
  %memory = load ptr, ptr %memory.at
  %is.alone = icmp eq ptr %memory, null
  br i1 %is.alone, label %python, label %begun
begun:
  %base.at = getelementptr i8, ptr %memory, i64 {layout.MEMORY_BASE}
  %base = load ptr, ptr %base.at
  %size.at = getelementptr i8, ptr %memory, i64 {layout.MEMORY_SIZE_BYTES}
  %size = load volatile i64, ptr %size.at
"""

_CLOCK: Final = f"""
define i32 @{FUNCTIONS["clock_time_get"]}(ptr %host, i32 %clock, i64 %precision, i32 %time) {_ATTRIBUTES} {{
  %timespec = alloca {{i64, i64}}
{_BEGIN}
  %start = zext i32 %time to i64
  %end = add i64 %start, 8
  %is.inside = icmp ule i64 %end, %size
  %is.clock = icmp ult i32 %clock, {_CLOCKS}
  %is.plain = and i1 %is.inside, %is.clock
  br i1 %is.plain, label %probe, label %python
probe:
  ; An exhausted stack is a trap of this function's, and not of the C library's.
  %stack = call ptr @llvm.stacksave.p0()
  %room = alloca i8, i64 {_CLOCK_STACK_BYTES}
  store volatile i8 0, ptr %room
  call void @llvm.stackrestore.p0(ptr %stack)
  %failed = call i32 @clock_gettime(i32 %clock, ptr %timespec)
  %is.read = icmp eq i32 %failed, 0
  br i1 %is.read, label %answer, label %python
answer:
  %seconds = load i64, ptr %timespec
  %rest.at = getelementptr i8, ptr %timespec, i64 8
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %now = add i64 %whole, %rest
  %place = getelementptr i8, ptr %base, i64 %start
  store i64 %now, ptr %place, align 1
  ret i32 0
python:
  %r = musttail call i32 @jormun_host_function(ptr %host, i32 %clock, i64 %precision, i32 %time)
  ret i32 %r
}}
"""


def text() -> str:
    """The functions' LLVM text. They jump to jormun_host_function and call clock_gettime."""
    return "".join([_DECLARATIONS, _BUFFERS, _CLOCK, *map(_transfer, (_FD_READ, _FD_WRITE))])


# What a stream has for a reader and for a writer, whose record is %record. They define %moved, how many bytes are
# copied, %used, where they begin, %used.at, where the place behind them is noted, and %bytes.at, where the address of
# all is. A writer who finds too little room leaves all to Python.
_TAKE: Final = f"""
  %used.at = getelementptr i8, ptr %record, i64 {world.STREAM_POSITION}
  %used = load i64, ptr %used.at
  %all.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT_BYTES}
  %all = load i64, ptr %all.at
  %left = sub i64 %all, %used
  %is.less = icmp ult i64 %left, %total
  %moved = select i1 %is.less, i64 %left, i64 %total
  %bytes.at = getelementptr i8, ptr %record, i64 {world.STREAM_INPUT}
  br label %copy
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
"""


@dataclass(frozen=True, slots=True)
class _Transfer:
    """What is different in fd_read and fd_write."""

    name: str
    on_file: int
    """The bit of ENTRY_OPERATIONS that allows it."""
    on_stream: int
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
    "fd_read", world.READ_FILE, world.READ_STREAM, world.READ_PIPE, _READ, _READV, _PREADV2, _TRANSFER_BYTES,
    _TAKE, "%here", "%there",
)  # fmt: skip
_FD_WRITE: Final = _Transfer(
    "fd_write", world.WRITE_FILE, world.WRITE_STREAM, world.WRITE_PIPE, _WRITE, _WRITEV, _PWRITEV2, _PIPE_BYTES,
    _ADD, "%there", "%here",
)  # fmt: skip


def _lock(name: str, record: str, busy: int, otherwise: str) -> str:
    """Lines that make a record ours, or go to `otherwise`, when another thread has it.

    The exchange is a barrier: either Python, which stores first and looks at this word then, sees that it is ours, or
    we see what Python stored.
    """
    return f"""
  %{name}.busy = getelementptr i8, ptr {record}, i64 {busy}
  %{name}.before = atomicrmw xchg ptr %{name}.busy, i32 1 seq_cst
  %{name}.is.taken = icmp ne i32 %{name}.before, 0
  br i1 %{name}.is.taken, label %{otherwise}, label %{name}.ours
{name}.ours:
"""


def _unlock(name: str) -> str:
    """A line that gives it back. To x86-64 it is a plain store, before which all others have happened."""
    return f"  store atomic i32 0, ptr %{name}.busy release, align 4\n"


def _transfer(it: _Transfer) -> str:
    return f"""
define i32 @{FUNCTIONS[it.name]}(ptr %host, i32 %fd, i32 %iovs, i32 %count, i32 %result) {_ATTRIBUTES} {{
  %buffers = alloca [{_IOVECS} x {{ptr, i64}}]
{_BEGIN}
  %result.start = zext i32 %result to i64
  %result.end = add i64 %result.start, 4
  %is.inside = icmp ule i64 %result.end, %size
  %is.entry = icmp ult i32 %fd, {world.ENTRIES}
  %is.plain = and i1 %is.inside, %is.entry
  br i1 %is.plain, label %gather, label %python
gather:
  %gathered = call {{i64, i64}} @jormun_wasi_buffers(ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers)
  %found = extractvalue {{i64, i64}} %gathered, 0
  %total = extractvalue {{i64, i64}} %gathered, 1
  ; None found is one less than none, as unsigned numbers are: far too much.
  %total.less = sub i64 %total, 1
  %is.moved = icmp ult i64 %total.less, {_TRANSFER_BYTES}
  br i1 %is.moved, label %enter, label %python
enter:
  %table.at = getelementptr i8, ptr %world, i64 {world.WORLD_TABLE}
  %table = load ptr, ptr %table.at
{_lock("table", "%table", world.TABLE_BUSY, "python")}
  %fd.64 = zext i32 %fd to i64
  %entry.ahead = mul i64 %fd.64, {world.ENTRY_BYTES}
  %entry.offset = add i64 %entry.ahead, {world.TABLE_ENTRIES}
  %entry = getelementptr i8, ptr %table, i64 %entry.offset
  %operations.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_OPERATIONS}
  %operations = load atomic i32, ptr %operations.at seq_cst, align 4
  %on.file = and i32 %operations, {it.on_file}
  %is.file = icmp ne i32 %on.file, 0
  br i1 %is.file, label %file, label %no.file
no.file:
  %on.stream = and i32 %operations, {it.on_stream}
  %is.stream = icmp ne i32 %on.stream, 0
  br i1 %is.stream, label %stream, label %no.stream
no.stream:
  %on.pipe = and i32 %operations, {it.on_pipe}
  %is.pipe = icmp ne i32 %on.pipe, 0
  %is.small = icmp ule i64 %total, {it.pipe_bytes}
  %is.whole = and i1 %is.pipe, %is.small
  br i1 %is.whole, label %pipe, label %leave
leave:
{_unlock("table")}
  br label %python

file:
  %file.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_FILE}
  %file.32 = load i32, ptr %file.at
  %file.64 = sext i32 %file.32 to i64
  %is.one = icmp eq i64 %found, 1
  %first = load ptr, ptr %buffers
  %first.bytes.at = getelementptr i8, ptr %buffers, i64 8
  %first.bytes = load i64, ptr %first.bytes.at
  %number = select i1 %is.one, i64 {it.one}, i64 {it.many}
  %from = select i1 %is.one, ptr %first, ptr %buffers
  %length = select i1 %is.one, i64 %first.bytes, i64 %found
  %file.done = {x86_64.SYSTEM_CALL}(i64 %number, i64 %file.64, ptr %from, i64 %length, i64 0, i64 0, i64 0)
  br label %called

pipe:
  %pipe.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_FILE}
  %pipe.32 = load i32, ptr %pipe.at
  %pipe.64 = sext i32 %pipe.32 to i64
  ; An offset of -1 is the position, if there is one.
  %pipe.done = {x86_64.SYSTEM_CALL}(
    i64 {it.without_waiting}, i64 %pipe.64, ptr %buffers, i64 %found, i64 -1, i64 0, i64 {_NO_WAIT})
  br label %called

called:
  %done = phi i64 [%file.done, %file], [%pipe.done, %pipe]
{_unlock("table")}
  %is.error = icmp slt i64 %done, 0
  br i1 %is.error, label %python, label %answer

stream:
  %stream.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  %record = load ptr, ptr %stream.at
{_lock("stream", "%record", world.STREAM_BUSY, "leave")}
  %claimed.at = getelementptr i8, ptr %record, i64 {world.STREAM_CLAIMED}
  %claimed = load atomic i32, ptr %claimed.at seq_cst, align 4
  %is.claimed = icmp ne i32 %claimed, 0
  br i1 %is.claimed, label %give.up, label %use
give.up:
{_unlock("stream")}
  br label %leave
use:
{it.stream}
copy:
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
{_unlock("stream")}{_unlock("table")}
  br label %answer

answer:
  %count.64 = phi i64 [%done, %called], [%moved, %close]
  %count.32 = trunc i64 %count.64 to i32
  %result.at = getelementptr i8, ptr %base, i64 %result.start
  store i32 %count.32, ptr %result.at, align 1
  ret i32 0
python:
  %r = musttail call i32 @jormun_host_function(ptr %host, i32 %fd, i32 %iovs, i32 %count, i32 %result)
  ret i32 %r
}}
"""
