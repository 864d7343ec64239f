"""An error in a declaration says where that stands, in both formats."""

from __future__ import annotations

import pytest

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.dataclass import replace
from jormun.errors import InvalidError
from jormun.syntax.module import Module
from jormun.text.module import parse_module
from jormun.validation.module import validate

MARK = "@"
# A module that is wrong where it is marked, and the bytes that stand there in its binary.
INVALID = {
    "a type that there is none of": ("(type (func)) @(type (func (param (ref 9))))", "60 01 64 09 00"),
    "a type in a group": (
        "(rec (type (func)) @(type (struct (field (ref null 7)))) (type (func)))",
        "5f 01 63 07 00 60 00 00",
    ),
    "a supertype that is final": ("(type (func)) @(type (sub 0 (func)))", "50 01 00 60 00 00"),
    "a supertype that does not match": (
        "(type (sub (func))) (rec (type (func)) @(type (sub 0 (func (param i32)))))",
        "50 01 00 60 01 7f 00",
    ),
    "an imported function": (
        '(type (struct)) (import "a" "b" (global i32)) @(import "c" "d" (func (type 0)))',
        "01 63 01 64 00 00",
    ),
    "an imported table": ('@(import "a" "b" (table 2 1 funcref))', "01 61 01 62 01 70 01 02"),
    "an imported memory": ('(import "a" "a" (memory 1)) @(import "a" "b" (memory 65537))', "01 61 01 62 02 00"),
    "an imported global": ('(import "a" "a" (memory 1)) @(import "a" "b" (global (ref 3)))', "01 61 01 62 03 64 03 00"),
    "an imported tag": ('(type (func (result i32))) @(import "a" "b" (tag (type 0)))', "01 61 01 62 04 00 00"),
    "a function": ("(type (struct)) (type (func)) (func (type 1)) @(func (type 0))", "00"),
    "a table": ("(table 1 funcref) @(table 3 2 funcref)", "70 01 03 02"),
    "a table without a default": ("(table 1 funcref) @(table 3 (ref func))", "64 70 00 03"),
    "a memory": ("(memory 1) @(memory 2 1)", "01 02 01"),
    "a tag": ("(type (func (result i32))) (tag) @(tag (type 0))", "00 00"),
    "a global": ("(global i32 (i32.const 1)) @(global (ref 2) (i32.const 1))", "64 02 00 41 01 0b"),
    "an export of what is not there": ('(func) (export "a" (func 0)) @(export "b" (func 1))', "01 62 00 01"),
    "a name that is taken": ('(func (export "a")) @(export "a" (func 0))', "01 61 00 00"),
    "a start function": ("(func (param i32)) @(start 0)", "00"),
    "an element segment without its table": ("@(elem (table 1) (i32.const 0) func)", "02 01 41 00 0b 00 00"),
    "an element segment of another type": (
        "(table 1 externref) @(elem (table 0) (i32.const 0) func)",
        "00 41 00 0b 00",
    ),
    "an element that is no function": ("(table 1 funcref) (elem func) @(elem func 3)", "01 00 01 03"),
    "a data segment without its memory": (
        '(memory 1) (data "a") @(data (memory 1) (i32.const 0) "b")',
        "02 01 41 00 0b 01 62",
    ),
}


def _error(module: Module) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        validate(module)
    return caught.value


@pytest.mark.parametrize(("text", "encoded"), INVALID.values(), ids=INVALID)
def test_an_error_says_where(text: str, encoded: str) -> None:
    """In a text by the line and column at which the declaration opens, in a binary by its first byte."""
    error = _error(parse_module("(module\n" + text.replace(MARK, "\n  ") + ")"))
    assert (error.line, error.column, error.offset) == (3, 3, None)
    data = encode(parse_module(text.replace(MARK, "")))
    in_binary = _error(decode(data))
    assert in_binary.line is None
    assert in_binary.offset is not None
    assert data[in_binary.offset :].startswith(bytes.fromhex(encoded))
    assert in_binary.message == error.message


@pytest.mark.parametrize("count", [3, 200])
def test_the_offset_of_a_function_is_that_of_its_type(count: int) -> None:
    """However many bytes the numbers before it take."""
    types = "(type (struct))" + "".join(f"(type (func (param {'i32 ' * k})))" for k in range(count))
    functions = "".join(f"(func (type {k + 1}))" for k in range(count))
    module = parse_module(f"{types} {functions}")
    wrong = replace(module.functions[-1], type_index=0)
    data = encode(replace(module, functions=(*module.functions[:-1], wrong)))
    error = _error(decode(data))
    assert error.offset is not None
    assert data[error.offset] == 0
    assert data[error.offset + 1] == 10  # the code section begins


def test_a_type_written_where_it_is_used() -> None:
    """Stands where it is used."""
    error = _error(parse_module("(func\n (param (ref 7)))"))
    assert (error.line, error.column) == (2, 2)


def test_a_module_made_by_hand_has_no_places() -> None:
    """Then the message stands alone."""
    error = _error(Module(start=1))
    assert str(error) == "unknown function 1, there are 0, as start function"
