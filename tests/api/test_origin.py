"""What modules are made from: files that the cache knows by their times are not digested, and not trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.api import origin, source
from jormun.cache import digests
from jormun.cache.kept import save_all

TEXT = '(module (func (export "f") (result i32) (i32.const {})) (func (export "g") (result i32) (i32.const 7)))'


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], jormun.Module]:
    """Loads module.wat with a cache of the test's own; all files are worth a stamp, at once."""
    monkeypatch.setattr(digests, "_TICK_NS", -(1 << 60))
    monkeypatch.setattr(digests, "_SMALLEST_BYTES", 1)
    monkeypatch.setenv("JORMUN_CACHE_SIZE", "")
    return lambda: jormun.Module(tmp_path / "module.wat", config=jormun.Config(cache=str(tmp_path / "cache")))


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what modules were digested."""
    sizes: list[int] = []
    digest = origin.digest

    def watched(data: bytes) -> bytes:
        sizes.append(len(data))
        return digest(data)

    monkeypatch.setattr(origin, "digest", watched)
    return sizes


def test_a_file_is_digested_once(load: Callable[[], jormun.Module], digested: list[int], tmp_path: Path) -> None:
    """The second time it is known, until it is written to; asked for, its bytes are compared."""
    (tmp_path / "module.wat").write_text(TEXT.format(1))
    load()
    assert len(digested) == 1
    assert load().instantiate().exports.f() == 1
    save_all()
    digested.clear()
    again = load()
    assert again.instantiate().exports.f() == 1 and digested == []
    assert again.data == TEXT.format(1).encode() and again.instantiate().exports.g() == 7 and len(digested) == 1
    (tmp_path / "module.wat").write_text(TEXT.format(2))
    assert load().instantiate().exports.f() == 2 and len(digested) == 2


def test_other_bytes_with_the_same_times_are_not_compiled(
    load: Callable[[], jormun.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was compiled before runs; what has to be compiled now, and whoever asks for the bytes, gets an error."""
    for module in (digests, source):
        monkeypatch.setattr(module, "file_stamp", lambda fd: bytes(32))
    (tmp_path / "module.wat").write_text(TEXT.format(1))
    assert load().instantiate().exports.f() == 1
    save_all()
    (tmp_path / "module.wat").write_text(TEXT.format(2))
    module = load()
    exports = module.instantiate().exports
    assert exports.f() == 1
    with pytest.raises(jormun.HostError, match="in a way that its times do not tell"):
        exports.g()
    with pytest.raises(jormun.HostError):
        module.__reduce__()


def test_a_file_that_changes_while_it_is_read_has_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has one that gives fewer bytes than it says that it has."""
    path = tmp_path / "module.wat"
    path.write_text(TEXT.format(1))
    stamps = iter([bytes(32), bytes([1] * 32), bytes(32), bytes(32)])
    for module in (digests, source):
        monkeypatch.setattr(module, "file_stamp", lambda fd: next(stamps))
    assert source.read_file(path).stamp is None
    with path.open("rb") as file:
        data = file.read()
        assert digests.stamp_of(data, file.fileno(), bytes(32)) == bytes(32)
        assert digests.stamp_of(data[:-1], file.fileno(), bytes(32)) is None
