"""The main loop of validation/body.py takes short cuts for frequent instructions; each comes out where `_step` does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.errors import InvalidError, MalformedError
from jormun.features import DEFAULT_FEATURES
from jormun.syntax.expression import Source
from jormun.text.module import parse_module
from jormun.validation.body import _run, _step
from jormun.validation.code_reader import PADDING
from jormun.validation.context import Context
from jormun.validation.control_stack import Body
from jormun.validation.location import located
from jormun.validation.module import _ModuleValidator
from jormun.validation.operand import FUNCREF, I32, I64

MODULE = """(module
  (type $two (func (param i32 i64) (result i32 i64))) (type $give (func (result i32 i64)))
  (memory 1) (table 3 funcref)
  (global $a i32 (i32.const 1)) (global $b (mut i64) (i64.const 1))
  (func $none) (func $sum (param i32 i64) (result i32) local.get 0) (func $pair (type $two) local.get 0 local.get 1))"""

NUMBERS = [
    b"\x00", b"\x01", b"\x02", b"\x7f", b"\x80\x00", b"\xff\x7f", b"\x81\x80\x00", b"\x82\x80\x80\x00",
    b"\x81\x80\x80\x80\x00", b"\x80\x80\x80\x80\x08", b"\x80\x80\x80\x80\x10", b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80\x00", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80" * 12,
]  # fmt: skip
"""LEB128: short, padded as linkers do, at the edge of 32 and of 64 bits, too large, too long."""
BLOCK_TYPES = [b"\x40", b"\x7f", b"\x7e", b"\x00", b"\x01", b"\x05", b"\x70"]


def of(opcodes: bytes, immediates: list[bytes]) -> st.SearchStrategy[bytes]:
    """An instruction with one of these opcodes and one of these immediates."""
    return st.builds(
        lambda code, rest: bytes([code]) + rest, st.sampled_from(list(opcodes)), st.sampled_from(immediates)
    )


INSTRUCTION = st.one_of(
    of(b"\x20\x21\x22\x23\x24\x10\x0c\x0d\x41\x42", NUMBERS),
    of(b"\x20\x41\x42\x23", NUMBERS[:3]),
    of(b"\x02\x03\x04", BLOCK_TYPES),
    of(b"\x05\x0b\x0b\x1a\x1b\x00\x0f\x01\x45\x6a\x7c\xa7\xac\xd1", [b""]),
    of(
        b"\x28\x29\x36\x37\x2d",
        [align + offset for align in (b"\x00", b"\x02", b"\x03", b"\x40\x00") for offset in NUMBERS],
    ),
    of(b"\x43", [b"\0\0\0\0"]),
    of(b"\x44", [bytes(8)]),
    st.sampled_from([b"\x0e\x01\x00\x00", b"\x11\x00\x00", b"\xd0\x70", b"\xfc\x0a\x00\x00", b"\xff"]),
)
BODIES = st.lists(INSTRUCTION, max_size=20).map(b"".join)


@pytest.fixture(scope="module")
def context() -> Context:
    """What the module declares."""
    validator = _ModuleValidator(parse_module(MODULE), DEFAULT_FEATURES)
    validator.check_declarations()
    return validator.context


def outcome(context: Context, code: bytes, is_stepped: bool) -> str:
    """What becomes of a body of type [i32 i64] -> [i32] with a funcref and a reference that must be set as locals."""
    body = Body(context, code + PADDING, len(code), [I32], False)
    body.set_locals([I32, I64], [(1, FUNCREF), (1, FUNCREF & ~1)])
    try:
        if is_stepped:
            while body.frames:
                _step(body)
        else:
            _run(body)
    except (InvalidError, MalformedError) as error:
        return f"{type(error).__name__} {located(error, body, Source(0), 0)}"
    return f"valid up to {body.pc}"


@given(code=st.one_of(BODIES, BODIES.map(lambda code: code + b"\x41\x00\x0b")))
def test_short_cuts_change_nothing(context: Context, code: bytes) -> None:
    """The verdict, the message and the place are those of one step after another."""
    assert outcome(context, code, False) == outcome(context, code, True)


@pytest.mark.parametrize("number", NUMBERS, ids=bytes.hex)
@pytest.mark.parametrize("before, opcode, behind", [
    (b"", b"\x41", b"\x0b"), (b"", b"\x42", b"\xa7\x0b"), (b"\x41\x00\x42\x00", b"\x10", b"\x0b"),
    (b"", b"\x23", b"\x0b"), (b"\x42\x00", b"\x24", b"\x41\x00\x0b"), (b"\x41\x00", b"\x28\x02", b"\x0b"),
    (b"\x41\x00\x41\x00", b"\x36\x02", b"\x41\x00\x0b"), (b"", b"\x20", b"\x0b"),
])  # fmt: skip
def test_numbers_at_the_edge(context: Context, before: bytes, opcode: bytes, behind: bytes, number: bytes) -> None:
    """Each instruction with a number takes exactly those that its reader takes."""
    code = before + opcode + number + behind
    assert outcome(context, code, False) == outcome(context, code, True)


def test_unreachable_code_fills_no_stack(context: Context) -> None:
    """Blocks that end unreachable leave results that nobody pushed; the room for operands is enough for them."""
    code = (b"\x02\x7f\x00\x0b" + b"\x02\x01\x00\x0b") * 20_000 + b"\x00\x0b"
    assert outcome(context, code, False) == outcome(context, code, True) == f"valid up to {len(code)}"
