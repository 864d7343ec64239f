"""What the name of a memory or lane instruction says about its width (core specification, sections 2.4.3 and 2.4.7)."""

from __future__ import annotations

import re

from jormun.opcodes.table import Row

_ACCESS = re.compile(r"(?:load|store|rmw|wait)(\d+)(?:x(\d+))?")
_TYPE = re.compile(r"[ifv](\d+)(?:x(\d+))?\.")


def access_bits(row: Row) -> int:
    """How many bits of memory an instruction with a memarg reads or writes."""
    access = _ACCESS.search(row.name)
    if access is not None:
        return int(access[1]) * int(access[2] or 1)
    of_type = _TYPE.match(row.name)
    # memory.atomic.notify is the only one that names neither; it is of the size that wait32 waits for.
    return 32 if of_type is None else int(of_type[1])


def natural_alignment(row: Row) -> int:
    """The exponent of the access's size in bytes."""
    return (access_bits(row) // 8).bit_length() - 1


def lane_count(row: Row) -> int:
    """How many lanes the lane index of an instruction chooses from."""
    of_type = _TYPE.match(row.name)
    assert of_type is not None
    if of_type[2] is not None:
        return int(of_type[2])
    return 128 // access_bits(row)
