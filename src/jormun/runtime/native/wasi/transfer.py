"""fd_read and fd_write: of regular files of the host, pipes that are ready, files and streams in memory."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.buffers import FRAME, TRANSFER_BYTES, answer_count, first_or_all, gather
from jormun.runtime.native.wasi.call import (
    NativeCall,
    allowed,
    enter_table,
    host_file,
    in_file,
    leave_table,
    place,
    unlock,
    whether_in_memory,
)
from jormun.runtime.native.wasi.clock import C_STACK_BYTES
from jormun.runtime.native.wasi.file import POSITION
from jormun.runtime.native.wasi.stream import ADD, TAKE, stream

_READ, _WRITE, _READV, _WRITEV, _PREADV2, _PWRITEV2 = 0, 1, 19, 20, 327, 328
"""Numbers of system calls (x86-64)."""
_PIPE_BYTES: Final = 4096
"""As much is written to a pipe whole or not at all (PIPE_BUF in pipe(7)); of more, a part might be."""
_NO_WAIT: Final = 8
"""RWF_NOWAIT of preadv2(2): an error in place of waiting. It is one on all but new kernels, and Python's then."""


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
    content: str
    """The function that does it in memory: jormun_wasi_."""
    stream: str
    """What a stream has for it."""
    target: str
    """What is written: %here, the guest's buffer, or %there, the stream's bytes."""
    source: str


_FD_READ: Final = _Transfer(
    "fd_read", world.READ_FILE, world.READ_STREAM, world.READ_AHEAD, world.READ_PIPE, _READ, _READV, _PREADV2,
    TRANSFER_BYTES, "take", TAKE, "%here", "%there",
)  # fmt: skip
_FD_WRITE: Final = _Transfer(
    "fd_write", world.WRITE_FILE, world.WRITE_STREAM, 0, world.WRITE_PIPE, _WRITE, _WRITEV, _PWRITEV2, _PIPE_BYTES,
    "put", ADD, "%there", "%here",
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
{whether_in_memory()}
{in_file()}
  %content.done = call i64 @jormun_wasi_{it.content}(ptr %open, ptr %buffers, i64 %found, i64 %total, i64 {POSITION})
  br label %called
of.host:
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
  %moved.by.call = phi i64 [%content.done, %in.file], [%file.done, %of.host], [%pipe.done, %pipe]
{unlock("table")}
  %is.error = icmp slt i64 %moved.by.call, 0
  br i1 %is.error, label %python, label %answer

{stream(it.stream, it.target, it.source)}

answer:
  %count.64 = phi i64 [%moved.by.call, %called], [%moved, %close]
{answer_count("%count.64")}
""",
        frame=FRAME,
        stack_bytes=C_STACK_BYTES,
    )


CALLS: Final = (_transfer(_FD_READ), _transfer(_FD_WRITE))
