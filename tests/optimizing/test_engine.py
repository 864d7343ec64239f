"""Functions compiled together, apart, and in other processes behave alike."""

from __future__ import annotations

import pytest

import jormun
from jormun.llvm import pipeline
from jormun.llvm.pipeline import Effort
from jormun.llvm.target import Target
from jormun.optimizing import engine
from jormun.runtime.engine import LoopHead
from jormun.runtime.layout import Layout
from jormun.text.module import parse_module
from jormun.validation.module import validate

CHAIN = "".join(
    f'(func $f{k} (export "f{k}") (param i32) (result i32) (i32.add (i32.const {k}) (call $f{k - 1} (local.get 0))))'
    for k in range(1, 60)
)
OPTIMIZING = jormun.Config(tier="optimizing")
MODULE = f'(module (func $f0 (export "f0") (param i32) (result i32) (local.get 0)) {CHAIN})'


@pytest.mark.parametrize("unit_bytes", [1, 100, 1_000_000], ids=lambda size: f"{size} bytes a unit")
@pytest.mark.parametrize("in_process_bytes", [0, 1_000_000], ids=["processes", "this process"])
def test_units_call_each_other(monkeypatch: pytest.MonkeyPatch, unit_bytes: int, in_process_bytes: int) -> None:
    """However a module is cut into units, and wherever they are compiled, its functions find each other."""
    if unit_bytes == 1 and in_process_bytes == 0:
        unit_bytes = 20
    monkeypatch.setattr(engine, "UNIT_BYTES", unit_bytes)
    monkeypatch.setattr(engine, "IN_PROCESS_BYTES", in_process_bytes)
    module = jormun.Module(MODULE, config=OPTIMIZING)
    seen: list[tuple[int, int]] = []
    module.compile(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (60, 60)
    assert jormun.Instance(module).exports.f59(1) == 1 + sum(range(60))


def test_lazy_functions_call_each_other() -> None:
    """The same, each function compiled when it is first called."""
    assert jormun.load(MODULE, config=OPTIMIZING).exports.f59(1) == 1 + sum(range(60))


def test_every_function_is_in_one_unit() -> None:
    """Partitioning loses and doubles nothing."""
    valid = validate(parse_module(MODULE))
    units = engine.partition(valid)
    assert sorted(index for unit in units for index in unit) == list(range(60))


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
          (func (export "g") (param i32) (result i32) {body * count} (return_call $next (local.get 0))))""",
        config=OPTIMIZING,
    ).exports
    assert exports.f(2) == count + 2
    assert exports.g(2) == count + 3


def _nest(loops: int, locals: int) -> str:
    """A function `f` of loops within loops, each of which goes on as memory says, around code that changes all locals;
    it returns their sum.
    """
    heads = "".join(f"(loop $l{k} (i32.store offset={8 * k} (i32.const 0) (i32.const {k % 2}))" for k in range(loops))
    inner = "".join(f"(local.set {k} (i64.add (local.get {k}) (i64.const {k})))" for k in range(locals))
    ends = "".join(
        f"(if (i32.load offset={8 * k + 4} (i32.const 0)) (then (i32.store offset={8 * k + 4} (i32.const 0)"
        f" (i32.const 0)) (br $l{k}))))"
        for k in reversed(range(loops))
    )
    total = "(i64.const 0)" + "".join(f"(i64.add (local.get {k}))" for k in range(locals))
    return f"""(module (memory (export "m") 1) (func (export "f") (result i64) (local {"i64 " * locals})
      {heads} {inner} {ends} {total}))"""


@pytest.mark.parametrize(("loops", "locals"), [(10, 10), (110, 110), (1_000, 6_000)])
def test_loops_that_change_all_locals(loops: int, locals: int) -> None:
    """A function computes what it should, and compiles in time and memory in proportion to its size, however many
    loops all change the same locals.
    """
    exports = jormun.load(_nest(loops, locals), config=OPTIMIZING).exports
    assert exports.f() == sum(range(locals))
    exports.m.write(4, (1).to_bytes(4, "little"))
    exports.m.write(8 * loops - 4, (1).to_bytes(4, "little"))
    assert exports.f() == 3 * sum(range(locals))


@pytest.mark.parametrize("moved", ["(loop (type $many)", "(call $many)"])
def test_a_function_that_moves_too_many_values(moved: str) -> None:
    """Has an error that says so when it is called, and leaves others alone: two bytes of code may move 2,000 values."""
    values = "i64 " * 1000
    count = 3_000
    code = moved * count + ")" * count * moved.startswith("(loop")
    module = jormun.Module(
        f"""(module (type $many (func (param {values}) (result {values})))
          (func $many (type $many) {"".join(f"(local.get {k})" for k in range(1000))})
          (func (export "f") {"(i64.const 0)" * 1000} {code} {"(drop)" * 1000})
          (func (export "one") (result i32) (i32.const 1)))""",
        config=OPTIMIZING,
    )
    module.compile()
    exports = jormun.Instance(module).exports
    with pytest.raises(jormun.WasmError, match="function 1: its calls and blocks move too many values"):
        exports.f()
    assert exports.one() == 1


@pytest.mark.parametrize(("rounds", "effort"), [(1, Effort.FULL), (1000, Effort.BRIEF)], ids=["small", "large"])
def test_what_is_hot_and_large_is_optimized_briefly(
    monkeypatch: pytest.MonkeyPatch, rounds: int, effort: Effort
) -> None:
    """An entry at a loop counts like its function. It is compiled in the background, and as ever where somebody
    waits.
    """
    found: list[tuple[Effort, bool]] = []

    def compile_text(
        text: str, target: Target, effort: Effort, most_phis: int, *, is_background: bool = False
    ) -> bytes:
        found.append((effort, is_background))
        return pipeline.compile_text(text, target, Effort.LEAST, most_phis)

    monkeypatch.setattr(engine, "compile_text", compile_text)
    body = "(local.set 0 (i32.rotl (local.get 0) (i32.const 5)))" * rounds
    valid = validate(parse_module(f"(module (func (param i32) (loop {body} (br_if 0 (local.get 0)))))"))
    optimizing, layout = engine.OptimizingEngine(), Layout(valid)
    optimizing.improve(valid, layout, [0])
    optimizing.improve(valid, layout, [], [LoopHead(0, 0)])
    optimizing.compile(valid, layout, [0])
    assert found == [(effort, True), (effort, True), (Effort.FULL, False)]
