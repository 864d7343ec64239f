"""What a library of WASI has in place of a program's threads: its functions are called from any of the host's, one call
after the other, and each of the calls may be ended while it waits.
"""

from __future__ import annotations

import sys

from jormun.hints import TYPE_CHECKING, Final
from jormun.locks import RLock
from jormun.runtime.interruption import Interruption, poll
from jormun.runtime.native.machine import Native

if TYPE_CHECKING:
    from collections.abc import Callable

    from jormun.wasi.descriptors import DescriptorTable

_NO_THREAD: Final = -6
"""What thread-spawn returns: EAGAIN's number, negative."""


class CallWaits:
    """Waiting in a call, which whatever ends the call ends: a time limit, Instance.interrupt, an Interruption. A call
    that is awaited lets the event loop wait.
    """

    __slots__ = ()

    def check(self) -> None:
        """Nothing: a call that is to end does so as it returns to the guest."""

    def poll(self, wanted: dict[int, int], timeout_ms: int | None) -> dict[int, int]:
        """As interruption.poll. Raises Trap (INTERRUPTED) when the call is to end meanwhile, and NotReady where it is
        awaited and would wait.
        """
        answers = poll(wanted, 0)
        if answers or timeout_ms == 0:
            return answers
        if "asyncio" in sys.modules:
            from jormun.wasi.awaiting import NotReady, may_suspend

            if may_suspend():
                raise NotReady(wanted, timeout_ms)
        interruption = Interruption()
        try:
            with Native.get().waking(interruption.interrupt):
                return interruption.poll(wanted, timeout_ms)
        finally:
            interruption.close()


class LibraryCalls:
    """The calls of a library's functions. With the last instance, what the guest has open is closed."""

    __slots__ = ("_table", "interruption", "lock")
    has_threads: Final = False

    def __init__(self, table: DescriptorTable) -> None:
        table.share()
        self._table = table
        self.interruption = CallWaits()
        self.lock = RLock()
        """What calls of WASI that may not meet take: instances in several stores may share a world."""

    def spawn(self, make: Callable[[int], object]) -> int:
        """There are no threads: their end would be nobody's call to wait for."""
        return _NO_THREAD

    def close(self) -> None:
        """Nothing: what waits has of the host is given back behind each call."""

    def __del__(self) -> None:
        self._table.close_all()
