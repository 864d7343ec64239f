"""How a guest's calls reach the functions of WASI, and how their errors come back.

A guest alone calls a function directly. One whose threads end together, or whose time is limited, is stopped at its
calls, and calls that could disturb each other come one after the other. A traced guest's calls are written down.
"""

from __future__ import annotations

from jormun.functions import lru_cache, partial
from jormun.hints import Callable, Final, TypeAlias
from jormun.runtime.host import BitsFunction, NotYet, Offered
from jormun.runtime.store import closed
from jormun.wasi.errno import errno_of
from jormun.wasi.function import WasiFunction
from jormun.wasi.native_world import is_answered
from jormun.wasi.wasi import Wasi

Call: TypeAlias = Callable[..., int]
"""Takes a Wasi and a guest's parameters, unsigned; the result, or an exception that `errno_of` knows or that ends the
guest.
"""

_ON_DESCRIPTORS: Final = "fd_"
"""How the names of functions begin whose first parameter is a descriptor that may be a stream."""
_SHARING: Final = (_ON_DESCRIPTORS, "path_")
"""How the names of functions begin that work on what a guest's threads share."""


def offer(function: WasiFunction, wasi: Wasi) -> Offered:
    """The function as the guest in this world imports it. All such worlds share it, unless calls are written down."""
    native = wasi.memory.native
    answered = native is not None and is_answered(function.name, wasi)
    if wasi.trace is None:
        made = _shared(function, wasi.threads is not None, answered)
    else:
        made = _made(function, call_of(function, wasi), answered, is_shared=False)
    return Offered(made, wasi, None if native is None else native.block)


@lru_cache(maxsize=1024)  # of each module's functions there are four kinds
def _shared(function: WasiFunction, has_threads: bool, answered: bool) -> BitsFunction:
    return _made(function, _stoppable(function) if has_threads else function.call, answered, is_shared=True)


def _made(function: WasiFunction, call: Call, answered: bool, *, is_shared: bool) -> BitsFunction:
    return BitsFunction(
        closed(function.type), call, errno_of, function.name, takes_self=True, answered=answered, is_shared=is_shared
    )


def call_of(function: WasiFunction, wasi: Wasi) -> Call:
    """The function as the guest in this world calls it."""
    call = function.call if wasi.threads is None else _stoppable(function)
    return call if wasi.trace is None else wasi.trace.traced(function, call)


def _stoppable(function: WasiFunction) -> Call:
    """The call for guests of several threads: it raises Trap when the guest has ended, and keeps what it uses open.

    Calls on descriptors take turns, but for those that wait for a descriptor of the host.
    """
    name, call = function.name, function.call
    if not name.startswith(_SHARING):

        def unlocked(wasi: Wasi, *arguments: int) -> int:
            assert wasi.threads is not None
            wasi.threads.interruption.check()
            outer = wasi.table.pinning()
            try:
                return call(wasi, *arguments)
            except NotYet as wait:
                _put_off(wait, wasi, partial(call, wasi, *arguments))
                raise
            finally:
                wasi.table.unpin(outer)

        return unlocked

    may_be_stream = name.startswith(_ON_DESCRIPTORS)

    def locked(wasi: Wasi, *arguments: int) -> int:
        threads, table = wasi.threads, wasi.table
        assert threads is not None
        threads.interruption.check()
        outer = table.pinning()
        try:
            if may_be_stream and table.may_wait(arguments[0]):
                return call(wasi, *arguments)
            with threads.lock:
                return call(wasi, *arguments)
        except NotYet as wait:
            _put_off(wait, wasi, partial(call, wasi, *arguments))
            raise
        finally:
            table.unpin(outer)

    return locked


def _put_off(wait: NotYet, wasi: Wasi, rest: Callable[[], int]) -> None:
    """Have a call gone on with later: by what it says itself, or with `rest`."""
    wait.redo = partial(_go_on, wasi, wait.redo or rest)


def _go_on(wasi: Wasi, rest: Callable[[], int]) -> int:
    """What a call does when its guest has been suspended."""
    outer = wasi.table.pinning()
    try:
        return rest()
    except NotYet as wait:
        _put_off(wait, wasi, rest)
        raise
    finally:
        wasi.table.unpin(outer)
