"""Functions: those of modules and those of the host (core specification, sections 4.2.7, 4.5.6 and 4.7.3)."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Callable, NoReturn, Sequence, TypeVar
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.function_type import called_natively, set_fields
from jormun.runtime.native.machine import Native
from jormun.runtime.slots import CallSlots
from jormun.runtime.turn import OWNER, WAITING, Turn
from jormun.runtime.uncopied import uncopied
from jormun.types import DefType, FuncExternType, FuncType

if TYPE_CHECKING:
    import inspect

    from jormun.runtime.function_facts import FunctionFacts
    from jormun.runtime.store import Store

T = TypeVar("T")


@called_natively
class Function:
    """A WebAssembly function, to be called like any other.

    Arguments are positional and their number is exact. i32 and i64 take ints, signed or unsigned, and come back signed;
    f32 and f64 are floats, v128 is 16 bytes, references are Python objects, functions or None. No result is None, one
    is the value, more are a tuple.

    Calling raises TypeError and OverflowError for arguments that do not fit, `Trap` when the guest traps,
    `ExhaustionError` when its stack or another bounded resource is used up, `WasmException` for an exception that it
    threw and no guest caught, and passes on whatever a host function raises. A function keeps its store, and so all
    that it may reach, alive.

    Any thread may call it: it waits until calls of others into the same store have ended, and raises HostError where
    one of them waits for this thread. `call_async` does not block the thread.

    >>> import jormun
    >>> add = jormun.load('''(module
    ...   (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))''').exports.add
    >>> add(2, 40)
    42
    >>> import inspect
    >>> str(inspect.signature(add))
    '(param0: i32, param1: i32, /) -> i32'
    """

    __slots__ = ("__name__", "__qualname__", "_owner", "_slots", "address", "deftype", "func_type", "store")

    def __init__(self, store: Store, address: int, facts: FunctionFacts, owner: object) -> None:
        """Made by `Store.function`; `owner` holds the record at `address`."""
        self.store = store
        self.address = address
        self.deftype = facts.deftype
        self.func_type = facts.func_type
        self.__name__ = facts.name
        self.__qualname__ = facts.name
        self._owner = owner
        self._slots = facts.slots
        set_fields(self, facts.entry, facts.signature, address, store.stop.address, Function.call, facts.is_short)

    @staticmethod
    def host(store: Store, func_type: FuncType | DefType, function: Callable[..., object], name: str = "") -> Function:
        """A WebAssembly function that calls a Python one, with Python values as arguments.

        What the Python function returns is checked against the type: None for no result, a value for one, a tuple for
        more; HostError says what was wrong with it. What it raises passes through the guest unchanged, but that guests
        may catch a `WasmException`.
        """
        return store.host_function(func_type, function, name)

    @staticmethod
    def host_bits(
        store: Store,
        func_type: FuncType,
        function: Callable[..., int],
        failed: Callable[[Exception], int],
        name: str,
    ) -> Function:
        """A WebAssembly function of numbers that calls a Python one with their bits, as unsigned ints.

        The result, of which there is one at most, is bits too, and not checked. `failed` is called with an exception
        that `function` raised: it returns the result then, or raises.
        """
        return store.host_bits(func_type, function, failed, name)

    @property
    def type(self) -> FuncExternType:
        """The type, for linking."""
        return FuncExternType(self.deftype)

    def doc(self) -> str:
        """The docstring of this function."""
        return f"{self.__name__}: a WebAssembly function of type {self.func_type}"

    @property
    def __signature__(self) -> inspect.Signature:
        """The type, as `inspect.signature` shows it: WebAssembly types as annotations."""
        import inspect

        parameters = [
            inspect.Parameter(f"param{k}", inspect.Parameter.POSITIONAL_ONLY, annotation=_Shown(str(t)))
            for k, t in enumerate(self.func_type.params)
        ]
        results = self.func_type.results
        if len(results) > 1:
            returns: object = _Shown(f"({', '.join(map(str, results))})")
        else:
            returns = _Shown(str(results[0])) if results else None
        return inspect.Signature(parameters, return_annotation=returns)

    def __reduce__(self) -> NoReturn:
        raise uncopied("a function", "make an instance of its module where it is needed, and pickle the module")

    def __repr__(self) -> str:
        return f"<WebAssembly function {self.__name__}: {self.func_type}>"

    def call(self, *args: object, **keywords: object) -> object:
        """Call it; see the class."""
        if keywords:
            raise TypeError(f"{self.__name__}() takes no keyword arguments{self._typed}")
        code = pages.read_u64(self.address + layout.FUNCTION_CODE)
        vm = pages.read_u64(self.address + layout.FUNCTION_VM)
        return call_native(self.store, self._slots, code, vm, self._to_bits(args), self, self._from_bits)

    __call__ = call

    async def call_async(self, *args: object) -> object:
        """Call it and await its result: as an ordinary call, but that host functions may be coroutine functions.

        While the guest waits for one, or computes for longer than a moment, the event loop runs on. To cancel the task
        ends the call, wherever the guest is, and so does `asyncio.timeout`. What a coroutine raises passes through
        the guest unchanged, as from any host function.

        >>> import asyncio, jormun
        >>> async def fetch(key):
        ...     await asyncio.sleep(0.01)
        ...     return 2 * key
        >>> instance = jormun.load('''(module
        ...   (import "env" "fetch" (func $fetch (param i32) (result i32)))
        ...   (func (export "f") (param i32) (result i32)
        ...     (i32.add (call $fetch (local.get 0)) (call $fetch (i32.const 1)))))''', {"env": {"fetch": fetch}})
        >>> asyncio.run(instance.exports.f.call_async(20))
        42
        """
        from jormun.runtime.suspension import call_async

        code = pages.read_u64(self.address + layout.FUNCTION_CODE)
        vm = pages.read_u64(self.address + layout.FUNCTION_VM)
        return await call_async(self.store, self._slots, code, vm, self._to_bits(args), self, self._from_bits)

    def _to_bits(self, args: Sequence[object]) -> list[int]:
        store, params = self.store, self.func_type.params
        if len(args) != len(params):
            given = f"{len(args)} {'was' if len(args) == 1 else 'were'} given"
            raise TypeError(f"{self.__name__}() takes {_count(len(params))} but {given}{self._typed}")
        bits = []
        for k, (t, value) in enumerate(zip(params, args, strict=True)):
            try:
                bits.append(store.to_bits(t, value))
            except (TypeError, OverflowError) as error:
                kind = TypeError if isinstance(error, TypeError) else OverflowError
                raise kind(f"{self.__name__}() argument {k + 1}: {error}{self._typed}") from None
        return bits

    @property
    def _typed(self) -> str:
        """What errors say of it at their end."""
        return f" (its type is {self.func_type})"

    def _from_bits(self, results: Sequence[int]) -> object:
        if not results:
            return None
        values = tuple(map(self.store.from_bits, self.func_type.results, results))
        return values[0] if len(values) == 1 else values

    def call_bits(self, args: Sequence[int]) -> list[int]:
        """Call it with bit patterns, unsigned and as wide as their types, and get such back.

        References are the 64 bits of runtime/references.py. For those who need NaNs to the bit.
        """
        code = pages.read_u64(self.address + layout.FUNCTION_CODE)
        vm = pages.read_u64(self.address + layout.FUNCTION_VM)
        return call_native(self.store, self._slots, code, vm, args, self, list)


def call_native(
    store: Store,
    slots: CallSlots,
    code: int,
    vm: int,
    args: Sequence[int],
    what: object,
    convert: Callable[[list[int]], T],
) -> T:
    """Call guest code, which is `what`, with bit patterns, when it is its turn; what `convert` makes of the results.
    All that the store owns is kept meanwhile, even if the store is closed.
    """
    owned = store.owned
    values = pages.Block(slots.size_bytes, 16)
    slots.pack_call(values.address, vm, args, store.stop.address)
    if slots.has_references and store.has_heap:
        with store.roots.pinning(values):  # results are nobody's else, once the next call has its turn
            _call_bounded(store, code, values.address, what)
            del owned
            return convert(slots.unpack_returned(values.address))
    _call_bounded(store, code, values.address, what)
    del owned
    return convert(slots.unpack_returned(values.address))


def _call_bounded(store: Store, code: int, registers: int, what: object) -> None:
    bounds = store.bounds
    if bounds is None:
        _call_in_turn(store.turn, code, registers, what)
    else:
        with bounds.call():
            _call_in_turn(store.turn, code, registers, what)


def _call_in_turn(turn: Turn, code: int, registers: int, what: object) -> None:
    native, words = Native.get(), turn.words
    context = native.stacks.current().context
    # FAST: for calls that nobody competes with. No other thread runs between reading and writing: Python lets others in
    # at calls and when it jumps back.
    before = words[OWNER]
    if before == 0 or before == context:
        words[OWNER] = context
        try:
            native.call(code, registers)
        finally:
            words[OWNER] = before
            if words[WAITING] and before == 0:
                turn.pass_on()
    else:
        claim = turn.enter(context, what)
        try:
            native.call(code, registers)
        finally:
            turn.leave(claim)


class _Shown(str):
    """Text that `inspect` shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _count(parameters: int) -> str:
    return f"{parameters} positional argument" + ("" if parameters == 1 else "s")
