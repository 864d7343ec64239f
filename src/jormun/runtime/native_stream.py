"""The part of a stream in memory that machine code reads and writes (runtime/native/wasi)."""

from __future__ import annotations

import os
import time

from jormun.containers import WeakSet
from jormun.hints import Final
from jormun.locks import Lock, RLock, get_ident
from jormun.runtime import world
from jormun.runtime.native import pages

OUTPUT_BYTES: Final = 1 << 16
"""How much of a stream's output machine code keeps until Python takes it."""
_PAUSE_S: Final = 0.00005
"""How long to sleep before looking again whether machine code is done: a read of a disk takes as long."""


class NativeStream:
    """A stream's input and how much of it was read, and room for output.

    As a context manager it keeps machine code out; all but its constant parts is to be used only so.
    """

    __slots__ = (
        "__weakref__",
        "_block",
        "_depth",
        "_ends_at_fork",
        "_input",
        "_lock",
        "_output",
        "_owner",
        "_room",
        "_words",
        "_words64",
        "address",
        "operations",
    )

    def __init__(self, input: bytes | None, *, has_output: bool, ends_at_fork: bool = False) -> None:
        """`input` is None where only Python reads; without output only Python writes. Input that ends at a fork is not
        there in the new process.
        """
        self._block = pages.Block(world.STREAM_BYTES)
        self._words = self._block.view().cast("I")
        self._words64 = self._block.view().cast("Q")
        self._lock = RLock()  # a signal's handler may use it in the middle of this
        self._depth = 0
        self._owner = 0
        self._room: pages.Block | None = None
        self._output = pages.Block(OUTPUT_BYTES) if has_output else None
        self._ends_at_fork = ends_at_fork
        self.address: Final = self._block.address
        self.operations = 0
        """What machine code may do with it: bits of ENTRY_OPERATIONS."""
        if input is not None:
            self.operations |= world.READ_STREAM
            self.refill(input)
        if self._output is not None:
            self.operations |= world.WRITE_STREAM
            self._block.write_u64(world.STREAM_OUTPUT, self._output.address)
            self._block.write_u64(world.STREAM_OUTPUT_ROOM, OUTPUT_BYTES)
        _streams.add(self)

    @classmethod
    def ahead(cls) -> NativeStream:
        """Room for what machine code reads ahead of a file."""
        stream = cls(None, has_output=False, ends_at_fork=True)
        stream._room = pages.Block(world.AHEAD_BYTES)
        stream._block.write_u64(world.STREAM_INPUT, stream._room.address)
        stream.operations = world.READ_AHEAD
        return stream

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = get_ident()
        self._depth += 1
        try:
            self._words[world.STREAM_CLAIMED >> 2] = 1
            await_machine_code(self._words, world.STREAM_BUSY >> 2)
        except BaseException:  # a signal's handler raised
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._words[world.STREAM_CLAIMED >> 2] = 0
            self._owner = 0
        self._lock.release()

    @property
    def position(self) -> int:
        """How many bytes of the input were read."""
        return self._words64[world.STREAM_POSITION >> 3]

    @position.setter
    def position(self, position: int) -> None:
        self._words64[world.STREAM_POSITION >> 3] = position

    @property
    def left(self) -> int:
        """How many bytes of the input were not."""
        return self._words64[world.STREAM_INPUT_BYTES >> 3] - self.position

    def refill(self, input: bytes) -> None:
        """Give it other input in place of what it had."""
        self._input = input
        self._words64[world.STREAM_INPUT >> 3] = pages.address_of(input)
        self._words64[world.STREAM_INPUT_BYTES >> 3] = len(input)
        self.position = 0

    def empty(self) -> None:
        """Leave nothing of the input."""
        self._words64[world.STREAM_INPUT_BYTES >> 3] = 0
        self.position = 0

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread keeps machine code out."""
        return self._owner == get_ident()

    def take(self, size_bytes: int) -> bytes:
        """The next bytes of the input, fewer at its end."""
        start, size_bytes = self.position, min(size_bytes, self.left)
        self.position = start + size_bytes
        if self._room is not None:
            return bytes(self._room.view()[start : start + size_bytes])
        assert self._input is not None
        return self._input[start : start + size_bytes]

    def drain(self) -> bytes:
        """What machine code has written since the last call."""
        if self._output is None:
            return b""
        size = self._words64[world.STREAM_OUTPUT_BYTES >> 3]
        self._words64[world.STREAM_OUTPUT_BYTES >> 3] = 0
        return bytes(self._output.view()[:size])

    def after_fork(self) -> None:
        """In a new process, which has none of the threads that may have been in machine code, or in here."""
        self._words[world.STREAM_BUSY >> 2] = 0
        if self._owner != get_ident():
            self._words[world.STREAM_CLAIMED >> 2] = 0
            self._lock, self._depth, self._owner = RLock(), 0, 0
        if self._ends_at_fork:
            self.position = self._words64[world.STREAM_INPUT_BYTES >> 3]


def await_machine_code(words: memoryview, busy: int) -> None:
    """Returns when machine code has left a record whose word `busy` says whether it is in there.

    The caller has stored before what keeps it from coming in again. It needs no lock of Python's to leave.
    """
    with Lock():  # taking a lock is a barrier: machine code sees the store before we look
        pass
    while words[busy]:
        time.sleep(_PAUSE_S)


_streams: WeakSet[NativeStream] = WeakSet()


def _after_fork() -> None:
    for stream in _streams:
        stream.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
