"""Many guests that wait for coroutines: in other threads and processes, in each other, and when they are dropped."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jormun
from jormun.api.tier import Tier

from .suspending import TIERS, free_stacks, make, ready, run, run_to_wait


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
