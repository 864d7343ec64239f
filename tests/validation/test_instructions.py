"""Typing of instructions, one at a time."""

from __future__ import annotations

import re

import pytest

from jormun.errors import InvalidError, MalformedError
from jormun.features import Features
from jormun.opcodes.immediates import Immediate, ImmediateValue, MemArg
from jormun.opcodes.signatures import Address, OperandType, Rule, Signature
from jormun.opcodes.table import BY_CODE, Row
from jormun.syntax.code import encode_instruction
from jormun.syntax.module import Module
from jormun.types import (
    F32,
    F64,
    I32,
    I64,
    ValType,
)
from jormun.validation.instructions import RULES
from jormun.validation.module import validate

from .build import Written, code
from .rule_cases import INVALID, VALID
from .surroundings import H, push, ref, surround, with_operands


def immediate(row: Row, kind: Immediate, memory: int) -> ImmediateValue:
    match kind:
        case Immediate.MEMARG:
            return MemArg(row.natural_alignment, 0, memory)
        case Immediate.V128 | Immediate.LANES:
            return bytes(16)
        case _:
            return 0


def written(row: Row, memory: int = 0) -> bytes:
    out = bytearray()
    encode_instruction(out, row, [immediate(row, kind, memory) for kind in row.immediates])
    return bytes(out)


def closed(t: OperandType, memory: int) -> ValType:
    return (I64 if memory else I32) if isinstance(t, Address) else t


SIGNED = [
    pytest.param(row, id=f"{row.name}-{code:#x}")
    for code, row in BY_CODE.items()
    if isinstance(row.signature, Signature)
]


@pytest.mark.parametrize("row", SIGNED)
def test_rows_with_a_signature(row: Row) -> None:
    """Exactly the operands of the signature are popped, and exactly its results pushed."""
    assert isinstance(row.signature, Signature)
    for memory in (0, 1) if Immediate.MEMARG in row.immediates else (0,):
        params = [closed(t, memory) for t in row.signature.params]
        results = tuple(closed(t, memory) for t in row.signature.results)
        validate(with_operands(params, written(row, memory), results))
        validate(with_operands([I32, *params], written(row, memory) + b"\x00", results))
        with pytest.raises(InvalidError, match="type mismatch"):
            validate(with_operands(params, written(row, memory), (*results, I32)))
        for i, t in enumerate(params):
            wrong: ValType = F32 if t is not F32 else F64
            with pytest.raises(
                InvalidError, match=rf"type mismatch: instruction requires \[{t}\] but stack has \[{wrong}\]"
            ):
                validate(with_operands([*params[:i], wrong, *params[i + 1 :]], written(row, memory), results))
        if params:
            with pytest.raises(
                InvalidError, match=rf"type mismatch: instruction requires \[{params[0]}\] but stack has \[\]"
            ):
                validate(with_operands(params[1:], written(row, memory), results))


def test_every_rule_has_a_function() -> None:
    """None of the rules is left out."""
    assert set(RULES) == set(Rule)


@pytest.mark.parametrize(("params", "instructions", "results"), VALID, ids=str)
def test_rules_accept(params: list[ValType], instructions: list[Written], results: list[ValType]) -> None:
    """Operands and results as the standard says, and not one operand fewer."""
    instruction = code(*instructions)
    validate(with_operands(params, instruction, results))
    if params:
        with pytest.raises(InvalidError, match="type mismatch"):
            validate(with_operands(params[1:], instruction, results))


@pytest.mark.parametrize(("params", "instructions", "results", "message"), INVALID, ids=str)
def test_rules_reject(params: list[ValType], instructions: list[Written], results: list[ValType], message: str) -> None:
    """The standard's wording, then what was expected and found."""
    with pytest.raises(InvalidError, match=re.escape(message)):
        validate(with_operands(params, code(*instructions), results))


