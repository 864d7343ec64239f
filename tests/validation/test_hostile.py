"""Input that is out of proportion: validation stays linear in the size of the file, and never recurses on its depth.

Sizes are such that anything worse than linear would not end.
"""

from __future__ import annotations

import gc
import pickle

import pytest

from jormun.errors import InvalidError
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function
from jormun.syntax.mode import Passive
from jormun.syntax.module import Element, Module
from jormun.types import FUNCREF, I32, FieldType, FuncType, RecType, RefType, StructType, SubType
from jormun.validation.module import validate

from .build import code, expr, function_module, types


def test_100_000_nested_blocks() -> None:
    """Blocks are kept on a list."""
    count = 100_000
    blocks = code(("block", None)) * count
    validate(function_module(blocks + code(("br", count)) + code("end") * count + b"\x0b"))
    ifs = code(("i32.const", 0), ("if", I32), ("i32.const", 0), "else") * count
    tail = code(("i32.const", 0)) + code("end") * count
    validate(function_module(ifs + tail + b"\x0b", results=[I32]))


def test_too_many_nested_blocks() -> None:
    """Each costs 50 times its two bytes while it is open."""
    for opening in (code(("block", None)), code(("loop", 0)), code(("i32.const", 0), ("if", None))):
        body = opening * 100_001 + code("end") * 100_002
        with pytest.raises(InvalidError, match="too many open blocks"):
            validate(function_module(body))


def test_a_branch_table_of_1_000_000_targets() -> None:
    """Each label is looked at once, however often it is named."""
    labels = tuple(range(1000)) * 1000
    body = code(("block", None)) * 1000 + code(("i32.const", 0), ("br_table", labels)) + code("end") * 1000
    validate(function_module(body + b"\x0b"))


def test_many_operands_at_many_labels() -> None:
    """1,000 operands for each of 10,000 labels are compared once, as all labels have one type."""
    wide = types(FuncType((), (I32,) * 1000))
    depth = 10_000
    body = code(("block", 0)) * depth + code("unreachable", ("br_table", tuple(range(depth)))) + code("end") * depth
    module = function_module(body + b"\x0b", results=(I32,) * 1000, types=wide)
    validate(module)


def test_100_000_functions_of_50_000_locals() -> None:
    """Locals that a body has no room to name cost nothing."""
    body = Function(0, ((50_000, I32),), expr())
    module = Module(types=types(FuncType((), ())), functions=(body,) * 100_000)
    validate(module)


def test_too_many_locals() -> None:
    """The bound of browsers, parameters counted."""
    with pytest.raises(InvalidError, match="too many locals: 50001, at most 50000"):
        validate(function_module(expr().code, params=[I32], locals=[(50_000, I32)]))


def test_operands_are_bounded() -> None:
    """Calls of a few bytes push 1,000 results each: a body of 4 KB is enough to reach a million."""
    wide = types(FuncType((), (I32,) * 1000))
    functions = (Function(0, (), expr("unreachable")), Function(1, (), Expr(code(("call", 0)) * 2000 + b"\x0b")))
    with pytest.raises(InvalidError, match="too many operands on the stack"):
        validate(Module(types=wide + types(FuncType((), ())), functions=functions))


def test_a_type_that_holds_itself_in_messages() -> None:
    """Messages name definitions and never print them."""
    inner = StructType(())
    node = RecType((SubType(True, (), FuncType((RefType(True, 0),), (RefType(False, 0),))), SubType(True, (), inner)))
    body = Function(0, (), expr(("local.get", 0)))
    with pytest.raises(InvalidError, match=r"instruction requires \[\(ref 0\)\] but stack has \[\(ref null 0\)\]"):
        validate(Module(types=(node,), functions=(body,)))


def test_a_chain_of_50_000_definitions() -> None:
    """Each holds the one before it: nothing that is done with them recurses, pickling and freeing them included."""
    first = StructType(())
    recs = [RecType((SubType(True, (), first),))]
    for i in range(50_000):
        recs.append(RecType((SubType(True, (), StructType((FieldType(RefType(True, i), False),))),)))
    valid = validate(Module(types=tuple(recs)))
    again = pickle.loads(pickle.dumps(valid))
    assert again.types[-1] is valid.types[-1]
    del valid, again
    gc.collect()


def test_long_types_are_cut_short_in_messages() -> None:
    """A message stays readable."""
    many = [I32] * 1000
    with pytest.raises(InvalidError) as caught:
        validate(function_module(code(("block", 0), "end", "end"), types=types(FuncType((), tuple(many)))))
    assert len(str(caught.value)) < 200
    with pytest.raises(InvalidError) as caught:
        validate(function_module(code(*[("i32.const", 0)] * 1000, "end")))
    assert len(str(caught.value)) < 300


def test_element_segments_of_1_000_000_functions() -> None:
    """Elements by index cost next to nothing each."""
    module = Module(
        types=types(FuncType((), ())),
        functions=(Function(0, (), expr()),),
        elements=(Element(FUNCREF, (0,) * 1_000_000, Passive()),),
    )
    validate(module)
