"""Guest stacks: a block for each thread that runs guest code, with the context in its first page.

All blocks come from one reserved range, so that the fault handler knows by one comparison whether a stack pointer is
a guest's. A block belongs to a thread until it ends; nested activations share it, each below the one that called the
host. The thread also gets an alternate signal stack: the fault handler cannot run on a guest stack that is full.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from jormun.errors import ExhaustionError, TrapKind, WasmError
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.pages import PAGE_BYTES, READ_WRITE

_REGION_BYTES = 1024 * layout.STACK_BLOCK_BYTES
_LEAST_REGION_BYTES = 8 * layout.STACK_BLOCK_BYTES
_HOST_MARGIN_BYTES = 256 << 10
"""Host stack that an activation must find, so that the Python code that it calls back has room."""
_SIGNAL_STACK_BYTES = 64 << 10
_SIGNAL_STACK_LEAST_BYTES = 16 << 10
"""A signal stack that the thread has already is kept from this size on: the kernel's frame takes up to 11 KiB (AMX)."""
_SS_DISABLE = 2


class _SignalStack(ctypes.Structure):
    """`stack_t` of <signal.h>."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size_bytes", ctypes.c_size_t))


_libc = ctypes.CDLL(None, use_errno=True)
_sigaltstack = _libc.sigaltstack
_sigaltstack.argtypes = [ctypes.POINTER(_SignalStack), ctypes.POINTER(_SignalStack)]
_pthread_key_create = _libc.pthread_key_create
_pthread_key_create.argtypes = [ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p]
_pthread_setspecific = _libc.pthread_setspecific
_pthread_setspecific.argtypes = [ctypes.c_uint, ctypes.c_void_p]
_pthread_self = _libc.pthread_self
_pthread_self.restype = ctypes.c_void_p
_pthread_getattr_np = _libc.pthread_getattr_np
_pthread_getattr_np.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_pthread_attr_getstack = _libc.pthread_attr_getstack
_pthread_attr_getstack.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
_pthread_attr_destroy = _libc.pthread_attr_destroy
_pthread_attr_destroy.argtypes = [ctypes.c_void_p]


class GuestStack:
    """The calling thread's guest stack. It returns to its pool when the thread ends."""

    def __init__(self, pool: StackPool) -> None:
        self._pool = pool
        self._thread = threading.get_ident()
        self._own_signal_stack = 0
        self._replaced = _SignalStack(flags=_SS_DISABLE)
        self.context = 0
        """The address of the block, whose first page is the context."""
        self.context = pool.take()
        words = (ctypes.c_uint64 * (layout.STACK_BLOCK_BYTES // 8)).from_address(self.context)
        self.words = memoryview(words).cast("B").cast("Q")
        """The block as 64-bit words. Those of the guard must not be touched."""
        # The block may have been another thread's: what it left of its context is of no meaning here.
        for offset in range(0, layout.CONTEXT_RECORD_BYTES, 8):
            pages.write_u64(self.context + offset, 0)
        pages.write_u64(self.context + layout.CONTEXT_GUEST_SP, self.context + layout.STACK_TOP)
        pages.write_u64(self.context + layout.CONTEXT_HOST_LIMIT, _host_limit())
        self._set_signal_stack()
        if _pthread_setspecific(pool.key, self.context):
            raise WasmError("cannot note the stack of a thread")
        pool.begin(self.context)

    def field(self, offset: int) -> int:
        """A 64-bit field of the context."""
        return self.words[offset >> 3]

    def set_field(self, offset: int, value: int) -> None:
        """Set such a field."""
        self.words[offset >> 3] = value

    def _set_signal_stack(self) -> None:
        if _sigaltstack(None, ctypes.byref(self._replaced)):
            raise WasmError("cannot ask for the signal stack")
        if not self._replaced.flags & _SS_DISABLE and self._replaced.size_bytes >= _SIGNAL_STACK_LEAST_BYTES:
            return
        start = pages.reserve(PAGE_BYTES + _SIGNAL_STACK_BYTES)
        pages.protect(start + PAGE_BYTES, _SIGNAL_STACK_BYTES, READ_WRITE)  # the first page stays as a guard
        own = _SignalStack(start + PAGE_BYTES, 0, _SIGNAL_STACK_BYTES)
        if _sigaltstack(ctypes.byref(own), None):
            pages.release(start, PAGE_BYTES + _SIGNAL_STACK_BYTES)
            raise WasmError("cannot set the signal stack")
        self._own_signal_stack = start

    def __del__(self) -> None:
        # Runs as the thread's locals die, in that very thread; elsewhere only for threads that a fork left behind.
        if self.context:
            self._pool.give(self.context)
        if threading.get_ident() != self._thread:
            return
        _pthread_setspecific(self._pool.key, None)
        if self._own_signal_stack:
            present = _SignalStack()
            if _sigaltstack(None, ctypes.byref(present)) or present.start != self._own_signal_stack + PAGE_BYTES:
                return  # somebody set another one since: ours may be what they will set back
            if _sigaltstack(ctypes.byref(self._replaced), None) == 0:
                pages.release(self._own_signal_stack, PAGE_BYTES + _SIGNAL_STACK_BYTES)


class StackPool:
    """The blocks of all threads. `base` to `end` is where guest stacks are and nothing else is."""

    def __init__(self, begun: Callable[[], None] = lambda: None) -> None:
        """`begun` is called in each thread that has a stack then."""
        self.base, self.size_bytes = pages.reserve_most(_REGION_BYTES, _LEAST_REGION_BYTES, layout.STACK_BLOCK_BYTES)
        self.end = self.base + self.size_bytes
        self._unused = self.base
        self._free: list[int] = []
        # Reentrant: a garbage collection inside of `take` may end in a `give`.
        self._lock = threading.RLock()
        self._local = threading.local()
        self._begun = begun
        self._threads: dict[int, int] = {}
        key = ctypes.c_uint()
        if _pthread_key_create(ctypes.byref(key), None):
            raise WasmError("cannot make a key for the stacks of threads")
        self.key = key.value
        """The key of pthread_getspecific(3) by which machine code finds the context of the thread that it runs in."""

    def threads(self) -> list[tuple[int, int]]:
        """The addresses of the contexts of all threads that have stacks, with the kernel's numbers of the threads."""
        return list(self._threads.copy().items())  # making pairs may end in a `give`

    def begin(self, context: int) -> None:
        """The calling thread has a stack from now on."""
        self._threads[context] = threading.get_native_id()

    def after_fork(self) -> None:
        """In a new process, which has only the thread that forked, with another number."""
        self._threads.clear()
        stack: GuestStack | None = getattr(self._local, "stack", None)
        if stack is not None:
            self.begin(stack.context)

    def current(self) -> GuestStack:
        """The calling thread's stack, made at its first call."""
        stack: GuestStack | None = getattr(self._local, "stack", None)
        if stack is None:
            stack = GuestStack(self)
            self._local.stack = stack
            self._begun()
        return stack

    def take(self) -> int:
        """The address of a block, its context and stack accessible."""
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._unused == self.end:
                raise ExhaustionError(
                    TrapKind.STACK_EXHAUSTED,
                    message=f"more than {self.size_bytes // layout.STACK_BLOCK_BYTES} threads run guests at once",
                )
            block = self._unused
            self._unused += layout.STACK_BLOCK_BYTES
        try:
            pages.protect(block, layout.STACK_CONTEXT_BYTES, READ_WRITE)
            pages.protect(block + layout.STACK_LIMIT, layout.STACK_BLOCK_BYTES - layout.STACK_LIMIT, READ_WRITE)
        except ExhaustionError:
            with self._lock:
                if self._unused == block + layout.STACK_BLOCK_BYTES:
                    self._unused = block
            raise
        return block

    def give(self, block: int) -> None:
        """Take a block back for another thread, and its memory for the system."""
        self._threads.pop(block, None)
        pages.forget(block + layout.STACK_LIMIT, layout.STACK_BLOCK_BYTES - layout.STACK_LIMIT)
        with self._lock:
            self._free.append(block)


def _host_limit() -> int:
    """The lowest stack pointer at which the calling thread may still enter a guest."""
    attributes = (ctypes.c_uint64 * 32)()  # pthread_attr_t is 56 bytes or less everywhere
    start, size_bytes = ctypes.c_uint64(), ctypes.c_uint64()
    if _pthread_getattr_np(_pthread_self(), attributes):
        return 0
    _pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size_bytes))
    _pthread_attr_destroy(attributes)
    return start.value + min(_HOST_MARGIN_BYTES, size_bytes.value // 4)
