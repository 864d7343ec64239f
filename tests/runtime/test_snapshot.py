"""Snapshots: modules whose instances begin where another one is."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.binary.decode import decode

wasmtime = pytest.importorskip("wasmtime")

ALL = """(module
  (import "env" "host" (func $host (result i32)))
  (import "env" "base" (global $base i32))
  (memory (export "memory") 1 5) (memory (export "wide") i64 1)
  (data $a (i32.const 10) "active") (data $p "passive") (data $q "other")
  (table $t (export "table") 3 8 funcref) (elem $e (i32.const 0) $one) (elem $r funcref (ref.func $two))
  (elem declare func $host)
  (table $typed (export "typed") 2 (ref null $kind)) (type $kind (func (result i32)))
  (table $full 2 (ref func) (ref.func $one))
  (global $i (export "i") (mut i32) (i32.const 1)) (global (export "l") (mut i64) (i64.const 1))
  (global (export "f") (mut f32) (f32.const 1)) (global (export "d") (mut f64) (f64.const 1))
  (global (export "v") (mut v128) (v128.const i64x2 1 2)) (global (export "r") (mut funcref) (ref.null func))
  (global $n (export "n") (mut (ref null i31)) (ref.null i31)) (global (export "constant") i32 (global.get $base))
  (func $one (export "one") (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
  (func (export "change")
    (i32.store8 (i32.const 65535) (i32.const 255)) (drop (memory.grow (i32.const 1)))
    (i32.store (i32.const 131068) (i32.const -1)) (i64.store 1 (i64.const 60000) (i64.const 77))
    (memory.init $p (i32.const 3000) (i32.const 0) (i32.const 7)) (data.drop $p)
    (table.init $t $r (i32.const 2) (i32.const 0) (i32.const 1)) (elem.drop $r)
    (table.set $t (i32.const 1) (ref.func $host)) (drop (table.grow $t (ref.func $two) (i32.const 2)))
    (table.set $typed (i32.const 1) (ref.func $two)) (table.set $full (i32.const 1) (ref.func $two)))
  (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
  (func (export "full") (param i32) (result i32) (call_indirect $full (result i32) (local.get 0)))
  (func (export "again") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "other") (memory.init $q (i32.const 0) (i32.const 0) (i32.const 5)))
  (func (export "rest") (table.init $t $r (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "first") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "drop") (data.drop $a)))"""
HOST = {"env": {"host": lambda: 3, "base": 9}}


def test_all_state_is_there() -> None:
    """Memories and what they have grown by, tables, globals of all types, and which segments are dropped."""
    instance = jormun.load(ALL, HOST)
    exports = instance.exports
    exports.change()
    exports.i.value, exports.l.value, exports.f.value, exports.d.value = -7, -(2**63), 1.5, float("-inf")
    exports.v.value, exports.r.value, exports.n.value = bytes(range(16)), exports.table[2], -5
    module = instance.snapshot()
    assert [str(each) for each in module.imports] == [str(each) for each in instance.module.imports]
    again = module.instantiate(HOST).exports
    assert again.memory.read(0, 131072) == exports.memory.read(0, 131072)
    assert again.wide.read(0, 65536) == exports.wide.read(0, 65536)
    assert (again.memory.size_pages, again.memory.grow(3)) == (2, 2), "its maximum stays"
    assert (again.i.value, again.l.value, again.f.value, again.d.value) == (-7, -(2**63), 1.5, float("-inf"))
    assert (again.v.value, again.n.value, again.constant.value) == (bytes(range(16)), -5, 9)
    assert [f() for f in again.table] == [1, 3, 2, 2, 2]
    assert again.r.value is again.table[2]
    assert (again.typed[0], again.typed[1]()) == (None, 2)
    assert (again.full(0), again.full(1), again.call(1)) == (1, 2, 3)
    for name in ("again", "rest", "first"):
        with pytest.raises(jormun.Trap, match="out of bounds"):
            getattr(again, name)()
    again.other()
    again.drop()
    assert again.memory.read(0, 5) == b"other"


def test_a_snapshot_of_a_snapshot_is_the_same() -> None:
    """Of a module that was not changed, all is kept."""
    instance = jormun.load(ALL, HOST)
    instance.exports.change()
    first = instance.snapshot()
    second = first.instantiate(HOST).snapshot()
    one, other = decode(first.data), decode(second.data)
    assert (one.globals, one.memories, one.tables, one.exports) == (
        other.globals, other.memories, other.tables, other.exports,
    )  # fmt: skip
    used = [[(each.init, each.mode) for each in module.datas if each.init] for module in (one, other)]
    assert used[0] == used[1]


def test_other_runtimes_take_it() -> None:
    """It is an ordinary module."""
    instance = jormun.load(
        """(module (memory (export "memory") 1) (table 4 funcref) (elem (i32.const 0) $get) (global $n (mut i32)
        (i32.const 0)) (func $get (result i32) (global.get $n)) (func (export "call") (param i32) (result i32)
        (call_indirect (result i32) (local.get 0))) (func (export "set") (param i32)
        (global.set $n (local.get 0)) (table.set (i32.const 3) (ref.func $get))
        (i32.store (i32.const 50000) (local.get 0))))"""
    )
    instance.exports.set(77)
    store = wasmtime.Store()
    other = wasmtime.Instance(store, wasmtime.Module(store.engine, instance.snapshot().data), []).exports(store)
    assert (other["call"](store, 0), other["call"](store, 3)) == (77, 77)
    assert other["memory"].read(store, 50000, 50004) == (77).to_bytes(4, "little")


def test_the_start_function_does_not_run_again() -> None:
    """Nor is what initialized a library of WASI exported."""
    instance = jormun.load(
        """(module (global $n (export "n") (mut i32) (i32.const 0)) (start $s)
        (func $s (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1)))) (func (export "f")))"""
    )
    module = instance.snapshot()
    assert module.instantiate().exports.n.value == 1
    assert [each.name for each in module.exports] == ["n", "f"]
    assert [each.name for each in instance.snapshot(omit=("n", "f")).exports] == ["_initialize"]


@pytest.mark.parametrize(
    ("wat", "message"),
    [
        ('(module (import "env" "m" (memory 1)))', '"env" "m" is an imported memory'),
        ('(module (import "env" "t" (table 1 funcref)))', '"env" "t" is an imported table'),
        ('(module (import "env" "g" (global (mut i32))))', '"env" "g" is an imported mutable global'),
    ],
)
def test_imported_state_is_refused(wat: str, message: str) -> None:
    """It is somebody else's: the error names the import."""
    others = jormun.load(
        """(module (memory (export "m") 1) (table (export "t") 1 funcref)
        (global (export "g") (mut i32) (i32.const 1)))"""
    )
    with pytest.raises(jormun.WasmError, match=message):
        jormun.load(wat, {"env": others.exports}).snapshot()


