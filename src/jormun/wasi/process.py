"""The end of a guest: proc_exit, proc_raise."""

from __future__ import annotations

from jormun.hints import NoReturn
from jormun.wasi.errno import Errno
from jormun.wasi.function import U32, wasi_function
from jormun.wasi.wasi import Wasi


class Exit(Exception):
    """The guest has called proc_exit; passes through it to whoever called it. `status` is unsigned, of 32 bits."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@wasi_function
def proc_exit(wasi: Wasi, rval: U32) -> NoReturn:
    """Ends the guest. Does not return.

    rval: its exit status
    """
    raise Exit(rval)


@wasi_function
def proc_raise(wasi: Wasi, sig: U32) -> int:
    """Would send a signal to the guest itself; no guest has signals.

    sig: a signal's number

    ENOSYS: always
    """
    return Errno.ENOSYS
