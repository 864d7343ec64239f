"""What a guest of WASI may import: the two modules of WASI 0.1, thread-spawn, and shared memories for its threads."""

from __future__ import annotations

from jormun.containers import ref
from jormun.dataclass import replace
from jormun.functions import partial
from jormun.hints import TYPE_CHECKING, Final, Iterator, Mapping
from jormun.runtime.function import Function
from jormun.runtime.host import Offered
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import ImportModule, Imports, resolve
from jormun.runtime.memory import Memory
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.types import I32, ExternKind, FuncType, MemoryType
from jormun.wasi.abi import PREVIEW1, UNSTABLE, Abi
from jormun.wasi.calls import offer
from jormun.wasi.errno import errno_of
from jormun.wasi.functions import functions_of
from jormun.wasi.links import links_of
from jormun.wasi.memory import GuestMemory
from jormun.wasi.native_world import NativeWorld
from jormun.wasi.wasi import Wasi

if TYPE_CHECKING:
    from jormun.wasi.threads import Body

MEMORY: Final = "memory"
"""What a module that uses WASI exports its memory as."""
THREADS: Final = "wasi"
SPAWN: Final = "thread-spawn"
"""The module and the name of what starts a thread (the proposal wasi-threads)."""
_SPAWN_TYPE: Final = FuncType((I32,), (I32,))
_THREAD_START_TYPE: Final = FuncType((I32, I32), ())
_U32: Final = 0xFFFF_FFFF


def wants_threads(compiled: CompiledModule) -> bool:
    """Whether a module may start threads."""
    return any((each.module, each.name) == (THREADS, SPAWN) for each in compiled.blueprint.imports)


def instantiate_with_wasi(
    compiled: CompiledModule,
    wasi: Wasi,
    *,
    imports: Imports | None = None,
    store: Store | None = None,
) -> Instance:
    """An instance linked with WASI and `imports`, which come first.

    Each instance has a memory of its own, and shares the rest of the world. A start function may call WASI already.
    """
    if store is None:
        store = Store(compiled.engine)
    if not imports:
        own = GuestMemory(NativeWorld.of(wasi))
        links = links_of(compiled, wasi, own)
        if links is not None:
            return instantiate(store, compiled, links.link(wasi, own, store), before_start=partial(_attach, own))
    memories = _shared_memories(compiled, store, {} if imports is None else imports)
    return _instantiate(compiled, wasi, imports, store, memories)


def _attach(own: GuestMemory, instance: Instance) -> None:
    """Have a guest's calls find its memory, once it is there."""
    kind, index = instance.compiled.export_places.get(MEMORY, (None, 0))
    if kind is ExternKind.MEMORY:
        # What the store owns must not refer to the instance, which refers to the store.
        own.attach_later(partial(instance.native.memory, index))


def _instantiate(
    compiled: CompiledModule,
    wasi: Wasi,
    imports: Imports | None,
    store: Store,
    memories: Mapping[tuple[str, str], Memory],
) -> Instance:
    own = GuestMemory(NativeWorld.of(wasi))

    offered: dict[str, ImportModule] = {abi.module: _WasiModule(wasi, own, abi) for abi in (PREVIEW1, UNSTABLE)}
    if wasi.threads is not None and wants_threads(compiled):
        if imports and wasi.threads.has_threads:  # they are in one store, and wait for each other
            store.turn.is_shared = True
        offered[THREADS] = {SPAWN: _thread_spawn(compiled, wasi, imports, store, memories)}
    for (module, name), memory in memories.items():
        offered[module] = _Layers({name: memory}, offered.get(module, {}))
    externs = resolve(compiled.blueprint, _WasiImports(offered, {} if imports is None else imports), store)
    return instantiate(store, compiled, externs, before_start=partial(_attach, own))


def _thread_spawn(
    compiled: CompiledModule,
    wasi: Wasi,
    imports: Imports | None,
    store: Store,
    memories: Mapping[tuple[str, str], Memory],
) -> Function:
    """The function `thread-spawn` for instances of a module.

    It makes a thread that runs `wasi_thread_start` in an instance of its own of the module, in a store of its own,
    which is given back with the thread; a guest that was given functions of other instances has all of its in one.

    start_arg: what the new thread gets beside its number; result: the number, or negative when there can be no thread
    """
    from jormun.wasi.threads import THREAD_START, NoThreadError  # few guests have threads

    group = wasi.threads
    assert group is not None
    store_ref = ref(store)  # what a store owns must not keep it; whoever calls this function does

    def thread_spawn(start_arg: int) -> int:
        def make(thread_id: int) -> Body:
            spawner = store_ref()
            assert spawner is not None
            instance = _instantiate(compiled, wasi, imports, spawner if imports else spawner.sibling(), memories)
            start = instance.export(THREAD_START) if THREAD_START in compiled.export_places else None
            if not isinstance(start, Function) or start.func_type != _THREAD_START_TYPE:
                raise NoThreadError
            return lambda: start.call_bits((thread_id, start_arg))

        return group.spawn(make) & _U32

    return Function.host_bits(store, _SPAWN_TYPE, thread_spawn, errno_of, SPAWN)


def _shared_memories(compiled: CompiledModule, store: Store, imports: Imports) -> dict[tuple[str, str], Memory]:
    """A memory for each shared one that a module imports and that is not given: all threads have the same."""
    memories: dict[tuple[str, str], Memory] = {}
    for each in compiled.blueprint.imports:
        key, t = (each.module, each.name), each.type
        if isinstance(t, MemoryType) and t.is_shared and key not in memories and not _has(imports, *key):
            memories[key] = Memory(store, t)
    return memories


def _has(imports: Imports, module: str, name: str) -> bool:
    return module in set(imports) and name in set(imports[module])


class _Layers:
    """A module of imports whose names are looked up in one place and then in another."""

    def __init__(self, first: ImportModule, second: ImportModule) -> None:
        self._first = first
        self._second = second

    def __getitem__(self, name: str) -> object:
        try:
            return self._first[name]
        except KeyError:
            return self._second[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._first, *self._second])


class _WasiImports:
    """What a guest may import: what `imports` has, and behind it what is offered to all."""

    def __init__(self, offered: Mapping[str, ImportModule], imports: Imports) -> None:
        self._offered = offered
        self._imports = imports

    def __getitem__(self, name: str) -> ImportModule:
        if name not in set(self._imports):
            return self._offered[name]
        if name not in self._offered:
            return self._imports[name]
        return _Layers(self._imports[name], self._offered[name])

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._imports, *self._offered])


class _WasiModule:
    """The functions of one module, looked up one by one: a guest imports few of them."""

    def __init__(self, wasi: Wasi, memory: GuestMemory, abi: Abi) -> None:
        self._wasi = wasi
        self._memory = memory
        self._abi = abi
        self._own: Wasi | None = None
        self._functions = functions_of(abi)

    def __getitem__(self, name: str) -> Offered:
        function = self._functions[name]
        if self._own is None:
            self._own = replace(self._wasi, memory=self._memory, abi=self._abi)
        return offer(function, self._own)

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)
