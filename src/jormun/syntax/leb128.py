"""LEB128, the encoding of integers in the binary format (core specification, section 5.2.2).

Readers return the value and the offset behind it; errors carry the offset of the byte at fault. To be compiled by
mypyc.
"""

from __future__ import annotations

from jormun.errors import MalformedError
from jormun.hints import Final

UNEXPECTED_END: Final = "unexpected end of section or function"
"""The standard's wording wherever bytes run out."""
_TOO_LONG: Final = "integer representation too long"
_TOO_LARGE: Final = "integer too large"


def read_u32(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 32 bits."""
    if at < len(data):
        byte = data[at]
        if byte < 0x80:
            return byte, at + 1
    return _read_unsigned(data, at, 32)


def read_u64(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 64 bits."""
    if at < len(data):
        byte = data[at]
        if byte < 0x80:
            return byte, at + 1
    return _read_unsigned(data, at, 64)


def read_s32(data: bytes, at: int) -> tuple[int, int]:
    """A signed number of 32 bits."""
    if at < len(data):
        byte = data[at]
        if byte < 0x80:
            return byte - ((byte & 0x40) << 1), at + 1
    return _read_signed(data, at, 32)


def read_s33(data: bytes, at: int) -> tuple[int, int]:
    """A signed number of 33 bits: where negative numbers stand for types, and others for their indices."""
    if at < len(data):
        byte = data[at]
        if byte < 0x80:
            return byte - ((byte & 0x40) << 1), at + 1
    return _read_signed(data, at, 33)


def read_s64(data: bytes, at: int) -> tuple[int, int]:
    """A signed number of 64 bits."""
    if at < len(data):
        byte = data[at]
        if byte < 0x80:
            return byte - ((byte & 0x40) << 1), at + 1
    return _read_signed(data, at, 64)


def _read_unsigned(data: bytes, at: int, bits: int) -> tuple[int, int]:
    size = len(data)
    if at + 1 < size and data[at + 1] < 0x80:  # FAST: three of four longer than a byte; half the time of the loop
        return data[at] & 0x7F | data[at + 1] << 7, at + 2
    value = 0
    shift = 0
    while at < size:
        byte = data[at]
        left = bits - shift
        if left < 7 and byte & 0x7F >= 1 << left:
            raise MalformedError(_TOO_LARGE, offset=at)
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift >= bits:
            raise MalformedError(_TOO_LONG, offset=at - 1)
    raise MalformedError(UNEXPECTED_END, offset=size)


def _read_signed(data: bytes, at: int, bits: int) -> tuple[int, int]:
    size = len(data)
    if at + 1 < size and data[at + 1] < 0x80:  # FAST: as above
        value = data[at] & 0x7F | data[at + 1] << 7
        return value - (value >> 13 << 14), at + 2
    value = 0
    shift = 0
    while at < size:
        byte = data[at]
        left = bits - shift
        if left < 7:
            # The bits that do not fit must all repeat the sign.
            sign = 0x7F >> (left - 1) << (left - 1)
            if byte & sign not in (0, sign):
                raise MalformedError(_TOO_LARGE, offset=at)
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return (value - (1 << shift) if byte & 0x40 else value), at
        if shift >= bits:
            raise MalformedError(_TOO_LONG, offset=at - 1)
    raise MalformedError(UNEXPECTED_END, offset=size)


def write_unsigned(out: bytearray, n: int) -> None:
    """Append `n`, at least 0, in as few bytes as hold it."""
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)


def write_signed(out: bytearray, n: int) -> None:
    """Append `n` in as few bytes as hold it and its sign."""
    while not -0x40 <= n < 0x40:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n & 0x7F)
