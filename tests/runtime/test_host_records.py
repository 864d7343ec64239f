"""Host functions of an instance: side by side, and made objects of when somebody looks."""

from __future__ import annotations

import gc
import weakref

import pytest

import jormun
from jormun.errors import HostError
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.types import I32, FuncType

TEXT = """(module (import "e" "one" (func $one (param i32) (result i32)))
  (import "e" "two" (func $two (param externref) (result externref))) (export "one" (func $one))
  (export "two" (func $two)) (func (export "call one") (param i32) (result i32) (call $one (local.get 0)))
  (func (export "call two") (param externref) (result externref) (call $two (local.get 0))))"""


def test_their_records_are_side_by_side() -> None:
    """What an instance imports is in one block, and a function that is exported again is one that can be called."""
    exports = jormun.load(TEXT, {"e": {"one": lambda x: x + 1, "two": lambda x: [x]}}).exports
    one, two = exports.one, exports.two
    assert two.address - one.address == layout.HOST_ENTRY_BYTES
    assert pages.read_u64(one.address + layout.FUNCTION_VM) == one.address + layout.FUNCTION_RECORD_BYTES
    assert (one(1), exports["call one"](2), two("a"), exports["call two"]("b")) == (2, 3, ["a"], ["b"])
    assert (one.__name__, str(two.func_type), exports.one is one) == ("one", "[externref] -> [externref]", True)


def test_a_function_that_was_given_stays_the_same_object() -> None:
    """A function of the store's is exported as what it is, whoever holds it."""
    host = jormun.Func.host(jormun.Store(), FuncType((I32,), ()), lambda x: None, "named")
    host.note = "kept"
    text = '(module (import "e" "f" (func (param i32))) (export "f" (func 0)))'
    exports = jormun.Instance(jormun.Module(text), {"e": {"f": host}}, store=host.store).exports
    del host
    gc.collect()
    assert exports.f.note == "kept" and exports.f.__name__ == "named"


def test_errors_name_the_function() -> None:
    """What a function returned is said with the name that it is imported by."""
    exports = jormun.load(TEXT, {"e": {"one": lambda x: "text", "two": lambda x: x}}).exports
    with pytest.raises(HostError, match="host function one returned what is not i32"):
        exports["call one"](1)


def test_what_they_refer_to_is_freed() -> None:
    """The Python functions die with the store, and at the end of a call that drops the last reference to it."""
    holder = {}

    class Gone:
        def __call__(self, x: int) -> int:
            holder.clear()
            gc.collect()
            return x

    gone = Gone()
    reference = weakref.ref(gone)
    holder["exports"] = jormun.load(TEXT, {"e": {"one": gone, "two": print}}).exports
    call = holder["exports"]["call one"]
    del gone
    assert call(5) == 5
    del call
    gc.collect()
    assert reference() is None
