"""Guest stacks: a block for each thread that runs guest code, and for each call that may be suspended.

The context is in a block's first page. All blocks come from one reserved range, so that the fault handler knows by one
comparison whether a stack pointer is a guest's. A thread runs guests on one stack at a time, which nested activations
share, each below the one that called the host: on its own, which it has until it ends, or on that of a call that may be
suspended (suspension.py), which it has until the call is.
"""

from __future__ import annotations

from itertools import count

from jormun.errors import ExhaustionError, TrapKind, WasmError
from jormun.functions import contextmanager
from jormun.hints import TYPE_CHECKING, Callable, Iterator
from jormun.locks import get_native_id, local
from jormun.runtime import layout
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import pages
from jormun.runtime.native.pages import READ_WRITE
from jormun.runtime.native.signal_stack import SignalStack, host_limit

if TYPE_CHECKING:
    from jormun.runtime.native.continuation import Continuation

_REGION_BYTES = 16384 * layout.STACK_BLOCK_BYTES
"""How many stacks there may be at once: each takes two of the 65,530 mappings that Linux gives a process."""
_LIMITED_REGION_BYTES = 1024 * layout.STACK_BLOCK_BYTES
"""The same where address space is limited: guests' memories need it too."""
_LEAST_REGION_BYTES = 8 * layout.STACK_BLOCK_BYTES
_WARM_BLOCKS = 64
"""So many unused blocks keep the memory at the top of their stacks, since they are the next that are used."""
_WARM_BYTES = 16 << 10

_libc = ctypes.CDLL(None, use_errno=True)
_pthread_key_create = _libc.pthread_key_create
_pthread_key_create.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_pthread_setspecific = _libc.pthread_setspecific
_pthread_setspecific.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
_pthread_getspecific = _libc.pthread_getspecific
_pthread_getspecific.argtypes = [ctypes.c_uint32]
_pthread_getspecific.restype = ctypes.c_void_p


def note_thread(last: int, key: int, context: int) -> int:
    """The calling thread runs guests on the stack with this context from now on: have pthread_getspecific(3) give it,
    and nobody rely on what is at the address `last`, the thread that called last (layout.PROCESS_THREAD). An errno.
    """
    pages.write_u64(last, 0)
    error: int = _pthread_setspecific(key, context)
    return error


