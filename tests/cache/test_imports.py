"""The modules of a start, kept in one file: found there, never believed when they are not what they were."""

from __future__ import annotations

import builtins
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

import jormun.cache
from jormun.binary.encode import encode
from jormun.cache.imports import Imports, clear
from jormun.text.module import parse_module

PROGRAM = '(module (func (export "_start")))'
REPORT = """
import atexit, os, sys
from jormun.cli import command
end = os._exit
def report(status):
    kept = [name for finder in sys.meta_path for name in getattr(finder, "_modules", ())]
    print(len(sys.modules.keys() & kept))
    sys.stdout.flush()
    end(status)
os._exit = report
command.command()
"""
"""The command, which then says how many of its modules came from the cache."""

Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache's folder."""
    return tmp_path / "cache"


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Run:
    """Runs the program in a process of its own: how many of Jormun's modules came from the cache."""
    program = tmp_path / "program.wasm"
    program.write_bytes(encode(parse_module(PROGRAM)))
    source = str(Path(jormun.__file__).parents[1])
    variables = {**os.environ, "JORMUN_CACHE_DIR": str(folder), "JORMUN_CACHE_SIZE": "", "PYTHONPATH": source}

    def run(*options: str, **more: str) -> int:
        words = [sys.executable, "-c", REPORT, "run", *options, str(program)]
        done = subprocess.run(words, capture_output=True, text=True, env={**variables, **more}, check=True)
        assert done.stderr == ""
        return int(done.stdout)

    return run


def _file(folder: Path) -> Path:
    """The one file that there is."""
    (file,) = (folder / "imports").iterdir()
    return file


def test_the_second_start_finds_its_modules(run: Run, folder: Path) -> None:
    """The first keeps what it needed before it compiled, the second nearly all that it needs, and the third has all."""
    assert run() == 0
    first = _file(folder).read_bytes()
    before = run()
    assert before > 50
    kept = _file(folder).read_bytes()
    assert run() >= before and _file(folder).read_bytes() == kept
    assert b"jormun.cli.run" in first and b"jormun.opcodes" not in kept


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"?", lambda data: b""])
def test_damage_is_seen(run: Run, folder: Path, damage: Callable[[bytes], bytes]) -> None:
    """A file that was altered is not believed, and written anew."""
    run()
    kept = run()
    file = _file(folder)
    file.write_bytes(damage(file.read_bytes()))
    assert run() == 0
    assert run() >= kept


def test_without_a_cache(run: Run, folder: Path) -> None:
    """Who wants no cache gets none of this either."""
    for _ in range(3):
        assert run("--no-cache") == 0
        assert run(JORMUN_CACHE_SIZE="0") == 0
    assert not (folder / "imports").exists()


def test_a_folder_that_is_a_file(run: Run, tmp_path: Path, folder: Path) -> None:
    """The run goes on without."""
    folder.mkdir()
    (folder / "imports").write_text("")
    assert run() == 0
    assert run() == 0


def _imports(folder: Path) -> Imports:
    """A finder that has kept one module."""
    imports = Imports(str(folder))
    assert imports.find_spec("jormun.cache.imports", jormun.cache.__path__) is not None
    imports.save()
    return Imports(str(folder))


def test_modules_are_like_any_other(folder: Path) -> None:
    """They have their name, their file and the same code; what was not kept is left to Python."""
    imports = _imports(folder)
    spec = imports.find_spec("jormun.cache.imports")
    assert spec is not None and spec.origin == inspect.getsourcefile(clear)
    assert not imports.is_package("jormun.cache.imports") and spec.submodule_search_locations is None
    assert imports.get_code("jormun.cache.imports").co_filename == spec.origin
    assert imports.find_spec("jormun.cli") is None and imports.find_spec("marshal") is None
    module = importlib.util.module_from_spec(spec)
    imports.exec_module(module)
    assert module.__file__ == spec.origin and module.clear(str(folder)) is None


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Has this process import modules of the test's own from a file, by their names and sources."""

    def install(threads: int = 0, **sources: str) -> None:
        monkeypatch.setattr("jormun.cache.imports.count_threads", lambda: threads)
        imports = Imports(str(folder))
        imports._new |= {
            f"jormun.{name}": compile(source, f"/no/{name}.py", "exec") for name, source in sources.items()
        }
        imports.save()
        monkeypatch.setattr(builtins, "__import__", builtins.__import__)
        monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
        Imports(str(folder)).install()

    yield install
    for name in [name for name in sys.modules if name.startswith("jormun.made_up")]:
        del sys.modules[name]
        delattr(jormun, name.rpartition(".")[2])


def _imported(name: str) -> ModuleType:
    """A module, by the statement `from jormun.name import x`."""
    scope: dict[str, object] = {}
    exec(f"from jormun.{name} import x", scope)
    assert scope["x"] == 5
    return sys.modules[f"jormun.{name}"]


def test_modules_are_imported_as_by_importlib(install: Callable[..., None]) -> None:
    """Once, whichever way; with all that importlib gives a module."""
    install(made_up_a="from jormun.made_up_b import x", made_up_b="x = 2 + 3")
    module = _imported("made_up_a")
    assert _imported("made_up_a") is module is importlib.import_module("jormun.made_up_a") is jormun.made_up_a  # type: ignore[attr-defined]
    assert sys.modules["jormun.made_up_b"] is jormun.made_up_b  # type: ignore[attr-defined]
    assert (module.__name__, module.__package__, module.__doc__) == ("jormun.made_up_a", "jormun", None)
    assert module.__file__ == "/no/made_up_a.py" and module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__


def test_an_import_that_fails_leaves_nothing(install: Callable[..., None]) -> None:
    """The next one fails likewise."""
    install(made_up="x = 1 / 0")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _imported("made_up")
        assert "jormun.made_up" not in sys.modules


def test_other_threads_leave_imports_to_importlib(install: Callable[..., None]) -> None:
    """Which lets nobody see a module that is half run."""
    install(4, made_up="import time; time.sleep(0.05); x = 5")
    with ThreadPoolExecutor(4) as pool:
        modules = list(pool.map(_imported, ["made_up"] * 4))
    assert all(module is modules[0] for module in modules)


def test_clear(folder: Path) -> None:
    """Nothing is left; a folder that is not there is no error."""
    clear(str(folder))
    _imports(folder)
    assert _file(folder).exists()
    clear(str(folder))
    assert not list((folder / "imports").iterdir())
