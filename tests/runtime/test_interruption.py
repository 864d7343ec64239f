"""Guests are stopped at any moment, in every tier, and leave everything else as it was."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.errors import Trap, TrapKind
from jormun.runtime.interruption import Interruption, running_under

TIERS = ("baseline", "optimizing", "auto")
GUEST = """(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (memory (export "memory") 4)
  (table $t 4 1000000 funcref)
  (global $g (mut i64) (i64.const 0))
  (func $fib (export "fib") (param i32) (result i64)
    (if (result i64) (i32.lt_u (local.get 0) (i32.const 2)) (then (i64.extend_i32_u (local.get 0)))
      (else (i64.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $sum (export "sum") (result i64) (local $k i32) (local $s i64)
    (loop $l
      (local.set $s (i64.add (local.get $s) (i64.load (local.get $k))))
      (local.set $k (i32.add (local.get $k) (i32.const 8)))
      (br_if $l (i32.lt_u (local.get $k) (i32.const 65536))))
    (local.get $s))
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64) (result i64 f64)
    (i64.add (local.get 5) (local.get 7)) (f64.add (local.get 8) (local.get 17)))
  (func (export "tight") (loop $l (br $l)))
  (func (export "calls") (loop $l (drop (call $fib (i32.const 5))) (br $l)))
  (func (export "recursion") (drop (call $fib (i32.const 90))))
  (func (export "vectors") (loop $l (global.set $g (call $sum)) (br $l)))
  (func (export "overflow")
    (loop $l
      (call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
        (global.get $g) (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5) (f64.const 6)
        (f64.const 7) (f64.const 8) (f64.const 9) (f64.const 10))
      drop (global.set $g) (br $l)))
  (func (export "host") (loop $l (drop (call $host (i32.const 1))) (br $l)))
  (func (export "fill") (loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 131072)) (br $l)))
  (func (export "grow")
    (loop $l (drop (memory.grow (i32.const 0))) (drop (table.grow $t (ref.null func) (i32.const 1))) (br $l))))"""
LOOPS = ("tight", "calls", "recursion", "vectors", "overflow", "host", "fill", "grow")
_FIB_20 = 6765


def make(tier: Tier, host: Callable[[int], int] = lambda n: n) -> jormun.Instance:
    return jormun.load(GUEST, {"env": {"host": host}}, config=jormun.Config(tier=tier, cache=False))


def stop(function: Callable[..., object], *arguments: object, after_s: float = 0.02) -> Trap | None:
    """Calls it, and interrupts that after a while, from another thread. What came out."""
    interruption = Interruption()
    timer = threading.Timer(after_s, interruption.interrupt)
    timer.start()
    try:
        with running_under(interruption):
            function(*arguments)
    except Trap as trap:
        return trap
    finally:
        timer.join()
        interruption.close()
    return None


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", LOOPS)
def test_a_guest_is_stopped(tier: Tier, name: str) -> None:
    """Whatever it is doing; the instance can be called again."""
    instance = make(tier)
    for after_s in (0.0, 0.02, 0.05):
        trap = stop(instance.exports[name], after_s=after_s)
        assert trap is not None and trap.kind is TrapKind.INTERRUPTED
    assert instance.exports.fib(20) == _FIB_20
    assert instance.exports.sum() == 0


@pytest.mark.parametrize("tier", TIERS)
def test_random_moments(tier: Tier) -> None:
    """Hundreds of interruptions of one instance change nothing that it, or another one, computes afterwards."""
    stopped, other = make(tier), make(tier)
    choose = random.Random(tier)
    for _ in range(150):
        trap = stop(stopped.exports[choose.choice(LOOPS)], after_s=choose.random() * 0.004)
        assert trap is not None and trap.kind is TrapKind.INTERRUPTED
        assert other.exports.fib(8) == 21
    assert stopped.exports.fib(20) == other.exports.fib(20) == _FIB_20
    assert stopped.exports.sum() == other.exports.sum() == 0


def test_a_guest_that_is_done_in_time_is_left_alone() -> None:
    """And an interruption that comes late does not reach the next one of the thread."""
    instance = make("baseline")
    for _ in range(300):
        interruption = Interruption()
        late = threading.Thread(target=interruption.interrupt)
        try:
            with running_under(interruption):
                late.start()
                instance.exports.fib(5)
        except Trap as trap:
            assert trap.kind is TrapKind.INTERRUPTED
        assert instance.exports.fib(12) == 144
        late.join()
        interruption.close()


def test_only_those_that_were_asked_for_are_stopped() -> None:
    """Another thread's guest runs on until it is its turn."""
    instance = make("baseline")
    interruptions = [Interruption(), Interruption()]
    kinds: list[TrapKind] = []

    def run(interruption: Interruption) -> None:
        with pytest.raises(Trap) as trapped, running_under(interruption):
            instance.exports.tight()
        kinds.append(trapped.value.kind)

    threads = [threading.Thread(target=run, args=(each,)) for each in interruptions]
    for thread in threads:
        thread.start()
    for interruption, thread in zip(interruptions, threads, strict=True):
        assert thread.is_alive()
        interruption.interrupt()
        thread.join()
        interruption.close()
    assert kinds == [TrapKind.INTERRUPTED] * 2


def test_what_a_host_function_calls_is_stopped_alone_or_with_its_caller() -> None:
    """An inner interruption ends the inner guest; an outer one ends both."""
    inner = make("baseline")
    outer = Interruption()
    seen: list[Trap | None] = []

    def host(n: int) -> int:
        if len(seen) < 3:
            seen.append(stop(inner.exports.tight))
        else:
            threading.Timer(0.02, outer.interrupt).start()
            inner.exports.tight()
        return n

    with pytest.raises(Trap) as trapped, running_under(outer):
        make("optimizing", host).exports.host()
    assert [trap.kind for trap in seen if trap is not None] == [TrapKind.INTERRUPTED] * 3
    assert trapped.value.kind is TrapKind.INTERRUPTED
    assert trapped.value.backtrace[-1].function_name == "host"
    assert inner.exports.fib(20) == _FIB_20
    outer.close()


@pytest.mark.parametrize("tier", TIERS)
def test_a_trap_says_where(tier: Tier) -> None:
    """The frames of what was interrupted, innermost first."""
    instance = make(tier)
    instance.exports.fib(20)
    names: set[str | None] = set()
    for _ in range(20):
        trap = stop(instance.exports.recursion)
        assert trap is not None
        names |= {frame.function_name for frame in trap.backtrace}
    assert names <= {"fib", "recursion"} and "fib" in names


def test_many_threads_of_one_interruption() -> None:
    """All that run under it end, and those that begin when it has happened."""
    instance = make("auto")
    interruption = Interruption()
    traps: list[Trap] = []

    def run(name: str) -> None:
        try:
            with running_under(interruption):
                instance.exports[name]()
        except Trap as trap:
            traps.append(trap)

    threads = [threading.Thread(target=run, args=(LOOPS[k % len(LOOPS)],)) for k in range(12)]
    for k, thread in enumerate(threads):
        if k == 8:
            interruption.interrupt()
        thread.start()
    for thread in threads:
        thread.join()
    assert [trap.kind for trap in traps] == [TrapKind.INTERRUPTED] * 12
    interruption.close()
