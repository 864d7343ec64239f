"""Instances, as Python sees them."""

from __future__ import annotations

import weakref

import pytest

import jormun

NAMES = """(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "not an identifier")) (func (export "items")) (memory (export "memory") 1))"""


def test_exports_are_attributes_and_items() -> None:
    """By any name, also such that other mappings have methods of."""
    exports = jormun.load(NAMES).exports
    assert exports.add(1, 2) == exports["add"](1, 2) == 3
    assert exports["not an identifier"]() is None
    assert exports.items() is None
    assert list(exports) == ["add", "not an identifier", "items", "memory"]
    assert len(exports) == 4 and "add" in exports and "sub" not in exports
    assert {"add", "memory"} <= set(dir(exports))
    assert isinstance(exports.add, jormun.Func) and isinstance(exports.memory, jormun.Memory)


def test_exports_that_were_asked_for_are_kept() -> None:
    """So that they are found at once; they keep no more alive than the exports themselves do."""
    exports = jormun.load(NAMES).exports
    assert vars(exports) == {}
    assert exports.add is exports.add is exports["add"]
    assert vars(exports) == {"add": exports.add}
    store = weakref.ref(exports.add.store)
    del exports
    assert store() is None


def test_exports_that_are_not_there() -> None:
    """AttributeError or KeyError, with what there is."""
    exports = jormun.load(NAMES).exports
    with pytest.raises(AttributeError, match="no export 'sub'; there are 'add', 'not an identifier'"):
        _ = exports.sub
    with pytest.raises(KeyError):
        exports["sub"]
    assert not hasattr(exports, "sub")


def test_instances_link_by_their_exports() -> None:
    """Whole exports may stand for a module; the store is found by itself."""
    first = jormun.load(NAMES)
    user = """(module (import "calc" "add" (func $add (param i32 i32) (result i32)))
      (func (export "sum") (result i32) (call $add (i32.const 40) (i32.const 2))))"""
    second = jormun.load(user, {"calc": first.exports})
    assert second.exports.sum() == 42
    assert second.store is first.store
    with pytest.raises(jormun.LinkError, match='module "calc" has no such name; there are "items"'):
        jormun.load(user, {"calc": jormun.load('(module (func (export "items")))').exports})


def test_two_stores_do_not_meet() -> None:
    """The error says what to do about it."""
    both = '(module (import "a" "items" (func)) (import "b" "items" (func)))'
    a, b = jormun.load(NAMES), jormun.load(NAMES)
    with pytest.raises(jormun.LinkError, match="make both instances with one store"):
        jormun.load(both, {"a": a.exports, "b": b.exports})
    store = jormun.Store()
    a, b = jormun.load(NAMES, store=store), jormun.load(NAMES, store=store)
    jormun.load(both, {"a": a.exports, "b": b.exports})


def test_print_is_a_host_function() -> None:
    """Python's own functions will do."""
    lines: list[object] = []
    instance = jormun.load(
        """(module (import "env" "log" (func $log (param i32 f64)))
        (func (export "f") (call $log (i32.const -1) (f64.const 2.5))))""",
        {"env": {"log": lambda *args: lines.append(args)}},
    )
    instance.exports.f()
    assert lines == [(-1, 2.5)]


def test_limits() -> None:
    """They bound the instance; a store has its own."""
    grow = '(module (memory (export "memory") 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))'
    instance = jormun.load(grow, limits=jormun.Limits(memory="64KiB"))
    assert instance.exports.grow() == -1
    with pytest.raises(jormun.ExhaustionError):
        instance.exports.memory.grow(1)
    with pytest.raises(ValueError, match="either a store or limits"):
        jormun.load(grow, store=jormun.Store(), limits=jormun.Limits())


def test_instances_are_freed() -> None:
    """With the last handle, without garbage collection."""
    import gc
    import weakref

    instance = jormun.load(NAMES)
    store, add = weakref.ref(instance.store), instance.exports.add
    gc.disable()
    try:
        del instance
        assert add(1, 1) == 2
        del add
        assert store() is None
    finally:
        gc.enable()
