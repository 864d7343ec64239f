"""A stream whose other end is Python: bytes, a file of Python's that has no descriptor, or functions."""

from __future__ import annotations

from jormun import limits
from jormun.errors import ExhaustionError, TrapKind
from jormun.hints import Callable, TypeAlias
from jormun.runtime.limits import share_bytes
from jormun.runtime.native_stream import NativeStream
from jormun.wasi.abi import FileType
from jormun.wasi.filesystem import Buffers, Stat
from jormun.wasi.unseekable import Unseekable

Source: TypeAlias = Callable[[int], bytes]
"""Takes how many bytes are wanted, and returns as many or fewer when there are any; none at the end."""
Sink: TypeAlias = Callable[[bytes], object]
"""Takes all bytes that it is given."""


class OutputRoom:
    """How much output may be kept that nobody takes, of all streams that share it."""

    __slots__ = ("_left_bytes", "_size_bytes")

    def __init__(self, size_bytes: int | None = None) -> None:
        """None is what protects this process."""
        self._size_bytes = share_bytes(limits.OUTPUT_BYTES, limits.OUTPUT_SHARE) if size_bytes is None else size_bytes
        self._left_bytes = self._size_bytes

    def take(self, size_bytes: int) -> None:
        """Keep so much more. Raises ExhaustionError when that is too much."""
        if size_bytes > self._left_bytes:
            raise ExhaustionError(
                TrapKind.RESOURCE_LIMIT,
                message=f"output beyond its limit: {self._size_bytes:,} bytes are kept (output_limit), and not "
                f"{size_bytes - self._left_bytes:,} more",
            )
        self._left_bytes -= size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Somebody took so much."""
        self._left_bytes += size_bytes


class MemoryStream(Unseekable):
    """Behaves as a pipe.

    Reading takes from `input` to its end, and then from `source`, if there is one. Writing goes to `sink`, or is added
    to `output` where there is none, as far as there is `room`: ExhaustionError ends the guest that writes more, when
    Python sees it.
    """

    __slots__ = ("_native", "_output", "_position", "_room", "_sink", "_source", "flags", "input", "type")

    def __init__(
        self,
        input: bytes = b"",
        *,
        source: Source | None = None,
        sink: Sink | None = None,
        room: OutputRoom | None = None,
    ) -> None:
        self._room = OutputRoom() if room is None else room
        self.input = input
        self._output = bytearray()
        self.type = FileType.UNKNOWN
        self.flags = 0
        self._position = 0
        self._source = source
        self._sink = sink
        self._native: NativeStream | None = None

    @property
    def native(self) -> NativeStream | None:
        """The part of it that machine code uses, from the first time that this is asked for; None where functions do
        all.
        """
        if self._native is None and (self._source is None or self._sink is None):
            self._native = NativeStream(self.input if self._source is None else None, has_output=self._sink is None)
            self._native.position = self._position
        return self._native

    @property
    def output(self) -> bytearray:
        """What was written, where there is no sink."""
        if self._native is not None:
            with self._native:
                self._output += self._native.drain()
        return self._output

    @property
    def may_wait(self) -> bool:
        """Whether functions of others are called, which may take their time."""
        return self._source is not None or self._sink is not None

    def read(self, buffers: Buffers) -> int:
        """See File."""
        native = self._native
        if native is None:
            return self._read(buffers)
        with native:
            self._position = native.position
            try:
                return self._read(buffers)
            finally:
                native.position = self._position

    def _read(self, buffers: Buffers) -> int:
        if self._source is not None and self._position == len(self.input):
            self.input, self._position = self._source(sum(map(len, buffers))), 0
        start = self._position
        if len(buffers) == 1:  # FAST: what C libraries ask for nearly always
            piece = self.input[start : start + len(buffers[0])]
            buffers[0][: len(piece)] = piece
            self._position = start + len(piece)
            return len(piece)
        for buffer in buffers:
            piece = self.input[self._position : self._position + len(buffer)]
            buffer[: len(piece)] = piece
            self._position += len(piece)
        return self._position - start

    def write(self, buffers: Buffers) -> int:
        """See File."""
        if self._sink is not None:
            data = b"".join(buffers)
            self._sink(data)
            return len(data)
        native = self._native
        if native is None:
            self._room.take(sum(map(len, buffers)))
            return self._write(buffers)
        with native:
            written = native.drain()
            self._room.take(len(written) + sum(map(len, buffers)))
            self._output += written
            return self._write(buffers)

    def _write(self, buffers: Buffers) -> int:
        if len(buffers) == 1:  # FAST: what C libraries send nearly always
            self._output += buffers[0]
            return len(buffers[0])
        before = len(self._output)
        for buffer in buffers:
            self._output += buffer
        return len(self._output) - before

    def stat(self) -> Stat:
        """See File. All zero but the type and one link."""
        return Stat(0, 0, self.type, 1, 0, 0, 0, 0)

    def set_flags(self, flags: int) -> None:
        """See File. Nothing here ever waits, and all writing appends."""
        self.flags = flags

    def fileno(self) -> int | None:
        """None: nothing here ever waits."""
        return None

    def available(self) -> int:
        """See File."""
        if self._native is not None:
            with self._native:
                self._position = self._native.position
        return len(self.input) - self._position

    def close(self) -> None:
        """Nothing: `output` stays readable."""
