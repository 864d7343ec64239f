"""Threads of a guest, by the wasi-threads proposal: thread-spawn, and the end of all when one exits or traps.

Each thread is an instance of its own of the guest's module, in a thread of Python's, with the guest's shared memories
and all that its world has. A guest whose time is limited runs in the same way, as one thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from threading import Event, RLock

from jormun.errors import Exit, TimeoutError, Trap, TrapKind, WasmError
from jormun.hints import Final, TypeAlias
from jormun.runtime.interruption import Interruption, Pace, current, running_under
from jormun.runtime.time_spent import ProcessorTime

THREAD_START: Final = "wasi_thread_start"
"""What a module must export to have threads: takes the thread's number and what thread-spawn was given."""
THREADS: Final = 256
"""How many of one guest's threads may run at once. Ours: the host's own bounds come far behind."""
_LAST_ID: Final = (1 << 29) - 1
"""Numbers of threads are from 1 to this (the proposal; above, C libraries keep flags)."""
_REFUSED: Final = -6
"""What thread-spawn returns when there is no thread: any negative number is an error; this is EAGAIN's."""
_GRACE_S: Final = 1.0
"""How long threads have to notice the end."""


Body: TypeAlias = Callable[[], object]
"""What a thread does."""


class NoThreadError(Exception):
    """A thread cannot be made: the module does not say what threads do."""


class ThreadGroup:
    """The threads of one guest.

    It ends when its main thread returns, or any thread exits, traps or raises; the first of these counts. The others
    are stopped then, whether they compute, wait or call WASI. One that is in the host for longer than a moment (it
    waits for the compiler, or fills gigabytes) is left behind, and ends when it comes back from there.
    """

    has_threads: Final = True

    def __init__(self) -> None:
        self.interruption = Interruption()
        self.lock = RLock()
        """What calls of WASI that may not meet take."""
        self._lock = RLock()
        self._over = Event()
        self._outcome: BaseException | None = None
        self._threads: dict[int, threading.Thread] = {}
        self._ending: list[threading.Thread] = []
        """Those that have done all that they do for the group, but may be there for a moment yet."""
        self._last_id = 0
        self._is_closed = False

    def run(self, main: Body, timeout_s: float | None = None, processor: ProcessorTime | None = None) -> None:
        """Runs `main` as the guest's first thread, and waits for the group's end. What interrupts the calling thread
        ends the group.

        Raises what ended it, if that was no return: Exit, a Trap, what a host function raised, TimeoutError
        when the time was up, or that of the processor for all threads. A signal's handler may raise meanwhile, as
        Ctrl-C's does: that is the end too.
        """
        outer = current()
        with nullcontext() if outer is None else outer.waking(lambda: self._end(Trap(TrapKind.INTERRUPTED))):
            self._run(main, timeout_s, processor)

    def _run(self, main: Body, timeout_s: float | None, processor: ProcessorTime | None) -> None:
        self._start(0, main, is_main=True)
        try:
            self._wait(timeout_s, processor)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self._join()
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            try:
                raise outcome
            finally:
                outcome = None  # its traceback leads here

    def _wait(self, timeout_s: float | None, processor: ProcessorTime | None) -> None:
        """Until the group has ended; ends it when a time is up."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        pace, late = Pace(), ""
        while not late:
            left_s = threading.TIMEOUT_MAX
            if ends_at is not None:
                left_s = min(left_s, ends_at - time.monotonic())
                if left_s <= 0:
                    late = f"timed out after {timeout_s:g} s"
            if processor is not None:
                processor_left_s = processor.left_s
                if processor_left_s <= 0:
                    late = f"timed out after {processor.timeout_s:g} s of processor time"
                left_s = min(left_s, pace.until(processor_left_s, len(self._threads) or 1))
            if self._over.wait(0.0 if late else left_s):
                return
        self._end(TimeoutError(TrapKind.INTERRUPTED, message=late))

    def spawn(self, make: Callable[[int], Body]) -> int:
        """Starts a thread; its number, from 1, or a negative number when there can be none.

        `make` gets the number and returns what the thread does. Raises Trap when the group has ended.
        """
        with self._lock:
            self.interruption.check()
            if len(self._threads) > THREADS:
                return _REFUSED
            thread_id = self._last_id % _LAST_ID + 1
            while thread_id in self._threads:
                thread_id = thread_id % _LAST_ID + 1
            self._last_id = thread_id
        try:
            self._start(thread_id, make(thread_id), is_main=False)
        except Exit:  # out of a start function
            raise
        except (WasmError, NoThreadError, RuntimeError, MemoryError):  # RuntimeError is what Thread.start raises
            self.interruption.check()
            return _REFUSED
        return thread_id

    def close(self) -> None:
        """Gives back what it has of the host, or leaves that to the last thread that was left behind."""
        with self._lock:
            self._is_closed = True
            is_last = not self._threads
        if is_last:
            self.interruption.close()

    def _start(self, thread_id: int, body: Body, *, is_main: bool) -> None:
        def run() -> None:
            outcome: BaseException | None = None
            is_end = is_main
            try:
                with running_under(self.interruption):
                    body()
            except BaseException as error:
                outcome, is_end = error, True
            if is_end:
                self._end(outcome)
            if is_main:
                self._say_where(outcome)
            with self._lock:
                self._ending = [each for each in self._ending if each.is_alive()]
                self._ending.append(self._threads.pop(thread_id))
                is_last = self._is_closed and not self._threads
            if is_last:
                self.interruption.close()

        name = "main" if is_main else str(thread_id)
        thread = threading.Thread(target=run, name=f"guest thread {name}", daemon=True)
        with self._lock:
            self._threads[thread_id] = thread
        try:
            thread.start()
        except BaseException:
            with self._lock:
                del self._threads[thread_id]
            raise

    def _end(self, outcome: BaseException | None) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._outcome = outcome
            self._over.set()
        self.interruption.interrupt()

    def _say_where(self, stopped: BaseException | None) -> None:
        """The backtrace of a guest whose time was up is that of its main thread."""
        outcome = self._outcome
        if isinstance(outcome, TimeoutError) and isinstance(stopped, Trap) and not outcome.backtrace:
            outcome.backtrace = stopped.backtrace

    def _join(self) -> None:
        deadline = time.monotonic() + _GRACE_S
        while True:
            with self._lock:
                thread = next(iter((*self._threads.values(), *self._ending)), None)
            left_s = deadline - time.monotonic()
            if thread is None or left_s <= 0:
                return
            thread.join(left_s)
            if thread.is_alive():
                return
            with self._lock:
                self._ending = [each for each in self._ending if each is not thread]
