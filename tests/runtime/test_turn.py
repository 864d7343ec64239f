"""Calls into one store follow each other, from whatever threads and tasks they come."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import jormun

GUEST = """(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (global $g (mut i32) (i32.const 0))
  (func (export "bump") (param i32) (result i32) (local $before i32)
    (local.set $before (global.get $g))
    (drop (call $host (local.get 0)))
    (global.set $g (i32.add (local.get $before) (i32.const 1)))
    (global.get $g))
  (func (export "host") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "count") (result i32) (global.get $g))
  (func (export "spin") (loop $again (br $again))))"""


def make(host: Callable[[int], Any], **options: Any) -> jormun.Instance:
    config = jormun.Config(tier="baseline", cache=False)
    return jormun.load(GUEST, {"env": {"host": host}}, config=config, **options)


def start(function: Callable[[], object]) -> threading.Thread:
    """A thread that runs it."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_threads_take_turns() -> None:
    """A call of another thread does not come between what a guest reads and what it writes, host functions included."""
    is_inside = False

    def host(x: int) -> int:
        nonlocal is_inside
        assert not is_inside
        is_inside = True
        threading.Event().wait(0.0001)
        is_inside = False
        return x

    instance = make(host)
    seen: list[int] = []

    def run() -> None:
        for _ in range(20):
            seen.append(instance.exports.bump(1))

    for thread in [start(run) for _ in range(8)]:
        thread.join()
    assert sorted(seen) == list(range(1, 161))


def test_stores_do_not_wait_for_each_other() -> None:
    """Guests of two stores are inside at the same time."""
    barrier = threading.Barrier(2, timeout=60)
    threads = [start(lambda: make(lambda x: x * 0 + barrier.wait()).exports.host(1)) for _ in range(2)]
    for thread in threads:
        thread.join()
    assert not barrier.broken


def test_host_functions_may_come_back() -> None:
    """The thread that is inside may call again, further down its stack, and another store in between."""
    instance = make(lambda x: x if x == 0 else other.exports.host(x - 1))
    other = make(lambda x: x if x == 0 else instance.exports.host(x - 1))
    assert instance.exports.host(20) == 0


def test_threads_that_would_wait_for_each_other() -> None:
    """One of them gets an error that names the function and its type; the other goes on."""
    barrier = threading.Barrier(2, timeout=60)
    outcomes: list[object] = []

    def cross(k: int) -> Callable[[int], int]:
        def host(x: int) -> int:
            barrier.wait()
            return int(instances[1 - k].exports.count())

        return host

    instances = [make(cross(k)) for k in range(2)]

    def run(k: int) -> None:
        try:
            outcomes.append(instances[k].exports.host(1))
        except jormun.HostError as error:
            outcomes.append(str(error))

    for thread in [start(lambda k=k: run(k)) for k in range(2)]:  # type: ignore[misc]
        thread.join()
    numbers = [each for each in outcomes if isinstance(each, int)]
    texts = [each for each in outcomes if isinstance(each, str)]
    assert numbers == [0] and len(texts) == 1
    assert "function count: [] -> [i32]> cannot be called here" in texts[0]
    assert [instance.exports.count() for instance in instances] == [0, 0]


def test_waiting_ends_in_time() -> None:
    """A thread that waits for another's call heeds its time limit, and the call that it waits for goes on."""
    may_end, is_inside = threading.Event(), threading.Event()

    def host(x: int) -> int:
        is_inside.set()
        may_end.wait(60)
        return x

    outcomes: list[object] = []
    store = jormun.Store(limits=jormun.Limits(timeout=0.05))
    instance = make(host, store=store)

    def run() -> None:
        try:
            instance.exports.host(5)
        except jormun.TimeoutError as error:  # as it comes back
            outcomes.append(error)

    thread = start(run)
    is_inside.wait(60)
    with pytest.raises(jormun.TimeoutError):
        instance.exports.count()
    may_end.set()
    thread.join()
    assert len(outcomes) == 1
    assert instance.exports.count() == 0


