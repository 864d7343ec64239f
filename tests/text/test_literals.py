"""Numbers of the text format: ranges, and floats rounded once."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.text.code_printer import float_text
from jormun.text.literals import OutOfRangeError, float_bits, integer, is_number, signed, unsigned


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("1_000", 1000),
        ("-5", -5),
        ("+5", 5),
        ("0x1F", 31),
        ("-0xf_f", -255),
        ("0" * 9999 + "1", 1),
    ],
)
def test_integers(token: str, value: int) -> None:
    """Decimal and hexadecimal digits, with underscores between."""
    assert integer(token) == value


@pytest.mark.parametrize("token", ["", "-", "_1", "1_", "1__0", "0x", "0x_1", "0xg", "1e3", "1.0", "--1", "\u0661"])
def test_no_integers(token: str) -> None:
    """What looks like an integer and is none."""
    with pytest.raises(ValueError, match="not an integer"):
        integer(token)


@pytest.mark.parametrize(
    ("token", "bits", "value"),
    [
        ("-0x80000000", 32, -(2**31)),
        ("0xffffffff", 32, -1),
        ("2147483648", 32, -(2**31)),
        ("255", 8, -1),
        ("-128", 8, -128),
        ("18446744073709551615", 64, -1),
    ],
)
def test_signed(token: str, bits: int, value: int) -> None:
    """Both the signed and the unsigned range are taken."""
    assert signed(token, bits) == value


@pytest.mark.parametrize(
    ("token", "bits"), [("4294967296", 32), ("-2147483649", 32), ("256", 8), ("-129", 8), ("1" * 100_000, 64)]
)
def test_signed_out_of_range(token: str, bits: int) -> None:
    """Beyond both ranges."""
    with pytest.raises(OutOfRangeError):
        signed(token, bits)


def test_unsigned() -> None:
    """No sign, and a range that the error names."""
    assert unsigned("4294967295", 32) == 2**32 - 1
    with pytest.raises(OutOfRangeError, match="i32 constant out of range"):
        unsigned("4294967296", 32)
    with pytest.raises(ValueError, match="unsigned"):
        unsigned("+1", 32)


@pytest.mark.parametrize(
    ("token", "bits", "pattern"),
    [
        ("0", 32, 0),
        ("-0", 32, 0x8000_0000),
        ("0x0p99999999999999999999", 64, 0),
        ("1", 32, 0x3F80_0000),
        ("1.", 64, 0x3FF0_0000_0000_0000),
        ("1.5e0", 32, 0x3FC0_0000),
        ("0x1.8p0", 32, 0x3FC0_0000),
        ("inf", 32, 0x7F80_0000),
        ("-inf", 64, 0xFFF0_0000_0000_0000),
        ("nan", 32, 0x7FC0_0000),
        ("-nan:0x1", 64, 0xFFF0_0000_0000_0001),
        ("nan:0x7f_ffff", 32, 0x7FFF_FFFF),
        # Halfway between two floats, and just beside it, where 64 bits would round onto the middle.
        ("1.00000005960464477539062500", 32, 0x3F80_0000),
        ("1.00000005960464477539062501", 32, 0x3F80_0001),
        ("1.00000017881393432617187500", 32, 0x3F80_0002),
        ("1.00000017881393432617187499", 32, 0x3F80_0001),
        ("0x1.000001p0", 32, 0x3F80_0000),
        ("0x1.00000100000000000000001p0", 32, 0x3F80_0001),
        ("0x1.000003p0", 32, 0x3F80_0002),
        # Subnormals, and what rounds into and out of them.
        ("0x1p-149", 32, 1),
        ("0x1p-150", 32, 0),
        ("0x1.000001p-150", 32, 1),
        ("0x0.ffffffp-126", 32, 0x0080_0000),
        ("0x1p-1074", 64, 1),
        ("1e-999999999999999999", 32, 0),
        ("7.006492321624085e-46", 32, 0),
        ("7.0064923216240854e-46", 32, 1),
        # The largest, and what still rounds to it.
        ("0x1.fffffefffffffffp127", 32, 0x7F7F_FFFF),
        ("340282356779733661637539395458142568447.99", 32, 0x7F7F_FFFF),
    ],
)
def test_floats(token: str, bits: int, pattern: int) -> None:
    """Floats are rounded to the nearest, ties to even, in one step."""
    assert float_bits(token, bits) == pattern


@pytest.mark.parametrize(
    ("token", "bits"),
    [
        ("0x1.ffffffp127", 32),
        ("340282356779733661637539395458142568448", 32),
        ("1e39", 32),
        ("1e309", 64),
        ("0x1p1024", 64),
        ("0x1p99999999999999999999", 64),
        ("1e99999999999999999999", 32),
        ("nan:0x0", 32),
        ("nan:0x800000", 32),
        ("nan:0x10000000000000", 64),
    ],
)
def test_floats_out_of_range(token: str, bits: int) -> None:
    """What would round to infinity, and payloads that do not fit."""
    with pytest.raises(OutOfRangeError):
        float_bits(token, bits)


@pytest.mark.parametrize("token", ["", ".5", "1e", "1e+", "0x1.p", "nan:", "nan:1", "infinity", "1_.0", "0x", "0x.1"])
def test_no_floats(token: str) -> None:
    """What looks like a float and is none."""
    with pytest.raises(ValueError, match="not a float"):
        float_bits(token, 64)
    assert not is_number(token)


@given(st.integers(0, 2**31 - 1), st.fractions(Fraction(-1), Fraction(1)))
def test_rounding_to_32_bits(pattern: int, part: Fraction) -> None:
    """A decimal between two neighbouring floats is rounded to the nearer one."""
    value = struct.unpack("<f", struct.pack("<I", pattern))[0]
    above = struct.unpack("<f", struct.pack("<I", min(pattern + 1, 0x7F7F_FFFF)))[0]
    if not (math.isfinite(value) and math.isfinite(above)):
        return
    exact = Fraction(value) + (Fraction(above) - Fraction(value)) * abs(part)
    scaled = exact * 10**180
    token = f"{scaled.numerator // scaled.denominator}e-180"
    exact = Fraction(scaled.numerator // scaled.denominator, 10**180)
    below_distance, above_distance = exact - Fraction(value), Fraction(above) - exact
    found = float_bits(token, 32)
    if below_distance < above_distance:
        assert found == pattern
    elif above_distance < below_distance:
        assert found == pattern + 1
    else:
        assert found == pattern + (pattern & 1)


@given(st.integers(0, 2**32 - 1))
def test_text_of_32_bits(pattern: int) -> None:
    """What is printed of a float is read as the same bits."""
    assert float_bits(float_text(pattern, 32), 32) == pattern


@given(st.integers(0, 2**64 - 1))
def test_text_of_64_bits(pattern: int) -> None:
    """What is printed of a float is read as the same bits."""
    assert float_bits(float_text(pattern, 64), 64) == pattern


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_hexadecimal_floats(value: float) -> None:
    """Hexadecimal literals are exact."""
    assert float_bits(value.hex(), 64) == struct.unpack("<Q", struct.pack("<d", value))[0]
