"""Signals as a native program takes them: Ctrl-C and a broken pipe end it, without a word of Python's."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # FAST: signal makes enums of all numbers, 3 ms


def behave_natively() -> None:
    """Gives SIGINT, SIGPIPE and SIGXFSZ back the effect that Python took from them.

    So a guest that is interrupted dies of the signal, which a shell sees. A SIGINT that was ignored when the process
    began (a job in the background) stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):  # Windows has neither
            signal.signal(getattr(signal, name), signal.SIG_DFL)
