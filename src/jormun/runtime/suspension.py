"""Calls of guests that are awaited, and the host's coroutine functions, which such calls wait for.

A guest that calls a coroutine function is suspended until what that returned has been awaited, by the task that awaits
the guest. One that computes for longer than a moment is suspended too, and goes on in the event loop's next round.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from math import inf
from time import monotonic

from jormun.errors import HostError, TimeoutError, Trap, TrapKind
from jormun.hints import TYPE_CHECKING, Any, TypeAlias
from jormun.runtime.exceptions import WasmException
from jormun.runtime.native import pages
from jormun.runtime.native.continuation import Continuation, Suspension
from jormun.runtime.native.machine import Native
from jormun.runtime.native.tick import SLICE_S
from jormun.runtime.slots import CallSlots
from jormun.runtime.turn import OWNER, Claim, Turn, chain

if TYPE_CHECKING:
    from typing import NoReturn

    from jormun.runtime.store import Store

_Step: TypeAlias = Callable[[], Suspension | None]


class Awaiting(Suspension):
    """A guest waits for an awaitable of the host."""

    __slots__ = ("awaitable", "finish")

    def __init__(self, awaitable: Any, finish: Callable[[object], None]) -> None:  # Any: what it is, awaiting finds out
        """`finish` takes what awaiting it gave, and puts it where the guest will find it."""
        self.awaitable = awaitable
        self.finish = finish


def wait_for(name: str, awaitable: Any, finish: Callable[[object], None]) -> NoReturn:
    """Suspend the call that called a host function, which is named and has returned an awaitable. Raises HostError
    where that cannot be; `finish` is as that of Awaiting.
    """
    continuation = Continuation.here()
    if continuation is None:
        if isinstance(awaitable, Coroutine):
            awaitable.close()  # nobody will await it
        raise HostError(
            f"host function {name} is asynchronous, and what calls it cannot wait: "
            "await call_async() of the WebAssembly function, with no other call of Python's in between"
        )
    raise Awaiting(awaitable, finish)


def call_async(
    store: Store,
    slots: CallSlots,
    code: int,
    vm: int,
    args: Sequence[int],
    what: object,
    convert: Callable[[list[int]], object],
) -> Coroutine[Any, Any, object]:
    """As `function.call_native`, suspended while host functions are awaited."""
    call = _Call(store, slots, code, vm, args, what, convert)
    if slots.has_references and store.has_heap:
        return _pinned(call)
    return _bounded(call)


async def _pinned(call: _Call) -> object:
    """Run a call to its end. Objects that it is given and returns live until they are the guest's, and Python's."""
    with call.store.roots.pinning(call.registers):
        return await _bounded(call)


def _bounded(call: _Call) -> Coroutine[Any, Any, object]:
    """Run a call to its end, within its bounds."""
    bounds = call.store.bounds
    if bounds is None:
        return call.run()
    if bounds.timeout_s is None or not _has_event_loop():
        return call.run(bounds.steps(bounds.timeout_s))  # one that waits is stopped when it goes on
    return _run_for(bounds.timeout_s, call, bounds.steps(None))


class _Call:
    """A call that is awaited, once."""

    def __init__(
        self,
        store: Store,
        slots: CallSlots,
        code: int,
        vm: int,
        args: Sequence[int],
        what: object,
        convert: Callable[[list[int]], object],
    ) -> None:
        """As function.call_native."""
        self.store = store
        self._owned = store.owned
        self._slots = slots
        self.registers = pages.Block(slots.size_bytes, 16)
        """Where the results will be."""
        slots.pack_call(self.registers.address, vm, args, store.stop.address)
        self._code = code
        self._what = what
        self._convert = convert

    # FAST: one coroutine, not one in another: each that is gone through to go on takes 0.3 us where many wait.
    async def run(self, do: Callable[[_Step], Suspension | None] | None = None) -> object:
        """Run it to its end: the results, converted. `do`, if it is given, takes each step of it."""
        store, registers = self.store, self.registers
        turn: Turn = store.turn
        continuation = Continuation(registers, None if store.bounds is None else store.bounds.stack_bytes)
        claim = Claim(continuation.context, self._what)
        try:
            await turn.enter_async(claim)
            chain().set((*chain().get(), claim))
            is_sliced = _has_event_loop()
            if is_sliced:
                Native.get().tick_often()
                continuation.slice_ends_at = monotonic() + SLICE_S
            waiting = continuation.start(self._code) if do is None else do(partial(continuation.start, self._code))
            while waiting is not None:
                claim.thread = continuation.thread
                if isinstance(waiting, Awaiting):
                    claim.is_waiting = True
                    if turn.inside:
                        turn.pass_on()
                    exception = 0
                    try:
                        result = await waiting.awaitable
                    except Trap as trap:
                        continuation.explain(trap)
                        raise
                    except WasmException as error:
                        if not continuation.catches:
                            raise
                        exception = store.exceptions.address(error)
                    claim.is_waiting = False
                    if not exception:
                        waiting.finish(result)
                else:
                    exception = 0
                    await _NextRound()
                if turn.words[OWNER] != claim.context:
                    await turn.go_on(claim)
                if is_sliced:
                    continuation.slice_ends_at = monotonic() + SLICE_S
                if do is None:
                    waiting = continuation.go_on(exception)
                else:
                    waiting = do(partial(continuation.go_on, exception))
        finally:
            calls = chain().get()
            if claim in calls:  # else it ends in another context, by a garbage collection, or did not begin
                chain().set(tuple(each for each in calls if each is not claim))
            continuation.close()
            turn.leave(claim)
        return self._convert(self._slots.unpack_returned(registers.address))


async def _run_for(timeout_s: float, call: _Call, do: Callable[[_Step], Suspension | None]) -> object:
    import asyncio

    try:
        async with asyncio.timeout(None if timeout_s == inf else timeout_s) as limit:
            return await call.run(do)
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
