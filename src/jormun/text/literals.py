"""Numbers of the text format as integers and bit patterns (core specification, section 6.3.1 and 6.3.2).

All functions raise ValueError for a token that is not such a number, and its subclass `OutOfRangeError` for one that
does not fit. Floats are rounded once, exactly: no value goes through a wider float on its way to a narrower one.
"""

from __future__ import annotations

import re
import struct
from decimal import Decimal

_DIGITS = "[0-9](?:_?[0-9])*+"
_HEX_DIGITS = "[0-9a-fA-F](?:_?[0-9a-fA-F])*+"
_INTEGER = re.compile(rf"([+-]?)(?:0x({_HEX_DIGITS})|({_DIGITS}))")
_FLOAT = re.compile(
    rf"([+-]?)(?:(inf)|(nan)(?::0x({_HEX_DIGITS}))?"
    rf"|0x({_HEX_DIGITS})(?:\.({_HEX_DIGITS})?)?(?:[pP]([+-]?{_DIGITS}))?"
    rf"|({_DIGITS}(?:\.(?:{_DIGITS})?)?(?:[eE][+-]?{_DIGITS})?))"
)
_MOST_DIGITS = 64
"""More significant digits than any integer or exponent in range has."""


class OutOfRangeError(ValueError):
    """A number that is well formed and does not fit its type."""


def is_number(token: str) -> bool:
    """Whether a token is an integer or a float."""
    return _FLOAT.fullmatch(token) is not None or token in ("nan:canonical", "nan:arithmetic")


def integer(token: str) -> int:
    """The value of an integer literal of any size up to 2**211; larger ones are out of range of all types."""
    match = _INTEGER.fullmatch(token)
    if match is None:
        raise ValueError("not an integer")
    sign, hexadecimal, decimal = match.groups()
    digits = (hexadecimal or decimal).lstrip("0_").replace("_", "")
    if len(digits) > _MOST_DIGITS:
        raise OutOfRangeError("constant out of range")
    value = int(digits or "0", 16 if hexadecimal else 10)
    return -value if sign == "-" else value


def unsigned(token: str, bits: int) -> int:
    """A literal without a sign, below 2**bits."""
    if not token[:1].isdigit():
        raise ValueError("not an unsigned integer")
    value = integer(token)
    if value >> bits:
        raise OutOfRangeError(f"i{bits} constant out of range")
    return value


def signed(token: str, bits: int) -> int:
    """A literal in either the signed or the unsigned range, as a signed integer."""
    value = integer(token)
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise OutOfRangeError("constant out of range")
    return value - (1 << bits) if value >> bits - 1 == 1 else value


def float_bits(token: str, bits: int) -> int:
    """The bit pattern of a float literal of 32 or 64 bits."""
    match = _FLOAT.fullmatch(token)
    if match is None:
        raise ValueError("not a float")
    sign, infinity, nan, payload, whole, fraction, exponent, decimal = match.groups()
    precision = 24 if bits == 32 else 53
    if decimal:
        magnitude = _decimal_bits(decimal, bits)
    elif whole:
        magnitude = _hexadecimal_bits(whole, fraction or "", exponent or "0", bits, precision)
    elif infinity:
        magnitude = _infinity(bits, precision)
    elif payload:
        value = unsigned("0x" + payload, 64)
        if not 0 < value < 1 << precision - 1:
            raise OutOfRangeError("constant out of range")
        magnitude = _infinity(bits, precision) | value
    else:
        assert nan
        magnitude = _infinity(bits, precision) | 1 << precision - 2
    return magnitude | 1 << bits - 1 if sign == "-" else magnitude


def _infinity(bits: int, precision: int) -> int:
    return (1 << bits - 1) - (1 << precision - 1)


def _decimal_bits(literal: str, bits: int) -> int:
    """Rounds as Python does for 64 bits.

    For 32 it must not be rounded twice: the value with 53 bits is rounded to odd first, which keeps on which side of
    every shorter number the literal lies.
    """
    literal = literal.replace("_", "")
    value = float(literal)
    if value == float("inf"):
        raise OutOfRangeError("constant out of range")
    pattern: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    if bits == 64 or value == 0:
        return pattern
    if pattern & 1 == 0:
        # Exact, whatever the literal's length: a comparison of decimals does not round.
        exact, nearest = Decimal(literal), Decimal(value)
        if exact > nearest:
            pattern += 1
        elif exact < nearest:
            pattern -= 1
    return _narrow(pattern)


def _narrow(pattern: int) -> int:
    value = struct.unpack("<d", struct.pack("<Q", pattern))[0]
    try:
        narrow: int = struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError as error:
        raise OutOfRangeError("constant out of range") from error
    return narrow


def _hexadecimal_bits(whole: str, fraction: str, exponent: str, bits: int, precision: int) -> int:
    fraction = fraction.replace("_", "")
    mantissa = int(whole.replace("_", "") + fraction, 16)
    if mantissa == 0:
        return 0
    digits = exponent.lstrip("+-0_").replace("_", "")
    power = int(digits[:_MOST_DIGITS] or "0") * (-1 if exponent.startswith("-") else 1) - 4 * len(fraction)
    bias = (1 << bits - precision - 1) - 1
    # The weight of the last bit that the result keeps: at least that of a subnormal's.
    last = max(mantissa.bit_length() + power - precision, 2 - bias - precision)
    if last > bias:
        raise OutOfRangeError("constant out of range")
    shift = last - power
    if shift <= 0:
        rounded = mantissa << -shift
    elif shift > mantissa.bit_length() + 1:
        rounded = 0
    else:
        rounded, rest, half = mantissa >> shift, mantissa & (1 << shift) - 1, 1 << shift - 1
        rounded += rest > half or (rest == half and rounded & 1)
    # A carry out of the mantissa runs into the exponent, as it should.
    pattern = rounded + ((last + bias + precision - 2) << precision - 1)
    if pattern >= _infinity(bits, precision):
        raise OutOfRangeError("constant out of range")
    return pattern
