"""Whose turn it is to run guests in a store: calls follow each other, whichever threads and tasks they come from.

A guest's functions share globals, memories and what its language keeps there (a stack of its own, for instance), and
expect that a call ends before another one begins, unless it is one that they wait for. So a call waits until the one
that has the turn has ended, unless it is made by what that waits for: the same thread, further down its stack, or,
where a suspended call awaits a coroutine, that coroutine and whatever has its context (contextvars).

The owner is in the store's stop record (runtime/layout.py), changed with the GIL held. A call takes a turn that nobody
has, and gives it back, by itself; all else is in here.
"""

from __future__ import annotations

from jormun.containers import deque
from jormun.errors import HostError
from jormun.functions import nullcontext
from jormun.hints import TYPE_CHECKING, Callable, Final
from jormun.locks import RLock, get_native_id
from jormun.runtime import layout
from jormun.runtime.native import pages, stop_record
from jormun.runtime.native.machine import Native
from jormun.runtime.native.stop_record import StopRecord

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from contextvars import ContextVar

    from jormun.hints import TypeAlias
    from jormun.runtime.sleeper import Sleeper

    _Waiter: TypeAlias = "Sleeper | _TaskWaiter"

OWNER: Final = layout.STOP_OWNER >> 3
WAITING: Final = layout.STOP_WAITING >> 3
"""Words of a stop record, as `Turn.words` has them."""
_record = pages.words(layout.STOP_RECORD_BYTES >> 3)


class Claim:
    """A call that others may be nested in, or that is nested in another."""

    __slots__ = ("context", "is_waiting", "thread", "what")

    def __init__(self, context: int, what: object) -> None:
        self.context = context
        """That of its guest stack."""
        self.what = what
        self.is_waiting = False
        """Whether it is suspended for a coroutine of the host."""
        self.thread = get_native_id()
        """The kernel's number of the thread that ran it last."""


_waiting: dict[int, Turn] = {}
"""What threads wait for, by the kernel's numbers of the threads: to find those that would wait for each other."""

_chain: dict[str, ContextVar[tuple[Claim, ...]]] = {}


def chain() -> ContextVar[tuple[Claim, ...]]:
    """The awaited calls that the running code is part of, outermost first."""
    if not _chain:
        from contextvars import ContextVar  # most calls neither are awaited nor wait

        _chain.setdefault("chain", ContextVar("jormun_chain", default=()))  # one for all threads
    return _chain["chain"]


