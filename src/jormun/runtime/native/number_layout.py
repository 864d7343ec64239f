"""How this Python lays out its numbers, learned from some: machine code itself reads those that turn out to be plain.

Python's C interface has functions for that, which take longer to call than the rest of what is done with a number. An
int holds its digits behind a tag, which is their count with the sign of the number (3.11), or has both in its bits
(3.12 and later, `PyUnstable_Long_IsCompact`); whichever it is, few tags belong to ints of no more than one digit, and
of those the value is the digit, times a sign that the tag says. Where anything is not as expected, all numbers are left
to Python's functions.
"""

from __future__ import annotations

import struct
import sys

from jormun.runtime import layout
from jormun.runtime.native import pages

_SAMPLES = (0, 1, -1, 1000, -1000, (1 << 30) - 1, 1 - (1 << 30))
"""Of one digit: such as Python keeps one of each, and others."""
_LARGER = (1 << 30, -1 << 30, (1 << 60) - 1, 1 - (1 << 60), 1 << 60, -1 << 60, 1 << 62, 1 << 63, 1 << 200, -1 << 200)
_UNKNOWN = bytes([layout.INT_UNKNOWN]) * layout.INT_SIGNS


def signs_of_ints() -> tuple[int, bytes]:
    """What is added to the tag of an int (layout.INT_TAG), unsigned, and the table in which that finds its sign."""
    if sys.int_info.bits_per_digit != 30 or sys.int_info.sizeof_digit != 4:
        return 0, _UNKNOWN
    signs: dict[int, int] = {}
    for value in _SAMPLES:
        sign = (value > 0) - (value < 0)
        if value and pages.read_u32(id(value) + layout.INT_DIGIT) != abs(value):
            return 0, _UNKNOWN
        if signs.setdefault(_tag(value), sign) != sign:
            return 0, _UNKNOWN
    if any(_tag(value) in signs for value in _LARGER):
        return 0, _UNKNOWN
    least = min(signs)
    if max(signs) - least >= layout.INT_SIGNS:
        return 0, _UNKNOWN
    table = (signs.get(least + k, layout.INT_UNKNOWN) for k in range(layout.INT_SIGNS))
    return -least % (1 << 64), struct.pack(f"{layout.INT_SIGNS}b", *table)


def is_float_plain() -> bool:
    """Whether floats hold their values where layout.FLOAT_VALUE says."""
    return all(
        struct.pack("d", value) == pages.read_bytes(id(value) + layout.FLOAT_VALUE, 8) for value in (1.5, -0.1, 0.0)
    )


def _tag(value: int) -> int:
    tag: int = struct.unpack("q", pages.read_bytes(id(value) + layout.INT_TAG, 8))[0]
    return tag
