"""Globals."""

from __future__ import annotations

import math

import pytest

from jormun.runtime.globals import Global
from jormun.runtime.store import Store
from jormun.types import EXTERNREF, F32, F64, I32, I64, V128, GlobalType


@pytest.mark.parametrize(
    ("type", "value"),
    [(I32, -1), (I64, -(2**63)), (F32, 0.5), (F64, math.pi), (V128, bytes(range(16))), (EXTERNREF, "object")],
    ids=str,
)
def test_values_of_all_types(store: Store, type, value) -> None:
    """A global gives back what it was made with."""
    assert Global(store, GlobalType(type, False), value).value == value


def test_setting_a_global(store: Store) -> None:
    """A mutable one takes values of its type, another none."""
    mutable = Global(store, GlobalType(I32, True), 1)
    mutable.value = 2**32 - 1
    assert mutable.value == -1
    with pytest.raises(OverflowError):
        mutable.value = 2**32
    with pytest.raises(TypeError, match="i32 needs an int, not str"):
        mutable.value = "1"
    with pytest.raises(TypeError, match="immutable"):
        Global(store, GlobalType(I32, False), 1).value = 2


def test_instances_share_imported_globals(make, store: Store) -> None:
    """What one sets, the others and the host see."""
    shared = Global(store, GlobalType(I64, True), 5)
    wat = """(module (import "env" "g" (global $g (mut i64))) (export "g" (global $g))
      (func (export "add") (param i64) (global.set $g (i64.add (global.get $g) (local.get 0)))))"""
    first, second = (make(wat, {"env": {"g": shared}}) for _ in range(2))
    first.exports["add"].call(1)
    second.exports["add"].call(10)
    assert shared.value == 16
    assert first.exports["g"] is shared


def test_an_exported_global_outlives_its_instance(make) -> None:
    """The handle is enough."""
    held = make('(module (global (export "g") (mut i32) (i32.const 3)))').exports["g"]
    assert held.value == 3
    held.value = 4
    assert held.value == 4
