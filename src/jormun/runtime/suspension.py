"""Calls of guests that are awaited, and the host's coroutine functions, which such calls wait for.

A guest that calls a coroutine function is suspended until what that returned has been awaited, by the task that awaits
the guest. One that computes for longer than a moment is suspended too, and goes on in the event loop's next round.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Generator, Sequence
from functools import partial
from time import monotonic

from jormun.errors import HostError, TimeoutError, Trap, TrapKind
from jormun.hints import TYPE_CHECKING, Any, TypeAlias
from jormun.runtime.interruption import time_limit
from jormun.runtime.native import pages
from jormun.runtime.native.continuation import Continuation, Suspension
from jormun.runtime.native.machine import Native
from jormun.runtime.native.tick import SLICE_S
from jormun.runtime.slots import CallSlots

if TYPE_CHECKING:
    from jormun.runtime.store import Store

_Step: TypeAlias = Callable[[], Suspension | None]


class Awaiting(Suspension):
    """A guest waits for an awaitable of the host."""

    def __init__(self, awaitable: Any, finish: Callable[[object], None]) -> None:  # Any: what it is, awaiting finds out
        """`finish` takes what awaiting it gave, and puts it where the guest will find it."""
        self.awaitable = awaitable
        self.finish = finish


def suspendable(name: str) -> Continuation:
    """The call that a host function, which is named, can suspend: that which called it. Raises HostError."""
    found = Continuation.here()
    if found is None:
        raise HostError(
            f"host function {name} is asynchronous, and what calls it cannot wait: "
            "await call_async() of the WebAssembly function, with no other call of Python's in between"
        )
    return found


async def call_async(store: Store, slots: CallSlots, code: int, vm: int, args: Sequence[int]) -> list[int]:
    """As `function.call_native`, suspended while host functions are awaited."""
    owned = store.owned
    registers = pages.Block(slots.size_bytes, 16)
    slots.pack_call(registers.address, vm, args, store.stop.address)
    timeout_s = store.limits.timeout
    continuation = Continuation(registers)
    try:
        if timeout_s is None:
            await _run(continuation, code, _at_once)
        elif _has_event_loop():
            await _run_for(timeout_s, continuation, code)
        else:
            await _run(continuation, code, _within(timeout_s))
    finally:
        continuation.close()
        del owned
    return slots.unpack_returned(registers.address)


async def _run(continuation: Continuation, code: int, do: Callable[[_Step], Suspension | None]) -> None:
    is_sliced = _has_event_loop()
    if is_sliced:
        Native.get().tick_often()
        continuation.slice_ends_at = monotonic() + SLICE_S
    waiting = do(partial(continuation.start, code))
    while waiting is not None:
        if isinstance(waiting, Awaiting):
            try:
                result = await waiting.awaitable
            except Trap as trap:
                continuation.explain(trap)
                raise
            waiting.finish(result)
        else:
            await _NextRound()
        if is_sliced:
            continuation.slice_ends_at = monotonic() + SLICE_S
        waiting = do(continuation.go_on)


def _at_once(step: _Step) -> Suspension | None:
    return step()


def _within(timeout_s: float) -> Callable[[_Step], Suspension | None]:
    """Does steps until the time is up, where no event loop keeps it: a guest that waits is stopped when it goes on."""
    ends_at = monotonic() + timeout_s

    def do(step: _Step) -> Suspension | None:
        with time_limit(max(ends_at - monotonic(), 0.0)):
            return step()

    return do


async def _run_for(timeout_s: float, continuation: Continuation, code: int) -> None:
    import asyncio

    try:
        async with asyncio.timeout(timeout_s) as limit:
            await _run(continuation, code, _at_once)
    except builtins.TimeoutError as error:
        if not limit.expired() or isinstance(error, TimeoutError):
            raise
        raise TimeoutError(TrapKind.INTERRUPTED, message=f"timed out after {timeout_s:g} s") from None


class _NextRound:
    """What asyncio.sleep(0) waits for."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def _has_event_loop() -> bool:
    """Whether the calling thread runs an event loop of asyncio's, whatever its make."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
