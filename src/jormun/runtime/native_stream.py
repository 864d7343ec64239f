"""The part of a stream in memory that machine code reads and writes (runtime/native/wasi.py)."""

from __future__ import annotations

import time
from threading import Lock

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import pages

OUTPUT_BYTES: Final = 1 << 16
"""How much of a stream's output machine code keeps until Python takes it."""
_PAUSE_S: Final = 0.00005
"""How long to sleep before looking again whether machine code is done: a read of a disk takes as long."""
_BARRIER: Final = Lock()


class NativeStream:
    """A stream's input and how much of it was read, and room for output.

    As a context manager it keeps machine code out; position and output are to be used only so.
    """

    __slots__ = ("_block", "_input", "_lock", "_output", "_words", "_words64", "address", "operations")

    def __init__(self, input: bytes | None, *, has_output: bool) -> None:
        """`input` is None where only Python reads; without output only Python writes."""
        self._block = pages.Block(world.STREAM_BYTES)
        self._words = self._block.view().cast("I")
        self._words64 = self._block.view().cast("Q")
        self._lock = Lock()
        self._input = input
        self._output = pages.Block(OUTPUT_BYTES) if has_output else None
        self.address: Final = self._block.address
        self.operations = 0
        """What machine code may do with it: bits of ENTRY_OPERATIONS."""
        if input is not None:
            self.operations |= world.READ_STREAM
            self._block.write_u64(world.STREAM_INPUT, pages.address_of(input))
            self._block.write_u64(world.STREAM_INPUT_BYTES, len(input))
        if self._output is not None:
            self.operations |= world.WRITE_STREAM
            self._block.write_u64(world.STREAM_OUTPUT, self._output.address)
            self._block.write_u64(world.STREAM_OUTPUT_ROOM, OUTPUT_BYTES)

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            self._words[world.STREAM_CLAIMED >> 2] = 1
            await_machine_code(self._words, world.STREAM_BUSY >> 2)
        except BaseException:  # a signal's handler raised
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        self._words[world.STREAM_CLAIMED >> 2] = 0
        self._lock.release()

    @property
    def position(self) -> int:
        """How many bytes of the input were read."""
        return self._words64[world.STREAM_POSITION >> 3]

    @position.setter
    def position(self, position: int) -> None:
        self._words64[world.STREAM_POSITION >> 3] = position

    def drain(self) -> bytes:
        """What machine code has written since the last call."""
        if self._output is None:
            return b""
        size = self._words64[world.STREAM_OUTPUT_BYTES >> 3]
        self._words64[world.STREAM_OUTPUT_BYTES >> 3] = 0
        return bytes(self._output.view()[:size])


def await_machine_code(words: memoryview, busy: int) -> None:
    """Returns when machine code has left a record whose word `busy` says whether it is in there.

    The caller has stored before what keeps it from coming in again. It needs no lock of Python's to leave.
    """
    with _BARRIER:  # taking a lock is a barrier: machine code sees the store before we look
        pass
    while words[busy]:
        time.sleep(_PAUSE_S)
