"""The store: all that instances are made of (core specification, section 4.2.3).

Lifetimes follow one rule: a store owns everything that is made in it, and it dies as a whole, when neither itself nor
any function, table, global, tag or instance of it is in use any more. Those are handles: they keep their store alive,
and the store owns what is behind them (native records, compiled modules, host functions), which never refers back to
it. So there are no cycles, and memory is given back at once. Memories alone need no store, and may serve several.
"""

from __future__ import annotations

from jormun.containers import ref, remove_dead
from jormun.errors import WasmError
from jormun.functions import cache, cached_property, lru_cache
from jormun.hints import TYPE_CHECKING, Callable, NoReturn, TracebackType, TypeVar
from jormun.limits import INSTANCES
from jormun.locks import RLock
from jormun.runtime import layout, values
from jormun.runtime.budget import NO_BOUND, Budget
from jormun.runtime.function import Function
from jormun.runtime.host import BitsFunction, Failed, HostFunction
from jormun.runtime.host_records import HostFunctions
from jormun.runtime.limits import Limits
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.native.stop_record import StopRecord
from jormun.runtime.owners import owner_of
from jormun.runtime.references import Externals
from jormun.runtime.turn import Turn
from jormun.runtime.uncopied import uncopied
from jormun.types import DefType, FuncType, RecType, SubType, ValType
from jormun.validation.canonical import close_group

if TYPE_CHECKING:
    from jormun.runtime.allowance import Allowance
    from jormun.runtime.bounds import CallBounds
    from jormun.runtime.engine import Engine
    from jormun.runtime.exceptions import Exceptions
    from jormun.runtime.function_facts import FunctionFacts
    from jormun.runtime.heap import Heap
    from jormun.runtime.metering.fuel import Fuel
    from jormun.runtime.roots import Roots

T = TypeVar("T")
_DEFAULT_LIMITS = Limits()
_CLOSED = "the store is closed"


