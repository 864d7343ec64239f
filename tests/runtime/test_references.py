"""References as bits, and the objects behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.runtime import references
from jormun.runtime.budget import Budget
from jormun.runtime.references import Externals


@given(st.integers(-(2**30), 2**30 - 1))
def test_i31_keeps_the_number(value: int) -> None:
    """What goes in comes out, and is told from other references."""
    bits = references.i31(value)
    assert references.i31_value(bits) == value
    assert references.is_i31(bits) and not references.is_external(bits) and bits < 1 << 32


@pytest.mark.parametrize(("value", "wrapped"), [(2**30, -(2**30)), (-1, -1), (0xFFFF_FFFF, -1), (0x7FFF_FFFF, -1)])
def test_i31_takes_the_low_31_bits(value: int, wrapped: int) -> None:
    """As ref.i31 does."""
    assert references.i31_value(references.i31(value)) == wrapped


def test_objects_keep_their_identity() -> None:
    """Equal objects that are not the same have handles of their own; the same object has one."""
    externals = Externals(Budget(1 << 20))
    first, second = [1], [1]
    a, b = externals.handle(first), externals.handle(second)
    assert a != b and externals.handle(first) == a and len(externals) == 2
    assert externals.object(a) is first and externals.object(b) is second
    assert references.is_external(a) and not references.is_i31(a)


def test_none_is_null() -> None:
    """And takes no handle."""
    externals = Externals(Budget(1 << 20))
    assert externals.handle(None) == references.NULL
    assert len(externals) == 0
