"""Signals as a native program takes them: Ctrl-C and a broken pipe end it, without a word of Python's."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # FAST: signal makes enums of all numbers, 3 ms
import os

from jormun.functions import contextmanager
from jormun.hints import Iterator


class _Ended(BaseException):
    """A signal came that ends the process."""


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


@contextmanager
def tidying_first() -> Iterator[None]:
    """While the context lasts, a signal that would end the process ends first what is done in the context, by an
    exception, and then the process as it would have before.
    """
    came = 0

    def end(number: int, frame: object) -> None:
        nonlocal came
        came = number
        raise _Ended

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE") if hasattr(signal, name)]
    changed = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    try:
        for number in changed:
            signal.signal(number, end)
        yield
    except _Ended:
        pass
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came)
