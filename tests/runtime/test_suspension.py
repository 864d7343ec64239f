"""Guests that wait for coroutines of the host: `Func.call_async`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.errors import TrapKind

from .suspending import TIERS, free_stacks, make, run


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
