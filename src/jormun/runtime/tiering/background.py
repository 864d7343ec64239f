"""The thread that optimizes while guests run: one for the process, as LLVM compiles one unit at a time."""

from __future__ import annotations

import atexit
import os
import threading
import weakref

from jormun.functions import cache
from jormun.hints import Protocol
from jormun.resting import resting


class Work(Protocol):
    """Something that may have work to be done."""

    def heat(self) -> int:
        """How urgent its most urgent piece of work is, above 0; 0 if there is none."""

    def work(self) -> None:
        """Do the most urgent piece. Must not raise."""


class Background:
    """A daemon thread that does the hottest work first. It is started by the first work that comes.

    Work is held weakly, but while it is being done. The process may end at any time: it waits for the piece that LLVM
    is at (llvm/pipeline.py), and for no other.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[weakref.ref[Work]] = []
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_idle = True

    def submit(self, work: Work) -> None:
        """Have this work done, until it has no more of it."""
        with self._condition:
            if self._is_closed:
                return
            if all(each() is not work for each in self._waiting):
                self._waiting.append(weakref.ref(work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="jormun-tier-up", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all work is done; whether it is."""
        with self._condition:
            return self._condition.wait_for(lambda: self._is_idle and not self._waiting, timeout_s)

    def close(self) -> None:
        """Begin no more work."""
        with self._condition:
            self._is_closed = True
            self._waiting.clear()
            self._condition.notify_all()

    def _serve(self) -> None:
        while True:
            with self._condition:
                self._is_idle = True
                while (work := self._hottest()) is None:
                    if self._is_closed:
                        return
                    with resting:
                        self._condition.wait()
                self._is_idle = False
            work.work()
            del work  # it may be the last reference

    def _hottest(self) -> Work | None:
        """The work with the most urgent piece, the first of equals. What has none, or is gone, waits no more."""
        best: Work | None = None
        best_heat = 0
        waiting = []
        for reference in self._waiting:
            work = reference()
            if work is None:
                continue
            heat = work.heat()
            if heat > 0:
                waiting.append(reference)
                if heat > best_heat:
                    best, best_heat = work, heat
        self._waiting[:] = waiting
        if best is None:
            self._condition.notify_all()
        return best


@cache
def background() -> Background:
    """The process's one."""
    made = Background()
    atexit.register(made.close)
    return made


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background.cache_clear)  # a child has no thread of its parent's
