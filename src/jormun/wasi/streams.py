"""Standard streams, given as subprocess.run takes them, and in a few more ways that Python makes natural."""

from __future__ import annotations

import codecs
import errno
import io
import os
from collections.abc import Callable

from jormun.hints import Final, Protocol, TypeAlias, runtime_checkable
from jormun.wasi.filesystem import File
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream, OutputRoom

PIPE: Final = -1
STDOUT: Final = -2
DEVNULL: Final = -3
"""subprocess.PIPE and its like. Importing subprocess costs 10 ms."""
_PIECE_BYTES: Final = 1 << 16


@runtime_checkable
class Reader(Protocol):
    """What can be read: a file of Python's, io.BytesIO, io.StringIO."""

    def read(self, size: int, /) -> str | bytes | None: ...


@runtime_checkable
class Writer(Protocol):
    """What can be written to: a file of Python's, io.BytesIO, io.StringIO, sys.stdout whatever it was replaced by."""

    def write(self, data: str, /) -> object: ...


Input: TypeAlias = "int | Reader | Callable[[], str | bytes] | None"
"""A standard input: PIPE (empty), DEVNULL, a descriptor, a file, or a function that is called for more of it, until it
returns nothing. None inherits that of this process.
"""
Output: TypeAlias = "int | Writer | Callable[[str], object] | Callable[[bytes], object] | None"
"""A standard output or error: PIPE (to be captured), DEVNULL, a descriptor, a file, or a function that is called with
each line, without its end. None inherits that of this process.
"""


class OpenedStream:
    """A standard stream that was opened for a guest.

    `file` is None for one that the guest inherits. `captured` is where its output is kept, if it is to be.
    """

    __slots__ = ("_finish", "captured", "file")

    def __init__(
        self,
        file: File | None = None,
        *,
        captured: MemoryStream | None = None,
        finish: Callable[[], object] | None = None,
    ) -> None:
        self.file = captured if file is None else file
        self.captured = captured
        self._finish = finish

    def finish(self) -> None:
        """Hands on what is left of the output: a line without an end, what a file of Python's holds back."""
        if self._finish is not None:
            self._finish()


def open_input(given: Input) -> OpenedStream:
    """A guest's standard input. Raises TypeError for what is none, OSError for a descriptor that is not open."""
    if given is None:
        return OpenedStream()
    if given in (PIPE, DEVNULL):
        return OpenedStream(MemoryStream())
    fd = _descriptor(given)
    if fd is not None:
        return OpenedStream(HostFile(fd, is_borrowed=True, reads_ahead=True))
    if isinstance(given, Reader):
        read = _reading(given)
        return OpenedStream(MemoryStream(source=lambda size: _bytes(read(size), "stdin")))
    if callable(given):
        more = given

        def source(size: int) -> bytes:
            try:
                return _bytes(more(), "stdin")
            except (StopIteration, EOFError):  # how an iterator's __next__ and `input` end
                return b""

        return OpenedStream(MemoryStream(source=source))
    raise _wrong("stdin", given, "read")


def open_output(given: Output, *, is_text: bool, name: str, room: OutputRoom | None = None) -> OpenedStream:
    """A guest's standard output or error. `room` is for what is kept of it.

    Files and functions get bytes, or str in UTF-8 with `is_text`; io.StringIO and other files of text get str in any
    case. Raises TypeError for what is none of these, OSError for a descriptor that is not open.
    """
    if given is None:
        return OpenedStream()
    if given == PIPE:
        return OpenedStream(captured=MemoryStream(room=room))
    if given == DEVNULL:
        return OpenedStream(MemoryStream(sink=len))
    fd = _descriptor(given)
    if fd is not None:
        return OpenedStream(HostFile(fd, is_borrowed=True))
    if isinstance(given, Writer):
        return _to_file(given, is_text or isinstance(given, io.TextIOBase))
    if callable(given):
        lines = _Lines(given, is_text, OutputRoom() if room is None else room)
        return OpenedStream(MemoryStream(sink=lines.write), finish=lines.finish)
    raise _wrong(name, given, "write")


def _reading(given: Reader) -> Callable[[int], object]:
    """The method that waits for no more than there is: a line of text, one chunk of bytes."""
    if isinstance(given, io.TextIOBase):
        return given.readline
    read1: Callable[[int], object] | None = getattr(given, "read1", None)
    return given.read if read1 is None else read1


def _to_file(given: Writer, is_text: bool) -> OpenedStream:
    # What a file of bytes takes, only its own type says.
    write: Callable[..., object] = given.write
    flush = getattr(given, "flush", None)
    if isinstance(given, (io.RawIOBase, io.BufferedIOBase)) or not is_text:
        return OpenedStream(MemoryStream(sink=write), finish=flush)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def finish() -> None:
        write(decode(b"", True))
        if flush is not None:
            flush()

    return OpenedStream(MemoryStream(sink=lambda data: write(decode(data))), finish=finish)


class _Lines:
    """Cuts output into lines, and calls a function with each."""

    def __init__(self, call: Callable[..., object], is_text: bool, room: OutputRoom) -> None:
        self._call = call
        self._is_text = is_text
        self._room = room
        self._rest = bytearray()

    def write(self, data: bytes) -> None:
        # By pieces: an empty line takes a byte of the guest's, and eight in a list.
        for at in range(0, len(data), _PIECE_BYTES):
            first, *others = data[at : at + _PIECE_BYTES].split(b"\n")
            self._keep(first)
            for line in others:
                self.finish(is_line=True)
                self._keep(line)

    def _keep(self, data: bytes) -> None:
        self._room.take(len(data))
        self._rest += data

    def finish(self, *, is_line: bool = False) -> None:
        """Calls the function with what there is, if that is a line or at least something."""
        line = bytes(self._rest)
        self._room.give_back(len(line))
        self._rest.clear()
        if is_line or line:
            self._call(line.removesuffix(b"\r").decode(errors="replace") if self._is_text else line)


def _descriptor(given: object) -> int | None:
    """The host's descriptor that something is or has; what Python has buffered for it goes out first."""
    if isinstance(given, int):
        os.fstat(given)  # raises OSError where a guest would only see an errno
        return given
    try:
        fd = given.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return None
    if not isinstance(fd, int):
        return None
    if isinstance(given, Writer) and hasattr(given, "flush"):
        given.flush()
    return fd


def _bytes(data: object, name: str) -> bytes:
    if data is None:  # a file that does not wait, and has nothing
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    if isinstance(data, str):
        return data.encode(errors="surrogateescape")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"{name} must give str or bytes, not {type(data).__name__}")


def _wrong(name: str, given: object, method: str) -> TypeError:
    return TypeError(
        f"{name} must be None, PIPE, DEVNULL, a descriptor, an object with {method}(), or a function, "
        f"not {type(given).__name__}"
    )
