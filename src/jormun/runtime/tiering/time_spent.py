"""How long functions ran in baseline code, as far as their questions tell."""

from __future__ import annotations

import time

from jormun.locks import get_ident

_LEAST_UNIT_NS = 5
"""What a call, or a round of a loop, takes at most apart from its instructions."""
_BYTES_PER_NS = 5
"""Baseline code that runs through all of a body takes a nanosecond for so many bytes of it."""


class TimeSpent:
    """Shares out the time of threads that ask among the functions that ask.

    Counters count rounds, and a round takes 2 ns or 10 us. So a function that asks is credited with the time of its
    thread since it last asked, but for what others that asked meanwhile were credited with, and with no more than so
    many rounds through its whole body may take. That is right for functions that matter, and too much for others.
    Not safe to use from several threads.
    """

    def __init__(self) -> None:
        self._seen_ns = {get_ident(): time.thread_time_ns()}
        self._elapsed_ns = 0
        self._unclaimed_ns = 0
        self._asked_ns: dict[int, int] = {}
        self._credits_ns: dict[int, int] = {}
        self.total_ns = 0
        """What all functions were credited with."""

    def elapsed_ns(self) -> int:
        """The time of threads that asked, this one's up to now, since this object was made."""
        now_ns = time.thread_time_ns()
        thread = get_ident()
        took_ns = now_ns - self._seen_ns.get(thread, now_ns)
        self._seen_ns[thread] = now_ns
        self._elapsed_ns += took_ns
        self._unclaimed_ns += took_ns
        return self._elapsed_ns

    def leave_out(self, since_ns: int) -> None:
        """The calling thread ran no guest since then, by its clock (`time.thread_time_ns`): it compiled."""
        thread = get_ident()
        if thread in self._seen_ns:
            self._seen_ns[thread] += time.thread_time_ns() - since_ns

    def credit(self, func_index: int, units: int, size_bytes: int) -> None:
        """A function whose body has this size has counted so many units since it was last credited."""
        elapsed_ns = self.elapsed_ns()
        most_ns = units * (_LEAST_UNIT_NS + size_bytes // _BYTES_PER_NS)
        credit_ns = min(most_ns, self._unclaimed_ns, elapsed_ns - self._asked_ns.get(func_index, 0))
        self._asked_ns[func_index] = elapsed_ns
        self._unclaimed_ns -= credit_ns
        self._credits_ns[func_index] = self.of(func_index) + credit_ns
        self.total_ns += credit_ns

    def of(self, func_index: int) -> int:
        """What a function was credited with, in nanoseconds."""
        return self._credits_ns.get(func_index, 0)