class GuestStack:
    """A block that nobody else has. It returns to its pool with this object, or before."""

    __slots__ = ("_pool", "context", "continuation", "words")

    def __init__(self, pool: StackPool, host_limit: int = 0) -> None:
        """An empty stack. `host_limit` is that of the thread that it is for, if that is known."""
        self._pool = pool
        self.continuation: Continuation | None = None
        """What runs on it now, if that may be suspended."""
        self.context = 0
        """The address of the block, whose first page is the context."""
        self.context = pool.take()
        words = (ctypes.c_uint64 * (layout.STACK_BLOCK_BYTES // 8)).from_address(self.context)
        self.words = memoryview(words).cast("B").cast("Q")
        """The block as 64-bit words. Those of the guard must not be touched."""
        # The block may have been another's: what it left of its context is of no meaning here.
        self.words[: layout.CONTEXT_RECORD_BYTES >> 3] = _NO_CONTEXT
        self.set_field(layout.CONTEXT_GUEST_SP, self.context + layout.STACK_TOP)
        self.set_field(layout.CONTEXT_HOST_LIMIT, host_limit)

    def field(self, offset: int) -> int:
        """A 64-bit field of the context."""
        return self.words[offset >> 3]

    def set_field(self, offset: int, value: int) -> None:
        """Set such a field."""
        self.words[offset >> 3] = value

    def bound(self, size_bytes: int) -> None:
        """Activations begin with so much room at most from now on: nearer to the guard, which finds who takes more as
        it finds the end of a whole stack.
        """
        top = self.context + layout.STACK_LIMIT + (size_bytes & -16)
        self.set_field(layout.CONTEXT_GUEST_SP, min(top, self.field(layout.CONTEXT_GUEST_SP)))

    @contextmanager
    def within(self, size_bytes: int) -> Iterator[None]:
        """They do while the context lasts. It is the calling thread's stack."""
        before = self.field(layout.CONTEXT_GUEST_SP)
        self.bound(size_bytes)
        try:
            yield
        finally:
            self.set_field(layout.CONTEXT_GUEST_SP, before)

    def close(self) -> None:
        """Give the block back now; no activation may be on it, nor may it be a thread's."""
        if self.context:
            self.words = _NO_CONTEXT
            context, self.context = self.context, 0
            self._pool.give(context)

    def __del__(self) -> None:
        if self.context:
            self._pool.give(self.context)


_NO_CONTEXT = memoryview(bytes(layout.CONTEXT_RECORD_BYTES)).cast("Q")


class _Thread(local):
    """What a thread has, from its first call of a guest on."""

    signal_stack: SignalStack | None = None
    own: GuestStack | None = None
    current: GuestStack | None = None


class StackPool:
    """The blocks of all threads. `base` to `end` is where guest stacks are and nothing else is."""

    def __init__(
        self,
        process: pages.Block,
        ended: int = 0,
        begun: Callable[[], None] = lambda: None,
        note: Callable[[int, int, int], int] = note_thread,
    ) -> None:
        """`process` is the process record. `ended` is the address of what is called when a thread that has a stack
        ends, without the GIL; `begun` is called in each that has one then. `note` does what
        `note_thread` does.
        """
        block_bytes = layout.STACK_BLOCK_BYTES
        try:
            self.base, self.size_bytes = pages.reserve(_REGION_BYTES, block_bytes), _REGION_BYTES
        except ExhaustionError:
            self.base, self.size_bytes = pages.reserve_most(_LIMITED_REGION_BYTES, _LEAST_REGION_BYTES, block_bytes)
        self.end = self.base + self.size_bytes
        self._blocks = count(self.base, block_bytes)
        """Those that nobody had yet."""
        self._closed: list[int] = []
        """Those that could not be made accessible."""
        self._free: list[int] = []
        self._used: set[int] = set()
        """The blocks that somebody has."""
        self._local = _Thread()
        self._begun = begun
        self._threads: dict[int, int] = {}
        key = ctypes.c_uint32()
        if _pthread_key_create(ctypes.addressof(key), ended or None):
            raise WasmError("cannot make a key for the stacks of threads")
        self.key = key.value
        """The key of pthread_getspecific(3) by which machine code finds the context of the thread that it runs in."""
        self._process = process
        self._last = process.address + layout.PROCESS_THREAD
        self._note_thread = note

    def threads(self) -> list[tuple[int, int]]:
        """The addresses of the contexts of all stacks that threads have, with the kernel's numbers of the threads."""
        return list(self._threads.copy().items())  # making pairs may end in a `give`

    def thread(self, context: int) -> int | None:
        """The kernel's number of the thread that has the stack with this context, if any has."""
        return self._threads.get(context)

    def begin(self, context: int) -> None:
        """The calling thread has this stack from now on."""
        self._threads[context] = get_native_id()

    def after_fork(self) -> None:
        """In a new process, which has only the thread that forked, with another number."""
        self._threads.clear()
        for stack in (self._local.own, self._local.current):
            if stack is not None:
                self.begin(stack.context)

    def current(self) -> GuestStack:
        """The stack that the calling thread runs guests on. Its own one is made at the first call."""
        local = self._local
        stack = local.current
        if stack is not None and not stack.context and local.own is not None:
            # A signal's handler raised in the middle of `switch_back`, and the call that had this stack has ended.
            self._note(local.own)
            stack = local.current = local.own
        if stack is None:
            stack = GuestStack(self, host_limit())
            local.signal_stack = SignalStack()
            self._note(stack)  # before it is the thread's: this may fail
            local.own = local.current = stack
            self.begin(stack.context)
            self._begun()
        return stack

    @property
    def own_context(self) -> int:
        """The context of the stack that the calling thread has of its own, or 0."""
        own = self._local.own
        return 0 if own is None else own.context

    def switch(self, outer: GuestStack, stack: GuestStack) -> int:
        """The calling thread, whose stack is `outer`, runs guests on `stack` from now on, which is nobody's. Returns
        the kernel's number of the thread.
        """
        thread = self._threads[stack.context] = self._threads[outer.context]
        self._note(stack)
        self._local.current = stack
        return thread

    def switch_back(self, outer: GuestStack, stack: GuestStack) -> None:
        """And no more."""
        self._note(outer)
        self._local.current = outer
        self._threads.pop(stack.context, None)

    def _note(self, stack: GuestStack) -> None:
        """Let machine code know the calling thread's stack."""
        if self._note_thread(self._last, self.key, stack.context):
            raise WasmError("cannot note the stack of a thread")

    def new(self) -> GuestStack:
        """A stack for a call that may be suspended."""
        return GuestStack(self)

    def take(self) -> int:
        """The address of a block, its context and stack accessible."""
        # No lock: a signal's handler may take one too, and a garbage collection give one, in the middle of this. Each
        # block comes from one step of Python's, which gives it to nobody else.
        try:
            block = self._free.pop()
        except IndexError:
            block = self._made()
        self._used.add(block)
        return block

    def _made(self) -> int:
        """The address of a block that nobody had yet."""
        try:
            block = self._closed.pop()
        except IndexError:
            block = next(self._blocks)
        if block >= self.end:
            raise ExhaustionError(
                TrapKind.STACK_EXHAUSTED,
                message=f"more than {self.size_bytes // layout.STACK_BLOCK_BYTES} threads and suspended calls have "
                "guest stacks at once",
            )
        try:
            pages.protect(block, layout.STACK_CONTEXT_BYTES, READ_WRITE)
            pages.protect(block + layout.STACK_LIMIT, layout.STACK_BLOCK_BYTES - layout.STACK_LIMIT, READ_WRITE)
        except ExhaustionError:
            self._closed.append(block)
            raise
        return block

    def ranges(self) -> list[int]:
        """Where activations have their frames, but for those that run now: first addresses and ends, in turn."""
        found = []
        for block in list(self._used):
            pointer = pages.read_u64(block + layout.CONTEXT_GUEST_SP)
            if pointer:
                found += [pointer, block + layout.STACK_TOP]
        return found

    def give(self, block: int) -> None:
        """Take a block back for another use, and its memory for the system."""
        self._threads.pop(block, None)
        self._used.discard(block)
        # A thread that Python has not made may go on, and call again, after what Python knew of it has ended.
        self._process.write_u64(layout.PROCESS_THREAD, 0)
        if _pthread_getspecific(self.key) == block:
            _pthread_setspecific(self.key, None)
        warm_bytes = _WARM_BYTES if len(self._free) < _WARM_BLOCKS else 0
        pages.forget(block + layout.STACK_LIMIT, layout.STACK_BLOCK_BYTES - layout.STACK_LIMIT - warm_bytes)
        self._free.append(block)
