"""LEB128: what is written is read back, and nothing else is accepted than the standard does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.errors import MalformedError
from jormun.syntax import leb128
from tests.strategies import signed, unsigned

UNSIGNED = [(32, leb128.read_u32), (64, leb128.read_u64)]
SIGNED = [(32, leb128.read_s32), (33, leb128.read_s33), (64, leb128.read_s64)]
Read = Callable[[bytes, int], tuple[int, int]]


@pytest.mark.parametrize(("bits", "read"), UNSIGNED)
@given(data=st.data())
def test_unsigned_numbers_survive(bits: int, read: Read, data: st.DataObject) -> None:
    """Any number, anywhere in the bytes, is read back, and takes a byte for each 7 bits."""
    n, before = data.draw(unsigned(bits)), data.draw(st.binary(max_size=3))
    out = bytearray(before)
    leb128.write_unsigned(out, n)
    assert read(bytes(out) + b"\xff", len(before)) == (n, len(out))
    assert len(out) - len(before) == max(1, -(-n.bit_length() // 7))


@pytest.mark.parametrize(("bits", "read"), SIGNED)
@given(data=st.data())
def test_signed_numbers_survive(bits: int, read: Read, data: st.DataObject) -> None:
    """Any number, anywhere in the bytes, is read back, and takes as few bytes as hold it and its sign."""
    n, before = data.draw(signed(bits)), data.draw(st.binary(max_size=3))
    out = bytearray(before)
    leb128.write_signed(out, n)
    assert read(bytes(out) + b"\xff", len(before)) == (n, len(out))
    assert len(out) - len(before) == (n ^ n >> 64).bit_length() // 7 + 1


@pytest.mark.parametrize(("bits", "read"), UNSIGNED + SIGNED)
@given(code=st.binary(max_size=12))
def test_readers_agree_with_the_definition(bits: int, read: Read, code: bytes) -> None:
    """Of any bytes, a reader accepts those that the standard's grammar derives, with the value that it gives them."""
    is_signed = (bits, read) in SIGNED
    expected = _derive(code, bits, is_signed)
    try:
        found: int | None = read(code, 0)[0]
    except MalformedError as error:
        found = None
        assert error.offset is not None and 0 <= error.offset <= len(code)
    assert found == expected


def _derive(code: bytes, bits: int, is_signed: bool) -> int | None:
    """The value by the grammar of section 5.2.2, which recurses on the bits that are left."""
    if not code or bits <= 0:
        return None
    n = code[0]
    if n < 0x80:
        if not is_signed:
            return n if n < 1 << bits else None
        value = n - 0x80 if n >= 0x40 else n
        return value if -(1 << (bits - 1)) <= value < 1 << (bits - 1) else None
    rest = _derive(code[1:], bits - 7, is_signed)
    return None if bits <= 7 or rest is None else rest * 128 + n - 0x80


@pytest.mark.parametrize(
    ("read", "code", "message", "offset"),
    [
        (leb128.read_u32, b"", "unexpected end of section or function", 0),
        (leb128.read_u32, b"\x80\x80", "unexpected end of section or function", 2),
        (leb128.read_u32, b"\xff\xff\xff\xff\x10", "integer too large", 4),
        (leb128.read_u32, b"\x80\x80\x80\x80\x80\x00", "integer representation too long", 4),
        (leb128.read_s32, b"\xff\xff\xff\xff\x4f", "integer too large", 4),
        (leb128.read_s32, b"\xff\xff\xff\xff\xff\x7f", "integer representation too long", 4),
        (leb128.read_s33, b"\x80\x80\x80\x80\x10", "integer too large", 4),
        (leb128.read_s64, b"\x80" * 9 + b"\x01", "integer too large", 9),
        (leb128.read_u64, b"\x80" * 9 + b"\x02", "integer too large", 9),
        (leb128.read_u64, b"\x80" * 1000, "integer representation too long", 9),
    ],
)
def test_errors_say_what_and_where(read: Read, code: bytes, message: str, offset: int) -> None:
    """The message is the standard's, the offset that of the byte at fault."""
    with pytest.raises(MalformedError) as caught:
        read(code, 0)
    assert (caught.value.message, caught.value.offset) == (message, offset)
