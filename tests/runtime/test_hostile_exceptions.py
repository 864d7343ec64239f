"""Exceptions as nobody writes them: with very many values, clauses, or at the end of the stack."""

from __future__ import annotations

import pytest

import jormun
from jormun import ExhaustionError, Limits, Trap, TrapKind, UnsupportedError, WasmException
from tests.runtime.test_exceptions import CONFIGS, config

__all__ = ["config"]
MOST = 1000


def test_as_many_values_as_there_may_be(config: jormun.Config) -> None:
    """All 1,000 arrive, of every type, in the right places."""
    types = ["i32", "i64", "f32", "f64", "v128"] * (MOST // 5)
    constants = " ".join(
        f"(v128.const i64x2 {k} {k + 1})" if t == "v128" else f"({t}.const {k})" for k, t in enumerate(types)
    )
    text = f"""(module (tag $t (export "t") (param {" ".join(types)}))
      (func $throw (export "throw") {constants} (throw $t))
      (func (export "catch") (result {" ".join(types)})
        (block $h (result {" ".join(types)}) (try_table (catch $t $h) (call $throw)) (unreachable))))"""
    exports = jormun.Instance(jormun.Module(text, config=config)).exports
    expected = tuple(
        k.to_bytes(8, "little") + (k + 1).to_bytes(8, "little") if t == "v128" else k for k, t in enumerate(types)
    )
    assert exports.catch() == expected
    with pytest.raises(WasmException) as raised:
        exports.throw()
    assert raised.value.values == expected


def test_very_many_clauses_are_refused_or_run() -> None:
    """Clauses that together move millions of values make no text of gigabytes."""
    types = " ".join(["i64"] * MOST)
    clauses = "(catch $t $h)" * 3000
    text = f"""(module (tag $t (param {types}))
      (func (export "f") (result {types})
        (block $h (result {types}) (try_table {clauses} (call $g)) (unreachable)))
      (func $g))"""
    exports = jormun.Instance(jormun.Module(text, config=CONFIGS["optimizing"])).exports
    with pytest.raises(UnsupportedError, match="move too many values"):
        exports.f()


def test_try_tables_in_one_another(config: jormun.Config) -> None:
    """The innermost that fits catches, however deep; what fits none goes out through all."""
    depth = 500
    opened = "".join(f"(block $b{k} (try_table (catch $t{k % 7} $b{k}) " for k in range(depth))
    throws = "".join(f"(if (i32.eq (local.get 0) (i32.const {k})) (then (throw $t{k})))" for k in range(8))
    text = f"""(module {"".join(f"(tag $t{k})" for k in range(8))}
      (func $throw (param i32) {throws})
      (func (export "run") (param i32) (result i32)
        {opened} (call $throw (local.get 0)) (return (i32.const -1))
        {"".join(f") (unreachable)) (return (i32.const {k}))" for k in reversed(range(1, depth)))}
        ) (unreachable)) (i32.const 0)))"""
    exports = jormun.Instance(jormun.Module(text, config=config)).exports
    for tag in range(7):
        assert exports.run(tag) == max(k for k in range(depth) if k % 7 == tag)
    with pytest.raises(WasmException):
        exports.run(7)
    assert exports.run(8) == -1


def test_at_the_end_of_the_stack(config: jormun.Config) -> None:
    """A recursion through try_tables exhausts the stack as any does, and one that throws just before is caught."""
    text = """(module (tag $t (param i32)) (global $left (mut i32) (i32.const 0))
      (func $down (param i32)
        (block $h (result exnref)
          (try_table (catch_all_ref $h)
            (global.set $left (local.get 0))
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 9))))
            (call $down (i32.sub (local.get 0) (i32.const 1))))
          (return))
        (throw_ref))
      (func (export "run") (param i32) (result i32)
        (block $h (result i32) (try_table (catch $t $h) (call $down (local.get 0))) (i32.const -1)))
      (func (export "left") (result i32) (global.get $left)))"""
    exports = jormun.Instance(jormun.Module(text, config=config)).exports
    with pytest.raises(ExhaustionError) as raised:
        exports.run(10_000_000)
    assert raised.value.kind is TrapKind.STACK_EXHAUSTED
    most = 10_000_000 - exports.left()
    assert exports.run(most // 2) == 9


def test_ever_new_exceptions_end_at_the_limit(config: jormun.Config) -> None:
    """Not before, and the guest that goes on with those that it knows is not stopped."""
    text = """(module (tag $t (param i64 i64))
      (func $throw (param i64) (throw $t (local.get 0) (local.get 0)))
      (func (export "run") (param $from i64) (param $to i64)
        (loop $l
          (block $h (result i64 i64)
            (try_table (catch $t $h) (call $throw (local.get $from))) (unreachable))
          drop drop
          (br_if $l (i64.lt_u (local.tee $from (i64.add (local.get $from) (i64.const 1))) (local.get $to))))))"""
    exports = jormun.Instance(jormun.Module(text, config=config), limits=Limits(memory="1MiB")).exports
    exports.run(0, 1000)
    with pytest.raises(ExhaustionError) as raised:
        exports.run(0, 1_000_000)
    assert raised.value.kind is TrapKind.RESOURCE_LIMIT
    exports.run(0, 1000)


def test_null_is_no_exception(config: jormun.Config) -> None:
    """throw_ref of null traps, in a try_table too, whose catch_all does not catch that."""
    text = """(module (func (export "run")
      (block $h (try_table (catch_all $h) (throw_ref (ref.null exn))))))"""
    with pytest.raises(Trap) as raised:
        jormun.Instance(jormun.Module(text, config=config)).exports.run()
    assert raised.value.kind is TrapKind.NULL_EXCEPTION_REFERENCE
