"""Linking: which imports match, and what the error says when they do not."""

from __future__ import annotations

import pytest

from jormun.errors import HostError, LinkError
from jormun.runtime.function import Function
from jormun.runtime.globals import Global
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.runtime.table import Table
from jormun.runtime.tag import Tag
from jormun.types import EXTERNREF, FUNCREF, I32, I64, FuncType, GlobalType, MemoryType, TableType
from jormun.types import Limits as Bounds


def one_import(description: str) -> str:
    return f'(module (import "env" "it" {description}))'


def test_what_is_missing(make) -> None:
    """The error names module, field and type, and what there is instead."""
    with pytest.raises(LinkError) as missing:
        make(one_import("(func (param i32))"), {"other": {}})
    assert str(missing.value) == (
        'unknown import: "env" "it", a function of type [i32] -> []: nothing was given for module "env"; '
        'there are "other"'
    )
    with pytest.raises(LinkError) as missing:
        make(one_import("(memory 1)"), {"env": {"its": 1, "bit": 2}})
    assert str(missing.value) == (
        'unknown import: "env" "it", a memory of i32 1 or more pages: module "env" has no such name; '
        'there are "its", "bit"'
    )


def externs(store: Store) -> dict[str, object]:
    return {
        "function": Function.host(store, FuncType((I32,), ()), print),
        "memory": Memory(store, MemoryType(Bounds(2, 5))),
        "table": Table(store, TableType(FUNCREF, Bounds(2, 5))),
        "constant": Global(store, GlobalType(I32, False), 1),
        "variable": Global(store, GlobalType(I32, True), 1),
        "tag": Tag(store, FuncType((I32,), ())),
    }


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("function", "(func (param i32))"),
        ("memory", "(memory 2 5)"),
        ("memory", "(memory 1)"),
        ("table", "(table 0 5 funcref)"),
        ("constant", "(global i32)"),
        ("variable", "(global (mut i32))"),
        ("tag", "(tag (param i32))"),
    ],
)
def test_what_matches(make, store: Store, name: str, description: str) -> None:
    """Limits may be wider than what is asked for."""
    make(one_import(description), {"env": {"it": externs(store)[name]}})


@pytest.mark.parametrize(
    ("name", "description", "required", "found"),
    [
        ("function", "(func)", "a function of type [] -> []", "a function of type [i32] -> []"),
        ("function", "(memory 1)", "a memory of i32 1 or more pages", "a function"),
        ("memory", "(memory 3)", "a memory of i32 3 or more pages", "a memory of i32 2 to 5 pages"),
        ("memory", "(memory 1 4)", "a memory of i32 1 to 4 pages", "a memory"),
        ("memory", "(memory i64 1)", "a memory of i64", "a memory of i32"),
        ("memory", "(memory 1 5 shared)", "a shared memory", "a memory"),
        (
            "table",
            "(table 2 5 externref)",
            "a table of i32 2 to 5 elements externref",
            "a table of i32 2 to 5 elements funcref",
        ),
        ("constant", "(global (mut i32))", "a mutable global of type i32", "a constant global of type i32"),
        ("constant", "(global i64)", "a constant global of type i64", "a constant global of type i32"),
        ("variable", "(global i32)", "a constant global", "a mutable global"),
        ("tag", "(tag)", "a tag of type [] -> []", "a tag of type [i32] -> []"),
    ],
)
def test_what_does_not_match(make, store: Store, name: str, description: str, required: str, found: str) -> None:
    """The error says what was expected and what was found."""
    with pytest.raises(LinkError, match=r"^incompatible import type: ") as error:
        make(one_import(description), {"env": {"it": externs(store)[name]}})
    assert f'"env" "it" must be {required}' in str(error.value)
    assert f"found {found}" in str(error.value)


def test_the_present_size_counts(make, store: Store) -> None:
    """A memory that has grown matches what it did not before."""
    memory = Memory(store, MemoryType(Bounds(1, 5)))
    wat = one_import("(memory 2)")
    with pytest.raises(LinkError):
        make(wat, {"env": {"it": memory}})
    memory.grow(1)
    make(wat, {"env": {"it": memory}})


def test_python_objects_become_what_is_asked_for(make) -> None:
    """Callables become functions, numbers constant globals."""
    instance = make(
        """(module (import "env" "f" (func $f (param i64) (result i32))) (import "env" "g" (global f64))
        (import "env" "h" (global externref))
        (export "f" (func $f)) (export "g" (global 0)) (export "h" (global 1)))""",
        {"env": {"f": lambda x: x + 1, "g": 2, "h": "object"}},
    )
    assert instance.exports["f"].call(41) == 42
    assert (instance.exports["g"].value, instance.exports["h"].value) == (2.0, "object")


@pytest.mark.parametrize(
    ("description", "given", "message"),
    [
        ("(func)", 1, "must be a function of type [] -> [], found int"),
        ("(memory 1)", print, "found builtin_function_or_method"),
        ("(global (mut i32))", 1, "must be a mutable global of type i32, found int"),
        ("(global i32)", 1.5, "i32 needs an int, not float"),
        ("(global i32)", 1 << 32, "out of range for i32"),
    ],
)
def test_python_objects_that_do_not_fit(make, description: str, given: object, message: str) -> None:
    """They are link errors as others are."""
    with pytest.raises(LinkError) as error:
        make(one_import(description), {"env": {"it": given}})
    assert message in str(error.value)


def test_stores_do_not_mix(make) -> None:
    """What refers to a store can be used in that store only; memories can be used in all."""
    other = Store()
    with pytest.raises(LinkError, match="belongs to another store"):
        make(one_import("(global externref)"), {"env": {"it": Global(other, GlobalType(EXTERNREF, False), None)}})
    make(one_import("(memory 1)"), {"env": {"it": Memory(other, MemoryType(Bounds(1)))}})


def test_link_errors_have_no_effects(make, store: Store) -> None:
    """Imports before the one that fails are not touched."""
    memory = Memory(store, MemoryType(Bounds(1)))
    with pytest.raises(LinkError):
        make(
            '(module (import "env" "memory" (memory 1)) (import "env" "g" (global i32)) (data (i32.const 0) "x"))',
            {"env": {"memory": memory, "g": Global(store, GlobalType(I64, False), 1)}},
        )
    assert memory.read(0, 1) == b"\0"


@pytest.mark.parametrize(
    ("results", "returned", "message"),
    [
        ("", 1, "has no results, it returned int"),
        ("i32", None, "returned what is not i32: i32 needs an int, not NoneType"),
        ("i32", 1 << 40, "out of range for i32"),
        ("i32 i64", 1, "has 2 results, it returned int, not a tuple"),
        ("i32 i64", (1, 2, 3), "has 2 results, it returned 3"),
    ],
)
def test_results_of_host_functions_are_checked(make, results: str, returned: object, message: str) -> None:
    """A host function that breaks its type is a HostError, in guest code too."""
    results = f"(result {results})" if results else ""
    instance = make(
        f"""(module (import "env" "log" (func $log {results}))
        (func (export "f") {results} (call $log)))""",
        {"env": {"log": lambda: returned}},
    )
    with pytest.raises(HostError) as error:
        instance.exports["f"].call()
    assert "host function log" in str(error.value) and message in str(error.value)
