"""Python's handlers of signals run while the main thread is in a guest, and the guest does not notice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.runtime.native.machine import Native
from jormun.runtime.native.tick import INTERVAL_S

from .test_interruption import LOOPS, TIERS, make

LONG = """(module
  (memory (export "memory") 1)
  (global $g (mut v128) (v128.const i64x2 1 2))
  (func $mix (param v128 f64 i64 i64 i64 i64 i64 i64 i64 i64) (result v128)
    (i64x2.add (v128.xor (local.get 0) (i64x2.splat (local.get 9)))
      (i64x2.add (i64x2.splat (i64.reinterpret_f64 (local.get 1))) (i64x2.splat (local.get 8)))))
  (func (export "run") (param $n i64) (result i64)
    (local $k i64) (local $f f64) (local $v v128) (local $w v128) (local $j i32)
    (local.set $f (f64.const 1))
    (loop $l
      (local.set $f (f64.add (f64.sqrt (local.get $f)) (f64.convert_i64_u (i64.and (local.get $k) (i64.const 15)))))
      (local.set $j (i32.const 0))
      (loop $fill
        (i32.store (i32.mul (local.get $j) (i32.const 4))
          (i32.add (i32.load (i32.mul (local.get $j) (i32.const 4))) (i32.xor (local.get $j) (i32.const 77))))
        (br_if $fill (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 64))))
      (local.set $w (f32x4.add (local.get $w) (f32x4.splat (f32.demote_f64 (local.get $f)))))
      (local.set $v (i8x16.add (i64x2.add (local.get $v) (v128.load (i32.const 64))) (local.get $w)))
      (global.set $g (call $mix (local.get $v) (local.get $f) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
        (i64.const 5) (i64.const 6) (local.get $k) (i64x2.extract_lane 1 (global.get $g))))
      (br_if $l (i64.lt_u (local.tee $k (i64.add (local.get $k) (i64.const 1))) (local.get $n))))
    (i64.xor (i64x2.extract_lane 0 (global.get $g))
      (i64.xor (i64x2.extract_lane 1 (local.get $v)) (i64x2.extract_lane 0 (local.get $w))))))"""


class Alarm(Exception):
    """What the handler raises."""


@pytest.fixture
def ticking() -> Iterator[None]:
    """A fast timer."""
    tick = Native.get().tick
    Native.get().stacks.current()
    tick.start(0.001)
    yield
    tick.start(INTERVAL_S)


@pytest.fixture
def alarms() -> Iterator[list[int]]:
    """Handlers of SIGALRM count; the first five return, the sixth raises."""
    seen: list[int] = []

    def handle(number: int, frame: object) -> None:
        seen.append(number)
        if len(seen) == 6:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Alarm

    before = signal.signal(signal.SIGALRM, handle)
    yield seen
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", LOOPS)
def test_handlers_run(tier: Tier, name: str, alarms: list[int]) -> None:
    """A guest goes on when they return; what they raise comes out of the call, as it is, and the instance lives on."""
    instance = make(tier)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    with pytest.raises(Alarm):
        instance.exports[name]()
    assert len(alarms) == 6
    assert instance.exports.fib(20) == 6765
    assert instance.exports.sum() == 0


@pytest.mark.parametrize("tier", TIERS)
def test_a_guest_computes_the_same(tier: Tier, ticking: None) -> None:
    """Vectors, floats, the overflow area and flags are as they were, however often it is interrupted."""
    calls: list[int] = []
    other = make("baseline")

    def handle(number: int, frame: object) -> None:
        calls.append(other.exports.fib(6))
        with pytest.raises(jormun.Trap):
            broken.exports.run(1)
        signal.setitimer(signal.ITIMER_REAL, 0.002)  # not before it is done

    config = jormun.Config(tier=tier, cache=False)
    broken = jormun.load('(module (memory 0) (func (export "run") (param i64) (drop (i32.load (i32.const 0)))))')
    expected = jormun.load(LONG, config=config).exports.run(1_000_000)
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    try:
        for _ in range(3):
            assert jormun.load(LONG, config=config).exports.run(1_000_000) == expected
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert calls and set(calls) == {8}


def test_before_there_are_services() -> None:
    """A signal may come before an instance was ever made: what it asks for is there from the beginning."""
    script = """
from jormun.runtime import layout
from jormun.runtime.native import glue_data, pages
from jormun.runtime.native.machine import Native
native = Native.get()
at = native.code.data + glue_data.service_record("jormun_attention") + layout.HOST_CALLABLE
print(pages.read_u64(at) != 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
