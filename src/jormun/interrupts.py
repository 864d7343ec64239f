"""Signals that wait while something is done that should not be left half done."""

from __future__ import annotations

from contextlib import contextmanager

from jormun.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def held_back(*names: str) -> Iterator[None]:
    """The block runs without these signals, by default those that ask a process to end; they take effect behind it.

    Processes that are started in the block never get them. Does nothing where signals cannot be held back.
    """
    import _signal as signal  # type: ignore[import-not-found]  # FAST: signal makes enums of all numbers, 3 ms

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names or _ENDING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
