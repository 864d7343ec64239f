"""Signals that ask a process to end, and work that should not be left half done, or is not theirs to end."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # FAST: signal makes enums of all numbers, 3 ms
import os

from jormun.functions import contextmanager
from jormun.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from jormun.hints import Iterator

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def postponed() -> Iterator[None]:
    """While the block runs, signals that would end the process at once wait; they end it behind the block.

    Those with a handler of Python's are let through: what it raises leaves the block as any exception does. Outside of
    the main thread, which alone may change what signals do, nothing waits.
    """
    came: list[int] = []
    changed: list[int] = []
    for number in [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]:
        if signal.getsignal(number) != signal.SIG_DFL:
            continue
        try:
            signal.signal(number, lambda number, _: came.append(number))
        except ValueError:
            break
        changed.append(number)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came[0])


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes started in the block do not get SIGINT, which Ctrl-C sends to all of a terminal's foreground."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))  # which children inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
