"""Blueprints: data segments that become what memories begin with, and those that do not."""

from __future__ import annotations

import pytest

from jormun.errors import Trap
from jormun.runtime.blueprint import blueprint_of
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import resolve
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.text.module import parse_module
from jormun.types import Limits, MemoryType
from jormun.validation.module import validate

from .conftest import Make, compiled

MERGED = {
    "apart": ('(memory 1) (data (i32.const 8) "ab") (data (i32.const 40000) "cd")', [(8, b"ab"), (40000, b"cd")]),
    "near": ('(memory 1) (data (i32.const 8) "ab") (data (i32.const 12) "cd")', [(8, b"ab\0\0cd")]),
    "beside": ('(memory 1) (data (i32.const 8) "ab") (data "x") (data (i32.const 10) "cd")', [(8, b"abcd")]),
    "backwards": ('(memory 1) (data (i32.const 12) "cd") (data (i32.const 8) "ab")', [(12, b"cd"), (8, b"ab")]),
    "to the end": ('(memory 1) (data (i32.const 65534) "ab")', [(65534, b"ab")]),
}
ONE_BY_ONE = {
    "overlapping": '(memory 1) (data (i32.const 8) "abcd") (data (i32.const 9) "x")',
    "in a gap": '(memory 1) (data (i32.const 8) "ab") (data (i32.const 20) "z") (data (i32.const 12) "cd")',
    "beyond the end": '(memory 1) (data (i32.const 0) "a") (data (i32.const 65535) "ab")',
    "imported table": '(import "m" "t" (table 1 funcref)) (memory 1) (data (i32.const 0) "a")',
    "imported memory": '(import "m" "m" (memory 1)) (data (i32.const 0) "a")',
    "imported offset": '(import "m" "g" (global i32)) (memory 1) (data (global.get 0) "a")',
}


@pytest.mark.parametrize("name", MERGED)
def test_known_places(name: str) -> None:
    """Segments that must fit are joined where they are near each other; only passive ones are left."""
    text, expected = MERGED[name]
    blueprint = blueprint_of(validate(parse_module(f"(module {text})")))
    assert [(d.offset, bytes(d.contents)) for d in blueprint.contents] == expected
    assert [d.index for d in blueprint.datas] == ([1] if name == "beside" else [])
    assert blueprint.data_count == text.count("(data")


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_others_are_copied_one_by_one(name: str) -> None:
    """Where the order counts, a segment may trap, or somebody may see it before."""
    blueprint = blueprint_of(validate(parse_module(f"(module {ONE_BY_ONE[name]})")))
    assert blueprint.contents == () and len(blueprint.datas) == blueprint.data_count


def test_memory_is_the_same_either_way(make: Make, store: Store) -> None:
    """What is joined, what overlaps, and what is in an imported memory, read back; active segments are dropped."""
    for data, expected in ((MERGED["near"][0], b"ab\0\0cd\0"), (ONE_BY_ONE["overlapping"], b"axcd\0\0\0")):
        instance = make(
            f"""(module {data} (export "m" (memory 0))
              (func (export "init") (param i32) (memory.init 1 (i32.const 100) (i32.const 0) (local.get 0))))"""
        )
        memory = instance.exports["m"]
        assert isinstance(memory, Memory) and memory.read(8, 7) == expected
        init = instance.exports["init"]
        init(0)  # type: ignore[operator]
        with pytest.raises(Trap):
            init(1)  # type: ignore[operator]
    shared = Memory(store, MemoryType(Limits(1)))
    module = compiled('(module (import "m" "m" (memory 1)) (data (i32.const 3) "abc"))')
    instantiate(store, module, resolve(module.blueprint, {"m": {"m": shared}}, store))
    assert shared.read(3, 3) == b"abc"