MALFORMED = [
    (b"\xff", "illegal opcode ff", 0),
    (b"\x01\x06", "illegal opcode 06", 1),
    (b"\xfc\x7f", "illegal opcode fc 7f", 0),
    (b"\xfd\x80\x80\x04", "illegal opcode fd 10000", 0),
    (b"\x05", "misplaced else", 0),
    (b"\x41\x80\x80\x80\x80\x80\x00", "integer representation too long", 5),
    (b"\x41\xff\xff\xff\xff\x4f", "integer too large", 5),
    (b"\x02\x7a\x0b", "malformed value type", 1),
    (b"\x28\x80\x01\x00", "malformed memop flags", 1),
    (b"\xd0\x7f", "malformed heap type", 1),
    (b"\x0e\xff\xff\xff\xff\x0f\x00", "unexpected end", 1),
    (b"\x02\x40", "unexpected end", 3),
    (b"\x44\x00\x00", "unexpected end", 4),
    (b"\x0b", "END opcode expected", 1),
    (b"\xfe\x03\x01", "zero byte expected", 2),
    (b"\x1f\x40\x01\x04", "malformed catch clause", 3),
    (b"\xfb\x18\x04\x00\x6e\x6e", "malformed br_on_cast flags", 2),
]


@pytest.mark.parametrize(("body", "message", "offset"), MALFORMED, ids=str)
def test_code_that_does_not_decode(body: bytes, message: str, offset: int) -> None:
    """Malformed code is found in passing, at the byte where it is."""
    with pytest.raises(MalformedError, match=message) as caught:
        validate(with_operands([], body, ()))
    assert caught.value.offset == offset


def test_data_count_section_is_required() -> None:
    """Instructions with a data index need the section that says how many there are before the code."""
    module = with_operands([], code(("data.drop", 0)), ())
    without = Module(types=module.types, functions=module.functions, datas=module.datas, memories=module.memories)
    with pytest.raises(MalformedError, match="data count section required"):
        validate(Module(types=without.types, functions=module.functions[:1], datas=without.datas))


@pytest.mark.parametrize(
    ("features", "instruction"),
    [
        (Features(threads=False), "atomic.fence"),
        (Features(wide_arithmetic=False), "i64.add128"),
    ],
)
def test_features_that_are_off(features: Features, instruction: str) -> None:
    """Instructions of a proposal that is off are no instructions."""
    row = next(row for row in BY_CODE.values() if row.name == instruction)
    assert isinstance(row.signature, Signature)
    params = [closed(t, 0) for t in row.signature.params]
    module = with_operands(params, written(row), tuple(closed(t, 0) for t in row.signature.results))
    validate(module)
    unshared = Module(types=module.types, functions=module.functions[:1])
    with pytest.raises(MalformedError, match="illegal opcode"):
        validate(unshared, features)


NON_NULL = ref(H.EXTERN, False)


def check(instructions: list[Written], result: ValType, locals: tuple[tuple[int, ValType], ...]) -> None:
    validate(surround(code(*instructions), [result], locals))


def test_locals_without_a_default_are_set_before_they_are_read() -> None:
    """Setting holds to the end of the block, in either arm of an if, and for what is inside."""
    get: Written = ("local.get", 0)
    assign: list[Written] = [*push(NON_NULL), ("local.set", 0)]
    locals = ((1, NON_NULL),)
    check([*assign, get], NON_NULL, locals)
    check([*push(NON_NULL), ("local.tee", 0), "drop", ("block", NON_NULL), get, "end"], NON_NULL, locals)
    check([*assign, ("block", None), *assign, "end", get], NON_NULL, locals)
    for instructions in (
        [get],
        [("block", None), *assign, "end", get],
        [("i32.const", 0), ("if", NON_NULL), *assign, get, "else", get, "end"],
        [("loop", None), *assign, "end", get],
    ):
        with pytest.raises(InvalidError, match="uninitialized local 0"):
            check(instructions, NON_NULL, locals)


def test_locals_beyond_the_body() -> None:
    """A local whose index is larger than the body is read by its run."""
    locals = ((20_000, I64), (9, F32), (2, NON_NULL), (9, F64))
    check([("local.get", 20_005)], F32, locals)
    check([("local.get", 20_012)], F64, locals)
    check([*push(NON_NULL), ("local.set", 20_010), ("local.get", 20_010)], NON_NULL, locals)
    with pytest.raises(InvalidError, match="uninitialized local 20009"):
        check([*push(NON_NULL), ("local.set", 20_010), ("local.get", 20_009)], NON_NULL, locals)
    with pytest.raises(InvalidError, match="unknown local 20020"):
        check([("local.get", 20_020)], F64, locals)
