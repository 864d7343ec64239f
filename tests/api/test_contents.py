"""Files that stay where they are: what is read of them is what was there, or an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.api.contents import Contents, HeldFile
from jormun.cache import digests
from jormun.cache.digests import file_stamp
from jormun.cache.kept import save_all
from jormun.cli.source import read_source

TEXT = '(module (func (export "f") (result i32) (i32.const {})) (func (export "g") (result i32) (i32.const 7)))'
SPACE = 1 << 16
"""A file that is as large as what is looked at first is left where it is."""


@pytest.fixture(autouse=True)
def all_stamped(monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are worth a stamp, at once."""
    monkeypatch.setattr(digests, "_TICK_NS", -(1 << 60))
    monkeypatch.setattr(digests, "_SMALLEST_BYTES", 1)
    monkeypatch.setenv("JORMUN_CACHE_SIZE", "")


def _held(path: Path) -> Contents:
    with path.open("rb") as file:
        stamp = file_stamp(file.fileno())
        assert stamp is not None
        return Contents(HeldFile(file.fileno(), stamp))


def test_parts_and_all(tmp_path: Path) -> None:
    """A part is read alone, until all is there; a file that was renamed or removed is the same file."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    contents = _held(path)
    assert contents.size_bytes == 10 and contents.part(2, 3) == (b"234", 0)
    path.rename(tmp_path / "other")
    assert contents.part(9, 1) == (b"9", 0)
    (tmp_path / "other").unlink()
    contents = Contents(b"0123456789")
    assert contents.part(2, 3) == (contents.data, 2) and contents.stamp is None


def test_all_is_read_once(tmp_path: Path) -> None:
    """And is there from then on, whatever becomes of the file."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    contents = _held(path)
    assert contents.data == b"0123456789"
    path.write_bytes(b"")
    assert contents.data is contents.data and contents.part(2, 3) == (contents.data, 2)


@pytest.mark.parametrize("data", [b"9876543210", b"01234", b""])
def test_parts_of_a_file_that_is_written_to_are_refused(tmp_path: Path, data: bytes) -> None:
    """All of it is what there is, and has no stamp."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    contents = _held(path)
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    with pytest.raises(jormun.HostError, match="written to after it was opened; start again"):
        contents.part(0, 1)
    assert contents.stamp is not None and contents.data == data and contents.stamp is None


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], jormun.Module]:
    """Loads module.wat as `jormun run` does, with a cache of the test's own."""

    def load() -> jormun.Module:
        contents = read_source(str(tmp_path / "module.wat"), may_stay=True).contents
        return jormun.Module.of(contents, jormun.Config(cache=str(tmp_path / "cache")))

    return load


def test_a_known_module_is_read_when_it_is_compiled(
    load: Callable[[], jormun.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before; and if its file was written to since, what is there runs on, and nothing else is compiled."""
    read: list[HeldFile] = []
    read_all = HeldFile.all
    monkeypatch.setattr(HeldFile, "all", lambda file: (read.append(file), read_all(file))[1])
    path = tmp_path / "module.wat"
    path.write_text(TEXT.format(1) + " " * SPACE)
    assert load().instantiate().exports.f() == 1 and len(read) == 1
    save_all()
    for replace in (lambda: None, lambda: path.rename(tmp_path / "other.wat")):
        read.clear()
        exports = load().instantiate().exports
        assert exports.f() == 1 and not read
        replace()
        assert exports.g() == 7 and len(read) == 1
    path.write_text(TEXT.format(2) + " " * SPACE)
    assert load().instantiate().exports.f() == 2
    save_all()
    exports = load().instantiate().exports
    path.write_text(TEXT.format(3) + " " * SPACE)
    assert exports.f() == 2
    with pytest.raises(jormun.HostError, match="written to after it was opened"):
        exports.g()
