"""Calls of WASI that would wait, in a guest that is awaited (`Func.call_async`): it is suspended until they would not,
and the event loop runs on.

Such a call raises NotReady before it has done anything, and is done again when its time has come.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from jormun.errors import Trap
from jormun.runtime.host import NotYet
from jormun.runtime.interruption import Interruption
from jormun.runtime.native.continuation import Continuation
from jormun.wasi.errno import errno_of

_again: ContextVar[bool] = ContextVar("jormun_again", default=False)
"""Whether the running code does a call again, whose guest is suspended."""


class NotReady(NotYet):
    """A call waits for descriptors of the host, or for a time, or both, as interruption.poll takes them."""

    def __init__(self, wanted: dict[int, int], timeout_ms: int | None) -> None:
        super().__init__()
        self._wanted = wanted
        self._timeout_ms = timeout_ms

    async def answer(self) -> int:
        """The call's result, when there is one."""
        wait = self
        while True:
            await wait._ready()
            assert wait.redo is not None  # wasi/calls.py
            token = _again.set(True)
            try:
                return wait.redo()
            except NotReady as again:
                wait = again
            except Exception as error:
                return errno_of(error)
            finally:
                _again.reset(token)

    async def _ready(self) -> None:
        """Wait. Times are the event loop's; descriptors, which it may watch for others already, take a thread."""
        if not self._wanted:
            assert self._timeout_ms is not None
            await asyncio.sleep(self._timeout_ms / 1000)
            return
        interruption = Interruption()
        try:
            waiting = asyncio.get_running_loop().run_in_executor(None, self._poll, interruption)
        except BaseException:
            interruption.close()
            raise
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            interruption.interrupt()
            raise

    def _poll(self, interruption: Interruption) -> None:
        try:
            interruption.poll(self._wanted, self._timeout_ms)
        except Trap:
            pass  # nobody waits any more
        finally:
            interruption.close()


def may_suspend() -> bool:
    """Whether a call of the host that the calling thread's guest has made may raise NotReady."""
    if _again.get():
        return True
    if Continuation.here() is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
