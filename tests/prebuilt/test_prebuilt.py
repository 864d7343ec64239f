"""What is built ahead of time is used when it is current and undamaged, and built anew when not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.prebuilt import artefact, build, load
from jormun.prebuilt.artefact import ARTEFACTS, GLUE
from jormun.runtime.native import glue_image
from jormun.sealed import SealError, seal, unseal


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("JORMUN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of artefacts as they are built."""
    names: list[str] = []
    original = build.build

    def noted(what: artefact.Artefact) -> bytes:
        names.append(what.name)
        return original(what)

    monkeypatch.setattr(build, "build", noted)
    return names


def test_the_first_use_builds_and_the_next_loads(tmp_path: Path, builds: list[str]) -> None:
    """In a tree without built files the cache folder gets them."""
    first = load.load(GLUE, str(tmp_path))
    assert load.load(GLUE, str(tmp_path)) == first
    assert builds == ["glue"]


def test_the_package_folder_comes_first(tmp_path: Path, builds: list[str], cache_folder: Path) -> None:
    """What `build_all` made is found; nothing is built, nothing cached."""
    assert build.build_all(str(tmp_path)) == [str(tmp_path / each.file_name) for each in ARTEFACTS]
    builds.clear()
    load.load(GLUE, str(tmp_path))
    assert builds == [] and not cache_folder.exists()


def test_a_stale_file_is_noticed(tmp_path: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that has changed since makes another file necessary."""
    tree = tmp_path / "tree"
    for source in GLUE.sources:
        (tree / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(artefact.__file__).parent.parent / source, tree / source)
    monkeypatch.setattr(artefact, "_PACKAGE", str(tree))
    (tmp_path / GLUE.file_name).write_bytes(build.build(GLUE))
    builds.clear()
    load.load(GLUE, str(tmp_path))
    assert builds == []
    with (tree / GLUE.sources[-1]).open("a") as file:
        file.write("# changed\n")
    load.load(GLUE, str(tmp_path))
    assert builds == ["glue"]


def test_another_llvmlite_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_current` knows which version of the code generator made a file."""
    data = build.build(GLUE)
    assert build.is_current(GLUE, data)
    monkeypatch.setattr(build, "_tool", lambda: "llvmlite 99")
    assert not build.is_current(GLUE, data)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", lambda d: d[:200] + b"?" + d[201:]])
def test_a_damaged_file_is_built_anew(tmp_path: Path, builds: list[str], damage: object) -> None:
    """Neither in the package nor in the cache folder is it believed."""
    assert callable(damage)
    first = load.load(GLUE, str(tmp_path))
    (tmp_path / GLUE.file_name).write_bytes(damage(build.build(GLUE)))
    kept = tmp_path / "cache" / "prebuilt" / GLUE.file_name
    kept.write_bytes(damage(kept.read_bytes()))
    builds.clear()
    assert load.load(GLUE, str(tmp_path)) == first
    assert builds == ["glue"]


def test_a_build_is_reproducible() -> None:
    """The same sources give the same bytes."""
    assert glue_image.build() == glue_image.build()


def test_the_module_builds_into_a_folder(tmp_path: Path) -> None:
    """`python -m jormun.prebuilt FOLDER` writes each file and says where."""
    done = subprocess.run([sys.executable, "-m", "jormun.prebuilt", tmp_path], capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"{tmp_path}/{each.file_name}" for each in ARTEFACTS]
    for each in ARTEFACTS:
        assert build.is_current(each, (tmp_path / each.file_name).read_bytes())


def test_seals_find_every_change() -> None:
    """Each byte flipped, each length but the right one, another key, another machine: refused."""
    key = bytes(range(32))
    data = seal(b"some contents", key, "x86_64")
    assert bytes(unseal(data, key, "x86_64")) == bytes(unseal(data, None, "x86_64")) == b"some contents"
    for k in range(len(data)):
        altered = bytearray(data)
        altered[k] ^= 0x40
        with pytest.raises(SealError):
            unseal(bytes(altered), None, "x86_64")
        with pytest.raises(SealError):
            unseal(data[:k], key, "x86_64")
    for other in (data + b"!", seal(b"some contents", bytes(32), "x86_64")):
        with pytest.raises(SealError):
            unseal(other, key, "x86_64")
    with pytest.raises(SealError, match="aarch64"):
        unseal(data, key, "aarch64")
