"""What guests may take, as users see it: bounds that hold in every tier, and what is said of them."""

from __future__ import annotations

import asyncio
import gc
import math
import subprocess
import threading
import time
from pathlib import Path

import pytest

import jormun
from jormun import TrapKind
from jormun.hints import Callable

TIERS = ("baseline", "optimizing")
GUEST = """(module
  (import "env" "host" (func $host))
  (memory (export "memory") 0) (table $t (export "table") 0 externref)
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
  (func (export "spin") (loop (br 0)))
  (func (export "host") (call $host))
  (func (export "grow table") (param i32) (result i32) (table.grow $t (ref.null extern) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"""
ENDLESS = 1_000_000_000


def guest(
    limits: jormun.Limits | None = None,
    tier: str = "baseline",
    host: Callable[[], object] = lambda: None,
    store: jormun.Store | None = None,
) -> jormun.Instance:
    """An instance of GUEST."""
    config = jormun.Config(tier=tier, cache=False)  # type: ignore[arg-type]
    return jormun.load(GUEST, {"env": {"host": host}}, limits=limits, store=store, config=config)


def depth(instance: jormun.Instance) -> int:
    """How deep `deep` gets, to a hundredth or so."""
    reached, failed = 0, 2_000_000
    while failed - reached > 10 + reached // 100:
        middle = (reached + failed) // 2
        try:
            assert instance.exports.deep(middle) == middle
            reached = middle
        except jormun.ExhaustionError as error:
            assert error.kind is TrapKind.STACK_EXHAUSTED
            failed = middle
    return reached


def test_without_limits_a_guest_cannot_take_all_memory() -> None:
    """Growing ends with the default, though nothing was said of limits."""
    first = guest()
    second = guest(store=first.store)
    left = jormun.Limits().memory_bytes >> 16
    assert first.exports.grow(1) == 0
    assert second.exports.grow(left) == -1
    with pytest.raises(jormun.ExhaustionError, match=r"Limits\.memory"):
        second.exports.memory.grow(left)


@pytest.mark.parametrize("tier", TIERS)
def test_stacks_are_bounded(tier: str) -> None:
    """Calls get as deep as their stack allows, and no deeper, and the instance goes on."""
    whole = depth(guest(tier=tier))
    for size, part in (("64KiB", 1 / 128), ("1MiB", 1 / 8), ("4MiB", 1 / 2), ("8MiB", 1.0)):
        instance = guest(jormun.Limits(stack=size), tier)
        assert 0.75 * part * whole <= depth(instance) <= 1.1 * part * whole, size
        with pytest.raises(jormun.ExhaustionError, match="call stack exhausted"):
            instance.exports.deep(ENDLESS)
        assert instance.exports.deep(10) == 10


def test_a_bounded_stack_bounds_its_own_store_alone() -> None:
    """A thread's other guests have all of it, before, behind and inside of such calls."""
    other = guest()
    whole = depth(other)
    depths = []
    small = guest(jormun.Limits(stack="64KiB"), host=lambda: depths.append(depth(other)))
    small.exports.host()
    assert depths[0] < whole / 50, "it is nested in a call with little room"
    assert depth(other) >= 0.9 * whole
    outer = guest(host=lambda: depths.append(depth(small)))
    outer.exports.host()
    assert depths[1] < whole / 50


