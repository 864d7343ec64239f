"""What is read and filled in large pages: the same bytes as ever, wherever they begin and end."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.runtime.native import pages

MIB = 1 << 20


@pytest.mark.parametrize("size_bytes", [0, 1, 2, 4095, 2 * MIB, 5 * MIB + 3])
@pytest.mark.parametrize("start", [0, 1, 4097])
def test_a_file_is_read_from_anywhere(tmp_path: Path, size_bytes: int, start: int) -> None:
    """To its end, or as much as is asked for; the file's own position does not count, and stays."""
    path = tmp_path / "file"
    data = bytes(range(256)) * (6 * MIB // 256)
    path.write_bytes(data[: start + size_bytes])
    with path.open("rb", buffering=0) as file:
        file.seek(7)
        assert pages.read_file(file.fileno(), start, size_bytes) == data[start : start + size_bytes]
        assert pages.read_file(file.fileno(), start, size_bytes + 9) == data[start : start + size_bytes]
        assert pages.read_file(file.fileno(), start, size_bytes // 2) == data[start : start + size_bytes // 2]
        assert file.tell() == 7


def test_what_is_no_file_cannot_be_read_so() -> None:
    """A pipe has no offsets."""
    import os

    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="seek"):
            pages.read_file(reading, 0, 3 * MIB)
    finally:
        os.close(reading)
        os.close(writing)


def test_what_is_expected_changes_nothing() -> None:
    """Bytes in and around a range that is to be written stay until they are."""
    address = pages.reserve(8 * MIB)
    try:
        pages.protect(address, 8 * MIB, pages.READ_WRITE)
        pages.write_bytes(address + MIB, b"one")
        pages.expect_all(address + MIB + 1, 6 * MIB)
        pages.expect_all(address + 5, 3)
        assert pages.read_bytes(address + MIB, 4) == b"one\0"
        pages.write_bytes(address + 3 * MIB, b"two")
        assert pages.read_bytes(address + 3 * MIB, 4) == b"two\0"
    finally:
        pages.release(address, 8 * MIB)
