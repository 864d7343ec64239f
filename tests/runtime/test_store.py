"""Lifetimes: a store dies as a whole, as soon as nothing of it is in use, and nothing dies before."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

from jormun.errors import ExhaustionError, WasmError
from jormun.runtime.function import Function
from jormun.runtime.instantiation import instantiate
from jormun.runtime.limits import Limits
from jormun.runtime.linking import resolve
from jormun.runtime.memory import Memory
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.types import I32, FuncType, MemoryType
from jormun.types import Limits as Bounds

from .conftest import compiled

EVERYTHING = """(module (import "env" "f" (func $import (param i32) (result i32)))
  (memory (export "memory") 1) (table (export "table") 2 funcref) (global (export "g") (mut i32) (i32.const 5))
  (elem (i32.const 0) func $f $import) (data (i32.const 0) "data") (data "passive")
  (func $f (export "f") (param i32) (result i32) (call $import (local.get 0))))"""


def make_one(module: CompiledModule, store: Store | None = None):
    store = store or Store()
    return instantiate(store, module, resolve(module.blueprint, {"env": {"f": lambda x: x + 1}}, store))


def mappings() -> int:
    """How many ranges of addresses the process has."""
    return len(Path("/proc/self/maps").read_bytes().splitlines())


def test_twenty_thousand_instances_come_and_go() -> None:
    """Address space and records are given back at once, without the help of garbage collection."""
    module = compiled(EVERYTHING)
    make_one(module).exports["f"].call(1)
    gc.collect()
    before = mappings()
    gc.disable()
    try:
        for _ in range(20_000):
            make_one(module)
        assert mappings() <= before + 10
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["f", "table", "g"])
def test_a_handle_keeps_all_that_it_may_reach(name: str) -> None:
    """Function, table or global: each is enough for its instance to live on, and its store with all that is there."""
    store = Store()
    watched = weakref.ref(store)
    handle = make_one(compiled(EVERYTHING), store).exports[name]
    del store
    gc.collect()
    assert watched() is not None
    if name == "f":
        assert handle.call(1) == 2
    elif name == "table":
        assert (handle[0].call(1), handle[1].call(2)) == (2, 3)
    else:
        assert handle.value == 5
    del handle
    assert watched() is None


def test_a_memory_outlives_its_store() -> None:
    """It needs none."""
    memory = make_one(compiled(EVERYTHING)).exports["memory"]
    assert memory.read(0, 4) == b"data"
    assert memory.grow(1) == 1


def test_functions_in_foreign_tables_live_on(store: Store) -> None:
    """An instance is not freed while a table of another has its functions."""
    table = make_one(compiled(EVERYTHING), store).exports["table"]
    table[1] = make_one(compiled(EVERYTHING), store).exports["f"]
    gc.collect()
    assert table[1].call(41) == 42


def test_cycles_through_host_functions_are_collected() -> None:
    """A Python function that refers to the instance it serves does not keep it for ever."""

    def make_cycle() -> weakref.ref[Store]:
        store = Store()
        exports: dict[str, object] = {}
        host = Function.host(store, FuncType((I32,), (I32,)), lambda x: len(exports) + x)
        exports.update(instantiate(store, compiled(EVERYTHING), [host]).exports)
        assert host.call(1) == 5
        return weakref.ref(store)

    watched = make_cycle()
    gc.collect()
    assert watched() is None


def test_modules_are_freed_with_their_last_instance() -> None:
    """And their code with them."""
    module = compiled(EVERYTHING)
    watched = weakref.ref(module)
    function = make_one(module).exports["f"]
    del module
    assert function.call(1) == 2
    assert watched() is not None
    del function
    assert watched() is None


def test_a_closed_store_says_so() -> None:
    """Calling and looking into tables is an error, not a crash; closing twice is none."""
    with Store() as store:
        exports = make_one(compiled(EVERYTHING), store).exports
        assert exports["f"].call(1) == 2
    store.close()
    with pytest.raises(WasmError, match="the store is closed"):
        exports["f"].call(1)
    with pytest.raises(WasmError, match="the store is closed"):
        exports["table"][1]
    assert exports["memory"].read(0, 4) == b"data"


def test_a_store_may_be_closed_by_a_guest_in_it() -> None:
    """What runs goes on to its end."""
    store = Store()
    module = compiled(EVERYTHING)
    watched = weakref.ref(module)

    def close(x: int) -> int:
        store.close()
        gc.collect()
        return x + 1

    function = instantiate(store, module, resolve(module.blueprint, {"env": {"f": close}}, store)).exports["f"]
    del module
    assert function.call(1) == 2
    del function
    assert watched() is None


def test_threads_share_a_module_and_a_store() -> None:
    """Instances are made and functions compiled and called by several threads at once."""
    module = compiled(EVERYTHING)
    store = Store()
    results: list[int] = []

    def work() -> None:
        for k in range(50):
            results.append(make_one(module, store).exports["f"].call(k))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(list(range(1, 51)) * 4)


def test_functions_are_the_same_objects_while_in_use(store: Store) -> None:
    """However they are reached."""
    instance = make_one(compiled(EVERYTHING), store)
    function = instance.exports["f"]
    assert instance.exports["table"][0] is function is store.function(function.address)


def test_a_sibling_takes_from_the_same_limits() -> None:
    """It is a store of its own, and both together stay within them."""
    store = Store(limits=Limits(memory=3 * 65536))
    sibling = store.sibling()
    make = MemoryType(Bounds(2, 2))
    kept = Memory(store, make)
    with pytest.raises(ExhaustionError):
        Memory(sibling, make)
    assert sibling.owned is not store.owned
    del kept
    assert Memory(sibling, make).size_pages == 2


def test_all_threads_get_the_same_function() -> None:
    """However many ask for one at the same time, and after it died, too."""
    store = Store()
    instance = make_one(compiled(EVERYTHING), store)
    for _ in range(20):
        found: list[Function] = []
        barrier = threading.Barrier(8)

        def look(barrier: threading.Barrier = barrier, found: list[Function] = found) -> None:
            barrier.wait()
            found.append(instance.function(1))

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8 and len({id(each) for each in found}) == 1
        assert store.function(found[0].address) is found[0] and found[0].call(1) == 2
