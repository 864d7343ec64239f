"""Heaps whose objects are collected whenever one is made, for tests: what nobody finds is overwritten at once.

No memory is used twice meanwhile, so that who uses a dead object sees what no program has written.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jormun.runtime import heap_layout as offsets
from jormun.runtime.heap import Heap
from jormun.runtime.native import pages

POISON = 0xDB
"""What dead objects consist of, but for their head, which says that there is none."""


@contextmanager
def collecting(most: int = 2) -> Iterator[None]:
    """While this lasts, heaps collect when so many small objects of a size have been made, at the most."""
    kept = {name: getattr(Heap, name) for name in ("__init__", "more", "large", "_collects")}
    rng = random.Random(1)
    places: dict[int, dict[int, int]] = {}
    ends: dict[tuple[int, int], tuple[int, int]] = {}

    def begin(heap: Any, *arguments: Any) -> None:
        places.pop(id(heap), None)  # those of another, which is dead
        for key in [key for key in ends if key[0] == id(heap)]:
            del ends[key]
        kept["__init__"](heap, *arguments)

    def collects(heap: Any) -> bool:
        if not kept["_collects"](heap):
            return False
        known = places.setdefault(id(heap), {})
        for address, size in list(known.items()):
            bit = address - heap._base >> 4
            if not pages.read_bytes(heap._marks + (bit >> 3), 1)[0] >> (bit & 7) & 1:
                ctypes.memset(address + 4, POISON, size - 4)
                ctypes.memset(address, 0, 4)
                del known[address]
        # No block of small objects is swept, and the one that the next is to be in is not taken for a large one.
        for (owner, size_class), (_, end) in ends.items():
            if owner == id(heap):
                pages.write_bytes(heap._kinds + (end - heap._base - 1 >> offsets.BLOCK_LOG2), bytes([size_class + 1]))
        heap._record.write_u64(offsets.HEAP_FREE, 0)
        for number in range(len(offsets.SIZES)):
            heap._record.write_u64(offsets.CLASS_RECORD_BYTES * number + offsets.CLASS_SWEEP, 0)
        return True

    def give(heap: Any, size_class: int) -> None:
        size = offsets.SIZES[size_class]
        place, end = ends.get((id(heap), size_class), (0, 0))
        if place + size > end:
            index = heap._extend_by(1)
            if not index:
                raise heap._exhausted(size)
            place, end = heap._base + (index << offsets.BLOCK_LOG2), heap._base + (index + 1 << offsets.BLOCK_LOG2)
            pages.write_bytes(heap._kinds + index, bytes([size_class + 1]))
        count = min(rng.randrange(1, most + 1), (end - place) // size)
        record, at = heap._record, offsets.CLASS_RECORD_BYTES * size_class
        record.write_u64(at + offsets.CLASS_NEXT, place)
        record.write_u64(at + offsets.CLASS_END, place + count * size)
        known = places.setdefault(id(heap), {})
        for k in range(count):
            known[place + k * size] = size
        ends[id(heap), size_class] = place + count * size, end

    def more(heap: Any, size_class: int) -> None:
        with heap._changing():
            heap._collects()
            give(heap, size_class)

    def large(heap: Any, size_bytes: int) -> int:
        heap._ceiling = 0
        return int(kept["large"](heap, size_bytes))

    setattr(Heap, "__init__", begin)  # noqa: B010
    setattr(Heap, "_collects", collects)  # noqa: B010
    setattr(Heap, "more", more)  # noqa: B010
    setattr(Heap, "large", large)  # noqa: B010
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(Heap, name, function)
