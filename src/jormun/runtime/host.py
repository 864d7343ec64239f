"""Functions of the host: how Python functions are called by guests (core specification, sections 4.2.7 and 4.4.10,
"Host Functions").
"""

from __future__ import annotations

from jormun.containers import ref
from jormun.errors import HostError, WasmError
from jormun.functions import partial
from jormun.hints import TYPE_CHECKING, Callable, Final, TypeAlias
from jormun.runtime import layout, world
from jormun.runtime.host_shape import func_type_of, shape_of
from jormun.runtime.native import pages
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.slots import slots_of
from jormun.types import DefType, FuncType

if TYPE_CHECKING:
    from jormun.runtime.exceptions import Exceptions
    from jormun.runtime.native.pointers import Pointer
    from jormun.runtime.store import Store


_CO_COROUTINE: Final = 0x80
"""In `co_flags` of the code of a coroutine function (inspect.CO_COROUTINE; inspect takes 10 ms to import)."""
_FLAGS_SHIFT: Final = 8 * (layout.HOST_FLAGS - layout.HOST_OVERFLOW_SLOTS)
Failed: TypeAlias = Callable[[Exception], int]
"""Makes the result of a call that raised, or raises."""


_PYTHON_FUNCTION: Final = type(lambda: None)
_OF_PYTHON: Final[tuple[type, ...]] = (_PYTHON_FUNCTION, type([].append), type(Signature.of), partial)
"""Functions, methods of C's and Python's own, and what wraps them: most that are given are of these."""


class NotYet(Exception):
    """A function of bits has no result yet, and has done nothing: the guest is suspended until `answer` gives it."""

    redo: Callable[[], int] | None = None
    """Goes on with the call."""

    async def answer(self) -> int:
        """The result."""
        raise NotImplementedError


class HostFunction:
    """A Python function that takes and returns values, in a store."""

    __slots__ = ("_shape", "_store", "deftype", "function", "name")

    def __init__(self, store: ref[Store], deftype: DefType, function: Callable[..., object], name: str) -> None:
        self._store = store
        self._shape = shape_of(deftype)
        """It keeps the callback and the signature record."""
        self.deftype = deftype
        self.function = function
        self.name = name

    @property
    def store(self) -> Store:
        """Its store. Raises WasmError."""
        store = self._store()
        if store is None:
            raise WasmError("the store is gone")
        return store

    @property
    def exceptions(self) -> Exceptions | None:
        """See host_records.Described."""
        return self.store.exceptions

    def words(self, cookie: int, at: int, key: int, owner: int) -> tuple[int, ...]:
        """See host_records.Described."""
        shape, given = self._shape, self.function
        is_async = _is_coroutine_function(given)
        callback = shape.async_callback if is_async else shape.callback
        code, signature, function = shape.code, 0, 0
        if shape.is_plain:
            pointer = _pointer_of(given)
            if pointer is not None and pointer.fits(shape.pointer_signature):
                # It runs in place of all else, being of the type that guests call it with (native/pointers.py).
                code, function = Native.get().symbols["jormun_native_function"], pointer.address
            else:
                signature, function = shape.signature, id(given)
        return (
            code, at + layout.FUNCTION_RECORD_BYTES, shape.type_id, cookie,
            id(callback), key, shape.overflow_slots, 0, signature, function, owner, id(self),
        )  # fmt: skip


class BitsFunction:
    """A Python function that takes and returns bits, unsigned: of WASI, say. Instances and stores may share it."""

    __slots__ = ("_callback", "_code", "_flags", "_function", "_slots", "deftype", "is_shared", "name")

    def __init__(
        self,
        deftype: DefType,
        function: Callable[..., int],
        failed: Failed,
        name: str,
        *,
        takes_self: bool = False,
        answered: bool = False,
        is_shared: bool = False,
    ) -> None:
        """`failed` is called with exceptions of `function`. With `takes_self`, `function` is passed first what a store
        passes (HostFunctions.shared). With `answered`, machine code answers the plain ones of its calls (world.ANSWERED
        has the name), and leaves all others to it.
        """
        func_type = func_type_of(deftype)
        self._callback = _bits_callback(func_type, failed, takes_self)
        self._code = world.symbol(name) if answered else "jormun_host_function"
        self._flags = layout.HOST_HANDLES | (layout.HOST_TAKES_SELF if takes_self else 0)
        self._function = function
        self._slots = slots_of(func_type)
        self.deftype = deftype
        self.is_shared = is_shared
        """Whether the same object serves others: what is made of it may be kept."""
        self.name = name

    def words(self, cookie: int, at: int, key: int, owner: int) -> tuple[int, ...]:
        """See host_records.Described."""
        slots = self._slots
        # Machine code that answers calls gets the host record as its first argument, as the host function does, and
        # finds the world there.
        return (
            Native.get().symbols[self._code], at + layout.FUNCTION_RECORD_BYTES, self.deftype.id, cookie,
            id(self._callback), key, slots.overflow_slots | self._flags << _FLAGS_SHIFT, 0,
            slots.bits.address, id(self._function), owner, 0,
        )  # fmt: skip

    @property
    def exceptions(self) -> Exceptions | None:
        """None: what it raises is the host's."""
        return None


class Offered:
    """A function that a store has not made yet: what an import may be given in place of one."""

    __slots__ = ("function", "passed", "world")

    def __init__(self, function: BitsFunction, passed: object, world: pages.Block | None) -> None:
        """See HostFunctions.shared."""
        self.function = function
        self.passed = passed
        self.world = world


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
    if type(function) is _PYTHON_FUNCTION:  # FAST: what most that are given are: 0.1 us, 1 by what follows
        code = function.__code__
        return bool(code.co_flags & _CO_COROUTINE) or hasattr(function, "_is_coroutine_mark")
    while isinstance(function, partial):
        function = function.func
    for each in (function, getattr(type(function), "__call__", None)):  # noqa: B004
        plain = getattr(each, "__func__", each)
        if getattr(getattr(plain, "__code__", None), "co_flags", 0) & _CO_COROUTINE:
            return True
        if hasattr(plain, "_is_coroutine_mark"):
            return True
    return False


def _bits_callback(func_type: FuncType, failed: Failed, takes_self: bool) -> Callable[..., None]:
    """What native code calls with the address of the register record, and what a function of bits raised; before, with
    what is passed first, where the function takes that.
    """
    slots = slots_of(func_type)

    def answer(passed: object, address: int, raised: object) -> None:
        if not isinstance(raised, Exception):
            if not func_type.results:
                return
            raised = HostError(f"a host function of bits returned {raised!r}")
        if isinstance(raised, NotYet):
            from jormun.runtime.suspension import wait_for

            wait_for("of bits", raised.answer(), partial(finish, address))
        finish(address, failed(raised))

    def finish(address: int, result: int) -> None:
        if func_type.results:
            slots.pack_results(address, (result,))

    return answer if takes_self else partial(answer, None)
