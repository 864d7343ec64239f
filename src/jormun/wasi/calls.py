"""How a guest's calls reach the functions of WASI, and how their errors come back.

A guest alone calls a function directly. One whose threads end together, or whose time is limited, is stopped at its
calls, and calls that could disturb each other come one after the other. A traced guest's calls are written down.
"""

from __future__ import annotations

from jormun.functions import partial
from jormun.hints import Callable, Final, TypeAlias
from jormun.runtime.function import Function
from jormun.runtime.store import Store
from jormun.wasi.errno import errno_of
from jormun.wasi.function import WasiFunction
from jormun.wasi.native_world import shortcut_of
from jormun.wasi.wasi import Wasi

Call: TypeAlias = Callable[..., int]
"""Takes a guest's parameters, unsigned; the result, or an exception that `errno_of` knows or that ends the guest."""

_ON_DESCRIPTORS: Final = "fd_"
"""How the names of functions begin whose first parameter is a descriptor that may be a stream."""
_SHARING: Final = (_ON_DESCRIPTORS, "path_")
"""How the names of functions begin that work on what a guest's threads share."""


def link(function: WasiFunction, wasi: Wasi, store: Store) -> Function:
    """The function as an instance in `store` imports it."""
    call, shortcut = call_of(function, wasi), shortcut_of(function.name, wasi)
    return Function.host_bits(store, function.type, call, errno_of, function.name, shortcut)


def call_of(function: WasiFunction, wasi: Wasi) -> Call:
    """The function as the guest in this world calls it."""
    call: Call = partial(function.call, wasi)
    if wasi.threads is not None:
        call = _stoppable(function.name, call, wasi)
    if wasi.trace is not None:
        call = wasi.trace.traced(function, call, wasi)
    return call


def _stoppable(name: str, call: Call, wasi: Wasi) -> Call:
    """The call for a guest of several threads: it raises Trap when the guest has ended, and keeps what it uses open.

    Calls on descriptors take turns, but for those that wait for a descriptor of the host.
    """
    assert wasi.threads is not None
    check, table, lock = wasi.threads.interruption.check, wasi.table, wasi.threads.lock
    if not name.startswith(_SHARING):

        def unlocked(*arguments: int) -> int:
            check()
            try:
                return call(*arguments)
            finally:
                table.unpin()

        return unlocked

    may_be_stream = name.startswith(_ON_DESCRIPTORS)

    def locked(*arguments: int) -> int:
        check()
        try:
            if may_be_stream and table.may_wait(arguments[0]):
                return call(*arguments)
            with lock:
                return call(*arguments)
        finally:
            table.unpin()

    return locked
