"""A thread that sleeps until another one, or a signal's handler, wakes it."""

from __future__ import annotations

from jormun.locks import TIMEOUT_MAX, Lock


class Sleeper:
    """To be made by the thread that will sleep, or for it."""

    __slots__ = ("_is_asleep",)

    def __init__(self) -> None:
        self._is_asleep = Lock()
        self._is_asleep.acquire()

    def sleep(self, timeout_ns: int = -1) -> None:
        """Wait, without the GIL, for `wake` or until the time is up; negative for no end. A signal's handler runs
        meanwhile, and may raise.
        """
        self._is_asleep.acquire(timeout=-1 if timeout_ns < 0 else min(timeout_ns / 1e9, TIMEOUT_MAX))

    def wake(self) -> None:
        """End the sleep, which may not have begun."""
        try:
            self._is_asleep.release()
        except RuntimeError:
            pass  # it was released before
