"""Python values as WebAssembly values and back."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.runtime.store import Store
from jormun.types import (
    ANYREF,
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    V128,
    AbsHeapType,
    NumType,
    RefType,
    ValType,
)

STORE = Store()
I31REF = RefType(True, AbsHeapType.I31)


class Indexed:
    """An integer by `__index__`, as numpy's are."""

    def __index__(self) -> int:
        return 7


@given(st.sampled_from([(I32, 32), (I64, 64)]), st.data())
def test_integers_in_either_sign(type_and_width: tuple[NumType, int], data: st.DataObject) -> None:
    """Signed and unsigned numbers of a width go in; the signed one comes out."""
    t, width = type_and_width
    value = data.draw(st.integers(-(1 << width - 1), (1 << width) - 1))
    bits = STORE.to_bits(t, value)
    assert 0 <= bits < 1 << width
    out = STORE.from_bits(t, bits)
    assert isinstance(out, int)
    assert (out - value) % (1 << width) == 0 and -(1 << width - 1) <= out < 1 << width - 1


@given(st.floats())
def test_doubles_survive(value: float) -> None:
    """An f64 is Python's float, NaN and the sign of zero included."""
    out = STORE.from_bits(F64, STORE.to_bits(F64, value))
    assert isinstance(out, float)
    assert math.isnan(out) if math.isnan(value) else (out, math.copysign(1, out)) == (value, math.copysign(1, value))


@given(st.floats(width=32, allow_nan=False))
def test_singles_survive(value: float) -> None:
    """An f32 that a float can hold comes back the same."""
    assert STORE.from_bits(F32, STORE.to_bits(F32, value)) == value


@pytest.mark.parametrize(
    ("t", "value", "error", "message"),
    [
        (I32, 1 << 32, OverflowError, "4294967296 is out of range for i32"),
        (I32, -(1 << 31) - 1, OverflowError, "i32"),
        (I64, 1 << 64, OverflowError, "i64"),
        (I32, 1.0, TypeError, "i32 needs an int, not float"),
        (I64, "1", TypeError, "i64 needs an int, not str"),
        (I32, None, TypeError, "i32 needs an int, not NoneType"),
        (F32, 1e39, OverflowError, "out of range for f32"),
        (F64, 10**400, OverflowError, "int too large"),
        (F64, "1", TypeError, "f64 needs a float, not str"),
        (F64, 1j, TypeError, "f64 needs a float, not complex"),
        (V128, bytes(15), TypeError, "v128 needs 16 bytes, not 15"),
        (V128, 1, TypeError, "v128 needs 16 bytes, not int"),
        (FUNCREF, print, TypeError, "funcref needs a WebAssembly function"),
        (RefType(False, AbsHeapType.EXTERN), None, TypeError, "cannot be None"),
        (I31REF, 1 << 30, OverflowError, "i31"),
        (I31REF, "1", TypeError, "needs an int or None, not str"),
        (RefType(True, AbsHeapType.NOEXTERN), 1, TypeError, "nullexternref cannot be made from int"),
    ],
    ids=str,
)
def test_what_does_not_fit(t: ValType, value: object, error: type[Exception], message: str) -> None:
    """The error says what was needed and what was there."""
    with pytest.raises(error, match=message):
        STORE.to_bits(t, value)


@pytest.mark.parametrize(
    ("t", "value", "out"),
    [
        (I32, True, 1),
        (I32, Indexed(), 7),
        (F64, Fraction(1, 2), 0.5),
        (F64, 3, 3.0),
        (F64, Indexed(), 7.0),
        (V128, bytearray(range(16)), bytes(range(16))),
        (V128, memoryview(bytes(range(16))), bytes(range(16))),
        (I31REF, -5, -5),
        (ANYREF, -5, -5),
        (ANYREF, "host", "host"),
        (EXTERNREF, 5, 5),
        (EXTERNREF, None, None),
    ],
    ids=lambda value: type(value).__name__ if " at 0x" in str(value) else str(value),
)
def test_what_does_fit(t: ValType, value: object, out: object) -> None:
    """Numbers of other types that Python itself would take, and what references hold."""
    assert STORE.from_bits(t, STORE.to_bits(t, value)) == out
