"""Modules and code, made by hand: what the tests of this folder validate."""

from __future__ import annotations

from collections.abc import Sequence

from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.table import BY_NAME
from jormun.syntax.code import encode_instruction
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.module import Module
from jormun.types import CompositeType, FuncType, RecType, SubType, ValType
from jormun.validation.module import ValidModule, validate

Written = str | tuple[str, *tuple[ImmediateValue, ...]]
"""An instruction: its name, or its name and immediates."""


SECOND_ROWS = {"select_typed": "select", "ref.test_null": "ref.test", "ref.cast_null": "ref.cast"}
"""Names, here, of rows that share theirs with another."""


def code(*instructions: Written) -> bytes:
    """The bytes of instructions."""
    out = bytearray()
    for written in instructions:
        name, immediates = (written, ()) if isinstance(written, str) else (written[0], written[1:])
        row = BY_NAME[SECOND_ROWS[name]][1] if name in SECOND_ROWS else BY_NAME[name][0]
        encode_instruction(out, row, immediates)
    return bytes(out)


def expr(*instructions: Written) -> Expr:
    """An expression of instructions and a final `end`."""
    return Expr(code(*instructions, "end"))


def types(*composites: CompositeType) -> tuple[RecType, ...]:
    """A type section of final types, each a group of its own."""
    return tuple(RecType((SubType(True, (), composite),)) for composite in composites)


def function_module(
    body: bytes,
    params: Sequence[ValType] = (),
    results: Sequence[ValType] = (),
    locals: Sequence[tuple[int, ValType]] = (),
    **parts: object,
) -> Module:
    """A module whose last type and last function have this signature, and whose function has this body."""
    before = parts.pop("types", ())
    assert isinstance(before, tuple)
    functype = FuncType(tuple(params), tuple(results))
    index = sum(len(rec.subtypes) for rec in before)
    function = Function(index, tuple(locals), Expr(body), Source(1000))
    return Module(types=before + types(functype), functions=(function,), **parts)  # type: ignore[arg-type]


def validate_body(
    *instructions: Written,
    params: Sequence[ValType] = (),
    results: Sequence[ValType] = (),
    locals: Sequence[tuple[int, ValType]] = (),
    **parts: object,
) -> ValidModule:
    """Validate a module with one function of these instructions."""
    return validate(function_module(code(*instructions, "end"), params, results, locals, **parts))
