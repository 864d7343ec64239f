"""What tests of instances share that are made of the parts of dead ones."""

from __future__ import annotations

from pathlib import Path

from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import Imports, resolve
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store

PAGE = 65536
ALL = """(module
  (import "env" "host" (func $host (result i32)))
  (memory (export "memory") 2 4) (data (i32.const 100) "initial") (data (i32.const 70000) "more") (data $p "passive")
  (table (export "table") 4 4 funcref) (elem (i32.const 1) $f $get)
  (table $open (export "open") 2 externref)
  (global $g (export "g") (mut i64) (i64.const 7)) (global (export "f ref") (mut funcref) (ref.func $f))
  (tag (export "tag") (param i32))
  (func $f (export "f") (result i32) (i32.const 42))
  (func $get (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "passive") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)))
  (func (export "drop") (data.drop $p))
  (func (export "host") (result i32) (call $host))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "grow") (result i32)
    (drop (table.grow $open (ref.null extern) (i32.const 3))) (memory.grow (i32.const 1))))"""


def make(module: CompiledModule, imports: Imports | None = None, store: Store | None = None) -> Instance:
    """An instance in a store of its own."""
    store = Store() if store is None else store
    return instantiate(store, module, resolve(module.blueprint, imports or {}, store))


def twice(module: CompiledModule, imports: Imports | None = None) -> None:
    """Instances of the module are made, and dropped: the next one is made of parts."""
    for _ in range(2):
        make(module, imports)
    assert module.pool is not None


def host(number: int) -> Imports:
    """Imports for ALL."""
    return {"env": {"host": lambda: number}}


def call(instance: Instance, name: str, *args: object) -> object:
    return instance.exports[name].call(*args)  # type: ignore[union-attr]


def state(instance: Instance) -> list[object]:
    """All that an instance of ALL has, as one sees it from outside."""
    exports = instance.exports
    memory, table, others = exports["memory"], exports["table"], exports["open"]
    return [
        memory.read(0, memory.size_bytes), memory.size_pages,  # type: ignore[union-attr]
        [f and f.__name__ for f in table], [*others], exports["g"].value, repr(exports["f ref"].value),  # type: ignore[union-attr, attr-defined]
    ]  # fmt: skip


def mapped() -> int:
    """How many ranges of addresses the process has."""
    return Path("/proc/self/maps").read_bytes().count(b"\n")
