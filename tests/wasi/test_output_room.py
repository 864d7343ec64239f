"""What is kept of a guest's output is bounded, whichever way it takes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import jormun
from jormun import limits, machine_memory
from jormun.hints import Callable
from jormun.wasi.memory_stream import MemoryStream, OutputRoom
from jormun.wasi.streams import open_output

PRINTS_FOR_EVER = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\e8\\03\\00\\00")
  (func (export "_start") (memory.fill (i32.const 16) (i32.const 120) (i32.const 1000))
    (loop (br_if 0 (i32.eqz (call $write (i32.const FD) (i32.const 0) (i32.const 1) (i32.const 8)))))))"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a program that prints to a descriptor for ever, without ends of lines."""

    def make(fd: int) -> Path:
        path = tmp_path / f"prints{fd}.wat"
        path.write_text(PRINTS_FOR_EVER.replace("FD", str(fd)))
        return path

    return make


@pytest.mark.parametrize("fd", [1, 2])
@pytest.mark.parametrize("limit", ["1MiB", 100_000])
def test_captured_output_is_bounded(program: Callable[[int], Path], fd: int, limit: int | str) -> None:
    """The program is ended, and the error says by what."""
    with pytest.raises(
        jormun.ExhaustionError, match=r"output beyond its limit: .* bytes are kept \(output_limit\)"
    ) as caught:
        jormun.run([program(fd)], capture_output=True, output_limit=limit)
    assert caught.value.kind is jormun.TrapKind.RESOURCE_LIMIT and caught.value.backtrace


def test_a_line_that_does_not_end_is_bounded(program: Callable[[int], Path]) -> None:
    """A function that gets lines would else never be called."""
    with pytest.raises(jormun.ExhaustionError, match="100,000 bytes are kept"):
        jormun.run([program(1)], stdout=print, output_limit=100_000)


def test_output_of_libraries_is_bounded(program: Callable[[int], Path]) -> None:
    """A world that guests live in has the same limit."""
    with jormun.Wasi(capture_output=True, output_limit="64KiB") as world:
        instance = jormun.load(program(1), wasi=world)
        with pytest.raises(jormun.ExhaustionError, match="65,536 bytes are kept"):
            instance.exports._start()


def test_there_is_a_default() -> None:
    """It protects the host: what it keeps is a part of its memory."""
    room = OutputRoom()
    most = min(limits.OUTPUT_BYTES, machine_memory.memory_bytes() // limits.OUTPUT_SHARE)
    room.take(most)
    with pytest.raises(jormun.ExhaustionError):
        room.take(1)


def test_streams_share_a_room() -> None:
    """What one has taken, the other has not; what was refused is not kept."""
    room = OutputRoom(10)
    first, second = MemoryStream(room=room), MemoryStream(room=room)
    first.write([memoryview(b"1234"), memoryview(b"56")])
    with pytest.raises(jormun.ExhaustionError, match="10 bytes are kept"):
        second.write([memoryview(b"12345")])
    second.write([memoryview(b"1234")])
    assert (first.output, second.output) == (b"123456", b"1234")


def test_lines_make_room() -> None:
    """A line that was handed on is kept no longer, however many there are in a write."""
    lines: list[object] = []
    stream = open_output(lines.append, is_text=False, name="stdout", room=OutputRoom(1000))
    assert stream.file is not None
    data = b"".join(b"%d\n" % k for k in range(50_000))
    stream.file.write([memoryview(data)])
    assert lines == data.split(b"\n")[:-1]


def test_files_of_python_are_their_owners() -> None:
    """What is handed to an object of the host's is not counted."""
    given = io.BytesIO()
    stream = open_output(given, is_text=False, name="stdout", room=OutputRoom(10))
    assert stream.file is not None
    stream.file.write([memoryview(b"x" * 1000)])
    assert given.getvalue() == b"x" * 1000