def test_tasks_take_turns() -> None:
    """Calls that are awaited follow each other too, though the guest is suspended in between."""
    seen: list[int] = []

    async def host(x: int) -> int:
        seen.append(x)
        await asyncio.sleep(0)
        seen.append(x)
        return x

    instance = make(host)

    async def main() -> list[object]:
        return await asyncio.gather(*(instance.exports.bump.call_async(k) for k in range(10)))

    assert asyncio.run(main()) == list(range(1, 11))
    assert seen == [k for k in range(10) for _ in range(2)]


def test_threads_and_tasks_take_turns() -> None:
    """Event loops in several threads, and threads without."""

    async def nothing(x: int) -> int:
        await asyncio.sleep(0.0001)
        return x

    instance = make(nothing)
    plain = jormun.load(
        '(module (import "env" "bump" (func $bump (param i32) (result i32))) '
        '(func (export "call") (result i32) (call $bump (i32.const 1))))',
        {"env": {"bump": lambda x: x}},
        store=instance.store,
    )

    async def main() -> None:
        for _ in range(5):
            await asyncio.gather(*(instance.exports.bump.call_async(1) for _ in range(4)))

    def run() -> None:
        for _ in range(50):
            plain.exports.call()

    threads = [start(lambda: asyncio.run(main())) for _ in range(3)] + [start(run) for _ in range(3)]
    for thread in threads:
        thread.join()
    assert instance.exports.count() == 60


def test_a_suspended_call_is_not_waited_for_in_its_own_thread() -> None:
    """An ordinary call, from another task, would block the event loop that is to resume it: HostError, at once."""
    release: list[asyncio.Event] = []

    async def host(x: int) -> int:
        await release[0].wait()
        return x

    instance = make(host)

    async def main() -> object:
        release.append(asyncio.Event())
        task = asyncio.ensure_future(instance.exports.host.call_async(7))
        await asyncio.sleep(0)
        with pytest.raises(
            jormun.HostError, match=r"function count: .* cannot be called here: .*function host: \[i32\]"
        ):
            instance.exports.count()
        release[0].set()
        assert await instance.exports.count.call_async() == 0
        return await task

    assert asyncio.run(main()) == 7
    assert instance.exports.count() == 0


def test_what_a_call_waits_for_may_call() -> None:
    """A coroutine of the host may call the store that waits for it: itself, in tasks that it makes, and in threads."""

    async def host(x: int) -> int:
        exports = instance.exports
        if x == 0:
            await asyncio.sleep(0)
            return 0
        plain = exports.count()
        awaited = await exports.count.call_async()
        in_thread = await asyncio.to_thread(exports.count)
        tasks = await asyncio.gather(*(exports.bump.call_async(0) for _ in range(3)))
        assert plain == awaited == in_thread == tasks[0] - 1
        return len(tasks)

    instance = make(host)

    async def main() -> list[object]:
        return await asyncio.gather(*(instance.exports.host.call_async(1) for _ in range(3)))

    assert asyncio.run(main()) == [3] * 3
    assert instance.exports.count() == 9


def test_many_tasks_wait_for_one_store() -> None:
    """Each has its turn, in order, and is woken once."""
    seen: list[int] = []

    async def host(x: int) -> int:
        for _ in range(10):
            await asyncio.sleep(0)
        seen.append(x)
        return x

    instance = make(host)

    async def main() -> None:
        await asyncio.gather(*(instance.exports.bump.call_async(k) for k in range(500)))

    asyncio.run(main())
    assert seen == list(range(500))
    assert instance.exports.count() == 500


def test_a_task_that_waits_may_be_cancelled() -> None:
    """Those behind it have their turn."""
    release: list[asyncio.Event] = []

    async def host(x: int) -> int:
        await release[0].wait()
        return x

    instance = make(host)

    async def main() -> list[object]:
        release.append(asyncio.Event())
        tasks = [asyncio.ensure_future(instance.exports.host.call_async(k)) for k in range(4)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        tasks[0].cancel()
        release[0].set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError) and isinstance(second, asyncio.CancelledError)
    assert others == [2, 3]


