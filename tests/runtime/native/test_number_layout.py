"""What machine code is told of Python's numbers."""

from __future__ import annotations

import struct

import pytest

from jormun.runtime import layout
from jormun.runtime.native import number_layout, pages

ONE_DIGIT = [0, 1, -1, 5, -5, 256, 257, -6, 10**6, -(10**6), (1 << 30) - 1, 1 - (1 << 30)]
MORE = [1 << 30, -1 << 30, (1 << 31) - 1, 1 << 32, -1 << 32, 1 << 60, 1 << 63, -1 << 63, 1 << 100]


def read(value: int) -> int | None:
    """What machine code reads of an int; None where it asks Python."""
    bias, signs = number_layout.signs_of_ints()
    index = pages.read_u64(id(value) + layout.INT_TAG) + bias & (1 << 64) - 1
    sign = struct.unpack(f"{layout.INT_SIGNS}b", signs)[index] if index < layout.INT_SIGNS else layout.INT_UNKNOWN
    return None if sign == layout.INT_UNKNOWN else sign * pages.read_u32(id(value) + layout.INT_DIGIT)


@pytest.mark.parametrize("value", ONE_DIGIT)
def test_ints_of_one_digit_are_read(value: int) -> None:
    """In each release of CPython that there is: otherwise calls are slow."""
    assert read(value) == value


@pytest.mark.parametrize("value", MORE)
def test_longer_ints_are_not(value: int) -> None:
    """They have tags of their own."""
    assert read(value) is None


def test_floats_are_read() -> None:
    """As with ints."""
    assert number_layout.is_float_plain()


def test_other_layouts_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ints do not hold their digit where it is expected, none are read."""
    monkeypatch.setattr(layout, "INT_DIGIT", layout.INT_TAG)
    assert set(number_layout.signs_of_ints()[1]) == {layout.INT_UNKNOWN}