class Turn:
    """The turn of one store."""

    __slots__ = ("_address", "_base", "_held", "_lock", "_queue", "inside", "is_shared", "words")

    def __init__(self, record: StopRecord) -> None:
        self._address = record.address
        self.words = _record(self._address)
        self.is_shared = False
        """Whether calls do not wait for each other, as those of a guest's threads, which wait for each other inside."""
        # Reentrant: a signal's handler may call guests, and a garbage collection may end an awaited call.
        self._lock = RLock()
        self._held: list[Claim] = []  # outermost first; the owner is the last, or below the first
        self._base = 0  # the owner below the first
        self._queue: deque[_Waiter] = deque()
        self.inside: list[_Waiter] = []
        """Those who wait, and are part of a call that is under way: who has the turn matters to them. To all others
        only whether anybody has it does.
        """

    def enter(self, context: int, what: object) -> Claim:
        """Wait for the turn of somebody else, and take it for a call on the calling thread's stack.

        Raises HostError where that would wait for itself, and Trap when the thread is interrupted.
        """
        claim = Claim(context, what)
        if self._take(claim):
            return claim
        from jormun.runtime.interruption import current  # few calls wait
        from jormun.runtime.sleeper import Sleeper

        interruption = current()
        waiter = Sleeper()
        outer = _waiting.get(claim.thread)  # of this thread too, which a signal's handler runs in
        _waiting[claim.thread] = self  # before looking who waits: of two at once, one at least sees the other
        self._enqueue(waiter, claim)
        try:
            self._check_wait(claim)
            with nullcontext() if interruption is None else interruption.waking(waiter.wake):
                while not self._take(claim):
                    waiter.sleep()
                    if interruption is not None:
                        interruption.check()
        finally:
            if outer is None:
                del _waiting[claim.thread]
            else:
                _waiting[claim.thread] = outer
            self._dequeue(waiter)
        return claim

    async def enter_async(self, claim: Claim) -> None:
        """Wait for the turn and take it, for a call on a stack of its own."""
        if not self._take(claim):
            await self._until(lambda: self._take(claim), claim)

    async def go_on(self, claim: Claim) -> None:
        """Wait until calls have ended that are nested in one that goes on."""
        if not self._is_back(claim):
            await self._until(lambda: self._is_back(claim), claim)

    def leave(self, claim: Claim) -> None:
        """A call has ended, or will not be gone on with."""
        with self._lock:
            if claim not in self._held:
                return
            is_owner = self.words[OWNER] == claim.context
            self._held.remove(claim)
            if is_owner:
                self.words[OWNER] = self._held[-1].context if self._held else self._base
            if not self._held:
                self._base = 0
        self.pass_on()

    def pass_on(self) -> None:
        """Wake who may have the turn now. To be called when somebody waits and it changes hands, or its owner begins to
        wait for a coroutine.
        """
        with self._lock:
            waiters = list(self.inside)
            if self.words[OWNER] == 0 and self._queue:
                waiters.append(self._queue[0])
        for waiter in waiters:
            waiter.wake()

    def _take(self, claim: Claim) -> bool:
        with self._lock:
            if self.is_shared:
                return True
            owner = self.words[OWNER]
            if owner:
                held = self._held[-1] if self._held else None
                if held is not None and held.context == owner:
                    if not (held.is_waiting and held in chain().get()) and self._thread() != claim.thread:
                        return False
                elif self._thread() not in (claim.thread, None):
                    return False
            if not self._held:
                self._base = owner if self._thread() == claim.thread else 0
            self._held.append(claim)
            self.words[OWNER] = claim.context
            return True

    def _is_back(self, claim: Claim) -> bool:
        with self._lock:
            owner = self.words[OWNER]
            if owner == claim.context or self.is_shared:
                return True
            if owner and self._thread() is not None:
                return False
            if claim in self._held and claim is not self._held[-1]:
                return False
            self._base = 0  # who was below is gone
            self.words[OWNER] = claim.context
            return True

    def _thread(self) -> int | None:
        """The kernel's number of the thread that runs the owner's guest, on whose host stack its frames are. None for a
        call that is suspended, or that a fork left behind.
        """
        return Native.get().stacks.thread(self.words[OWNER])

    def _check_wait(self, claim: Claim) -> None:
        """Raise HostError where a thread would wait for itself."""
        turn: Turn | None = self
        for _ in range(len(_waiting) + 1):
            if turn is None:
                return
            held = turn._held[-1] if turn._held else None
            thread = turn._thread()
            if thread is None and held is not None:
                thread = held.thread
            if thread == claim.thread:
                who = "another call" if held is None else held.what
                raise HostError(
                    f"{claim.what} cannot be called here: {who} is under way in its store, and waits for this thread, "
                    "which would wait for it; in coroutines, await call_async()"
                )
            turn = None if thread is None else _waiting.get(thread)

    async def _until(self, is_done: Callable[[], bool], claim: Claim) -> None:
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise HostError(
                f"{claim.what} cannot be called here: its store is in use, and no event loop waits"
            ) from None
        waiter = _TaskWaiter(loop)
        self._enqueue(waiter, claim)
        try:
            while not is_done():
                await waiter.sleep()
        finally:
            self._dequeue(waiter)

    def _enqueue(self, waiter: _Waiter, claim: Claim) -> None:
        with self._lock:
            if any(each in self._held for each in (claim, *chain().get())):
                self.inside.append(waiter)
            else:
                self._queue.append(waiter)
            self.words[WAITING] = len(self._queue) + len(self.inside)
            stop_record.waiting[self._address] = self.pass_on

    def _dequeue(self, waiter: _Waiter) -> None:
        with self._lock:
            (self.inside if waiter in self.inside else self._queue).remove(waiter)
            waiting = self.words[WAITING] = len(self._queue) + len(self.inside)
            if not waiting:
                del stop_record.waiting[self._address]
            is_free = self.words[OWNER] == 0 and bool(self._queue)
        if is_free:  # it was woken and gave up
            self.pass_on()


class _TaskWaiter:
    """A task that waits."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Future[None] = loop.create_future()

    async def sleep(self) -> None:
        """Until `wake`."""
        await self._future
        self._future = self._loop.create_future()

    def wake(self) -> None:
        """From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)
