"""The end of a guest: proc_exit, proc_raise."""

from __future__ import annotations

from jormun.errors import Exit
from jormun.hints import Final, NoReturn
from jormun.wasi.abi import SUCCESS, Signal
from jormun.wasi.errno import Errno
from jormun.wasi.function import U32, wasi_function
from jormun.wasi.wasi import Wasi

_IGNORED: Final = (Signal.NONE, Signal.CHLD, Signal.CONT, Signal.URG, Signal.WINCH)
_STOPPING: Final = (Signal.STOP, Signal.TSTP, Signal.TTIN, Signal.TTOU)


@wasi_function
def proc_exit(wasi: Wasi, rval: U32) -> NoReturn:
    """Ends the guest. Does not return.

    rval: its exit status
    """
    raise Exit(rval)


@wasi_function
def proc_raise(wasi: Wasi, sig: U32) -> int:
    """Sends a signal to the guest itself. There are no handlers: what happens is each signal's default.

    Most end the guest, with the exit status that a shell reports of a native program that the signal ended: 128 and the
    host's number of the signal. CHLD, CONT, URG, WINCH and the signal 0 do nothing.

    sig: Signal

    EINVAL: there is no such signal
    ENOTSUP: the signal would stop the guest until it is continued: STOP, TSTP, TTIN, TTOU
    """
    if sig >= len(Signal):
        return Errno.EINVAL
    if sig in _IGNORED:
        return SUCCESS
    if sig in _STOPPING:
        return Errno.ENOTSUP
    import signal  # few guests come here

    raise Exit(128 + getattr(signal, f"SIG{Signal(sig).name}", sig))
