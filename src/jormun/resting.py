"""Threads of our own that wait for work: how many, so that whoever may keep the GIL from others need not mind them."""

from __future__ import annotations

import os
from array import array

_count = array("Q", [0])  # changed with the GIL held, which nobody else gets between reading and writing


class _Resting:
    __slots__ = ()

    def __enter__(self) -> None:
        _count[0] += 1

    def __exit__(self, *exception: object) -> None:
        _count[0] -= 1


resting = _Resting()
"""The context in which such a thread waits. When it is over, the thread may wait for the GIL some 25 ms longer."""


def count_address() -> int:
    """Where in memory, as long as the process lives, the count is, an unsigned 64-bit number."""
    return _count.buffer_info()[0]


def _after_fork() -> None:
    """In a new process, which has only the thread that forked."""
    _count[0] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
