"""Instantiation: its order, its effects, and what is left when it fails."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.runtime.limits import Limits
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.runtime.table import Table
from jormun.types import FUNCREF, MemoryType, TableType
from jormun.types import Limits as Bounds


def test_exports_have_one_identity(make) -> None:
    """An entity is one object, under whatever name."""
    exports = make("""(module (func $f (export "f") (export "again")) (table $t (export "t") 1 funcref)
      (memory (export "m") 1) (global (export "g") i32 (i32.const 1)) (tag (export "e"))
      (export "t again" (table $t)) (elem (i32.const 0) func $f))""").exports
    assert list(exports) == ["f", "again", "t", "m", "g", "e", "t again"]
    assert exports["f"] is exports["again"] is exports["t"][0]
    assert exports["t"] is exports["t again"]


def test_what_is_imported_may_be_exported(make) -> None:
    """It stays what it was."""
    first = make("""(module (func (export "f")) (table (export "t") 1 funcref) (memory (export "m") 1)
      (global (export "g") i32 (i32.const 1)) (tag (export "e")))""")
    second = make(
        """(module (import "a" "f" (func)) (import "a" "t" (table 1 funcref)) (import "a" "m" (memory 1))
        (import "a" "g" (global i32)) (import "a" "e" (tag)) (export "f" (func 0)) (export "t" (table 0))
        (export "m" (memory 0)) (export "g" (global 0)) (export "e" (tag 0)))""",
        {"a": first.exports},
    )
    assert all(second.exports[name] is extern for name, extern in first.exports.items())


def test_segments_start_and_order(make, store: Store) -> None:
    """Elements, then data, then the start function, which sees both."""
    seen = []
    memory = Memory(store, MemoryType(Bounds(1)))
    make(
        """(module (import "env" "memory" (memory 1)) (import "env" "seen" (func $seen (param i32 i32)))
        (table 2 funcref) (elem (i32.const 1) func $start) (data (i32.const 4) "\\2a")
        (func $start (call $seen (i32.load8_u (i32.const 4)) (ref.is_null (table.get 0 (i32.const 1)))))
        (start $start))""",
        {"env": {"memory": memory, "seen": lambda *args: seen.append(args)}},
    )
    assert seen == [(42, 0)]


def test_start_may_be_imported(make) -> None:
    """It is called as any other."""
    calls = []
    make('(module (import "env" "f" (func $f)) (start $f))', {"env": {"f": lambda: calls.append(1)}})
    assert calls == [1]


def test_what_a_failing_segment_leaves(make, store: Store) -> None:
    """Segments before the one that does not fit stay written, and functions in imported tables stay alive."""
    memory = Memory(store, MemoryType(Bounds(1)))
    table = Table(store, TableType(FUNCREF, Bounds(1)))
    imports = {"env": {"memory": memory, "table": table}}
    wat = """(module (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
      (func $f (result i32) (memory.init 1 (i32.const 8) (i32.const 0) (i32.const 2)) (i32.const 42))
      (elem (i32.const 0) func $f) (data (i32.const 0) "ok") (data (i32.const 65535) "no")
      (data (i32.const 0) "never"))"""
    with pytest.raises(Trap) as trapped:
        make(wat, imports)
    assert trapped.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert memory.read(0, 5) == b"ok\0\0\0"
    assert memory.read(65535, 1) == b"\0"
    assert table[0].call() == 42, "a segment that was not reached is not dropped"
    assert memory.read(8, 2) == b"no"


def test_elements_that_do_not_fit(make) -> None:
    """A trap of its own kind, before any data."""
    with pytest.raises(Trap, match="out of bounds table access"):
        make('(module (table 1 funcref) (func $f) (elem (i32.const 1) func $f) (memory 0) (data (i32.const 9) "x"))')


def test_a_trap_in_start_reaches_the_caller(make) -> None:
    """With its backtrace."""
    with pytest.raises(Trap) as trapped:
        make("(module $m (func $start unreachable) (start $start))")
    assert [frame.function_index for frame in trapped.value.backtrace] == [0]


def test_active_segments_are_dropped(make) -> None:
    """memory.init of one finds nothing, of a passive one what it holds."""
    exports = make("""(module (memory (export "m") 1) (data (i32.const 0) "a") (data "passive")
      (func (export "init") (param i32) (memory.init 1 (i32.const 8) (i32.const 0) (local.get 0)))
      (func (export "active") (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "drop") (data.drop 1)))""").exports
    exports["init"].call(7)
    assert exports["m"].read(8, 7) == b"passive"
    with pytest.raises(Trap, match="out of bounds memory access"):
        exports["active"].call()
    exports["drop"].call()
    exports["init"].call(0)
    with pytest.raises(Trap, match="out of bounds memory access"):
        exports["init"].call(1)


def test_tables_have_initial_values(make) -> None:
    """An expression fills the table; element expressions may be globals."""
    exports = make("""(module (func $f (export "f")) (global $g funcref (ref.func $f))
      (table (export "t") 2 funcref (ref.func $f))
      (table (export "u") 3 funcref) (elem (table 1) (i32.const 1) funcref (global.get $g) (ref.null func)))""").exports
    assert list(exports["t"]) == [exports["f"]] * 2
    assert list(exports["u"]) == [None, exports["f"], None]


def test_limits_stop_instantiation(store: Store) -> None:
    """A module that wants more memory than allowed does not start."""
    from .conftest import compiled, instantiate

    small = Store(limits=Limits(memory="64KiB"))
    with pytest.raises(ExhaustionError, match="beyond the limits"):
        instantiate(small, compiled("(module (memory 2))"), [])
    instantiate(small, compiled("(module (memory 1))"), [])


@pytest.mark.parametrize(
    "entry", ["(memory 0)", "(table i64 0xffff_ffff_ffff_ffff funcref)", "(memory i64 0x100_0000)"]
)
def test_hostile_sizes_are_an_error(make, entry: str) -> None:
    """More address space than there is: an ExhaustionError, and all of it is given back."""
    before = len(Path("/proc/self/maps").read_bytes().splitlines())
    with pytest.raises(ExhaustionError):
        make(f"(module {entry * (30_000 if entry == '(memory 0)' else 1)})")
    gc.collect()  # the exception's traceback held them
    assert len(Path("/proc/self/maps").read_bytes().splitlines()) <= before + 10
