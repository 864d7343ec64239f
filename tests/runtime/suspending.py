"""What tests of guests that wait for coroutines share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import jormun
from jormun.api.tier import Tier
from jormun.runtime import layout
from jormun.runtime.native.machine import Native

TIERS: tuple[Tier, ...] = ("baseline", "optimizing", "auto")
GUEST = """(module
  (import "env" "get" (func $get (param i32) (result i32)))
  (import "env" "back" (func $back (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (func (export "get") (param i32) (result i32) (call $get (local.get 0)))
  (func (export "back") (param i32) (result i32) (call $back (local.get 0)))
  (func $sum (export "sum") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call $get (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func $deep (export "deep") (param $n i32) (param $x f64) (param $v v128) (result f64)
    (if (result f64) (local.get $n)
      (then (f64.add (local.get $x)
        (call $deep (i32.sub (local.get $n) (i32.const 1)) (f64.add (local.get $x) (f64.const 0.5)) (local.get $v))))
      (else (f64.convert_i32_s (i32.add (call $get (i32.const 7)) (i32x4.extract_lane 2 (local.get $v)))))))
  (func $boom (param i32) (drop (call $get (i32.const 1))) unreachable)
  (func (export "boom") (call $boom (i32.const 1)))
  (func (export "fault") (result i32) (i32.load (i32.mul (call $get (i32.const 1)) (i32.const 100000000))))
  (func $recurse (param i64) (call $recurse (i64.add (local.get 0) (i64.const 1))))
  (func (export "overflow") (drop (call $get (i32.const 1))) (call $recurse (i64.const 0)))
  (func (export "spin") (loop $again (br $again)))
  (func (export "spin after") (drop (call $get (i32.const 1))) (loop $again (br $again)))
  (func (export "count") (param $n i64) (result i64) (local $s i64)
    (loop $l
      (local.set $s (i64.xor (i64.mul (local.get $s) (i64.const 31)) (local.get $n)))
      (br_if $l (i32.eqz (i64.eqz (local.tee $n (i64.sub (local.get $n) (i64.const 1)))))))
    (local.get $s)))"""


async def double(x: int) -> int:
    """Waits for a round of the loop."""
    await asyncio.sleep(0)
    return 2 * x


def make(
    get: Callable[..., Any] = double, back: Callable[..., Any] = abs, tier: Tier = "baseline", **options: Any
) -> jormun.Instance:
    imports = {"env": {"get": get, "back": back}}
    return jormun.load(GUEST, imports, config=jormun.Config(tier=tier, cache=False), **options)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, in an event loop of its own."""
    return asyncio.run(coroutine)


def free_stacks() -> int:
    """How many stacks could be taken that were used before, others aside."""
    gc.collect()
    stacks = Native.get().stacks
    return stacks.size_bytes // layout.STACK_BLOCK_BYTES - len(stacks._used)


def run_to_wait(instance: jormun.Instance) -> Coroutine[Any, Any, object]:
    """A call that waits."""
    coroutine: Coroutine[Any, Any, object] = instance.exports.get.call_async(1)
    coroutine.send(None)
    return coroutine


class Ready:
    """An awaitable that waits for whoever drives it, with no event loop."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield self
        return self.value


async def ready(x: int) -> int:
    """Waits once."""
    return int(await Ready(x))