class Store:
    """Where instances live. Instances of one store may import each other's functions, tables, globals and tags.

    A store and all in it is freed when none of it is in use any more; `close` frees it earlier. Any thread may use it:
    its guests run one at a time. A call from a thread, or an awaited one, waits until calls of others have ended;
    guests of different stores run at the same time, on all processors.

    >>> import jormun
    >>> with jormun.Store(limits=jormun.Limits(memory="1MiB")) as store:
    ...     grow = jormun.load('''(module (memory 1) (func (export "grow") (param i32) (result i32)
    ...       (memory.grow (local.get 0))))''', store=store).exports.grow
    ...     grow(1), grow(1000)
    (1, -1)
    >>> grow(1)
    Traceback (most recent call last):
        ...
    jormun.errors.WasmError: the store is closed
    """

    def __init__(
        self, engine: Engine | None = None, limits: Limits | None = None, *, is_measured: bool = False
    ) -> None:
        """An empty store. `engine` is kept for those who compile modules for it; the store does not use it.
        `is_measured`: what its calls take is measured though there is no limit to it.
        """
        self.engine = engine
        self.bounds: CallBounds | None = None
        """What bounds its calls beyond fuel, if anything does."""
        if limits is None:
            self.limits = _DEFAULT_LIMITS
            self.budget = Budget(_default_bytes(), NO_BOUND, INSTANCES)
        else:
            self.limits = limits
            elements = limits.table_elements
            self.budget = Budget(limits.memory_bytes, NO_BOUND if elements is None else elements, limits.instances)
        if limits is not None or is_measured:
            self.bounds = _bounds(self.limits, is_measured)
        self.is_metered = self.limits.fuel is not None
        """Whether instances pay fuel for what they run."""
        self._fuel: Fuel | None = None
        self._owned: list[object] | None = []
        # References without a callback, which would take three times as long to make. What is dead makes room for what
        # comes to be in its place.
        self._functions: dict[int, ref[Function]] = {}

    # FAST: made when somebody needs them, 4 us, since a store for each instance is what a service wants.
    # All threads get the same one (functions.py).
    @cached_property
    def lock(self) -> RLock:
        """What whoever makes one of several things that belong together takes."""
        return RLock()

    @cached_property
    def externals(self) -> Externals:
        """The host's objects that guests of the store refer to."""
        return Externals(self.budget)

    @cached_property
    def exceptions(self) -> Exceptions:
        """The exceptions that guests of the store throw."""
        from jormun.runtime.exceptions import Exceptions  # few do

        with self.lock:
            made: Exceptions | None = self.__dict__.get("exceptions")
            if made is None:
                made = self.__dict__["exceptions"] = self.roots.exceptions = Exceptions(self)
            return made

    @cached_property
    def roots(self) -> Roots:
        """What leads to objects of guests."""
        from jormun.runtime.roots import Roots  # few have any

        made: Roots = self.__dict__.setdefault("roots", Roots())
        return made

    @cached_property
    def heap(self) -> Heap:
        """The objects of guests."""
        from jormun.runtime.heap import Heap  # few have any

        with self.lock:
            made: Heap | None = self.__dict__.get("heap")
            if made is None:
                made = self.__dict__["heap"] = self.keep(Heap(self.budget, self.roots))
            return made

    @property
    def has_heap(self) -> bool:
        """Whether guests may have objects."""
        return "heap" in self.__dict__

    @property
    def reading(self) -> RLock:
        """A lock to be held from the reading of a reference until it is Python's."""
        return self.heap.lock if self.has_heap else self.lock

    @cached_property
    def stop(self) -> StopRecord:
        """What all calls of the store's functions heed."""
        return StopRecord(self._owned if self.bounds is None else None)

    @cached_property
    def turn(self) -> Turn:
        """Who of them runs."""
        return Turn(self.stop)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise uncopied("a store", "modules are what can be pickled, and instances are made of them anywhere")

    def close(self) -> None:
        """Give up all that the store owns, but for what running calls, memories and tables in use still need.

        Calling its functions from then on raises WasmError.
        """
        self.stop.keep(None)  # first: native code takes it from there
        self._owned = None

    def interrupt(self) -> None:
        """End the calls of the store's functions that run now, in whatever threads: each raises Trap (INTERRUPTED).

        That is within moments; one that is in a function of the host ends when it comes back. Calls that begin later
        run as usual. May be called from any thread, and by handlers of signals.
        """
        native = Native.get()
        self.stop.stop(native.activations)
        native.watch.stopped()

    def sibling(self) -> Store:
        """An empty store that takes from the same limits, for another thread of a guest; that calls for it."""
        store = Store(self.engine, self.limits)
        store.budget = self.budget
        store.bounds = self.bounds
        if self._fuel is not None:
            store._fuel = self._fuel.sibling()
        return store

    @property
    def fuel(self) -> Fuel:
        """What metered code is paid from. It lasts for ever where there is no limit."""
        if self._fuel is None:
            with self.lock:
                if self._fuel is None:
                    self._fuel = _fuel(self.limits, self.budget, self.bounds)
        return self._fuel

    @property
    def allowance(self) -> Allowance:
        """What the limits leave, and what was used."""
        from jormun.runtime.allowance import Allowance

        return Allowance(self.fuel if self.is_metered else self._fuel, self.budget, self.bounds)

    @property
    def owned(self) -> list[object]:
        """What the store keeps alive. Who calls guest code holds this list meanwhile. Raises WasmError once closed."""
        owned = self._owned
        if owned is None:
            raise WasmError(_CLOSED)
        return owned

    def keep(self, thing: T) -> T:
        """Keep `thing` alive as long as the store; it must not refer to the store or to handles of it."""
        self.owned.append(thing)
        return thing

    def function(self, address: int) -> Function:
        """The function whose record is at `address`: always the same object while it is in use."""
        reference = self._functions.get(address)
        function = None if reference is None else reference()
        if function is None:
            if self._owned is None:
                raise WasmError(_CLOSED)  # the record is no more
            vm = pages.read_u64(address + layout.FUNCTION_VM)
            cookie = pages.read_u64(address + layout.FUNCTION_COOKIE)
            owner = owner_of(pages.read_u64(vm + layout.VM_INSTANCE_KEY))
            function = self.function_of(address, owner.function_facts(cookie), owner)
        return function

    def function_of(self, address: int, facts: FunctionFacts, owner: object) -> Function:
        """The same; `owner` holds the record."""
        functions = self._functions
        while True:
            reference = functions.get(address)
            function = None if reference is None else reference()
            if function is not None:
                return function
            if self._owned is None:
                raise WasmError(_CLOSED)
            function = Function(self, address, facts, owner)
            made = ref(function)
            remove_dead(functions, address)
            if functions.setdefault(address, made) is made:  # of two threads, one
                return function

    def deftype(self, t: FuncType | DefType) -> DefType:
        """The canonical definition of a function type that refers to no others, or `t` itself if it is a definition."""
        return t if isinstance(t, DefType) else closed(t)

    def host_function(self, t: FuncType | DefType, function: Callable[..., object], name: str) -> Function:
        """See `Function.host`."""
        name = name or getattr(function, "__name__", "host function")
        host = self.keep(HostFunctions.of((HostFunction(ref(self), self.deftype(t), function, name),)))
        return self.function(host.addresses[0])

    def host_bits(self, t: FuncType, function: Callable[..., int], failed: Failed, name: str) -> Function:
        """See `Function.host_bits`."""
        host = self.keep(HostFunctions.of((BitsFunction(self.deftype(t), function, failed, name),)))
        return self.function(host.addresses[0])

    def to_bits(self, t: ValType, value: object) -> int:
        """The bits of a Python value; see values.to_bits."""
        return values.to_bits(self, t, value)

    def from_bits(self, t: ValType, bits: int) -> object:
        """The Python value of some bits; see values.from_bits."""
        return values.from_bits(self, t, bits)


@cache  # FAST: 0.5 us for each store of a service
def _default_bytes() -> int:
    return _DEFAULT_LIMITS.memory_bytes


def _bounds(limits: Limits, is_measured: bool) -> CallBounds | None:
    timeout_s, cpu_timeout_s, stack_bytes = limits.timeout, limits.cpu_timeout, limits.stack_bytes
    if timeout_s is None and cpu_timeout_s is None and stack_bytes is None and not is_measured:
        return None
    from jormun.runtime.bounds import CallBounds  # few stores have any

    return CallBounds(timeout_s, cpu_timeout_s, stack_bytes)


def _fuel(limits: Limits, budget: Budget, bounds: CallBounds | None) -> Fuel:
    """What a store with these limits is given; it refers to no store."""
    from jormun.limits import FUEL as MOST  # few stores have fuel
    from jormun.runtime.allowance import Allowance
    from jormun.runtime.metering.fuel import Fuel

    on_empty = limits.on_empty
    amount = MOST if limits.fuel is None else limits.fuel
    return Fuel(amount, None if on_empty is None else lambda fuel: on_empty(Allowance(fuel, budget, bounds)))


@lru_cache(maxsize=1024)  # FAST: 30 us a type, which each instance of a program with WASI asks for dozens of times
def closed(t: FuncType) -> DefType:
    """The canonical definition of a function type that refers to no others."""
    deftypes: list[DefType] = []
    close_group(RecType((SubType(True, (), t),)), deftypes)
    return deftypes[0]
