"""Digests found by what the file system says of a file: the same as long as nothing says that the file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jormun.cache import digests
from jormun.cache.digests import Digests, file_stamp

SIZE_BYTES = 1 << 20


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are known by their times as soon as they are written."""
    monkeypatch.setattr(digests, "_TICK_NS", -(1 << 60))


def _stamp(path: Path) -> bytes | None:
    with path.open("rb") as file:
        return file_stamp(file.fileno())


def test_a_stamp_is_that_of_one_file_as_it_is(tmp_path: Path) -> None:
    """A change of its contents, its times or its size, and another file of the same contents, have another one."""
    path = tmp_path / "a"
    path.write_bytes(bytes(SIZE_BYTES))
    os.utime(path, ns=(0, 0))
    first = _stamp(path)
    assert first is not None and _stamp(path) == first
    found = {first}
    for k, size_bytes in enumerate((SIZE_BYTES, SIZE_BYTES + 1)):
        path.write_bytes(bytes(size_bytes))
        os.utime(path, ns=(0, 0))  # who gives a file its old time changes the time of its last change
        found.add(_stamp(path))
        copy = tmp_path / f"copy{k}"
        copy.write_bytes(bytes(size_bytes))
        found.add(_stamp(copy))
    assert len(found) == 5


def test_what_is_not_known_by_its_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed a moment ago, or will have; small files; pipes."""
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    assert _stamp(path) is None
    read, write = os.pipe()
    assert file_stamp(read) is None
    os.close(read)
    os.close(write)
    path.write_bytes(bytes(SIZE_BYTES))
    assert _stamp(path) is not None
    monkeypatch.setattr(digests, "_TICK_NS", 2_000_000_000)
    assert _stamp(path) is None


def test_digests_are_found_again(tmp_path: Path) -> None:
    """Under their stamp alone, and until they are cleared; what is damaged is not believed."""
    known, stamp, digest = Digests(str(tmp_path / "digests")), bytes(range(32)), bytes(range(100, 132))
    assert known.find(stamp) is None
    known.keep(stamp, digest)
    assert known.find(stamp) == digest and known.find(bytes(32)) is None
    (file,) = (tmp_path / "digests").iterdir()
    kept = file.read_bytes()
    for damaged in (kept[:-1], kept[:-1] + b"?", b""):
        file.write_bytes(damaged)
        assert known.find(stamp) is None
    known.keep(stamp, digest)
    assert known.find(stamp) == digest
    known.clear()
    assert known.find(stamp) is None and not list((tmp_path / "digests").iterdir())


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than so many are kept."""
    monkeypatch.setattr(digests, "_MOST_FILES", 3)
    known = Digests(str(tmp_path))
    for k in range(5):
        known.keep(bytes([k] * 32), bytes(32))
        os.utime(tmp_path / bytes([k] * 32).hex(), ns=(k, k))
    assert [known.find(bytes([k] * 32)) is not None for k in range(5)] == [False, False, True, True, True]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It keeps nothing, and nobody is told."""
    (tmp_path / "file").write_text("")
    known = Digests(str(tmp_path / "file"))
    known.keep(bytes(32), bytes(32))
    assert known.find(bytes(32)) is None
