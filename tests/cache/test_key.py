"""Keys: the same for the same, and another for whatever makes other code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.cache import key
from jormun.cache.key import module_key
from jormun.runtime.native import support


def test_what_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The module, the settings, the version, and the CPU."""
    first = module_key(b"module", "auto")
    assert module_key(b"module", "auto") == first and len(first) == 32
    others = [module_key(b"modulf", "auto"), module_key(b"module", "optimizing"), module_key(b"module", "auto", "")]
    with monkeypatch.context() as patch:
        patch.setattr(key, "VERSION", "9.9.9")
        others.append(module_key(b"module", "auto"))
    cpu = tmp_path / "cpuinfo"
    for text in ("flags : sse4_1 avx2\ncpu MHz : 1000\n\nprocessor : 1\n", "flags : sse4_1\n", ""):
        cpu.write_text(text)
        monkeypatch.setattr(support, "_CPU_FILE", str(cpu))
        others.append(module_key(b"module", "auto"))
    assert len({first, *others}) == 1 + len(others)
    cpu.write_text("flags : sse4_1 avx2\ncpu MHz : 2000\n\nprocessor : 1\n")
    assert module_key(b"module", "auto") == others[-3]  # the clock does not count


def test_without_a_list_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has none still gives a key."""
    monkeypatch.setattr(support, "_CPU_FILE", "/no/such/file")
    assert len(module_key(b"", "auto")) == 32


def test_a_build_of_the_same_version(tmp_path: Path) -> None:
    """In a source tree a changed file counts, elsewhere another installation."""
    package = tmp_path / "src" / "jormun"
    shutil.copytree(Path(key.__file__).parent.parent, package, ignore=shutil.ignore_patterns("__pycache__"))

    def found() -> str:
        script = "from jormun.cache.key import module_key; print(module_key(b'', 'auto').hex())"
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(package.parent)!r}); {script}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    installed = found()
    assert found() == installed
    shutil.copy(package / "cache" / "build.py", package / "again.py")
    (package / "again.py").replace(package / "cache" / "build.py")
    assert found() != installed
    (tmp_path / "pyproject.toml").write_text("")
    in_tree = found()
    with (package / "limits.py").open("a") as file:
        file.write("# changed\n")
    assert found() not in (in_tree, installed)


def test_another_llvm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Code of one llvmlite is not found with another one, nor with none, and to ask imports nothing."""
    found = {module_key(b"", "auto")}
    for name in ("one", "two"):
        (tmp_path / name / "llvmlite").mkdir(parents=True)
        (tmp_path / name / "llvmlite" / "__init__.py").write_text("raise ImportError")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / name)
            found.add(module_key(b"", "auto"))
    monkeypatch.setattr(sys, "meta_path", [])
    found.add(module_key(b"", "auto"))
    assert len(found) == 4
