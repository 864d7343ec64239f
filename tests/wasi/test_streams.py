"""Standard streams as users give them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jormun.wasi.filesystem import File
from jormun.wasi.streams import DEVNULL, PIPE, OpenedStream, open_input, open_output


def read(stream: OpenedStream, size: int) -> bytes:
    assert stream.file is not None
    buffer = bytearray(size)
    return bytes(buffer[: stream.file.read([memoryview(buffer)])])


def write(stream: OpenedStream, *pieces: bytes) -> None:
    assert isinstance(stream.file, File)
    for piece in pieces:
        assert stream.file.write([memoryview(piece)]) == len(piece)


INPUTS: list[tuple[str, Callable[[], object]]] = [
    ("bytes", lambda: io.BytesIO("añb\nc".encode())),
    ("text", lambda: io.StringIO("añb\nc")),
    ("function", lambda: iter(["añ", b"b\n", "c", ""]).__next__),
]


@pytest.mark.parametrize(("name", "make"), INPUTS)
def test_input_from_python(name: str, make: Callable[[], object]) -> None:
    """Any object that reads, or function that gives more, as UTF-8; in pieces of any size, to the end."""
    stream = open_input(make())  # type: ignore[arg-type]
    data = b""
    while piece := read(stream, 2):
        data += piece
    assert data == "añb\nc".encode()
    assert read(stream, 2) == b""


def test_empty_input() -> None:
    """PIPE and DEVNULL have nothing; None is the host's."""
    assert read(open_input(PIPE), 2) == read(open_input(DEVNULL), 2) == b""
    assert open_input(None).file is None


def test_input_of_another_type() -> None:
    """What a function gives that is neither str nor bytes is an error of its own."""
    with pytest.raises(TypeError, match="stdin must give str or bytes, not int"):
        read(open_input(lambda: 5), 2)  # type: ignore[arg-type,return-value]


def test_input_without_anything_yet() -> None:
    """A file that does not wait says so."""

    class Later(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes | None:
            return None

    with pytest.raises(BlockingIOError):
        read(open_input(Later()), 2)


@pytest.mark.parametrize("is_text", [False, True])
def test_lines(is_text: bool) -> None:
    """A function is called with each line, without its end, as soon as it is whole; at the end with the rest."""
    lines: list[object] = []
    stream = open_output(lines.append, is_text=is_text, name="stdout")
    write(stream, b"one\ntw")
    assert lines == (["one"] if is_text else [b"one"])
    write(stream, b"o\r\n", b"\n", "três".encode()[:3])
    write(stream, "três".encode()[3:])
    stream.finish()
    expected = [b"one", b"two\r", b"", "três".encode()]
    assert lines == ([line.decode().rstrip("\r") for line in expected] if is_text else expected)
    stream.finish()
    assert len(lines) == 4


def test_output_to_files_of_python() -> None:
    """Bytes to those of bytes, str to those of text; a character that comes in two pieces is one."""
    binary, text = io.BytesIO(), io.StringIO()
    for file in (binary, text):
        stream = open_output(file, is_text=False, name="stdout")  # type: ignore[arg-type]
        write(stream, "é".encode()[:1], "é".encode()[1:], b"\xff\n")
        stream.finish()
    assert binary.getvalue() == "é".encode() + b"\xff\n"
    assert text.getvalue() == "é�\n"


def test_output_to_any_object_that_writes() -> None:
    """It gets bytes, or str when text was asked for."""

    class Log:
        def __init__(self) -> None:
            self.written: list[object] = []

        def write(self, data: object) -> None:
            self.written.append(data)

    for is_text, expected in ((False, b"x\n"), (True, "x\n")):
        log = Log()
        stream = open_output(log, is_text=is_text, name="stdout")
        write(stream, b"x\n")
        stream.finish()
        assert "".join(map(str, filter(None, log.written))) == str(expected)


def test_files_with_descriptors(tmp_path: Path) -> None:
    """They are written to directly, behind what Python has buffered; and stay open."""
    path = tmp_path / "out"
    with path.open("w+") as file:
        file.write("first ")
        stream = open_output(file, is_text=True, name="stdout")
        write(stream, b"second")
        assert stream.file is not None
        stream.file.close()
        write(open_output(file.fileno(), is_text=False, name="stdout"), b" third")
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        assert read(open_input(file), 100) == b"first second third"
    with pytest.raises(OSError, match="Bad file descriptor"):
        open_output(12345, is_text=False, name="stdout")


def test_captured_and_dropped_output() -> None:
    """PIPE keeps it, DEVNULL does not."""
    kept, dropped = (open_output(each, is_text=False, name="stdout") for each in (PIPE, DEVNULL))
    write(kept, b"a", b"b")
    write(dropped, b"c")
    assert kept.captured is not None
    assert (bytes(kept.captured.output), dropped.captured) == (b"ab", None)


@pytest.mark.parametrize("given", [1.5, b"bytes", "text", [], -7])
def test_what_is_no_stream(given: object) -> None:
    """Is refused before the program runs."""
    with pytest.raises((TypeError, OSError)):
        open_input(given)  # type: ignore[arg-type]
    with pytest.raises((TypeError, OSError)):
        open_output(given, is_text=False, name="stdout")  # type: ignore[arg-type]
