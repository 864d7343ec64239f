"""How long calls of guests take, by the clock and by the processor."""

from __future__ import annotations

from time import CLOCK_THREAD_CPUTIME_ID, clock_gettime_ns, monotonic_ns, pthread_getcpuclockid

from jormun.dataclass import dataclass
from jormun.functions import contextmanager
from jormun.hints import Iterator
from jormun.locks import RLock, get_ident


class ProcessorClock:
    """The processor's time of the thread that makes it, which any thread may ask for."""

    __slots__ = ("_clock", "_last_ns")

    def __init__(self) -> None:
        self._clock = pthread_getcpuclockid(get_ident())
        self._last_ns = clock_gettime_ns(CLOCK_THREAD_CPUTIME_ID)

    def now_ns(self) -> int:
        """The time; when the thread has ended, what was last known."""
        try:
            self._last_ns = clock_gettime_ns(self._clock)
        except OSError:
            pass
        return self._last_ns


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds of the processor's time that calls may take together."""

    timeout_s: float
    spent: TimeSpent

    @property
    def left_s(self) -> float:
        """How many are left; 0 or less when it is over."""
        return self.timeout_s - self.spent.seconds[1]


class TimeSpent:
    """What the calls of one store took together, and of others that share its limits. Safe to use from any thread."""

    __slots__ = ("_cpu_ns", "_lock", "_running", "_wall_ns")

    def __init__(self) -> None:
        self._wall_ns = self._cpu_ns = 0
        self._running: dict[int, tuple[int, int, ProcessorClock]] = {}
        """When each thread began, by both clocks."""
        self._lock = RLock()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """What the calling thread does while the context lasts is such a call, or nested in one."""
        thread = get_ident()
        if thread in self._running:
            yield
            return
        clock = ProcessorClock()
        self._running[thread] = (monotonic_ns(), clock.now_ns(), clock)
        try:
            yield
        finally:
            wall_ns, cpu_ns = self._of(*self._running[thread])
            with self._lock:
                del self._running[thread]
                self._wall_ns += wall_ns
                self._cpu_ns += cpu_ns

    @property
    def seconds(self) -> tuple[float, float]:
        """How long they took so far, by the clock and by the processor."""
        with self._lock:
            running = [self._of(*each) for each in self._running.copy().values()]
            wall_ns = self._wall_ns + sum(each[0] for each in running)
            cpu_ns = self._cpu_ns + sum(each[1] for each in running)
        return wall_ns / 1e9, cpu_ns / 1e9

    @staticmethod
    def _of(began_ns: int, cpu_began_ns: int, clock: ProcessorClock) -> tuple[int, int]:
        return monotonic_ns() - began_ns, clock.now_ns() - cpu_began_ns
