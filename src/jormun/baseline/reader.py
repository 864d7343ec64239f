"""Immediates of a function that is known to be valid (core specification, section 5.3): nothing is checked.

To be compiled by mypyc, where an i64 has 64 bits; in plain Python it has as many as it takes.
"""

from __future__ import annotations

from jormun.baseline.operands import Operands
from jormun.hints import Final, i64
from jormun.validation.stack import IS_COMPILED

_MORE: Final = 0x80
"""Set in each byte of a number but the last."""
_GREATEST: Final = 0x7FFF_FFFF_FFFF_FFFF


class Reader(Operands):
    """Operands, and a place in the bytes of a body."""

    body: bytes
    code: bytes
    """The same, to be read byte by byte."""
    at: i64

    def read_unsigned(self) -> i64:
        """An unsigned number of up to 64 bits; from 2**63 on it is negative."""
        code = self.code
        at = self.at
        byte: i64 = code[at]
        at += 1
        if byte < _MORE:
            self.at = at
            return byte
        value = byte & 0x7F
        shift: i64 = 7
        while True:
            byte = code[at]
            at += 1
            value |= (byte & 0x7F if shift < 63 else byte & 1) << shift
            if byte < 0x80:
                break
            shift += 7
        self.at = at
        return wrapped(value)

    def read_signed(self) -> i64:
        """A signed number of up to 64 bits."""
        code = self.code
        at = self.at
        value: i64 = 0
        shift: i64 = 0
        byte: i64 = _MORE
        while byte >= _MORE:
            byte = code[at]
            value |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        self.at = at
        # Twice the sign, the highest bit that was read. Of 64 bits the last is the sign as it is; in plain Python a
        # number has as many as were read. (A literal is not shifted: compiled, it has 32 bits.)
        if shift < 64 or not IS_COMPILED:
            value -= (byte & 0x40) << (shift - 6)
        return value

    def read_bits(self, size: i64) -> i64:
        """A number of 4 or 8 bytes, little endian, as a signed one."""
        at = self.at
        self.at = at + size
        return int.from_bytes(self.body[at : at + size], "little", signed=True)


def wrapped(value: i64) -> i64:
    """The signed number with the same 64 bits. Compiled, it is that already."""
    return value - _GREATEST - _GREATEST - 2 if value >> 63 == 1 else value
