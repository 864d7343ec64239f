"""A timer that interrupts a thread's guest now and then, so that Python can run handlers of signals, and suspend it.

Only the main thread runs handlers, and only in Python. The timer counts the processor's time of the thread: it does
nothing while that sleeps.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.locks import get_native_id
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native.signals import INTERRUPT

INTERVAL_S: Final = 0.025
"""How often in the main thread: each time costs some 20 us of a guest's time."""
SLICE_S: Final = 0.005
"""How often in a thread with an event loop, and how long a guest computes while others wait."""
_CLOCK_THREAD_CPUTIME_ID: Final = 3
_SIGEV_THREAD_ID: Final = 4
_SYS_TIMER_CREATE: Final = 222
_SYS_TIMER_SETTIME: Final = 223
_SYS_TIMER_DELETE: Final = 226


class _Event(ctypes.Structure):
    """`struct sigevent` of <signal.h>."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("rest", ctypes.c_int * 11),
    )


class _Times(ctypes.Structure):
    """`struct itimerspec` of <time.h>."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


_syscall = ctypes.CDLL(None).syscall


class Tick:
    """The timer of one thread's guests. The C library's own functions for timers are elsewhere in old ones."""

    def __init__(self, value: int) -> None:
        """`value` goes with each signal."""
        self._value = value
        self._timer: int | None = None
        self._interval_s = INTERVAL_S

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Tick in the calling thread from now on, or at another interval in the thread where it does. Does nothing
        where the system has no such timers.
        """
        if self._timer is None:
            event = _Event(self._value, INTERRUPT, _SIGEV_THREAD_ID, get_native_id())
            timer = ctypes.c_int()
            if _syscall(_SYS_TIMER_CREATE, _CLOCK_THREAD_CPUTIME_ID, ctypes.byref(event), ctypes.byref(timer)):
                return
            self._timer = timer.value
        self._interval_s = interval_s
        seconds, rest = divmod(int(interval_s * 1e9), 10**9)
        times = _Times(seconds, rest, seconds, rest)
        _syscall(_SYS_TIMER_SETTIME, self._timer, 0, ctypes.byref(times), None)

    @property
    def is_running(self) -> bool:
        """Whether it was started, in this process, where the system has such timers."""
        return self._timer is not None

    def after_fork(self) -> None:
        """In a new process, which has no timers."""
        if self._timer is not None:
            self._timer = None
            self.start(self._interval_s)

    def __del__(self) -> None:
        if self._timer is not None:
            _syscall(_SYS_TIMER_DELETE, self._timer)
