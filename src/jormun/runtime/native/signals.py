"""Installing the fault handler for SIGSEGV and SIGBUS, once per process, in front of whoever was asked before."""

from __future__ import annotations

import ctypes
import os

from jormun.errors import WasmError
from jormun.runtime.native import pages

_SA_SIGINFO = 0x4
_SA_ONSTACK = 0x0800_0000


class _Action(ctypes.Structure):
    """`struct sigaction` of <signal.h>."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_sigaction = _libc.sigaction
_sigaction.argtypes = [ctypes.c_int, ctypes.POINTER(_Action), ctypes.POINTER(_Action)]


def install(signal: int, handler: int, previous_at: int) -> None:
    """Make the code at `handler` answer `signal`; the handler before it, 0 for none, is written to `previous_at` first.

    The handler runs on the signal stack, since the guest's may be full. It ends by returning, from which the kernel
    restores the interrupted code's signal mask: SA_NODEFER is not needed, and a fault within the handler ends the
    process.
    """
    previous = _Action()
    if _sigaction(signal, None, ctypes.byref(previous)):
        raise WasmError(f"cannot ask for the handler of signal {signal}: {os.strerror(ctypes.get_errno())}")
    pages.write_u64(previous_at, previous.handler or 0)
    action = _Action(handler=handler, flags=_SA_SIGINFO | _SA_ONSTACK)
    if _sigaction(signal, ctypes.byref(action), None):
        raise WasmError(f"cannot handle signal {signal}: {os.strerror(ctypes.get_errno())}")
