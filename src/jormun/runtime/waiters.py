"""Threads that wait at addresses of a shared memory (threads proposal: memory.atomic.wait and memory.atomic.notify)."""

from __future__ import annotations

from jormun.hints import Callable, Final
from jormun.locks import RLock
from jormun.runtime.interruption import current
from jormun.runtime.native.machine import Native
from jormun.runtime.sleeper import Sleeper

WAIT_OK, WAIT_NOT_EQUAL, WAIT_TIMED_OUT = 0, 1, 2
"""Results of memory.atomic.wait32 and wait64."""


class Waiters:
    """Those of one memory."""

    __slots__ = ("_lock", "_sleepers")

    def __init__(self) -> None:
        # Reentrant: a signal's handler may notify, and wait, in the middle of this.
        self._lock: Final = RLock()
        self._sleepers: Final[dict[Sleeper, int]] = {}
        """In the order of their coming, and at which address. Who takes one out wakes it, or is it."""

    def __len__(self) -> int:
        return len(self._sleepers)

    def wait(self, address: int, is_expected: Callable[[], bool], timeout_ns: int) -> int:
        """Sleep until notified, if what is at `address` is as expected. `timeout_ns` is negative for no end.

        Returns one of the results above. Raises Trap for an interruption.
        """
        sleeper = Sleeper()
        interruption = current()
        try:
            # Who stores another value and notifies takes the lock behind this, or finds the sleeper, in a signal's
            # handler: no wake-up is lost between the comparison and the sleep.
            with self._lock:
                self._sleepers[sleeper] = address
                if not is_expected():
                    return WAIT_OK if self._sleepers.pop(sleeper, None) is None else WAIT_NOT_EQUAL
            with Native.get().waking(sleeper.wake):
                if interruption is None:
                    sleeper.sleep(timeout_ns)
                else:
                    with interruption.waking(sleeper.wake):
                        sleeper.sleep(timeout_ns)
        finally:
            is_notified = self._sleepers.pop(sleeper, None) is None
        if is_notified:
            return WAIT_OK
        if interruption is not None:
            interruption.check()
        return WAIT_TIMED_OUT

    def notify(self, address: int, count: int) -> int:
        """Wake at most `count` of those that wait at `address`; returns how many."""
        woken = 0
        with self._lock:
            for sleeper, where in list(self._sleepers.items()):
                if woken == count:
                    break
                if where == address and self._sleepers.pop(sleeper, None) is not None:
                    sleeper.wake()
                    woken += 1
        return woken