def test_stacks_of_other_threads_and_awaited_calls_are_bounded() -> None:
    """Wherever a call runs, it has what the limits say."""
    whole = depth(guest())
    small = guest(jormun.Limits(stack="1MiB"))
    depths: list[int] = []
    thread = threading.Thread(target=lambda: depths.append(depth(small)))
    thread.start()
    thread.join()
    assert depths[0] < whole / 6

    async def deep(instance: jormun.Instance) -> None:
        await instance.exports.deep.call_async(whole // 2)

    asyncio.run(deep(guest()))
    with pytest.raises(jormun.ExhaustionError, match="call stack exhausted"):
        asyncio.run(deep(small))
    assert small.exports.deep(10) == 10


def test_host_functions_and_growth_run_on_the_smallest_stack() -> None:
    """What the host does for a guest has room of its own; a host function that calls back has the guest's."""
    calls: list[int] = []

    def host() -> None:
        calls.append(len(calls))
        instance.exports.grow(1)
        if len(calls) < 10_000:
            instance.exports.host()

    instance = guest(jormun.Limits(stack="64KiB"), host=host)
    with pytest.raises((jormun.ExhaustionError, RecursionError)):
        instance.exports.host()
    assert len(calls) > 10
    assert instance.exports.deep(10) == 10


def test_handlers_run_on_the_smallest_stack() -> None:
    """A guest with little room is stopped like any other."""
    instance = guest(jormun.Limits(stack="64KiB"))
    timer = threading.Timer(0.05, instance.interrupt)
    timer.start()
    with pytest.raises(jormun.Trap, match="interrupted"):
        instance.exports.spin()
    timer.join()


def test_elements_are_bounded_for_all_tables_of_a_store() -> None:
    """What one table has, another cannot; it is given back."""
    store = jormun.Store(limits=jormun.Limits(table_elements=10))
    first, second = guest(store=store), guest(store=store)
    assert first.exports["grow table"](6) == 0
    assert second.exports["grow table"](5) == -1
    assert second.exports["grow table"](4) == 0
    assert first.limits.usage.table_elements == 10
    with pytest.raises(jormun.ExhaustionError, match=r"all tables of a store may have 10 elements"):
        second.exports.table.grow(1)
    with pytest.raises(jormun.ExhaustionError, match=r"beyond the limits: all tables of a store may have 10"):
        jormun.load("(module (table 1 funcref))", store=store)


def test_elements_of_instances_that_are_made_again() -> None:
    """Instances made of the parts of dead ones take their elements from their own store's limits."""
    module = jormun.Module("(module (memory 1) (table 5 5 funcref) (table 5 externref))")
    for _ in range(5):
        instance = jormun.Instance(module, limits=jormun.Limits(table_elements=10))
        assert instance.limits.usage.table_elements == 10
        del instance
    with pytest.raises(jormun.ExhaustionError, match="9 elements"):
        jormun.Instance(module, limits=jormun.Limits(table_elements=9))


def test_instances_are_bounded() -> None:
    """A store has so many; others have their own."""
    module = jormun.Module("(module)")
    store = jormun.Store(limits=jormun.Limits(instances=2))
    instances = [jormun.Instance(module, store=store) for _ in range(2)]
    assert instances[0].limits.usage.instances == 2
    with pytest.raises(jormun.ExhaustionError, match=r"a store may have 2 instances \(Limits.instances\)"):
        jormun.Instance(module, store=store)
    with pytest.raises(jormun.ExhaustionError):
        jormun.Instance(module, limits=jormun.Limits(instances=0))
    assert jormun.Instance(module).limits.usage.instances == 1


def test_objects_of_the_host_that_a_guest_collects_are_bounded() -> None:
    """A guest that has the host make objects for ever is ended; what it got is given up with its store."""
    collect = """(module (import "env" "make" (func $make (result externref)))
      (func (export "collect") (loop (drop (call $make)) (br 0))))"""
    made: list[int] = []

    class Thing:
        """An object that says when it dies."""

        def __init__(self) -> None:
            made.append(1)

        def __del__(self) -> None:
            made.append(-1)

    instance = jormun.load(collect, {"env": {"make": Thing}}, limits=jormun.Limits(memory="64KiB"))
    with pytest.raises(jormun.ExhaustionError, match=r"guests hold 256 objects of the host already: .*65,536 bytes"):
        instance.exports.collect()
    assert sum(made) >= 256
    del instance
    gc.collect()
    assert sum(made) == 0


@pytest.mark.parametrize("tier", TIERS)
def test_processor_time_is_bounded(tier: str) -> None:
    """A guest that computes is ended, for each call anew; TimeoutError is Python's, too."""
    instance = guest(jormun.Limits(cpu_timeout=0.03), tier)
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"0\.03 s of processor time") as caught:
            instance.exports.spin()
        assert isinstance(caught.value, jormun.TimeoutError) and caught.value.backtrace
    assert instance.exports.deep(10) == 10


