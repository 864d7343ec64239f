"""Instances and what they export."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jormun.api.config import Config
from jormun.api.memory import Memory
from jormun.api.module import Module, open_program
from jormun.api.source import Source, is_path
from jormun.errors import LinkError
from jormun.hints import TYPE_CHECKING, Any, NoReturn
from jormun.runtime import instance as runtime
from jormun.runtime.instantiation import instantiate
from jormun.runtime.limits import Limits
from jormun.runtime.linking import Extern, Imports, resolve
from jormun.runtime.store import Store
from jormun.runtime.uncopied import uncopied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from jormun.api.arrays import GuestArray
    from jormun.api.wasi import Wasi
    from jormun.runtime.allowance import Allowance
    from jormun.runtime.function import Function


class Exports:
    """The exports of an instance, as attributes and as items.

    Items take any name; attributes those that are Python identifiers and do not begin and end with two underscores. It
    may be given as one of another instance's import modules.

    >>> import jormun
    >>> exports = jormun.load('(module (func (export "one")) (memory (export "my memory") 1))').exports
    >>> list(exports)
    ['one', 'my memory']
    >>> exports.one, exports["my memory"]
    (<WebAssembly function one: [] -> []>, <Memory of 1 pages>)
    """

    __slots__ = ("__dict__", "_instance")

    def __init__(self, instance: runtime.Instance) -> None:
        self._instance = instance

    # Any: what an export is, only the module knows.
    def __getitem__(self, name: str) -> Any:
        return self._instance.export(name)

    def __getattr__(self, name: str) -> Any:
        try:
            # FAST: found as any attribute from then on: 5 ns in place of 400.
            export = self.__dict__[name] = self._instance.export(name)
            return export
        except KeyError:
            raise AttributeError(f"no export {name!r}; there are {', '.join(map(repr, self)) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._instance.compiled.export_places)

    def __len__(self) -> int:
        return len(self._instance.compiled.export_places)

    def __contains__(self, name: object) -> bool:
        return name in self._instance.compiled.export_places

    def __dir__(self) -> list[str]:
        return [*self, *super().__dir__()]

    def __reduce__(self) -> NoReturn:
        raise uncopied("what an instance exports", "make another instance of its module, where it is needed")

    def __repr__(self) -> str:
        return f"<Exports: {', '.join(self)}>"


class Instance:
    """An instance of a module.

    `imports` gives, for each module name, what it has: functions, memories and the like of other instances, or their
    whole `exports`; Python callables, which get the type that the import asks for; and numbers for immutable globals.
    Function pointers of ctypes and cffi, and what numba's `cfunc` made, are called without Python where they declare
    the very type that the import asks for (integers and floats of 32 and 64 bits); they run without the GIL, and no
    sandbox bounds them.

    `wasi` is the world that it reaches by the functions of WASI that it imports, behind `imports`; without, there are
    none.

    Instances whose functions, tables, globals or tags meet must be in one store. Without `store`, that is the store
    that the imports are of, or a new one, with `limits`.

    Raises LinkError for an import that is missing or does not match, Trap when the instance's start function or one of
    its segments traps, and ExhaustionError when its memories or tables are beyond the limits.

    >>> import jormun
    >>> module = jormun.Module('''(module
    ...   (import "env" "twice" (func $twice (param i32) (result i32)))
    ...   (func (export "four times") (param i32) (result i32) (call $twice (call $twice (local.get 0)))))''')
    >>> instance = jormun.Instance(module, {"env": {"twice": lambda x: 2 * x}})
    >>> instance.exports["four times"](10)
    40
    """

    def __init__(
        self,
        module: Module,
        imports: Imports | None = None,
        *,
        wasi: Wasi | None = None,
        store: Store | None = None,
        limits: Limits | None = None,
    ) -> None:
        given: Imports = {} if imports is None else imports
        has_imports = bool(module.blueprint.imports)
        if store is None:
            store = (has_imports and _store_of(module, given)) or Store(None, limits)
        elif limits is not None:
            raise ValueError("a store has limits of its own: give either a store or limits")
        self.module = module
        self.store = store
        if wasi is not None:
            made = wasi.instantiate(module.compiled_for(store), given, store)
        else:
            externs = _resolve(module, given, store) if has_imports else ()
            made = instantiate(store, module.compiled_for(store), externs)
        self.exports = Exports(made)

    @property
    def limits(self) -> Allowance:
        """What the limits of its store leave, and what was used.

        >>> import jormun
        >>> counter = jormun.load(
        ...     '(module (func (export "run") (loop (br 0))))', limits=jormun.Limits(fuel=1000)
        ... )
        >>> counter.exports.run()
        Traceback (most recent call last):
        ...
        jormun.errors.ExhaustionError: out of fuel: 1 asked for, 0 left of 1,000
            at $run
        >>> counter.limits.usage.fuel
        1000
        """
        return self.store.allowance

    def interrupt(self) -> None:
        """End all calls into this instance, and others of its store, that run now: each raises Trap ("interrupted").

        From another thread, or from a signal's handler. It returns at once; the calls end within moments, or when what
        they called of the host comes back. The instance can be called again.
        """
        self.store.interrupt()

    def alloc(
        self,
        data: ArrayLike | None = None,
        *,
        shape: int | Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
        allocator: str | Function | None = None,
        free: str | Function | None = None,
    ) -> GuestArray:
        """A NumPy array in the instance's first memory, where the guest's own allocator puts it: with a copy of `data`,
        or of zeros, of `shape`.

        `dtype` is that of the data by default, and float64 without. The guest's functions take it as an address; its
        `array` stays valid when the memory grows. It is freed by `free`, or at the end of a `with`.

        `allocator` and `free` are exported functions or their names: by default malloc and free, __wbindgen_malloc and
        __wbindgen_free, or cabi_realloc, which frees nothing. The first takes a size in bytes, then perhaps an
        alignment, or four arguments as cabi_realloc does; the second an address, then perhaps size and alignment.
        Raises TypeError where there are none, MemoryError when the guest has no more, WasmError when it gives an
        address outside of its memory, ImportError without NumPy.

        >>> import jormun
        >>> instance = jormun.load('''(module (memory (export "memory") 1) (global $end (mut i32) (i32.const 16))
        ...   (func (export "malloc") (param i32) (result i32) (global.get $end)
        ...     (global.set $end (i32.add (global.get $end) (local.get 0))))
        ...   (func (export "free") (param i32))
        ...   (func (export "second") (param i32) (result f64) (f64.load offset=8 (local.get 0))))''')
        >>> with instance.alloc([1.5, 2.5]) as numbers:
        ...     numbers.array[:] *= 2
        ...     instance.exports.second(numbers)
        5.0
        """
        from jormun.api.arrays import allocate  # NumPy need not be there

        memories = self.exports._instance.memories
        memory = memories[0] if memories else None
        return allocate(self.exports, memory, data, shape, dtype, allocator, free)

    def snapshot(self, *, omit: Collection[str] = ("_initialize",)) -> Module:
        """A module whose instances begin in the state that this one has reached: that of an interpreter that has
        booted, say. It is an ordinary module, whose `data` any runtime takes, and has the same imports and exports.

        It has no start function, and no exports with names in `omit`: by default without what libraries of WASI are
        initialized by. The state is what is in the guest; of the host it knows nothing, such as files that are open.
        So a program of WASI should be given the same directories again, and have no other files open. Raises WasmError
        for imported memories, tables and mutable globals, for references to objects of the host and to functions of
        other instances, and while calls into the instance's store run or wait.

        >>> import jormun
        >>> counter = jormun.load('''(module (global $n (mut i32) (i32.const 0)) (func (export "next") (result i32)
        ...   (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))''')
        >>> counter.exports.next(), counter.exports.next()
        (1, 2)
        >>> module = counter.snapshot()
        >>> module.instantiate().exports.next(), module.instantiate().exports.next()
        (3, 3)
        """
        from jormun.binary.encode import encode
        from jormun.runtime.snapshot import snapshot

        return Module(encode(snapshot(self.exports._instance, omit)), config=self.module.config)

    def __reduce__(self) -> NoReturn:
        raise uncopied(
            "an instance",
            "make another one of its module, or of instance.snapshot(), which is a module that begins in its state",
        )

    def __repr__(self) -> str:
        return f"<Instance with exports {', '.join(self.exports) or '(none)'}>"


def load(
    source: Source,
    imports: Imports | None = None,
    *,
    wasi: Wasi | None = None,
    store: Store | None = None,
    limits: Limits | None = None,
    config: Config | None = None,
) -> Instance:
    """An instance of the module in a file, in bytes, or in WAT text. See `Module` and `Instance` for the arguments.

    A file may also be what `jormun compile` or `Module.save` made, if it is marked as `Module.open` demands: then it is
    machine code, and no sandbox. Who lets others say which file it is, or what it is called, uses `Module`.

    >>> import jormun
    >>> answer = jormun.load('(module (func (export "answer") (result i64) (i64.const 42)))')
    >>> answer.exports.answer()
    42
    """
    module = open_program(source, config) if is_path(source) else Module(source, config=config)
    return Instance(module, imports, wasi=wasi, store=store, limits=limits)


def _resolve(module: Module, imports: Imports, store: Store) -> Sequence[Extern | int]:
    """What stands for each import."""
    try:
        return resolve(module.blueprint, imports, store)
    except LinkError as error:
        from jormun.wasi.abi import MODULES

        missing = {each.module for each in module.blueprint.imports} & MODULES - set(imports)
        if missing:
            error.add_note(f"{missing.pop()} is WASI: run a program by jormun.run, give a library wasi=jormun.Wasi()")
        raise


def _store_of(module: Module, imports: Imports) -> Store | None:
    """The store that an import is of. Whether all are of the same one is checked when they are linked."""
    if isinstance(imports, dict) and not imports:
        return None
    for each in module.blueprint.imports:
        try:
            extern = imports[each.module][each.name]
        except KeyError:
            continue
        store = getattr(extern, "store", None)
        if isinstance(store, Store) and not isinstance(extern, Memory):
            return store
    return None
