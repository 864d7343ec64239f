"""Guests that wait for coroutines, ended from outside: cancelled, interrupted, out of time."""

from __future__ import annotations

import asyncio
import threading

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.errors import TrapKind

from .suspending import TIERS, free_stacks, make, ready, run, run_to_wait


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
