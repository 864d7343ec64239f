"""What a thread needs to run guests, beside a guest stack: a signal stack, and to know how deep its own stack is.

The fault handler cannot run on a guest stack that is full.
"""

from __future__ import annotations

from jormun.errors import WasmError
from jormun.locks import get_ident
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import pages
from jormun.runtime.native.pages import PAGE_BYTES, READ_WRITE

_HOST_MARGIN_BYTES = 256 << 10
"""Host stack that an activation must find, so that the Python code that it calls back has room."""
_SIGNAL_STACK_BYTES = 64 << 10
_SIGNAL_STACK_LEAST_BYTES = 16 << 10
"""A signal stack that the thread has already is kept from this size on: the kernel's frame takes up to 11 KiB (AMX)."""
_SS_DISABLE = 2


class _Stack(ctypes.Structure):
    """`stack_t` of <signal.h>."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size_bytes", ctypes.c_size_t))


_libc = ctypes.CDLL(None, use_errno=True)
_sigaltstack = _libc.sigaltstack
_sigaltstack.argtypes = [ctypes.POINTER(_Stack), ctypes.POINTER(_Stack)]
_pthread_self = _libc.pthread_self
_pthread_self.restype = ctypes.c_void_p
_pthread_getattr_np = _libc.pthread_getattr_np
_pthread_getattr_np.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_pthread_attr_getstack = _libc.pthread_attr_getstack
_pthread_attr_getstack.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
_pthread_attr_destroy = _libc.pthread_attr_destroy
_pthread_attr_destroy.argtypes = [ctypes.c_void_p]


class SignalStack:
    """The calling thread's alternate signal stack, given back when the thread ends."""

    __slots__ = ("_own", "_replaced", "_thread")

    def __init__(self) -> None:
        self._thread = get_ident()
        self._own = 0
        self._replaced = _Stack(flags=_SS_DISABLE)
        if _sigaltstack(None, ctypes.byref(self._replaced)):
            raise WasmError("cannot ask for the signal stack")
        if not self._replaced.flags & _SS_DISABLE and self._replaced.size_bytes >= _SIGNAL_STACK_LEAST_BYTES:
            return
        start = pages.reserve(PAGE_BYTES + _SIGNAL_STACK_BYTES)
        pages.protect(start + PAGE_BYTES, _SIGNAL_STACK_BYTES, READ_WRITE)  # the first page stays as a guard
        own = _Stack(start + PAGE_BYTES, 0, _SIGNAL_STACK_BYTES)
        if _sigaltstack(ctypes.byref(own), None):
            pages.release(start, PAGE_BYTES + _SIGNAL_STACK_BYTES)
            raise WasmError("cannot set the signal stack")
        self._own = start

    def __del__(self) -> None:
        # Runs as the thread's locals die, in that very thread; elsewhere only for threads that a fork left behind.
        if get_ident() == self._thread and self._own:
            present = _Stack()
            if _sigaltstack(None, ctypes.byref(present)) or present.start != self._own + PAGE_BYTES:
                return  # somebody set another one since: ours may be what they will set back
            if _sigaltstack(ctypes.byref(self._replaced), None) == 0:
                pages.release(self._own, PAGE_BYTES + _SIGNAL_STACK_BYTES)


def host_limit() -> int:
    """The lowest stack pointer at which the calling thread may still enter a guest."""
    attributes = (ctypes.c_uint64 * 32)()  # pthread_attr_t is 56 bytes or less everywhere
    start, size_bytes = ctypes.c_uint64(), ctypes.c_uint64()
    if _pthread_getattr_np(_pthread_self(), attributes):
        return 0
    _pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size_bytes))
    _pthread_attr_destroy(attributes)
    return start.value + min(_HOST_MARGIN_BYTES, size_bytes.value // 4)
