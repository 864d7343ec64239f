"""Functions that pass each other what is left of the fuel in a register: results, counts and backtraces are as ever."""

from __future__ import annotations

import pytest

import jormun
from jormun import Config, Limits, Trap
from jormun.optimizing.engine import OptimizingEngine
from jormun.runtime.image import FUNCTION, PART
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.runtime.tiering.settings import Tiering
from jormun.text.module import parse_module
from jormun.validation.module import validate

CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "changing": Config(tier="auto", cache=False, tiering=Tiering(threshold=2, seed=1, is_synchronous=True)),
}
COUNT = 40
LIBRARY = f"""
(module
  (func $nothing (param i32))
  (func $long (param i64 i64 i64 i64 i64) (result i64)
    (i64.add (i64.add (local.get 0) (local.get 1))
      (i64.add (local.get 2) (i64.mul (local.get 3) (local.get 4)))))
  (func $real (param f64 f32) (result f64) (f64.add (local.get 0) (f64.promote_f32 (local.get 1))))
  (func $vector (param v128) (result v128) (i32x4.add (local.get 0) (local.get 0)))
  (func $several (param i32) (result i32 f64 i64)
    (local.get 0) (f64.convert_i32_s (local.get 0)) (i64.extend_i32_s (local.get 0)))
  (func $many {"(param i64)" * COUNT} (result i64) (i64.sub (local.get 0) (local.get {COUNT - 1})))
  (func $tail (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
    (return_call $tail (i32.sub (local.get 0) (i32.const 1))))
  (func (export "all") (param i32) (result i64) (local $sum i64) (local $f f64) (local $n i64)
    (loop
      (call $nothing (local.get 0))
      (local.set $sum (i64.add (local.get $sum) (call $long (i64.const 1) (i64.const 2) (i64.const 3)
        (i64.extend_i32_u (local.get 0)) (i64.const 5))))
      (local.set $f (call $real (f64.const 0.5) (f32.const 1.5)))
      (local.set $sum (i64.add (local.get $sum) (i64x2.extract_lane 1 (call $vector (v128.const i64x2 3 4)))))
      (call $several (local.get 0))
      (local.set $n) (local.set $f (f64.add (local.get $f)))
      (i64.extend_i32_u) (local.set $sum (i64.add (local.get $sum)))
      (local.set $sum (i64.add (local.get $sum) (i64.add (local.get $n) (i64.trunc_f64_s (local.get $f)))))
      (local.set $sum (i64.add (local.get $sum)
        (call $many {"".join(f"(i64.const {k})" for k in range(COUNT))})))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $tail (local.get 0)))))
      (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
    (local.get $sum))
  (func $deep (export "deep") (param i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (call $deep (i32.sub (local.get 0) (i32.const 1)))))
"""


def test_whatever_functions_take_and_return() -> None:
    """All kinds of values, several of them, more than registers hold, and tail calls behind them."""
    found = set()
    for config in CONFIGS.values():
        instance = jormun.load(LIBRARY, config=config, limits=Limits(fuel=10**9))
        found.add((instance.exports.all(9), instance.limits.usage.fuel))
    assert len(found) == 1
    assert jormun.load(LIBRARY, config=CONFIGS["optimizing"]).exports.all(9) == found.pop()[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_fuel_may_end_and_come_back_anywhere(name: str) -> None:
    """In whatever function it is given, what that leaves is what its callers go on with."""
    expected = jormun.load(LIBRARY, config=CONFIGS[name], limits=Limits(fuel=10**9))
    result = expected.exports.all(3)

    def more(limits: jormun.Allowance) -> None:
        limits.fuel += 5

    instance = jormun.load(LIBRARY, config=CONFIGS[name], limits=Limits(fuel=0, on_empty=more))
    assert instance.exports.all(3) == result
    assert instance.limits.usage.fuel == expected.limits.usage.fuel


@pytest.mark.parametrize("name", CONFIGS)
def test_a_backtrace_has_each_call_once(name: str) -> None:
    """What a function is called through from outside of its unit is no call."""
    with pytest.raises(Trap) as caught:
        jormun.load(LIBRARY, config=CONFIGS[name], limits=Limits(fuel=10**9)).exports.deep(4)
    assert [frame.function_name for frame in caught.value.backtrace] == ["deep"] * 5


def test_what_others_call_is_the_function() -> None:
    """The code that takes what is left is a part of it; a function that no other of its unit calls has none."""
    valid = validate(parse_module(LIBRARY))
    image = OptimizingEngine(costs=Costs()).compile(valid, Layout(valid), range(9))
    kinds = {(function.index, function.kind) for function in image.functions}
    assert {index for index, kind in kinds if kind == FUNCTION} == set(range(9))
    assert {index for index, kind in kinds if kind == PART} <= {0, 1, 2, 3, 4, 5, 8}
    assert (8, PART) in kinds


def test_a_function_that_cannot_be_compiled_is_called_all_the_same() -> None:
    """By what passes it what is left where that is looked for."""
    values, loops = "i64 " * 1000, "(loop (type $many)" * 3000 + ")" * 3000
    wat = f"""(module (type $many (func (param {values}) (result {values})))
      (func $long (param i32) (result i32) {"(i64.const 0)" * 1000} {loops} {"(drop)" * 1000} (local.get 0))
      (func (export "f") (param i32) (result i32)
        (if (local.get 0) (then (return (call $long (i32.const 1))))) (i32.const 5)))"""
    module = jormun.Module(wat, config=CONFIGS["optimizing"])
    module.metered.compile_all()
    instance = module.instantiate(limits=Limits(fuel=100))
    assert instance.exports.f(0) == 5
    with pytest.raises(jormun.UnsupportedError):
        instance.exports.f(1)


def test_exceptions_leave_what_is_left() -> None:
    """Through functions that had it in a register, to one that looks for it in memory."""
    wat = """(module (tag $t (param i32))
      (func $throws (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $t (local.get 0)))))
      (func $between (param i32) (result i32) (call $throws (local.get 0)) (call $throws (i32.const 2)) (i32.const 9))
      (func $catches (param i32) (result i32)
        (block $caught (result i32) (try_table (result i32) (catch $t $caught) (call $between (local.get 0)))))
      (func (export "f") (param i32) (result i32) (local $sum i32)
        (loop
          (local.set $sum (i32.add (local.get $sum) (call $catches (local.get 0))))
          (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
        (local.get $sum)))"""
    found = set()
    for config in CONFIGS.values():
        instance = jormun.load(wat, config=config, limits=Limits(fuel=10**6))
        found.add((instance.exports.f(9), instance.limits.usage.fuel))
    assert [result for result, _ in found] == [9 + 7 + 5 + 3 + 1 + 4 * 9]
