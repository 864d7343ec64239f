"""Byte offsets of what is in a heap: objects, their shapes, and what keeps account of them (section 4.2.13).

As in layout.py, fields are little-endian and naturally aligned. A reference to an object is its address.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.types import (
    F32,
    F64,
    I32,
    I64,
    V128,
    AbsHeapType,
    DefType,
    FuncType,
    HeapType,
    PackedType,
    StorageType,
)

# An object.
OBJECT_SHAPE: Final = 0
"""u32: the number of its shape, never 0. Free memory of a heap has 0 here, wherever an object might begin."""
OBJECT_LENGTH: Final = 4
"""u32: of an array, how many elements it has."""
OBJECT_BYTES: Final = 8
"""The first field, or element. Fields lie in their order, each aligned to its size, but a v128 to 8 bytes."""

# A shape record: what native code knows of a structure or array type. Its number is its distance from the start of all.
SHAPE_SIZE: Final = 0
"""u32: the size of such a structure in bytes, or the power of two that an array's element is, in bytes."""
SHAPE_IS_ARRAY: Final = 4
"""u32: 1 for an array type, 0 for a structure type."""
SHAPE_REFERENCES: Final = 8
"""u32: how many fields may refer to objects; of an array type, 1 if its elements may."""
SHAPE_FIELDS: Final = 12
"""u32: where in the record, behind the supertypes, the offsets of those fields are, u32 each."""
SHAPE_SUPERTYPES: Final = 16
"""u32 each: the numbers of all supertypes, by depth, and its own; then zeros, as far as SHALLOW entries."""
SHALLOW: Final = 8
"""An entry below this is in every record, so that who looks for a supertype of less depth need not ask."""
SHAPE_ALIGNMENT: Final = 16

# A heap record.
CLASS_NEXT: Final = 0
"""ptr: the next free place for an object of a size class, in a run of free places up to"""
CLASS_END: Final = 8
"""ptr: here."""
CLASS_SIZE: Final = 16
"""u64: the size of a place in bytes."""
CLASS_RUNS: Final = 24
"""ptr: the next run of free places in the same block, or 0."""
CLASS_SWEEP: Final = 32
"""u64: the number of the next block in which dead objects are to be found, or 0."""
CLASS_ROOM: Final = 40
"""u64: how many places of the class were nobody's when the last collection ended, in blocks that have others."""
CLASS_RECORD_BYTES: Final = 64
PLACE_BYTES: Final = 16
"""Objects begin at multiples of this."""
LARGEST_BYTES: Final = 32 << 10
"""A larger object has blocks of its own."""
SIZES: Final[tuple[int, ...]] = (
    *range(16, 128, 16),
    *(step * quarter for step in (32, 64, 128, 256, 512, 1024, 2048, 4096) for quarter in (4, 5, 6, 7)),
    LARGEST_BYTES,
)
"""The size classes, ascending: no object takes more than a fifth beyond what it needs, but the smallest."""
HEAP_BASE: Final = CLASS_RECORD_BYTES * len(SIZES)
"""ptr: where blocks are counted from. Number 0 is not used."""
HEAP_BLOCKS: Final = HEAP_BASE + 8
"""u64: how many blocks there are by now, number 0 counted."""
HEAP_KINDS: Final = HEAP_BASE + 16
"""ptr: a byte for each block, see below."""
HEAP_LINKS: Final = HEAP_BASE + 24
"""ptr: a u32 for each block: the next one in the list that it is in, or 0; inside of a large object, its first."""
HEAP_MARKS: Final = HEAP_BASE + 32
"""ptr: a bit for each place where an object may begin: whether the last collection has found it."""
HEAP_STACK: Final = HEAP_BASE + 40
"""ptr: room for the addresses of all objects that there may be: those found whose fields have not been looked at."""
HEAP_FREE: Final = HEAP_BASE + 48
"""u64: the first of the blocks that are nobody's, or 0."""
HEAP_SHAPES: Final = HEAP_BASE + 56
"""ptr: where shape records are counted from."""
HEAP_CLASSES: Final = HEAP_BASE + 64
"""ptr: the size class, a byte, for an object of so many places."""
HEAP_LIVE: Final = HEAP_BASE + 72
"""u64: the bytes of the small objects that the last collection found."""
HEAP_RECORD_BYTES: Final = HEAP_BASE + 80

BLOCK_LOG2: Final = 16
BLOCK_BYTES: Final = 1 << BLOCK_LOG2
"""A block has objects of one size class, or is part of a large object."""
BLOCK_MARKS_BYTES: Final = BLOCK_BYTES // PLACE_BYTES // 8
FREE, LARGE, INSIDE, DEAD = 0, 253, 254, 255
"""Kinds of blocks: nobody's; the first of a large object; another one of its; the first of a large one that is dead.
Any other is one more than a size class."""

# A type that a reference is to have, as `jormun_matches` is given it.
KIND_ANY, KIND_EQ, KIND_I31, KIND_STRUCT, KIND_ARRAY, KIND_NONE, KIND_SHAPE, KIND_FUNCTION = range(8)
"""All that is not null; i31 and objects; i31; structures; arrays; nothing; objects of a shape, and of those below it;
functions of a type, and of those below it."""
KIND_NULLABLE: Final = 8
"""Added, where null is one of them."""

_BYTES: Final[dict[StorageType, int]] = {PackedType.I8: 1, PackedType.I16: 2, I32: 4, F32: 4, I64: 8, F64: 8, V128: 16}


def storage_bytes(t: StorageType) -> int:
    """The size of a field or an element."""
    return _BYTES.get(t, 8)


def offsets_of(fields: tuple[StorageType, ...]) -> tuple[tuple[int, ...], int]:
    """The offsets of a structure's fields, and its size. A subtype's begin like its supertype's."""
    at = OBJECT_BYTES
    offsets = []
    for t in fields:
        size_bytes = storage_bytes(t)
        alignment = min(size_bytes, 8)
        at = -(-at // alignment) * alignment
        offsets.append(at)
        at += size_bytes
    return tuple(offsets), at


def class_of(size_bytes: int) -> int:
    """The size class of an object that is no larger than LARGEST_BYTES."""
    for index, each in enumerate(SIZES):
        if size_bytes <= each:
            return index
    raise AssertionError(size_bytes)


def kind_of(heap: HeapType) -> int:
    """What references to a closed heap type are, among those of its hierarchy."""
    if isinstance(heap, DefType):
        return KIND_FUNCTION if isinstance(heap.composite, FuncType) else KIND_SHAPE
    assert isinstance(heap, AbsHeapType)
    return _KINDS.get(heap, KIND_ANY)


_KINDS: Final = {
    AbsHeapType.EQ: KIND_EQ,
    AbsHeapType.I31: KIND_I31,
    AbsHeapType.STRUCT: KIND_STRUCT,
    AbsHeapType.ARRAY: KIND_ARRAY,
    AbsHeapType.NONE: KIND_NONE,
    AbsHeapType.NOFUNC: KIND_NONE,
    AbsHeapType.NOEXTERN: KIND_NONE,
    AbsHeapType.NOEXN: KIND_NONE,
}
