"""Guests that wait for coroutines of the host: `Func.call_async`."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.errors import TrapKind
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
    return len(stacks._free) + (stacks.end - stacks._unused) // (8 << 20)


@pytest.mark.parametrize("tier", TIERS)
def test_guests_wait_for_coroutines(tier: Tier) -> None:
    """Results arrive, locals and all that is on the stack stay, however deep the guest is."""
    exports = make(tier=tier).exports
    assert run(exports.sum.call_async(100)) == 10100
    lanes = b"".join(k.to_bytes(4, "little") for k in (1, 2, 30, 4))
    assert run(exports.deep.call_async(50, 1.0, lanes)) == sum(1 + k / 2 for k in range(50)) + 44


def test_the_event_loop_runs_on() -> None:
    """Other tasks run while guests wait, and guests take turns; each has its own stack."""
    events: list[str] = []

    def instance(name: str) -> jormun.Instance:
        async def get(x: int) -> int:
            events.append(f"{name} asks {x}")
            await asyncio.sleep(0)
            events.append(f"{name} gets {x}")
            return x

        return make(get)

    async def main() -> list[object]:
        return await asyncio.gather(*(instance(name).exports.sum.call_async(2) for name in "ab"))

    assert run(main()) == [3, 3]
    assert events == [
        "a asks 2", "b asks 2", "a gets 2", "a asks 1", "b gets 2", "b asks 1", "a gets 1", "b gets 1",
    ]  # fmt: skip


class Object:
    """Callable in several ways."""

    async def method(self, x: int) -> int:
        return x + 1

    async def __call__(self, x: int) -> int:
        return x + 1


async def add(x: int, y: int) -> int:
    """Two arguments."""
    return x + y


@pytest.mark.parametrize(
    "function",
    [
        Object().method,
        Object(),
        functools.partial(add, 1),
        lambda x: add(x, 1),
        lambda x: asyncio.ensure_future(add(x, 1)),
    ],
)
def test_what_is_awaited(function: Callable[[int], Any]) -> None:
    """Coroutine functions of all kinds, and whatever else returns an awaitable where the guest needs a number."""
    assert run(make(function).exports.get.call_async(41)) == 42


def test_ordinary_functions_too() -> None:
    """A guest that waits for nothing is called as well, and host functions that do not wait."""
    assert run(make(lambda x: x + 1).exports.sum.call_async(3)) == 9
    assert make().exports.count(5) == run(make().exports.count.call_async(5))


def test_what_may_not_wait_says_so() -> None:
    """An ordinary call of a guest, and one with a host function's call in between: HostError, and nothing is called."""
    called: list[int] = []

    async def get(x: int) -> int:
        called.append(x)
        return x

    instance = make(get, lambda x: instance.exports.get(x))
    for call in (
        lambda: instance.exports.get(1),
        lambda: instance.exports.back(1),
        lambda: run(instance.exports.back.call_async(1)),
        lambda: run(inside(instance)),
    ):
        with pytest.raises(jormun.HostError, match=r"host function get is asynchronous, .* await call_async\(\)"):
            call()
    assert called == []
    assert run(instance.exports.get.call_async(3)) == 3


async def inside(instance: jormun.Instance) -> None:
    """An ordinary call in an event loop."""
    instance.exports.get(1)


def test_wrong_results_are_errors() -> None:
    """As those of other host functions."""

    async def get(x: int) -> str:
        return "x"

    with pytest.raises(jormun.HostError, match=r"host function get returned what is not i32: .* not str"):
        run(make(get).exports.get.call_async(1))


def test_arguments_are_checked() -> None:
    """As in ordinary calls."""
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        run(make().exports.get.call_async(1, 2))
    with pytest.raises(OverflowError, match="argument 1"):
        run(make().exports.get.call_async(1 << 40))


def test_exceptions_pass_through() -> None:
    """The very exception, with its traceback; the instance lives on and the stack is given back."""
    problem = LookupError("from the host")

    async def get(x: int) -> int:
        await asyncio.sleep(0)
        if x == 2:
            raise problem
        return x

    instance = make(get)
    run(instance.exports.get.call_async(1))
    before = free_stacks()
    with pytest.raises(LookupError) as raised:
        run(instance.exports.sum.call_async(3))
    assert raised.value is problem
    assert raised.traceback[-1].name == "get"
    assert free_stacks() == before
    assert run(instance.exports.get.call_async(5)) == 5


