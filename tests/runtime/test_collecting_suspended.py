"""Objects of guests that are suspended while others of their store make objects and collect."""

from __future__ import annotations

import asyncio

import pytest

import jormun

PROGRAM = """(module (type $s (struct (field (mut i32))))
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (func (export "churn") (param $count i32) (local $x (ref null $s))
    (loop $l
      (local.set $x (struct.new $s (i32.const -1)))
      (br_if $l (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (func (export "sum") (param i32) (result i32) (local $kept (ref $s))
    (local.set $kept (struct.new $s (i32.const 1000)))
    (call $add (struct.new $s (local.get 0)) (call $wait (local.get 0)) (struct.new $s (i32.const 5)))
    (i32.add (struct.get $s 0 (local.get $kept))))
  (func $add (param (ref $s) i32 (ref $s)) (result i32)
    (i32.add (i32.add (struct.get $s 0 (local.get 0)) (local.get 1)) (struct.get $s 0 (local.get 2)))))"""


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_a_suspended_guest_keeps_its_objects(tier: str) -> None:
    """Those in its locals and operands, while what it awaits calls the same store."""
    instance: jormun.Instance

    async def wait(value: int) -> int:
        await asyncio.sleep(0)
        instance.exports.churn(400_000)  # several times what comes before the first collection
        await asyncio.sleep(0)
        return value

    config = jormun.Config(tier=tier, cache=False)  # type: ignore[arg-type]
    instance = jormun.load(PROGRAM, {"env": {"wait": wait}}, config=config)

    async def run() -> list[int]:
        return [await instance.exports.sum.call_async(7) for _ in range(3)]

    assert asyncio.run(run()) == [7 + 7 + 5 + 1000] * 3
