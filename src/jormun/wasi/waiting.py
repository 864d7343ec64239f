"""Waiting for streams of the host in a guest that can be stopped: first for the stream, then the call itself."""

from __future__ import annotations

import select

from jormun.hints import TYPE_CHECKING, Final
from jormun.wasi.abi import FdFlags
from jormun.wasi.filesystem import Buffers, File, cut

if TYPE_CHECKING:
    from jormun.wasi.library import LibraryCalls
    from jormun.wasi.threads import ThreadGroup

_PIPE_BUF: Final = select.PIPE_BUF
"""How much can be written without waiting to what poll(2) says is ready (POSIX)."""


def await_reading(threads: ThreadGroup | LibraryCalls, file: File) -> None:
    """Waits until reading a file would not wait. Raises Trap when the guest ends meanwhile."""
    _await(threads, file, select.POLLIN)


def await_writing(threads: ThreadGroup | LibraryCalls, file: File, buffers: Buffers) -> Buffers:
    """Waits until writing would not wait, and returns the part of the buffers that this holds for.

    The call then writes less than it was asked to, as it may. Raises Trap when the guest ends meanwhile.
    """
    if not buffers or not _await(threads, file, select.POLLOUT):
        return buffers
    return cut(buffers, _PIPE_BUF)


def _await(threads: ThreadGroup | LibraryCalls, file: File, event: int) -> bool:
    """Whether it is a file that can make its users wait, and is ready now."""
    host_fd = file.fileno()
    if host_fd is None or file.flags & FdFlags.NONBLOCK:
        return False
    threads.interruption.poll({host_fd: event}, None)
    return True
