"""What a guest's clocks show: those of the host, or times that are the same in each run."""

from __future__ import annotations

import time

from jormun.hints import Callable, Final, Protocol
from jormun.locks import RLock
from jormun.wasi.abi import ClockId

READING_NS: Final = 1000
"""How much time passes at each reading of fixed clocks, so that a guest that waits for time to pass does not wait
forever.
"""
EPOCH_NS: Final = 946_684_800_000_000_000
"""What REALTIME begins with on fixed clocks: 2000-01-01 00:00 UTC."""
LAST_NS: Final = (1 << 64) - 1
"""The end of time: guests have 64 bits for it, and on fixed clocks they may sleep for 584 years and then again."""
_HOST_NAMES: Final = ("time", "monotonic", "process_time", "thread_time")
"""By ClockId: the clock's name for time.get_clock_info."""


class Clocks(Protocol):
    """The clocks of one guest."""

    @property
    def readers(self) -> tuple[Callable[[], int], ...]:
        """By ClockId: what reads the clock, in nanoseconds."""

    @property
    def is_fixed(self) -> bool:
        """Whether time passes by `sleep` and readings alone."""

    def resolution_ns(self, clock_id: ClockId) -> int:
        """The resolution of a clock in nanoseconds, at least 1."""

    def sleep(self, duration_ns: int) -> None:
        """Lets a time pass. Signals are handled meanwhile."""


class HostClocks:
    """The clocks of the host."""

    readers: Final = (time.time_ns, time.monotonic_ns, time.process_time_ns, time.thread_time_ns)
    is_fixed: Final = False

    def resolution_ns(self, clock_id: ClockId) -> int:
        """See Clocks."""
        return max(1, round(time.get_clock_info(_HOST_NAMES[clock_id]).resolution * 1e9))

    def sleep(self, duration_ns: int) -> None:
        """See Clocks."""
        time.sleep(duration_ns / 1e9)


class FixedClocks:
    """Clocks that begin alike in each run: REALTIME at EPOCH_NS, the others at 0.

    They all go at one pace: each reading takes READING_NS, a sleep as long as it says, though nobody waits for it.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._passed_ns = 0
        self.readers: Final = (lambda: min(EPOCH_NS + self._read(), LAST_NS), self._read, self._read, self._read)
        self.is_fixed: Final = True

    def _read(self) -> int:
        with self._lock:
            now, self._passed_ns = self._passed_ns, min(self._passed_ns + READING_NS, LAST_NS)
        return now

    def resolution_ns(self, clock_id: ClockId) -> int:
        """See Clocks."""
        return READING_NS

    def sleep(self, duration_ns: int) -> None:
        """See Clocks."""
        with self._lock:
            self._passed_ns = min(self._passed_ns + duration_ns, LAST_NS)