def test_who_sleeps_does_not_pay() -> None:
    """Waiting takes no processor."""
    instance = guest(jormun.Limits(cpu_timeout=0.1), host=lambda: time.sleep(0.3))
    instance.exports.host()
    used = instance.limits.usage
    assert used.wall_s >= 0.3 > used.cpu_s


def test_processor_time_of_awaited_calls() -> None:
    """They pay for all that they compute, in however many steps, and not for what they await."""

    async def host() -> None:
        await asyncio.sleep(0.2)

    instance = guest(jormun.Limits(cpu_timeout=0.1), host=host)

    async def main() -> None:
        await instance.exports.host.call_async()
        with pytest.raises(TimeoutError, match=r"0\.1 s of processor time"):
            await instance.exports.spin.call_async()

    asyncio.run(main())
    assert instance.exports.deep(10) == 10


def test_the_earlier_of_two_times_counts() -> None:
    """Both bound the same call."""
    with pytest.raises(TimeoutError, match=r"after 0\.02 s(\n|$)"):
        guest(jormun.Limits(timeout=0.02, cpu_timeout=60), host=lambda: time.sleep(0.1)).exports.host()
    with pytest.raises(TimeoutError, match=r"after 0\.02 s of processor time"):
        guest(jormun.Limits(timeout=60, cpu_timeout=0.02)).exports.spin()


def test_usage_without_bounds_on_time() -> None:
    """Infinity bounds nothing, and measures; nested calls are counted once."""
    inner = guest(jormun.Limits(timeout=math.inf))
    outer = guest(host=inner.exports.host, store=inner.store)
    before = time.monotonic(), time.thread_time()
    outer.exports.host()
    after = time.monotonic(), time.thread_time()
    used = outer.limits.usage
    assert 0 < used.wall_s <= after[0] - before[0]
    assert 0 < used.cpu_s <= after[1] - before[1]
    assert (used.instances, used.table_elements, used.memory_bytes, used.fuel) == (2, 0, 0, 0)


def test_usage_while_a_guest_runs() -> None:
    """A host function sees what the call that it is part of has used."""
    seen: list[jormun.Usage] = []

    def host() -> None:
        seen.append(instance.limits.usage)

    instance = guest(jormun.Limits(timeout=60, fuel=1000), host=host)
    instance.exports.grow(2)
    instance.exports.host()
    assert seen[0].wall_s > 0 and seen[0].fuel > 0 and seen[0].memory_bytes == 2 << 16


def test_fuel_that_is_added_later_serves_later_calls() -> None:
    """A call that ran out is over; the instance is not."""
    instance = guest(jormun.Limits(fuel=100))
    with pytest.raises(jormun.ExhaustionError, match="out of fuel") as caught:
        instance.exports.spin()
    assert caught.value.kind is TrapKind.FUEL_EXHAUSTED
    with pytest.raises(jormun.ExhaustionError, match="out of fuel"):
        instance.exports.deep(3)
    instance.limits.fuel += 1000
    assert instance.exports.deep(3) == 3
    assert 100 < instance.limits.usage.fuel < 1100


def test_fuel_that_is_added_in_time_resumes_the_call() -> None:
    """on_empty is how a call goes on where it was; in an awaited one, the event loop runs on in between."""
    added = []

    def more(allowance: jormun.Allowance) -> None:
        added.append(1)
        allowance.fuel += 1000

    instance = guest(jormun.Limits(fuel=0, on_empty=more))
    assert instance.exports.deep(1000) == 1000
    assert asyncio.run(instance.exports.deep.call_async(1000)) == 1000
    assert len(added) > 5


