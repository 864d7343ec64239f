"""Tables, as the host sees them and as guests use them."""

from __future__ import annotations

import pytest

from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.runtime.limits import Limits
from jormun.runtime.store import Store
from jormun.runtime.table import Table
from jormun.types import EXTERNREF, FUNCREF, TableType
from jormun.types import Limits as Bounds


def test_elements_are_python_objects(store: Store) -> None:
    """An externref table holds any object, and gives the very same back."""
    table = Table(store, TableType(EXTERNREF, Bounds(3)))
    thing = object()
    table[1] = thing
    assert (table[0], table[1], table[-2], len(table)) == (None, thing, thing, 3)
    assert table.get(1) is thing
    table.set(1, None)
    assert list(table) == [None, None, None]


def test_places_outside_are_index_errors(store: Store) -> None:
    """Reading and writing check the index."""
    table = Table(store, TableType(EXTERNREF, Bounds(1)))
    for index in (1, -2):
        with pytest.raises(IndexError, match="outside of a table of 1 elements"):
            table[index]
        with pytest.raises(IndexError):
            table[index] = None


def test_growing_fills_and_has_limits(store: Store) -> None:
    """New elements are what the caller says; a table ends at its maximum, and at the limit for all tables."""
    table = Table(store, TableType(EXTERNREF, Bounds(1, 4)), "first")
    assert (table.grow(2, "more"), list(table)) == (1, ["first", "more", "more"])
    with pytest.raises(ExhaustionError, match="cannot grow by 2: its maximum is 4 elements"):
        table.grow(2)
    assert table.type.limits == Bounds(3, 4)
    unbounded = Table(store, TableType(FUNCREF, Bounds(0)))
    with pytest.raises(ExhaustionError, match="its maximum is 10000000 elements"):
        unbounded.grow(10_000_001)
    with pytest.raises(ExhaustionError, match="a table of 4294967295 elements is beyond the limits"):
        Table(store, TableType(FUNCREF, Bounds(0xFFFF_FFFF)))


def test_tables_share_the_budget_with_memories() -> None:
    """A table costs what its elements take."""
    table = Table(Store(limits=Limits(memory=65536)), TableType(FUNCREF, Bounds(0)))
    assert table.grow(8192) == 0
    with pytest.raises(ExhaustionError, match="65,536 bytes"):
        table.grow(1)


def test_element_types_are_checked(make, store: Store) -> None:
    """A table of functions takes functions of its store."""
    instance = make('(module (table (export "table") 2 funcref) (func (export "f")))')
    table, function = instance.exports["table"], instance.exports["f"]
    table[1] = function
    assert table[1] is function
    with pytest.raises(TypeError, match="needs a WebAssembly function or None, not int"):
        table[0] = 1
    other = Store()
    with pytest.raises(TypeError, match="another one"):
        Table(other, TableType(FUNCREF, Bounds(1)))[0] = function


def test_guests_use_what_the_host_puts_in(make) -> None:
    """call_indirect calls functions that the host put into the table, of the module, of others, and of the host."""
    instance = make("""(module (type $t (func (param i32) (result i32))) (table (export "table") 4 funcref)
      (func (export "call") (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 1) (local.get 0)))
      (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
      (func (export "other type")))""")
    negate = make('(module (func (export "f") (param i32) (result i32) (i32.sub (i32.const 0) (local.get 0))))')
    table, call = instance.exports["table"], instance.exports["call"]
    table[0], table[1], table[2] = instance.exports["double"], negate.exports["f"], instance.exports["other type"]
    del negate
    assert (call.call(0, 21), call.call(1, 21)) == (42, -21)
    for index, kind in [
        (2, TrapKind.INDIRECT_CALL_TYPE_MISMATCH),
        (3, TrapKind.UNINITIALIZED_ELEMENT),
        (4, TrapKind.UNDEFINED_ELEMENT),
    ]:
        with pytest.raises(Trap) as trapped:
            call.call(index, 0)
        assert trapped.value.kind is kind


def test_guests_grow_tables(make) -> None:
    """table.grow gives the old size or -1."""
    instance = make("""(module (table (export "table") 1 5 externref)
      (func (export "grow") (param externref i32) (result i32)
        (table.grow (local.get 0) (local.get 1))))""")
    grow, table = instance.exports["grow"], instance.exports["table"]
    assert (grow.call("new", 2), list(table)) == (1, [None, "new", "new"])
    assert (grow.call(None, 3), grow.call(None, -1), len(table)) == (-1, -1, 3)
