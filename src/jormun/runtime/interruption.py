"""Stopping guests, and ending what they wait for: atomic waits, and files that are not ready.

A thread that runs guests under an `Interruption` leaves them, and its waits, when another thread calls `interrupt`.
Threads that run under none wait as the host's do; Ctrl-C reaches the main thread in any case.
"""

from __future__ import annotations

import os
from time import monotonic

from jormun.errors import TimeoutError, Trap, TrapKind
from jormun.functions import contextmanager, nullcontext
from jormun.hints import TYPE_CHECKING, Callable, Final, Iterator
from jormun.locks import RLock, local
from jormun.runtime.native.machine import Native
from jormun.runtime.native.stop_record import StopRecord

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

POLLIN: Final = 1
POLLOUT: Final = 4
"""Of poll(2), the same everywhere: there is something to read; there is room to write."""
MOST_MS: Final = 86_400_000
"""A day: the longest wait that poll(2) is asked for at once."""
_SHORTEST_S: Final = 0.001
_LONGEST_S: Final = 0.05
"""How often it is looked at how much of its processor's time a thread has left."""


def poll(wanted: dict[int, int], timeout_ms: int | None) -> dict[int, int]:
    """What has happened on which of the host's descriptors, when something has; nothing when the time is up.

    `wanted` has the events of poll(2) to wait for; the time is without end for None.
    """
    import select  # most runs wait for nothing

    waiting = select.poll()
    for fd, events in wanted.items():
        waiting.register(fd, events)
    return dict(waiting.poll(timeout_ms))


class Interruption:
    """Whether threads that run guests are to stop, and how they learn of it. It happens once at most."""

    __slots__ = ("_lock", "_reading_end", "_records", "_wakers", "_writing_end", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._lock = RLock()
        self._wakers: dict[object, Callable[[], None]] = {}
        self._records: set[StopRecord] = set()
        self._reading_end = self._writing_end = -1  # until something is waited for

    def interrupt(self) -> None:
        """End all activations and waits, those to come too. Activations end in a Trap (INTERRUPTED), within moments;
        this does not wait for it.
        """
        with self._lock:
            if self.is_set:
                return
            self.is_set = True
            wakers = list(self._wakers.values())
            for record in self._records:
                record.stop()
            is_running = bool(self._records)
            if self._writing_end >= 0:
                os.write(self._writing_end, b"\0")  # is never read: the pipe stays ready
        for wake in wakers:
            wake()
        if is_running:
            Native.get().watch.stopped()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """While the context lasts, the calling thread's activations end when it happens."""
        record = StopRecord()
        with Native.get().scope(record):
            with self._lock:
                self._records.add(record)
                if self.is_set:
                    record.stop()
                    Native.get().watch.stopped()
            try:
                yield
            finally:
                with self._lock:
                    self._records.discard(record)

    def check(self) -> None:
        """Raises Trap (INTERRUPTED) when it has happened."""
        if self.is_set:
            raise Trap(TrapKind.INTERRUPTED)

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """While the context lasts, `interrupt` calls `wake`, from its thread. Raises Trap when it has happened."""
        key = object()
        with self._lock:
            self.check()
            self._wakers[key] = wake
        try:
            yield
        finally:
            with self._lock:
                del self._wakers[key]

    def poll(self, wanted: dict[int, int], timeout_ms: int | None) -> dict[int, int]:
        """As the function `poll`. Raises Trap when it is interrupted, before or meanwhile."""
        with self._lock:
            self.check()
            if self._reading_end < 0:
                self._reading_end, self._writing_end = os.pipe()
        answers = poll({**wanted, self._reading_end: POLLIN}, timeout_ms)
        self.check()
        return answers

    def close(self) -> None:
        """Give back what it has of the host. To be called when no thread runs under it any more."""
        with self._lock:
            ends, self._reading_end, self._writing_end = (self._reading_end, self._writing_end), -1, -1
        for end in ends:
            if end >= 0:
                os.close(end)


class _Local(local):
    interruption: Interruption | None = None


_local = _Local()


def current() -> Interruption | None:
    """What the calling thread runs under."""
    return _local.interruption


@contextmanager
def running_under(interruption: Interruption) -> Iterator[None]:
    """The calling thread runs under `interruption` while the context lasts. If it ran under another one before, that
    one interrupts this one too.
    """
    before = _local.interruption
    with nullcontext() if before is None else before.waking(interruption.interrupt), interruption._scope():
        _local.interruption = interruption
        try:
            yield
        finally:
            _local.interruption = before


class Pace:
    """When to look again at the processor's time, which may stand still: less and less often while it does."""

    __slots__ = ("_left_s", "_pause_s")

    def __init__(self) -> None:
        self._left_s = -1.0
        self._pause_s = _SHORTEST_S

    def until(self, left_s: float, threads: int = 1) -> float:
        """In how many seconds to look, where so much is left to so many threads."""
        self._pause_s = min(2 * self._pause_s, _LONGEST_S) if left_s == self._left_s else _SHORTEST_S
        self._left_s = left_s
        return max(left_s / threads, self._pause_s)


def time_limit(left_s: float, timeout_s: float | None = None) -> AbstractContextManager[None]:
    """What the calling thread runs while the context lasts is stopped after `left_s`. Raises TimeoutError then, which
    names `timeout_s` if that is another time.
    """
    ends_at = monotonic() + left_s
    return _limit(lambda: ends_at - monotonic(), f"timed out after {left_s if timeout_s is None else timeout_s:g} s")


def cpu_time_limit(left_s: float, timeout_s: float | None = None) -> AbstractContextManager[None]:
    """As `time_limit`, by the processor's time of the calling thread."""
    from jormun.runtime.time_spent import ProcessorClock  # few calls are limited so

    clock = ProcessorClock()
    began_ns = clock.now_ns()
    return _limit(
        lambda: left_s - (clock.now_ns() - began_ns) / 1e9,
        f"timed out after {left_s if timeout_s is None else timeout_s:g} s of processor time",
    )


@contextmanager
def _limit(left: Callable[[], float], message: str) -> Iterator[None]:
    """What the calling thread runs while the context lasts is stopped when nothing is left of some time, of which no
    more goes by than of time. Raises TimeoutError then.
    """
    interruption = Interruption()
    watch = Native.get().watch
    is_late = is_over = False
    pace, alarm = Pace(), 0

    def ring() -> None:
        nonlocal alarm, is_late
        left_s = left()
        if left_s <= 0:
            is_late = True
            interruption.interrupt()
            return
        alarm = watch.set_alarm(pace.until(left_s), ring)
        if is_over:  # whoever sets that cancels the alarm that it sees
            watch.cancel_alarm(alarm)

    alarm = watch.set_alarm(left(), ring)
    try:
        with running_under(interruption):
            yield
    except Trap as trap:
        if trap.kind is not TrapKind.INTERRUPTED or isinstance(trap, TimeoutError) or not is_late:
            raise
        raise TimeoutError(TrapKind.INTERRUPTED, trap.backtrace, message=message) from None
    finally:
        is_over = True
        watch.cancel_alarm(alarm)
        interruption.close()