@pytest.mark.parametrize("tier", TIERS)
def test_traps_after_waiting(tier: Tier) -> None:
    """With their backtraces: traps, faults, and an exhausted stack; each in another thread too."""
    instance = make(tier=tier)
    for name, kind, frames in (
        ("boom", TrapKind.UNREACHABLE, 2),
        ("fault", TrapKind.MEMORY_OUT_OF_BOUNDS, 1),
        ("overflow", TrapKind.STACK_EXHAUSTED, 100),
    ):
        for _ in range(2):
            with pytest.raises(jormun.Trap) as trapped:
                run(instance.exports[name].call_async())
            assert trapped.value.kind is kind
            assert len(trapped.value.backtrace) == frames
    assert run(instance.exports.sum.call_async(3)) == 12


def test_traps_of_coroutines_have_a_backtrace() -> None:
    """A trap that a coroutine raises is the guest's."""

    async def get(x: int) -> int:
        await asyncio.sleep(0)
        raise jormun.Trap(TrapKind.UNREACHABLE)

    with pytest.raises(jormun.Trap) as trapped:
        run(make(get).exports.boom.call_async())
    assert [frame.function_index for frame in trapped.value.backtrace] == [6, 7]


def test_cancelling_at_each_wait() -> None:
    """The call ends there, the stack is given back, and the instance can be called again."""

    async def main() -> None:
        reached = 0
        blocked = asyncio.Event()

        async def get(x: int) -> int:
            nonlocal reached
            reached += 1
            if reached == stop:
                blocked.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            return x

        instance = make(get)
        before = None
        for stop in range(1, 6):
            reached = 0
            blocked.clear()
            task = asyncio.ensure_future(instance.exports.sum.call_async(5))
            await blocked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            assert reached == stop
            if before is not None:
                assert free_stacks() == before
            before = free_stacks()
        stop = 0
        assert await instance.exports.sum.call_async(5) == 15

    run(main())


def test_a_coroutine_may_refuse_to_be_cancelled() -> None:
    """What it makes of the cancellation is what the guest gets."""

    async def get(x: int) -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return x + 1
        return 0

    async def main() -> object:
        task = asyncio.ensure_future(make(get).exports.get.call_async(1))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert run(main()) == 2


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ["spin", "spin after"])
def test_what_computes_is_cancelled(name: str, tier: Tier) -> None:
    """asyncio.timeout ends a guest that would compute for ever, and other tasks run meanwhile."""
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def main() -> None:
        other = asyncio.ensure_future(count())
        instance = make(tier=tier)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await instance.exports[name].call_async()
        other.cancel()
        assert await instance.exports.get.call_async(4) == 8

    run(main())
    assert rounds > 1


@pytest.mark.parametrize("tier", TIERS)
def test_slices_change_nothing(tier: Tier) -> None:
    """Guests that compute at the same time, suspended at any instruction, get the results that they get alone."""
    count = 30_000_000
    expected = make(tier=tier).exports.count(count)

    async def main() -> list[object]:
        return await asyncio.gather(*(make(tier=tier).exports.count.call_async(count) for _ in range(3)))

    assert run(main()) == [expected] * 3


