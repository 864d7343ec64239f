"""What host functions of a type are called by, and how what they return becomes results (core specification, 4.7.3)."""

from __future__ import annotations

from jormun.errors import HostError
from jormun.functions import cached_property, lru_cache, partial
from jormun.hints import TYPE_CHECKING, Callable
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.slots import CallSlots, slots_of
from jormun.types import I32, I64, DefType, FuncType

if TYPE_CHECKING:
    from typing import NoReturn

    from jormun.runtime.host import HostFunction


class HostShape:
    """What is the same for all functions of one type."""

    def __init__(self, deftype: DefType) -> None:
        """Raises TypeError for what is no function type."""
        func_type = func_type_of(deftype)
        slots = self.slots = slots_of(func_type)
        self.type = func_type
        self.type_id = deftype.id
        self.code = Native.get().symbols["jormun_host_function"]
        """The address of what guests call."""
        self.is_plain = slots.is_plain
        """Whether machine code converts the values,"""
        self.signature = slots.signature.address
        """by the signature record at this address."""
        self.overflow_slots = slots.overflow_slots
        self.callback = _callback(func_type, slots, is_async=False)
        """What machine code calls where it does not."""

    @cached_property
    def async_callback(self) -> Callable[..., None]:
        """The same for coroutine functions."""
        return _callback(self.type, self.slots, is_async=True)

    @cached_property
    def pointer_signature(self) -> Signature:
        """The signature that a function of C must have."""
        return Signature.of(self.type)


@lru_cache(maxsize=1024)  # FAST: each instance of a service has the same
def shape_of(deftype: DefType) -> HostShape:
    """The shape of host functions of a type."""
    return HostShape(deftype)


def func_type_of(deftype: DefType) -> FuncType:
    """The function type that a definition is of. Raises TypeError."""
    func_type = deftype.composite
    if not isinstance(func_type, FuncType):
        raise TypeError(f"a host function needs a function type, not {func_type}")
    return func_type


def _callback(func_type: FuncType, slots: CallSlots, is_async: bool) -> Callable[..., None]:
    """What native code calls with a host function of this type and the address of the register record: arguments on
    entry, results on return. Where native code has converted the arguments and called the function, it gives what that
    returned, too.
    """
    params, results = func_type.params, func_type.results
    count = len(results)

    wait_for: Callable[..., NoReturn] | None = None
    if is_async:
        from jormun.runtime.suspension import wait_for

    def call(host: HostFunction, address: int, *given: object) -> None:
        if given:
            (returned,) = given
        else:
            returned = host.function(*map(host.store.from_bits, params, slots.unpack_params(address)))
        if wait_for is not None:
            wait_for(host.name, returned, partial(finish, host, address))
        try:
            finish(host, address, returned)
        except HostError:
            if not hasattr(type(returned), "__await__"):
                raise
        else:
            return
        from jormun.runtime import suspension  # most guests wait for nothing

        suspension.wait_for(host.name, returned, partial(finish, host, address))

    is_integer = count == 1 and results[0] in (I32, I64)
    least, end = (-1 << 31, 1 << 32) if results == (I32,) else (-1 << 63, 1 << 64)

    def finish(host: HostFunction, address: int, returned: object) -> None:
        if is_integer and type(returned) is int and least <= returned < end:
            # FAST: 0.1 us, 2 by what follows, which does the same.
            pages.write_u64(address + layout.REGISTERS_INTEGERS, returned)
            return
        store = host.store
        if count == 0:
            if returned is not None:
                raise HostError(
                    f"host function {host.name} has no results, it returned {type(returned).__name__} "
                    f"(its type is {func_type})"
                )
            return
        values = _results(host.name, func_type, returned)
        bits = []
        for t, value in zip(results, values, strict=True):
            try:
                bits.append(store.to_bits(t, value))
            except (TypeError, OverflowError) as error:
                raise HostError(
                    f"host function {host.name} returned what is not {_types(func_type)}: {error} "
                    f"(its type is {func_type})"
                ) from error
        slots.pack_results(address, bits)

    return call


def _results(name: str, func_type: FuncType, returned: object) -> tuple[object, ...]:
    count = len(func_type.results)
    if count == 1:
        return (returned,)
    if not isinstance(returned, (tuple, list)):
        raise HostError(
            f"host function {name} has {count} results, it returned {type(returned).__name__}, not a tuple "
            f"(its type is {func_type})"
        )
    if len(returned) != count:
        raise HostError(
            f"host function {name} has {count} results, it returned {len(returned)} (its type is {func_type})"
        )
    return tuple(returned)


def _types(func_type: FuncType) -> str:
    return " ".join(map(str, func_type.results))
