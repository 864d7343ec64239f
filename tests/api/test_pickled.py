"""Pickles and copies: of modules, with their code, and of what is neither pickled nor copied."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.api import pickled
from jormun.runtime.image import BASELINE, FUNCTION

WAT = """(module (import "env" "twice" (func $twice (param i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 5) "data")
  (func (export "f") (param i32) (result i32) (call $twice (local.get 0)))
  (func (export "g") (result i32) (i32.const 7)))"""
TWICE = {"env": {"twice": lambda x: 2 * x}}
COMPILERS = {
    "jormun.baseline.engine",
    "jormun.validation.body",
    "jormun.text.parser",
    "jormun.binary.decode",
    "llvmlite",
}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> jormun.Module:
    """A module, one of whose functions is compiled, with a cache of its own."""
    monkeypatch.setenv("JORMUN_CACHE_SIZE", "1MiB")
    module = jormun.Module(WAT, config=jormun.Config(tier="baseline", cache=tmp_path))
    assert module.instantiate(TWICE).exports.f(21) == 42
    return module


def compiled(module: jormun.Module) -> set[tuple[str, int]]:
    """The kinds and indices of a module's functions that have code."""
    return {(f.kind, f.index) for image in module.compiled.images() for f in image.functions}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_module_comes_with_its_code(module: jormun.Module, protocol: int) -> None:
    """What was compiled is there, what was not is compiled when it is called, and all else is as it was."""
    again = pickle.loads(pickle.dumps(module, protocol))
    assert (again.data, again.config) == (module.data, module.config)
    assert compiled(again) == {(BASELINE, 1)}
    instance = again.instantiate(TWICE)
    assert (instance.exports.f(4), instance.exports.g()) == (8, 7)
    assert instance.exports.memory.read(5, 4) == b"data"
    assert [str(each) for each in again.exports] == [str(each) for each in module.exports]


def test_a_pickle_of_a_pickle(module: jormun.Module) -> None:
    """Has the code that came, and what was compiled since."""
    again = pickle.loads(pickle.dumps(module))
    again.instantiate(TWICE).exports.g()
    assert compiled(pickle.loads(pickle.dumps(again))) == {(BASELINE, 1), (BASELINE, 2)}


def test_a_compiled_file(module: jormun.Module, tmp_path: Path) -> None:
    """Pickled as it is: with its code, and without the file."""
    module.save(tmp_path / "saved")
    data = pickle.dumps(jormun.Module.open(tmp_path / "saved"))
    (tmp_path / "saved").unlink()
    again = pickle.loads(data)
    assert {(FUNCTION, 1), (FUNCTION, 2)} <= compiled(again)
    assert again.instantiate(TWICE).exports.f(3) == 6


def test_code_of_another_machine_is_left(module: jormun.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another build, or another CPU: the module is compiled anew."""
    data = pickle.dumps(module)
    monkeypatch.setattr(pickled, "pickle_key", lambda data: bytes(32))
    again = pickle.loads(data)
    assert compiled(again) == set()
    assert again.instantiate(TWICE).exports.f(4) == 8


def test_damaged_code_is_left(module: jormun.Module) -> None:
    """The seal finds it out, and the module is read as ever."""
    function, (data, config, sealed) = module.__reduce__()
    assert sealed is not None
    for damaged in (sealed[:-1], sealed[:-1] + b"\xcc", b"", None):
        again = function(data, config, damaged)
        assert compiled(again) == set()
        assert again.instantiate(TWICE).exports.f(4) == 8
    assert compiled(function(data, config, sealed)) == {(BASELINE, 1)}
    with pytest.raises(jormun.MalformedError):
        function(data + b")", config, sealed)


def test_what_is_compiled_later_is_kept(module: jormun.Module, tmp_path: Path) -> None:
    """In the cache, as of any module."""
    again = pickle.loads(pickle.dumps(module))
    again.instantiate(TWICE).exports.g()
    again._keeper._kept.save()
    other = jormun.Module(WAT, config=module.config)
    assert (BASELINE, 2) in compiled(other)


def work(module: jormun.Module, number: int) -> tuple[int, list[str]]:
    """What another process does, and which compilers it has loaded."""
    result = module.instantiate(TWICE).exports.f(number)
    return result, sorted(COMPILERS & set(sys.modules))


def test_processes_of_multiprocessing(module: jormun.Module) -> None:
    """A process that was spawned compiles nothing, nor decodes or validates."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.starmap(work, [(module, 1), (module, 2)]) == [(2, []), (4, [])]


def test_a_copy_is_the_module(module: jormun.Module) -> None:
    """A module does not change."""
    assert copy.copy(module) is module
    assert copy.deepcopy([module])[0] is module


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda i: i, "an instance is not copied or pickled: make another one of its module, or of instance.snapshot"),
        (lambda i: i.exports, "what an instance exports is not"),
        (lambda i: i.exports.f, "a function is not copied or pickled: make an instance of its module"),
        (lambda i: i.exports.m, r"a memory is not copied or pickled: memory\.read\(0, len\(memory\)\)"),
        (lambda i: i.exports.t, "a table is not"),
        (lambda i: i.exports.g, "a global is not"),
        (lambda i: i.exports.e, "a tag is not"),
        (lambda i: i.store, "a store is not"),
    ],
)
def test_what_is_not_copied_says_so(pick: Callable[[jormun.Instance], object], message: str) -> None:
    """With what to do instead."""
    instance = jormun.load(
        """(module (func (export "f")) (memory (export "m") 1) (table (export "t") 1 funcref)
        (global (export "g") i32 (i32.const 1)) (tag (export "e")))"""
    )
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=message):
            attempt(pick(instance))


def test_errors_cross_processes() -> None:
    """What a guest's call raises in a worker reaches who waits for it."""
    with pytest.raises(jormun.Trap) as trapped:
        jormun.load('(module (func (export "f") unreachable))').exports.f()
    again = pickle.loads(pickle.dumps(trapped.value))
    assert (type(again), str(again), again.kind) == (jormun.Trap, str(trapped.value), trapped.value.kind)
    assert again.backtrace == trapped.value.backtrace != ()
    exhausted = jormun.ExhaustionError(jormun.TrapKind.RESOURCE_LIMIT, message="full")
    assert str(pickle.loads(pickle.dumps(exhausted))) == "full"
    for error in (jormun.MalformedError("m", offset=3), jormun.LinkError("l"), jormun.WasmError("w")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
