"""Objects of an emulated instance: shapes with numbers of their own, and what the run time does for guests about them.

There are no collections, and as much room as a test may need.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from jormun.runtime.heap_layout import (
    KIND_ARRAY,
    KIND_EQ,
    KIND_I31,
    KIND_NULLABLE,
    KIND_SHAPE,
    KIND_STRUCT,
    OBJECT_BYTES,
    OBJECT_LENGTH,
    SHALLOW,
    SHAPE_SUPERTYPES,
    SIZES,
    storage_bytes,
)
from jormun.types import ArrayType, DefType, FuncType

SHAPES, OBJECTS = 7 << 40, 8 << 40
ROOM_BYTES = 1 << 20
_RECORD_BYTES = 256


class EmulatedHeap:
    """Where objects of the types of one instance are."""

    def __init__(self, machine: Any, deftypes: Iterable[DefType]) -> None:
        self._machine = machine
        for address in (SHAPES, OBJECTS):
            machine.mem_map(address, ROOM_BYTES)
        self._end = OBJECTS
        made = [each for each in dict.fromkeys(deftypes) if not isinstance(each.composite, FuncType)]
        self._numbers = {each: 0x1000 + k * _RECORD_BYTES for k, each in enumerate(made)}
        self._types = {number: deftype for deftype, number in self._numbers.items()}
        for deftype, number in self._numbers.items():
            assert SHAPE_SUPERTYPES + 4 * max(SHALLOW, deftype.depth + 1) <= _RECORD_BYTES
            above: DefType | None = deftype
            while above is not None:
                self._write(SHAPES + number + SHAPE_SUPERTYPES + 4 * above.depth, self._numbers[above], 4)
                above = above.supertype

    def number(self, deftype: DefType) -> int:
        """What native code knows a type by."""
        return self._numbers.get(deftype, deftype.id)

    def answer(self, service: str, arguments: list[int]) -> int:
        """What a service returns for what is in integer registers, `vm` first."""
        low = [each & 0xFFFF_FFFF for each in arguments]
        match service:
            case "jormun_structure":
                return self._object(low[2], SIZES[low[1]])
            case "jormun_array":
                array = self._object(low[1], OBJECT_BYTES + low[2] * self._element_bytes(low[1]))
                self._write(array + OBJECT_LENGTH, low[2], 4)
                return array
            case "jormun_array_fill":
                size_bytes = self._element_bytes(self._shape(arguments[1]))
                element = bytes(self._machine.mem_read(arguments[3], size_bytes))
                self._machine.mem_write(arguments[1] + OBJECT_BYTES + low[2] * size_bytes, element * low[4])
            case "jormun_array_copy":
                size_bytes = self._element_bytes(self._shape(arguments[1]))
                source = arguments[3] + OBJECT_BYTES + low[4] * size_bytes
                elements = bytes(self._machine.mem_read(source, low[5] * size_bytes))
                self._machine.mem_write(arguments[1] + OBJECT_BYTES + low[2] * size_bytes, elements)
            case "jormun_matches":
                return int(self._matches(arguments[1], low[2], low[3], low[4]))
            case _:
                raise AssertionError(service)
        return 0

    def _matches(self, reference: int, kind: int, number: int, depth: int) -> bool:
        if not reference:
            return kind & KIND_NULLABLE != 0
        kind &= ~KIND_NULLABLE
        deftype = None if reference & 3 else self._types[self._shape(reference)]
        if kind == KIND_SHAPE:
            while deftype is not None and deftype.depth > depth:
                deftype = deftype.supertype
            return deftype is self._types[number]
        if kind in (KIND_STRUCT, KIND_ARRAY):
            return deftype is not None and isinstance(deftype.composite, ArrayType) == (kind == KIND_ARRAY)
        assert kind in (KIND_I31, KIND_EQ)
        return reference & 1 == 1 or (deftype is not None and kind == KIND_EQ)

    def _object(self, number: int, size_bytes: int) -> int:
        place = self._end
        self._end += (size_bytes + 15) // 16 * 16
        assert self._end <= OBJECTS + ROOM_BYTES
        self._write(place, number, 4)
        return place

    def _shape(self, reference: int) -> int:
        (number,) = struct.unpack("<I", self._machine.mem_read(reference, 4))
        return int(number)

    def _element_bytes(self, number: int) -> int:
        composite = self._types[number].composite
        assert isinstance(composite, ArrayType)
        return storage_bytes(composite.field.storage)

    def _write(self, address: int, value: int, size_bytes: int) -> None:
        self._machine.mem_write(address, value.to_bytes(size_bytes, "little"))
