"""A stream whose other end is Python: standard input from bytes, standard output and error kept as bytes."""

from __future__ import annotations

import errno
import os

from jormun.hints import NoReturn
from jormun.wasi.abi import FileType
from jormun.wasi.filesystem import Buffers, Stat, Times


class MemoryStream:
    """Behaves as a pipe: reading takes from `input` to its end, writing adds to `output`."""

    __slots__ = ("_position", "flags", "input", "is_seekable", "output", "type")

    def __init__(self, input: bytes = b"") -> None:
        self.input = input
        self.output = bytearray()
        self.type = FileType.UNKNOWN
        self.is_seekable = False
        self.flags = 0
        self._position = 0

    def read(self, buffers: Buffers) -> int:
        """See File."""
        start = self._position
        for buffer in buffers:
            piece = self.input[self._position : self._position + len(buffer)]
            buffer[: len(piece)] = piece
            self._position += len(piece)
        return self._position - start

    def write(self, buffers: Buffers) -> int:
        """See File."""
        before = len(self.output)
        for buffer in buffers:
            self.output += buffer
        return len(self.output) - before

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """ESPIPE, as for a pipe."""
        _refuse(errno.ESPIPE)

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """ESPIPE, as for a pipe."""
        _refuse(errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        """ESPIPE, as for a pipe."""
        _refuse(errno.ESPIPE)

    def stat(self) -> Stat:
        """See File. All zero but the type and one link."""
        return Stat(0, 0, self.type, 1, 0, 0, 0, 0)

    def set_times(self, times: Times) -> None:
        """EINVAL: a stream in memory has no times."""
        _refuse(errno.EINVAL)

    def set_size(self, size_bytes: int) -> None:
        """EINVAL, as for a pipe."""
        _refuse(errno.EINVAL)

    def allocate(self, offset: int, size_bytes: int) -> None:
        """ESPIPE, as for a pipe."""
        _refuse(errno.ESPIPE)

    def advise(self, offset: int, size_bytes: int, advice: int) -> None:
        """ESPIPE, as for a pipe."""
        _refuse(errno.ESPIPE)

    def sync(self, *, data_only: bool) -> None:
        """EINVAL, as for a pipe."""
        _refuse(errno.EINVAL)

    def set_flags(self, flags: int) -> None:
        """See File. Nothing here ever waits, and all writing appends."""
        self.flags = flags

    def fileno(self) -> int | None:
        """None: nothing here ever waits."""
        return None

    def available(self) -> int:
        """See File."""
        return len(self.input) - self._position

    def close(self) -> None:
        """Nothing: `output` stays readable."""


def _refuse(number: int) -> NoReturn:
    raise OSError(number, os.strerror(number))