def test_references_that_lead_out_are_refused() -> None:
    """To objects of the host, and to functions of other instances: the error says where they are."""
    instance = jormun.load(
        """(module (table (export "objects") 3 externref) (global (export "g") (mut funcref) (ref.null func))
        (func (export "f")))"""
    )
    instance.exports.objects[2] = "an object"
    with pytest.raises(jormun.WasmError, match="element 2 of table 0 refers to an object of the host's"):
        instance.snapshot()
    instance.exports.objects[2] = None
    other = jormun.load('(module (func (export "f")))', store=instance.store)
    instance.exports.g.value = other.exports.f
    with pytest.raises(jormun.WasmError, match="global 0 refers to no function of the module"):
        instance.snapshot()


def test_not_while_a_guest_runs() -> None:
    """What its calls have on the stack would be lost."""
    seen: list[BaseException] = []

    def host() -> None:
        try:
            instance.snapshot()
        except jormun.WasmError as error:
            seen.append(error)

    instance = jormun.load(
        '(module (import "env" "f" (func $f)) (func (export "run") (call $f)))', {"env": {"f": host}}
    )
    instance.exports.run()
    assert [str(error) for error in seen] == ["cannot make a snapshot while a guest runs: its calls would be lost"]
    instance.snapshot()


def test_it_is_saved_and_pickled(tmp_path: Path) -> None:
    """As any module is."""
    counter = jormun.load(
        """(module (global $n (mut i32) (i32.const 0)) (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
    )
    assert counter.exports.next() == 1
    module = counter.snapshot()
    module.save(tmp_path / "counter")
    assert jormun.load(tmp_path / "counter").exports.next() == 2
    assert pickle.loads(pickle.dumps(module)).instantiate().exports.next() == 2


@pytest.mark.parametrize("write", [lambda m: None, lambda m: [m.write(at, b"\1") for at in range(0, 65536, 2048)]])
def test_zeros_are_left_out(write: Callable[[jormun.Memory], object]) -> None:
    """A memory of many pages with little in them is a small module."""
    instance = jormun.load('(module (memory (export "m") 100) (data (i32.const 1000000) "x"))')
    write(instance.exports.m)
    module = instance.snapshot()
    assert len(module.data) < 500
    assert module.instantiate().exports.m.read(0, 6553600) == instance.exports.m.read(0, 6553600)
