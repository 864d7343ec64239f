"""The thread that ends activations: it sends INTERRUPT until they have ended, and keeps time.

There is one for the process, from when it is first needed. A signal has no effect where the handler cannot act, in the
glue or the host; so it is sent again after a moment. The GIL is held where contexts are read: activations begin and
end with it held, and so do threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import pages, signals
from jormun.runtime.native.stacks import StackPool
from jormun.runtime.native.stop_record import stops

_FIRST_S: Final = 0.001
"""How long it waits before it sends a signal again; twice as long each time,"""
_LONGEST_S: Final = 0.02
"""up to this: what runs in the host comes back when it wants to."""


class Watch:
    """Ends activations that are to end, and calls back when times are up."""

    def __init__(self, stacks: StackPool, value: int, wakers: Mapping[int, Callable[[], None]]) -> None:
        """`value` goes with each signal; `wakers` wake threads that wait in the host, by their contexts."""
        self._stacks = stacks
        self._wakers = wakers
        self._value = value
        self._alarms: dict[int, tuple[float, Callable[[], None]]] = {}
        self._last_key = 0
        self._begin()

    def _begin(self) -> None:
        # Reentrant: a signal's handler in Python may stop something while this very thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0
        self._is_asked = False

    def after_fork(self) -> None:
        """In a new process, which has only the thread that forked."""
        self._begin()
        if self._alarms:
            self._wake()

    def stopped(self) -> None:
        """Some stop record was set."""
        self._is_asked = True
        self._wake()

    def set_alarm(self, after_s: float, callback: Callable[[], None]) -> int:
        """Call back, once, from the thread of this watch; a number by which it can be cancelled."""
        at = time.monotonic() + after_s
        with self._changed:
            self._last_key += 1
            key = self._last_key
            self._alarms[key] = (at, callback)
            is_first = self._thread is None or at < self._wakes_at
        if is_first:
            self._wake()
        return key

    def cancel_alarm(self, key: int) -> None:
        """Do not call back, if that has not begun."""
        self._alarms.pop(key, None)

    def _wake(self) -> None:
        with self._changed:
            self._wakes_at = 0.0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="guest watch", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        is_stopping, pause_s = False, _FIRST_S
        while True:
            self._ring()
            if self._is_asked:
                self._is_asked = False  # before looking: who sets a record says so afterwards
                is_stopping, pause_s = True, _FIRST_S
            if is_stopping:
                is_stopping = self._send()
            with self._changed:
                if self._is_asked:
                    continue
                now = time.monotonic()
                left_s = min((at - now for at, _ in self._alarms.values()), default=threading.TIMEOUT_MAX)
                if is_stopping:
                    left_s = min(left_s, pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_S)
                self._wakes_at = now + left_s
                self._changed.wait(max(0.0, min(left_s, threading.TIMEOUT_MAX)))

    def _ring(self) -> None:
        """Call back those whose time is up."""
        now = time.monotonic()
        for key, (at, callback) in sorted(self._alarms.items()):
            if at <= now and self._alarms.pop(key, None) is not None:
                callback()

    def _send(self) -> bool:
        """Interrupt the threads whose innermost activation is to end. Whether there are any, in the host or not."""
        is_any = False
        for context, thread in self._stacks.threads():
            # Between activations there will be another, which a record of the thread's scope may end.
            activation = max(pages.read_u64(context + layout.CONTEXT_ACTIVATION), 1)
            stop = pages.read_u64(context + layout.CONTEXT_STOP)
            scope = pages.read_u64(context + layout.CONTEXT_SCOPE)
            if stops(stop, activation) or stops(scope, activation):
                is_any = True
                wake = self._wakers.get(context)
                if wake is not None:
                    wake()
                elif pages.read_u64(context + layout.CONTEXT_THREAD_STATE):  # else it runs Python
                    signals.interrupt(thread, self._value)
        return is_any
