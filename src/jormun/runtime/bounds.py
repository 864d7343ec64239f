"""What bounds each call into a store: time, the processor's time, and room on the stack."""

from __future__ import annotations

from time import monotonic, thread_time

from jormun.functions import contextmanager, nullcontext
from jormun.hints import Callable, Iterator, TypeVar
from jormun.runtime.interruption import cpu_time_limit, time_limit
from jormun.runtime.native.machine import Native
from jormun.runtime.time_spent import TimeSpent

T = TypeVar("T")


class CallBounds:
    """The bounds of one store, and what its calls took. Calls of a store that has some are Python's to make."""

    __slots__ = ("cpu_timeout_s", "spent", "stack_bytes", "timeout_s")

    def __init__(self, timeout_s: float | None, cpu_timeout_s: float | None, stack_bytes: int | None) -> None:
        """None bounds nothing."""
        self.timeout_s = timeout_s
        self.cpu_timeout_s = cpu_timeout_s
        self.stack_bytes = stack_bytes
        self.spent = TimeSpent()

    @contextmanager
    def call(self) -> Iterator[None]:
        """The calling thread makes a call while the context lasts. Raises TimeoutError."""
        stack_bytes = self.stack_bytes
        with (
            nullcontext() if self.timeout_s is None else time_limit(self.timeout_s),
            nullcontext() if self.cpu_timeout_s is None else cpu_time_limit(self.cpu_timeout_s),
            nullcontext() if stack_bytes is None else Native.get().stacks.current().within(stack_bytes),
            self.spent.measured(),
        ):
            yield

    def steps(self, timeout_s: float | None) -> Callable[[Callable[[], T]], T]:
        """What takes the steps of one call that may be suspended in between, each in whatever thread. Its stack has
        its bounds already. `timeout_s` is for all of it, where nobody else sees to that.
        """
        ends_at = None if timeout_s is None else monotonic() + timeout_s
        left_s = self.cpu_timeout_s

        def step(take: Callable[[], T]) -> T:
            nonlocal left_s
            began_s = thread_time()
            with (
                nullcontext() if ends_at is None else time_limit(max(ends_at - monotonic(), 0.0), timeout_s),
                nullcontext() if left_s is None else cpu_time_limit(max(left_s, 0.0), self.cpu_timeout_s),
                self.spent.measured(),
            ):
                try:
                    return take()
                finally:
                    if left_s is not None:
                        left_s -= thread_time() - began_s

        return step
