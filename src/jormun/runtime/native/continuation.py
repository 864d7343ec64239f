"""Activations that may be suspended: each is on a guest stack of its own, which is put aside while it waits.

Python never runs on a guest's stack, so that there is nothing to put aside but that. What suspends an activation raises
`Suspension` in a function that native code called; it comes out of `start` or `go_on`, and the guest stays as it is.
What is the thread's in a context is written there anew each time, so that any thread may go on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.native.x86_64_activation import FRAME_ACTIVATION

_HOST_SP, _GUEST_SP, _ACTIVATION, _HOST_LIMIT, _SCOPE, _HANDLER, _FP = (
    offset >> 3
    for offset in (
        layout.CONTEXT_HOST_SP,
        layout.CONTEXT_GUEST_SP,
        layout.CONTEXT_ACTIVATION,
        layout.CONTEXT_HOST_LIMIT,
        layout.CONTEXT_SCOPE,
        layout.CONTEXT_SUSPENDED + 16,
        layout.CONTEXT_SUSPENDED + 24,
    )
)
"""Words of a context; the last two as they were when the activation was suspended."""


class Suspension(BaseException):
    """The guest that called waits. Nothing between the guest and who runs it may catch this."""


class SliceOver(Suspension):
    """The guest has computed for its time, and may go on at any time."""


class Continuation:
    """A call of a guest that may be suspended.

    `start` and `go_on` return None when the guest has returned, and what it waits for when it is suspended. They raise
    what `Native.call` does. Whoever uses them must see to it that nobody else does at the same time.
    """

    __slots__ = ("_activation", "_native", "_registers", "_sp", "_stack", "slice_ends_at", "thread")

    def __init__(self, registers: pages.Block, stack_bytes: int | None = None) -> None:
        """`registers` is a register record for the call, where results come back; `stack_bytes` bounds its stack."""
        self._native = Native.get()
        self._registers = registers
        self._stack = self._native.stacks.new()
        if stack_bytes is not None:
            self._stack.bound(stack_bytes)
        self._activation = 0
        self._sp = 0  # of the guest while it is suspended
        self.thread = 0
        """The kernel's number of the thread that ran it last."""
        self.slice_ends_at = 0.0
        """By time.monotonic, when a guest that computes is suspended; 0.0 for never."""

    @property
    def context(self) -> int:
        """The address of its stack's context."""
        return self._stack.context

    @classmethod
    def here(cls) -> Continuation | None:
        """What called the host in the calling thread, if that can be suspended: the only activation on such a stack.
        Who raises a `Suspension` then, which is to come out of the function that the guest called, suspends it.
        """
        stack = Native.get().stacks.current()
        found = stack.continuation
        if found is None:
            return None
        activation = stack.words[_ACTIVATION]
        if found._activation != activation:  # else it was before
            # HOST_SP is the frame of the innermost activation, which has called us and waits on this thread's stack.
            if pages.read_u64(stack.words[_HOST_SP] + FRAME_ACTIVATION) != 0:
                return None
            found._activation = activation
        return found

    def attend(self) -> bool:
        """Suspend the guest if it has computed for its time. Called by `jormun_attention`. Whether it may be asked
        again soon, whatever that costs: others wait.
        """
        if self.slice_ends_at == 0.0 or Continuation.here() is not self:
            return False
        if self.slice_ends_at <= monotonic():
            raise SliceOver
        return True

    def start(self, code: int) -> Suspension | None:
        """Call the code."""
        return self._run(self._native.built_ins.start, self._stack.context, code, self._registers.address)

    @property
    def catches(self) -> bool:
        """Whether the guest, while it is suspended, may catch what the function that it called throws."""
        return self._stack.words[_HANDLER] != 0

    def go_on(self, exception: int = 0) -> Suspension | None:
        """Go on where it was suspended, as if the call of the host had returned, in any thread; or had thrown an
        exception, given by its address. Raises Trap (INTERRUPTED) if it is to end.
        """
        sp, self._sp = self._sp, 0
        assert sp, "it is not suspended"
        go_on = self._native.built_ins.go_on
        return self._run(go_on, self._stack.context, self._activation, self._registers.address, sp, exception)

    def explain(self, error: BaseException) -> None:
        """Give a trap, which what it waits for raised, the backtrace of the guest if it has none."""
        words = self._stack.words
        trace = self._native.built_ins.trace(self._stack.context, words[_FP], words[_GUEST_SP])
        self._native.explain(trace, error)

    def close(self) -> None:
        """Give the stack back. What was on it does not go on."""
        self._sp = 0
        self._stack.close()

    def _run(self, run: Callable[..., None], *arguments: int) -> Suspension | None:
        stack, stacks = self._stack, self._native.stacks
        words = stack.words
        outer = stacks.current()
        words[_HOST_LIMIT] = outer.words[_HOST_LIMIT]
        words[_SCOPE] = outer.words[_SCOPE]
        stack.continuation = self
        try:
            self.thread = stacks.switch(outer, stack)
            run(*arguments)
        except Suspension as suspension:
            suspension.__traceback__ = None  # it leads here
            self._sp = words[_GUEST_SP]  # a collection looks at the stack from there on
            return suspension
        except BaseException as error:
            self.explain(error)
            raise
        finally:
            stacks.switch_back(outer, stack)
            stack.continuation = None
        return None
