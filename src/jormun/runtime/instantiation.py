"""How instances come to be: of the parts of one that is dead, or anew (core specification, section 4.7.2)."""

from __future__ import annotations

from jormun.errors import WasmError
from jormun.hints import Callable, Sequence
from jormun.runtime.instance import Instance, allocate, run_datas, run_elements, start
from jormun.runtime.linking import Given, check
from jormun.runtime.module import CompiledModule
from jormun.runtime.module_instance import ModuleInstance
from jormun.runtime.parts import Lease
from jormun.runtime.services import install_services
from jormun.runtime.store import Store
from jormun.runtime.tag import new_identity


def instantiate(
    store: Store,
    compiled: CompiledModule,
    imports: Sequence[Given],
    *,
    before_start: Callable[[Instance], None] | None = None,
) -> Instance:
    """Instantiate a module (4.7.2). `before_start` is called with the instance before any of its code runs.

    Raises LinkError, before anything is done, when the imports do not match; ExhaustionError when a memory or a table
    is beyond the limits; Trap when an active segment does not fit or the start function traps. What was written by then
    stays, in imported memories and tables too, and functions that got into imported tables stay alive.
    """
    if imports or compiled.blueprint.imports:
        check(compiled.blueprint, imports, store)
    if store.is_metered and not compiled.is_metered:
        raise WasmError("a store with a limit on fuel runs metered code alone")
    if compiled.is_ready:  # FAST: as those of a service are, 0.2 us
        instance = _again(store, compiled, imports) or _anew(store, compiled, imports)
        if before_start is not None:
            before_start(instance)
        return instance
    if compiled.has_objects:
        with store.heap.held():
            instance = _made(store, compiled, imports)
        instance.native.allocate_from(store.heap)
    else:
        instance = _made(store, compiled, imports)
    if compiled.is_metered:  # each anew: its record may be that of an instance of another store
        instance.native.pay_from(store.fuel)
    if compiled.blueprint.tag_types:
        instance.native.throw_into(store.exceptions)
    if before_start is not None:
        before_start(instance)
    start(instance)
    return instance


def _made(store: Store, compiled: CompiledModule, imports: Sequence[Given]) -> Instance:
    """The instance, before its start. What leads to objects is known."""
    instance = _again(store, compiled, imports) or _anew(store, compiled, imports)
    if compiled.roots is not None:
        globals_, tables = compiled.roots
        for index in globals_:
            store.roots.add_global(instance.global_address(index))
        for index in tables:
            store.roots.add_table(instance.native.tables[index])
    return instance


def _again(store: Store, compiled: CompiledModule, imports: Sequence[Given]) -> Instance | None:
    """The instance, before its start, of the parts of one that is dead; None if there are none."""
    pool = compiled.pool if compiled.is_instantiated else None
    if pool is None:
        return None
    budget = store.budget
    parts = pool.take(budget)
    if parts is None:
        return None
    native = ModuleInstance(compiled, parts, None, budget, Lease(parts, pool.spares))
    store.owned.append(native)
    if not compiled.is_ready:
        for index in range(len(compiled.blueprint.tag_types)):
            native.write(compiled.layout.tag_offset(index), new_identity())
    return Instance(store, native, imports)


def _anew(store: Store, compiled: CompiledModule, imports: Sequence[Given]) -> Instance:
    """The instance, before its start."""
    install_services()
    # The first of a module is as a rule the only one: those behind it are worth an image of what they begin with.
    pool = compiled.pool if compiled.is_instantiated else None
    compiled.is_instantiated = True
    # Read once: another thread may make the first of the pool's instances.
    is_known = pool is not None and pool.tables is not None
    instance = allocate(store, compiled, imports, is_alike=pool is not None, is_known=is_known)
    store.keep(instance.native)
    parts = instance.native.parts
    if pool is None:
        compiled.fill(parts)
        run_elements(instance)
        run_datas(instance)
        return instance
    if not is_known:
        run_elements(instance)
    for index, image in pool.images.items():
        memory = parts.memories[index]
        image.map(memory.space.base)
        memory.image = image
    parts.note(compiled)
    if not is_known:
        pool.tables = parts.contents()
    instance.native.belong(Lease(parts, pool.spares))
    return instance
