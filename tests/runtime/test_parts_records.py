"""What is written of instances made of the parts of dead ones, and when: function records, tables, references."""

from __future__ import annotations

from array import array

import pytest

import jormun
from jormun.runtime.function import Function

from .conftest import compiled
from .remaking import ALL, call, host, make, twice


def test_code_that_was_compiled_meanwhile_is_known() -> None:
    """Function records of parts that wait are kept up to date."""
    module = compiled(ALL)
    twice(module, host(1))
    living = make(module, host(1))
    assert make(module, host(1)).exports  # which is looked at, so that there are records
    assert call(living, "f") == 42
    again = make(module, host(1))
    offset = module.layout.own_function_record_offset(module.blueprint.imported_function_count)
    assert again.native.read(offset) == module.code(module.first_own)


@pytest.mark.parametrize("look", ["table", "f ref"])
def test_references_are_written_when_somebody_looks(look: str) -> None:
    """Function records and tables of an instance that nobody has used hold nothing; to ask for a table or a global of
    references writes them. They are those of that instance, and code that is compiled later is in them.
    """
    module = compiled(ALL)
    twice(module, host(1))
    living = [make(module, host(k)) for k in range(4)]
    idle, looked_at = living[2], living[3]
    offset = module.layout.own_function_record_offset(module.blueprint.imported_function_count)
    assert idle.export("memory") and idle.export("tag")
    assert not idle.native.parts.is_filled and idle.native.read(offset) == 0
    assert looked_at.export(look) and looked_at.native.parts.is_filled
    assert call(living[1], "f") == 42
    for each in (living[1], looked_at):
        assert each.native.read(offset) == module.code(module.first_own)
        table = each.exports["table"]
        assert [f and f.__name__ for f in table] == [None, "f", "get", None]
        assert table[1] is each.exports["f"]
    assert [call(each, "call", 1) for each in living] == [42] * 4
    assert [call(each, "host") for each in living] == [0, 1, 2, 3]


@pytest.mark.parametrize("is_compiled", [False, True], ids=["before", "compiled"])
@pytest.mark.parametrize("use", ["call", "another", "table", "vectorize"])
def test_an_exported_function_is_written_alone(use: str, is_compiled: bool) -> None:
    """To look at an exported function writes its record and no other. Whoever calls it then, by whatever way, finds
    all that its code needs, and the record leads to its code from then on.
    """
    store = jormun.Store()
    module = jormun.Module(
        """(module (table $t 2 2 funcref) (elem (i32.const 0) $two $three) (type $t (func (result i32)))
          (func $two (result i32) (i32.const 2)) (func $three (result i32) (i32.const 3))
          (func (export "f") (param i32) (result i32) (call_indirect $t (type $t) (local.get 0))))"""
    )
    living = [jormun.Instance(module, store=store) for _ in range(2)]
    if is_compiled:
        assert living[0].exports.f(1) == 3
    looked_at = jormun.Instance(module, store=store).exports._instance
    function = looked_at.exports["f"]
    assert isinstance(function, Function)
    records = module.compiled.layout.own_function_records
    assert not looked_at.native.parts.is_filled
    assert {k: looked_at.native.read(at) != 0 for k, at in records.items()} == {0: False, 1: False, 2: True}
    if use == "call":
        assert [function(k) for k in (1, 0)] == [3, 2]
    elif use == "another":
        text = """(module (import "" "f" (func $f (param i32) (result i32)))
          (func (export "g") (result i32) (i32.sub (call $f (i32.const 0)) (call $f (i32.const 1)))))"""
        assert jormun.Instance(jormun.Module(text), {"": {"f": function}}, store=store).exports.g() == -1
    elif use == "table":
        text = """(module (table (export "t") 1 funcref)
          (func (export "g") (result i32) (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))))"""
        other = jormun.Instance(jormun.Module(text), store=store)
        other.exports.t[0] = function
        assert other.exports.g() == 3
    else:
        vectorized = jormun.vectorize(function)
        assert [*vectorized(array("i", [1, 0]))] == [3, 2]
    assert looked_at.native.parts.is_filled
    assert all(looked_at.native.read(at) == module.compiled.code(k) for k, at in records.items())


def test_start_functions_and_imports_find_references() -> None:
    """A start function calls by the table; so does another instance that was given it, and a snapshot has them."""
    text = """(module (global $n (export "n") (mut i32) (i32.const 0)) (table $t (export "t") 2 2 funcref)
      (elem (i32.const 0) $f $f) (func $f (global.set $n (i32.add (global.get $n) (i32.const 1))))
      (func $start (call_indirect $t (i32.const 1))) (start $start))"""
    user = jormun.Module(
        """(module (import "e" "t" (table $t 2 funcref)) (func (export "run") (call_indirect $t (i32.const 0))))"""
    )
    module = jormun.Module(text)
    living = [jormun.Instance(module) for _ in range(4)]
    assert [each.exports.n.value for each in living] == [1] * 4
    jormun.Instance(user, {"e": living[3].exports}).exports.run()
    assert [each.exports.n.value for each in living] == [1, 1, 1, 2]
    again = jormun.Module(text.replace("(start $start)", ""))
    living = [jormun.Instance(again) for _ in range(4)]
    copy = living[3].snapshot().instantiate()
    jormun.Instance(user, {"e": copy.exports}).exports.run()
    assert (copy.exports.n.value, living[3].exports.n.value) == (1, 0)
