"""Functions compiled together, apart, and in other processes behave alike."""

from __future__ import annotations

import pytest

import jormun
from jormun.optimizing import engine
from jormun.text.module import parse_module
from jormun.validation.module import validate

CHAIN = "".join(
    f'(func $f{k} (export "f{k}") (param i32) (result i32) (i32.add (i32.const {k}) (call $f{k - 1} (local.get 0))))'
    for k in range(1, 60)
)
MODULE = f'(module (func $f0 (export "f0") (param i32) (result i32) (local.get 0)) {CHAIN})'


@pytest.mark.parametrize("unit_bytes", [1, 100, 1_000_000], ids=lambda size: f"{size} bytes a unit")
@pytest.mark.parametrize("in_process_bytes", [0, 1_000_000], ids=["processes", "this process"])
def test_units_call_each_other(monkeypatch: pytest.MonkeyPatch, unit_bytes: int, in_process_bytes: int) -> None:
    """However a module is cut into units, and wherever they are compiled, its functions find each other."""
    if unit_bytes == 1 and in_process_bytes == 0:
        unit_bytes = 20
    monkeypatch.setattr(engine, "UNIT_BYTES", unit_bytes)
    monkeypatch.setattr(engine, "IN_PROCESS_BYTES", in_process_bytes)
    module = jormun.Module(MODULE)
    seen: list[tuple[int, int]] = []
    module.compile(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (60, 60)
    assert jormun.Instance(module).exports.f59(1) == 1 + sum(range(60))


def test_lazy_functions_call_each_other() -> None:
    """The same, each function compiled when it is first called."""
    assert jormun.load(MODULE).exports.f59(1) == 1 + sum(range(60))


def test_every_function_is_in_one_unit() -> None:
    """Partitioning loses and doubles nothing."""
    valid = validate(parse_module(MODULE))
    units = engine.partition(valid)
    assert sorted(index for unit in units for index in unit) == list(range(60))


def test_an_unsupported_function_does_not_stop_the_others() -> None:
    """What this tier cannot compile yet fails when it is called, with a clear error, and not before."""
    module = jormun.Module(
        """(module (type $s (struct (field i32)))
             (func (export "new") (drop (struct.new $s (i32.const 1))))
             (func (export "one") (result i32) (i32.const 1)))"""
    )
    module.compile()
    exports = jormun.Instance(module).exports
    assert exports.one() == 1
    with pytest.raises(jormun.WasmError, match=r"function 0: struct.new is not supported yet"):
        exports.new()


@pytest.mark.parametrize(
    "body",
    [
        "(local.set 0 (i32.add (local.get 0) (i32.const 1)))",
        "(if (i32.const 1) (then (local.set 0 (i32.add (local.get 0) (i32.const 1)))))",
        "(local.set 0 (call $next (local.get 0)))",
    ],
    ids=["straight code", "branches", "calls"],
)
def test_a_hard_function_is_compiled_as_it_comes(body: str) -> None:
    """A function that LLVM's optimizer would take minutes for computes what it should."""
    count = 40_000
    exports = jormun.load(
        f"""(module
          (func $next (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
          (func (export "f") (param i32) (result i32) {body * count} (local.get 0))
          (func (export "g") (param i32) (result i32) {body * count} (return_call $next (local.get 0))))"""
    ).exports
    assert exports.f(2) == count + 2
    assert exports.g(2) == count + 3
