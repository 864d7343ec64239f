"""Installing the handlers of SIGSEGV, SIGBUS and INTERRUPT, once per process, in front of whoever was asked before; and
sending the last.
"""

from __future__ import annotations

import os

from jormun.errors import WasmError
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import pages

SIGSEGV, SIGBUS, INTERRUPT = 11, 7, 23
"""The last is SIGURG, by which a guest is interrupted: it is ignored unless somebody wants it, and hardly anybody does
(Go takes it for the same purpose)."""
HANDLED = (SIGSEGV, SIGBUS, INTERRUPT)
_SA_SIGINFO = 0x4
_SA_ONSTACK = 0x0800_0000
_SA_RESTART = 0x1000_0000
_SI_QUEUE = -1
_SYS_RT_TGSIGQUEUEINFO = 297


class _Action(ctypes.Structure):
    """`struct sigaction` of <signal.h>."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class _Info(ctypes.Structure):
    """`siginfo_t` of <signal.h>, for a signal that is sent with a value."""

    _fields_ = (
        ("signal", ctypes.c_int),
        ("errno", ctypes.c_int),
        ("code", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("pid", ctypes.c_int),
        ("uid", ctypes.c_int),
        ("value", ctypes.c_void_p),
        ("rest", ctypes.c_uint64 * 12),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_sigaction = _libc.sigaction
_sigaction.argtypes = [ctypes.c_int, ctypes.POINTER(_Action), ctypes.POINTER(_Action)]


def install(signal: int, handler: int, previous_at: int) -> None:
    """Make the code at `handler` answer `signal`; the handler before it, 0 for none, is written to `previous_at` first.

    The handler runs on the signal stack, since the guest's may be full. It ends by returning, from which the kernel
    restores the interrupted code's signal mask: SA_NODEFER is not needed, and a fault within the handler ends the
    process. System calls that are interrupted begin anew, where the system can do that: INTERRUPT may reach any code.
    """
    previous = _Action()
    if _sigaction(signal, None, ctypes.byref(previous)):
        raise WasmError(f"cannot ask for the handler of signal {signal}: {os.strerror(ctypes.get_errno())}")
    pages.write_u64(previous_at, previous.handler or 0)
    action = _Action(handler=handler, flags=_SA_SIGINFO | _SA_ONSTACK | _SA_RESTART)
    if _sigaction(signal, ctypes.byref(action), ctypes.byref(previous)):
        raise WasmError(f"cannot handle signal {signal}: {os.strerror(ctypes.get_errno())}")
    pages.write_u64(previous_at, previous.handler or 0)  # another one by now, if a signal's handler of Python's set it


def interrupt(thread: int, value: int) -> None:
    """Send INTERRUPT with a value to a thread of this process, given by the kernel's number. One that has ended is
    nobody, and a number that is another thread's by now does no harm: the handler looks at what runs there.
    """
    info = _Info(INTERRUPT, 0, _SI_QUEUE, 0, os.getpid(), os.getuid(), value)
    _libc.syscall(_SYS_RT_TGSIGQUEUEINFO, os.getpid(), thread, INTERRUPT, ctypes.byref(info))
