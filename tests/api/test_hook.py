"""`import` of WebAssembly modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import jormun
import jormun.hook
from jormun.binary.encode import encode

CALC = """(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "four times") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 4)))
  (func (export "_private")) (func (export "__doc__")) (func (export "__file__")) (func (export "class"))
  (memory (export "memory") 1) (global (export "count") (mut i32) (i32.const 7)))"""
USES = """(module (import "{module}" "{name}" (func $f (param i32) (result i32)))
  (func (export "use") (param i32) (result i32) (call $f (local.get 0))))"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path; what is imported from it is forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    jormun.hook.install()
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) is None or str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def load(name: str) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module(name)


def use(folder: Path, module: str, name: str, file: str = "user.wat") -> ModuleType:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(USES.format(module=module, name=name))
    return load(file.removesuffix(".wat").replace("/", "."))


def test_exports_are_attributes(folder: Path) -> None:
    """Functions, memories and the like; names that are none of Python's are in the instance."""
    (folder / "calc.wat").write_text(CALC)
    calc = load("calc")
    assert calc.add(2, 3) == 5 and calc.memory.size_pages == 1 and calc.count.value == 7
    assert calc.__all__ == ["add", "memory", "count"]
    assert isinstance(calc.__wasm__, jormun.Instance)
    assert calc.__wasm__.exports["four times"](2) == 8
    assert calc.__file__ == str(folder / "calc.wat") and calc.__name__ == "calc"
    assert calc.__doc__.startswith("calc.wat: a WebAssembly module")
    assert '"add": a function of type [i32 i32] -> [i32]' in calc.__doc__
    names: dict[str, object] = {}
    exec("from calc import *", names)
    assert "add" in names and "_private" not in names


def test_binary_modules_come_first_and_python_before_both(folder: Path) -> None:
    """calc.py, then calc.wasm, then calc.wat."""
    binary = jormun.Module('(module (global (export "kind") i32 (i32.const 2)))')
    (folder / "first.wat").write_text("(module)")
    (folder / "first.wasm").write_bytes(encode(binary.valid.module))
    assert load("first").kind.value == 2
    (folder / "second.py").write_text("kind = 3")
    (folder / "second.wasm").write_bytes(encode(binary.valid.module))
    assert load("second").kind == 3


def test_packages(folder: Path) -> None:
    """A package has WebAssembly modules, with and without __init__.py, and they import each other."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("from . import calc")
    (folder / "package" / "calc.wat").write_text(CALC)
    assert load("package").calc.add(1, 2) == 3
    user = use(folder, "calc", "four times", "package/user.wat")
    assert user.use(5) == 20 and user.__wasm__.store is sys.modules["package.calc"].__wasm__.store
    (folder / "plain").mkdir()
    (folder / "plain" / "calc.wat").write_text(CALC)
    assert load("plain.calc").add(1, 1) == 2


def test_python_gives_what_it_says(folder: Path) -> None:
    """`export`, another name, and a dict; numbers are globals."""
    (folder / "host.py").write_text(
        "from jormun.hook import export\n@export\ndef double(x): return 2 * x\ndef triple(x): return 3 * x\n"
        "export(triple, 'three times')\n__wasm_exports__['limit'] = 9\n"
    )
    assert use(folder, "host", "double").use(4) == 8
    assert use(folder, "host", "three times", "second.wat").use(4) == 12
    (folder / "third.wat").write_text('(module (global (export "limit") (import "host" "limit") i32))')
    assert load("third").limit.value == 9


def test_python_gives_nothing_else(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No function that is not exported, no module that exports none, none elsewhere on sys.path, none of the standard
    library; modules elsewhere are not even imported.
    """
    (folder / "host.py").write_text("from jormun.hook import export\n@export\ndef f(x): return x\ndef secret(x): pass")
    with pytest.raises(jormun.LinkError, match='module "host" has no such name; there are "f"') as caught:
        use(folder, "host", "secret")
    assert caught.value.__notes__ == [f"while importing user from {folder}/user.wat"]
    (folder / "silent.py").write_text("def f(x): return x")
    for module in ("silent", "os", "sys", "builtins", "importlib", "a.b", "__main__", "", "none"):
        with pytest.raises(jormun.LinkError, match=f'nothing was given for module "{module}"'):
            use(folder, module, "f")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "away.py").write_text("__wasm_exports__ = {'f': abs}")
    sys.path.append(str(elsewhere))
    try:
        with pytest.raises(jormun.LinkError, match="nothing was given"):
            use(folder, "away", "f")
    finally:
        sys.path.remove(str(elsewhere))
    assert "away" not in sys.modules


def test_modules_that_import_each_other(folder: Path) -> None:
    """WebAssembly cannot be linked in a circle."""
    (folder / "one.wat").write_text(USES.format(module="two", name="use"))
    (folder / "two.wat").write_text(USES.format(module="one", name="use"))
    with pytest.raises(jormun.LinkError, match="imports one, which is still being imported itself"):
        load("one")
    with pytest.raises(jormun.LinkError, match="user, which is still being imported"):
        use(folder, "user", "use")


def test_wasi(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A reactor is initialized, and prints where this process does; it has no files."""
    (folder / "reactor.wat").write_text("""(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
      (global $ready (export "ready") (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $ready (i32.const 1)))
      (func (export "prestat") (result i32) (call $prestat (i32.const 3) (i32.const 32)))
      (func (export "hello") (result i32) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))""")
    reactor = load("reactor")
    assert reactor.ready.value == 1 and reactor.hello() == 0 and reactor.prestat() == 8
    assert capfd.readouterr().out == "hello\n"


def test_reload(folder: Path) -> None:
    """A new instance of what the file has then, in the same module."""
    (folder / "counter.wat").write_text('(module (global (export "n") (mut i32) (i32.const 1)))')
    counter = load("counter")
    counter.n.value = 5
    old = counter.n
    (folder / "counter.wat").write_text('(module (global (export "n") (mut i32) (i32.const 2)))')
    assert importlib.reload(counter) is counter
    assert counter.n.value == 2 and old.value == 5


def test_what_is_no_module(folder: Path) -> None:
    """The error of the module, with a note of what was imported; no half-made module stays."""
    (folder / "broken.wasm").write_bytes(b"\0asm\1\0\0\0\xff")
    (folder / "invalid.wat").write_text("(module (func (result i32)))")
    (folder / "empty.wasm").write_bytes(b"")
    for name, kind in (("broken", jormun.MalformedError), ("invalid", jormun.InvalidError)):
        with pytest.raises(kind) as caught:
            load(name)
        assert f"while importing {name} from" in caught.value.__notes__[0]
        assert name not in sys.modules
    with pytest.raises(jormun.MalformedError):
        load("empty")
    with pytest.raises(ModuleNotFoundError):
        load("nothing_of_this_name")


def test_uninstalling(folder: Path) -> None:
    """Nothing more is found then."""
    (folder / "late.wat").write_text("(module)")
    jormun.hook.uninstall()
    jormun.hook.uninstall()
    try:
        with pytest.raises(ModuleNotFoundError):
            load("late")
    finally:
        jormun.hook.install()
    assert load("late").__all__ == []
