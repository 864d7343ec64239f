"""The native side of host functions (core specification, sections 4.2.7 and 4.4.10, "Host Functions")."""

from __future__ import annotations

from jormun.containers import ref
from jormun.dataclass import dataclass
from jormun.errors import HostError, WasmError
from jormun.functions import partial
from jormun.hints import TYPE_CHECKING, Callable, Final, TypeAlias
from jormun.runtime import layout, world
from jormun.runtime.native import pages
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.owners import forget, register
from jormun.runtime.slots import slots_of
from jormun.types import DefType, FuncType

if TYPE_CHECKING:
    from typing import NoReturn

    from jormun.runtime.native.pointers import Pointer
    from jormun.runtime.store import Store


_CO_COROUTINE: Final = 0x80
"""In `co_flags` of the code of a coroutine function (inspect.CO_COROUTINE; inspect takes 10 ms to import)."""
Failed: TypeAlias = Callable[[Exception], int]
"""Makes the result of a call that raised, or raises."""


_OF_PYTHON: Final[tuple[type, ...]] = (type(lambda: None), type([].append), type(Signature.of), partial)
"""Functions, methods of C's and Python's own, and what wraps them: most that are given are of these."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Machine code that answers the plain ones of a host function's calls, and jumps to it with all others."""

    name: str
    """Which: one of world.ANSWERED."""
    world: pages.Block
    """The world record (runtime/world.py) that it looks at."""


class HostFunctionInstance:
    """A Python function as guests call it: a function record, and the conversion of arguments and results.

    Owned by the store, to which it refers weakly: while guest code runs, its caller holds the store.
    """

    __slots__ = ("__weakref__", "_deftype", "_key", "_native", "_record", "_world", "name")

    def __init__(
        self,
        store: Store,
        deftype: DefType,
        function: Callable[..., object],
        name: str,
        failed: Failed | None = None,
        shortcut: Shortcut | None = None,
    ) -> None:
        """With `failed`, `function` takes and returns bits; see `Function.host_bits`."""
        func_type = deftype.composite
        if not isinstance(func_type, FuncType):
            raise TypeError(f"a host function needs a function type, not {func_type}")
        self.name = name
        self._deftype = deftype
        slots = slots_of(func_type)
        if failed is None:
            is_async = _is_coroutine_function(function)
            callback = _callback(ref(store), func_type, function, name, is_async)
            self._native = Native.get().host_function(slots.overflow_slots, callback)
            pointer = _pointer_of(function) if slots.is_plain else None
            if pointer is not None and pointer.fits(Signature.of(func_type)):
                self._native.call_directly(pointer.address, function)
            elif slots.is_plain and not is_async:
                self._native.convert(slots.signature, function)
        else:
            self._native = Native.get().host_function(slots.overflow_slots, _bits_callback(func_type, failed))
            self._native.convert(slots.bits, function, handles=True)
        self._key = register(self)
        pages.write_u64(self._native.vm + layout.HOST_KEY, self._key)
        self._record = pages.Block(layout.FUNCTION_RECORD_BYTES, 32)
        code = self._native.code
        self._world = None if shortcut is None else shortcut.world
        if shortcut is not None:
            # It gets the host record as its first argument, as the host function does, and finds the world there.
            code = Native.get().symbols[world.symbol(shortcut.name)]
            pages.write_u64(self._native.vm + world.HOST_WORLD, shortcut.world.address)
        self._record.write_u64(layout.FUNCTION_CODE, code)
        self._record.write_u64(layout.FUNCTION_VM, self._native.vm)
        self._record.write_u64(layout.FUNCTION_TYPE_ID, deftype.id)

    def __del__(self) -> None:
        if hasattr(self, "_key"):
            forget(self._key)

    @property
    def address(self) -> int:
        """The address of its function record."""
        return self._record.address

    def function_deftype(self, cookie: int) -> DefType:
        """Its type."""
        return self._deftype

    def function_name(self, cookie: int) -> str:
        """Its name."""
        return self.name

    def function_is_short(self, cookie: int) -> bool:
        """No: nobody knows what it does."""
        return False


def _callback(
    store_ref: ref[Store], func_type: FuncType, function: Callable[..., object], name: str, is_async: bool
) -> Callable[..., None]:
    """What native code calls with the address of the register record: arguments on entry, results on return. Where
    native code has converted the arguments and called the function, it gives what that returned, too.
    """
    params, results = func_type.params, func_type.results
    slots = slots_of(func_type)
    count = len(results)

    wait_for: Callable[..., NoReturn] | None = None
    if is_async:
        from jormun.runtime.suspension import wait_for

    def call(address: int, *given: object) -> None:
        store = store_ref()
        if store is None:
            raise WasmError("the store is gone")
        if given:
            (returned,) = given
        else:
            returned = function(*map(store.from_bits, params, slots.unpack_params(address)))
        if wait_for is not None:
            wait_for(name, returned, partial(finish, address))
        try:
            finish(address, returned)
        except HostError:
            if not hasattr(type(returned), "__await__"):
                raise
        else:
            return
        from jormun.runtime import suspension  # most guests wait for nothing

        suspension.wait_for(name, returned, partial(finish, address))

    def finish(address: int, returned: object) -> None:
        store = store_ref()
        if store is None:
            raise WasmError("the store is gone")
        if count == 0:
            if returned is not None:
                raise HostError(f"host function {name} has no results, it returned {type(returned).__name__}")
            return
        values = _results(name, count, returned)
        bits = []
        for t, value in zip(results, values, strict=True):
            try:
                bits.append(store.to_bits(t, value))
            except (TypeError, OverflowError) as error:
                raise HostError(f"host function {name} returned what is not {_types(func_type)}: {error}") from error
        slots.pack_results(address, bits)

    return call


def _pointer_of(function: object) -> Pointer | None:
    """What is known of a function that is machine code; None for all others."""
    if type(function) in _OF_PYTHON:
        return None
    from jormun.runtime.native.pointers import pointer_of  # which imports ctypes

    return pointer_of(function)


def _is_coroutine_function(function: object) -> bool:
    """Whether calling it gives a coroutine: an `async def`, a partial or a method of one, an object that is called by
    one, or what is marked as such (inspect.markcoroutinefunction).
    """
    while isinstance(function, partial):
        function = function.func
    for each in (function, getattr(type(function), "__call__", None)):  # noqa: B004
        plain = getattr(each, "__func__", each)
        if getattr(getattr(plain, "__code__", None), "co_flags", 0) & _CO_COROUTINE:
            return True
        if hasattr(plain, "_is_coroutine_mark"):
            return True
    return False


def _bits_callback(func_type: FuncType, failed: Failed) -> Callable[..., None]:
    """What native code calls with the address of the register record, and what a function of bits raised."""
    slots = slots_of(func_type)

    def answer(address: int, raised: object) -> None:
        if not isinstance(raised, Exception):
            if not func_type.results:
                return
            raised = HostError(f"a host function of bits returned {raised!r}")
        result = failed(raised)
        if func_type.results:
            slots.pack_results(address, (result,))

    return answer


def _results(name: str, count: int, returned: object) -> tuple[object, ...]:
    if count == 1:
        return (returned,)
    if not isinstance(returned, (tuple, list)):
        raise HostError(f"host function {name} has {count} results, it returned {type(returned).__name__}, not a tuple")
    if len(returned) != count:
        raise HostError(f"host function {name} has {count} results, it returned {len(returned)}")
    return tuple(returned)


def _types(func_type: FuncType) -> str:
    return " ".join(map(str, func_type.results))