SPIN = '(module (func (export "_start") (loop (br 0))))'
WAIT = """(module (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 24) "\\00\\5e\\d0\\b2")
  (func (export "_start") (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"""
"""Sleeps for 3 s, by a relative time of the real-time clock."""
THREADS = """(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (global $failed (mut i32) (i32.const 0))
  (func (export "wasi_thread_start") (param i32 i32)
    (loop (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))) (br 0)))
  (func (export "_start") (local $started i32)
    (block $done (loop
      (br_if $done (i32.lt_s (call $spawn (i32.const 0)) (i32.const 0)))
      (local.set $started (i32.add (local.get $started) (i32.const 1)))
      (br 0)))
    (if (i32.ne (local.get $started) (i32.const 3)) (then unreachable))))"""


def program(folder: Path, text: str) -> Path:
    """A program's file."""
    path = folder / "program.wat"
    path.write_text(text)
    return path


def test_the_processor_time_of_a_program(tmp_path: Path) -> None:
    """It is subprocess's exception, as for `timeout`, with what the program had printed."""
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        jormun.run([program(tmp_path, SPIN)], cpu_timeout=0.05, timeout=60, capture_output=True)
    assert caught.value.timeout == 0.05 and caught.value.stdout == b""
    assert "processor" in str(caught.value.__cause__)


def test_the_processor_time_of_all_threads_of_a_program(tmp_path: Path) -> None:
    """What its threads compute counts together: the first thread only waits."""
    text = THREADS.replace(
        "(loop (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))) (br 0))", "(loop (br 0))"
    ).replace(
        "(block $done (loop",
        """(drop (call $spawn (i32.const 0)))
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))) (block $done (loop""",
    )
    with pytest.raises(subprocess.TimeoutExpired):
        jormun.run([program(tmp_path, text)], cpu_timeout=0.05)


def test_a_program_that_sleeps_does_not_pay(tmp_path: Path) -> None:
    """And what it used is in the result."""
    done = jormun.run([program(tmp_path, WAIT)], cpu_timeout=2.5)
    assert done.returncode == 0 and done.usage is not None
    assert done.usage.wall_s >= 2.9 > done.usage.cpu_s > 0


def test_all_limits_of_a_program(tmp_path: Path) -> None:
    """`limits` gives those that have no argument of their own; those that have one go before."""
    deep = program(tmp_path, '(module (func $f (call $f)) (func (export "_start") (call $f)))')
    with pytest.raises(jormun.ExhaustionError, match="call stack exhausted"):
        jormun.run([deep], limits=jormun.Limits(stack="64KiB"))
    with pytest.raises(jormun.ExhaustionError, match="out of fuel"):
        jormun.run([deep], limits=jormun.Limits(stack="64KiB", fuel=10**6), fuel=10)
    spin = program(tmp_path, SPIN)
    with pytest.raises(subprocess.TimeoutExpired, match=r"0\.05"):
        jormun.run([spin], limits=jormun.Limits(timeout=0.05))
    with pytest.raises(subprocess.TimeoutExpired, match=r"0\.05"):
        jormun.run([spin], limits=jormun.Limits(timeout=60, cpu_timeout=60), cpu_timeout=0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        asyncio.run(jormun.run_async([spin], limits=jormun.Limits(cpu_timeout=0.05)))
    memory = program(tmp_path, '(module (memory 2) (func (export "_start")))')
    with pytest.raises(jormun.ExhaustionError, match="beyond the limits"):
        jormun.run([memory], memory_limit="64KiB")


def test_threads_of_a_program_are_instances(tmp_path: Path) -> None:
    """A guest has as many threads as the limit on instances leaves it."""
    assert jormun.run([program(tmp_path, THREADS)], limits=jormun.Limits(instances=4)).returncode == 0