def test_event_loops_of_other_threads() -> None:
    """They slice too, and have their own timers."""
    outcomes: list[object] = []

    async def main() -> None:
        instance = make()
        try:
            async with asyncio.timeout(0.05):
                await instance.exports["spin after"].call_async()
        except TimeoutError:
            outcomes.append(await instance.exports.sum.call_async(3))

    threads = [threading.Thread(target=lambda: run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [12] * 3


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


def in_thread(function: Callable[[], object]) -> object:
    """What it returns, or raises, in a new thread."""
    outcome: list[Any] = []

    def run_it() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run_it)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def test_another_thread_goes_on() -> None:
    """A guest that one thread suspended runs on in others, each of which has its own stack and signal stack."""
    exports = make(ready).exports
    for name, args, error in (("sum", (3,), None), ("boom", (), "unreachable"), ("overflow", (), "stack exhausted")):
        coroutine = exports[name].call_async(*args)
        coroutine.send(None)
        with pytest.raises(StopIteration if error is None else jormun.Trap, match=error) as ended:
            while True:
                in_thread(lambda: (coroutine.send(None), None)[1])  # noqa: B023
        if error is None:
            assert ended.value.value == 6


def test_suspended_guests_are_freed() -> None:
    """A coroutine that nobody awaits to its end gives its stack back, whether it is closed, dropped or in a cycle."""
    instance = make(ready)
    run_to_wait(instance).close()
    before = free_stacks()
    coroutines = [run_to_wait(instance)]
    assert free_stacks() == before - 1
    del coroutines[0]
    assert free_stacks() == before
    cycle: list[object] = [run_to_wait(instance)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert free_stacks() == before
    assert instance.exports.count(3) == make().exports.count(3)


def run_to_wait(instance: jormun.Instance) -> Coroutine[Any, Any, object]:
    """A call that waits."""
    coroutine: Coroutine[Any, Any, object] = instance.exports.get.call_async(1)
    coroutine.send(None)
    return coroutine


def test_a_suspended_guest_keeps_its_instance() -> None:
    """And what it goes on with, even if the store was closed meanwhile."""
    store = jormun.Store()
    coroutine = make(ready, store=store).exports.sum.call_async(3)
    coroutine.send(None)
    store.close()
    gc.collect()
    with pytest.raises(StopIteration) as ended:
        for _ in range(4):
            coroutine.send(None)
    assert ended.value.value == 6


def test_thousands_of_guests() -> None:
    """May be suspended at once, in a few pages each."""
    first = make(ready)
    imports = {"env": {"get": ready, "back": abs}}
    small = jormun.load(
        '(module (import "env" "get" (func $get (param i32) (result i32)))'
        '(func (export "get") (param i32) (result i32) (call $get (local.get 0))))',
        imports,
    )
    run_to_wait(small).close()
    instances = [jormun.Instance(small.module, imports) for _ in range(3000)]
    before = resident_bytes()
    coroutines = [run_to_wait(instance) for instance in instances]
    assert resident_bytes() - before < 3000 * (32 << 10)
    for each in coroutines:
        with pytest.raises(StopIteration):
            each.send(None)
    assert first.exports.count(1) == 1


def resident_bytes() -> int:
    """How much memory the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_interrupting_a_suspended_guest() -> None:
    """It ends when what it waits for comes back, as a call in a host function does; later calls run."""
    instance = make(ready)
    coroutine = run_to_wait(instance)
    instance.interrupt()
    with pytest.raises(jormun.Trap) as trapped:
        coroutine.send(None)
    assert trapped.value.kind is TrapKind.INTERRUPTED
    assert [frame.function_index for frame in trapped.value.backtrace] == [2]
    coroutine = run_to_wait(instance)
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_interrupting_a_guest_that_computes() -> None:
    """From another thread, and from another task."""

    async def main() -> None:
        instance = make()
        task = asyncio.ensure_future(instance.exports.spin.call_async())
        await asyncio.sleep(0.02)
        instance.interrupt()
        with pytest.raises(jormun.Trap, match="interrupted"):
            await task
        timer = threading.Timer(0.05, instance.interrupt)
        timer.start()
        with pytest.raises(jormun.Trap, match="interrupted"):
            await instance.exports.spin.call_async()
        timer.join()

    run(main())


def test_time_limits() -> None:
    """Limits.timeout bounds the whole call, whatever it waits for, as jormun.TimeoutError."""

    async def get(x: int) -> int:
        await asyncio.sleep(60)
        return x

    instance = make(get, limits=jormun.Limits(timeout=0.05))
    for name, args in (("get", (1,)), ("spin", ())):
        with pytest.raises(jormun.TimeoutError, match=r"timed out after 0\.05 s"):
            run(instance.exports[name].call_async(*args))
    assert run(make(limits=jormun.Limits(timeout=60.0)).exports.get.call_async(1)) == 2


def test_a_child_process_goes_on() -> None:
    """A fork has the suspended guest too."""
    instance = make(ready)
    coroutine = run_to_wait(instance)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            coroutine.send(None)
        except StopIteration as ended:
            if ended.value == 1 and run(make().exports.sum.call_async(3)) == 12:
                with pytest.raises(TimeoutError):
                    run(asyncio.wait_for(make().exports.spin.call_async(), 0.05))
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_guests_in_coroutines_of_guests() -> None:
    """A coroutine that a guest waits for may call the same instance, and wait for it."""

    async def get(x: int) -> int:
        if x == 0:
            return 1
        return int(await instance.exports.get.call_async(x - 1)) + int(instance.exports.count(0 * x + 1))

    instance = make(get)
    assert run(instance.exports.get.call_async(5)) == 1 + 5 * make().exports.count(1)


def test_loops_in_host_functions() -> None:
    """A guest's host function may run an event loop of its own, in which other guests wait."""
    inner = make()
    outer = make(lambda x: run(inner.exports.sum.call_async(x)))
    assert outer.exports.get(3) == 12
    assert run_in_new_thread_loop(outer) == 12


def run_in_new_thread_loop(instance: jormun.Instance) -> object:
    """An awaited call, by a thread without an event loop."""
    coroutine = instance.exports.get.call_async(3)

    def step() -> object:
        try:
            coroutine.send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("it waits")

    return in_thread(step)