def test_a_call_ends_before_what_is_nested_in_it() -> None:
    """A cancelled call whose coroutine has left a task behind: the task goes on, and then others."""
    left: list[asyncio.Task[object]] = []
    gates: list[asyncio.Event] = []

    async def host(x: int) -> int:
        if x == 1:
            left.append(asyncio.ensure_future(instance.exports.host.call_async(2)))
            await asyncio.sleep(60)
        if x == 2:
            await gates[0].wait()
        return x

    instance = make(host)

    async def main() -> None:
        gates.append(asyncio.Event())
        outer = asyncio.ensure_future(instance.exports.host.call_async(1))
        while not left:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        other = asyncio.ensure_future(instance.exports.host.call_async(3))
        await asyncio.sleep(0.01)
        assert not other.done()
        gates[0].set()
        assert await left[0] == 2
        assert await other == 3

    asyncio.run(main())
    assert instance.exports.count() == 0


def test_a_call_waits_for_what_its_coroutine_left_behind() -> None:
    """One that was nested in it, and has not ended."""
    events: list[str] = []
    tasks: list[asyncio.Task[object]] = []

    async def host(x: int) -> int:
        if x == 1:
            tasks.append(asyncio.ensure_future(instance.exports.host.call_async(2)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        elif x == 2:
            for _ in range(10):
                await asyncio.sleep(0)
            events.append("inner")
        return x

    instance = make(host)

    async def main() -> None:
        assert await instance.exports.host.call_async(1) == 1
        events.append("outer")
        assert await tasks[0] == 2

    asyncio.run(main())
    assert events == ["inner", "outer"]


def test_a_dropped_call_gives_its_turn_back() -> None:
    """A coroutine that waits and is closed, or thrown away."""

    class Wait:
        def __await__(self) -> Any:
            yield

    async def host(x: int) -> int:
        await Wait()
        return x

    instance = make(host)
    for _ in range(2):
        coroutine = instance.exports.host.call_async(1)
        coroutine.send(None)
        del coroutine
        gc.collect()
        assert instance.exports.count() == 0


def test_without_an_event_loop_nobody_waits() -> None:
    """A coroutine that is driven by hand says so when it is not its turn."""

    class Wait:
        def __await__(self) -> Any:
            yield

    async def host(x: int) -> int:
        await Wait()
        return x

    instance = make(host)
    first, context = instance.exports.host.call_async(1), contextvars.copy_context()
    context.run(first.send, None)
    with pytest.raises(jormun.HostError, match="its store is in use"):
        instance.exports.host.call_async(2).send(None)
    with pytest.raises(StopIteration):
        context.run(first.send, None)


def test_a_callback_that_drops_the_last_reference() -> None:
    """The call that is under way ends as usual; what it needs lives until then."""
    kept: list[jormun.Instance] = []

    def host(x: int) -> int:
        kept.clear()
        gc.collect()
        return x

    kept.append(make(host))
    call = kept[0].exports.bump
    assert call(1) == 1

    async def later(x: int) -> int:
        await asyncio.sleep(0)
        kept.clear()
        gc.collect()
        return x

    kept.append(make(later))

    async def main() -> object:
        return await kept[0].exports.bump.call_async(1)

    assert asyncio.run(main()) == 1


def test_a_child_process_does_not_wait_for_threads_that_it_has_not() -> None:
    """A fork, while another thread is inside, leaves the store usable in the child."""
    may_end, is_inside = threading.Event(), threading.Event()

    def host(x: int) -> int:
        is_inside.set()
        may_end.wait(60)
        return x

    instance = make(host)
    thread = start(lambda: instance.exports.host(1))
    is_inside.wait(60)
    child = os.fork()
    if child == 0:
        os._exit(instance.exports.count())
    may_end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
