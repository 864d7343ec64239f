"""Compiled modules: when functions are compiled, and who sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from jormun.errors import WasmError
from jormun.runtime.engine import Progress
from jormun.runtime.image import CodeImage
from jormun.runtime.instantiation import instantiate
from jormun.runtime.layout import Layout
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.text.module import parse_module
from jormun.validation.module import ValidModule, validate

from .conftest import ENGINE

WAT = """(module (table (export "t") funcref (elem $one))
  (func $one (export "one") (result i32) (i32.const 1))
  (func $two (export "two") (result i32) (i32.add (call $one) (call $one)))
  (func (export "indirect") (result i32) (call_indirect (result i32) (i32.const 0)))
  (func $never (export "never") (result i32) (i32.const 9)))"""


class CountingEngine:
    """The optimizing engine, with a list of what it was asked for."""

    name = "counting"
    optimizer = None
    costs = None

    def __init__(self) -> None:
        self.asked: list[int] = []

    def compile(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> CodeImage:
        self.asked += functions
        return ENGINE.compile(module, layout, functions)

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None) -> Iterator[CodeImage]:
        for index in range(len(module.module.functions)):
            yield self.compile(module, layout, (index,))
            if progress is not None:
                progress(index + 1, len(module.module.functions))


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def module(engine: CountingEngine) -> CompiledModule:
    return CompiledModule(validate(parse_module(WAT)), engine)


def test_functions_are_compiled_at_their_first_call(module: CompiledModule, engine: CountingEngine) -> None:
    """Once, whoever calls them, and for all instances."""
    first, second = (instantiate(Store(), module, []).exports for _ in range(2))
    assert engine.asked == []
    assert first["two"].call() == 2
    assert engine.asked == [1, 0]
    assert [exports["one"].call() for exports in (first, second)] == [1, 1]
    assert second["two"].call() == 2
    assert second["indirect"].call() == 1
    assert engine.asked == [1, 0, 2]


def test_compile_all(module: CompiledModule, engine: CountingEngine) -> None:
    """All functions, for instances from before too, with progress; once."""
    before = instantiate(Store(), module, []).exports
    assert before["one"].call() == 1
    seen: list[tuple[int, int]] = []
    module.compile_all(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    asked = len(engine.asked)
    after = instantiate(Store(), module, []).exports
    for exports in (before, after):
        assert [exports[name].call() for name in ("one", "two", "indirect", "never")] == [1, 2, 1, 9]
    module.compile_all()
    assert len(engine.asked) == asked


def test_an_engine_that_fails(module: CompiledModule, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exception comes out of the call, and the next call tries again."""
    exports = instantiate(Store(), module, []).exports

    def fail(*args: object) -> bytes:
        raise WasmError("no code today")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "compile", fail)
        with pytest.raises(WasmError, match="no code today"):
            exports["two"].call()
    assert exports["two"].call() == 2


def test_names_for_backtraces(module: CompiledModule) -> None:
    """Exports name functions where the name section does not."""
    assert module.frame(3).function_index == 3
    assert module.function_name(3) in ("never", None)
    assert module.export_names == {0: "one", 1: "two", 2: "indirect", 3: "never"}
