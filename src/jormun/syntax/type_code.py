"""Types in the binary format, read and written one at a time (core specification, section 5.3).

Readers return the type and the offset behind it; errors carry offsets in `data`. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import MalformedError
from jormun.hints import TYPE_CHECKING
from jormun.syntax.leb128 import UNEXPECTED_END, read_s33, write_signed
from jormun.syntax.type_bytes import EMPTY_BLOCK, REF, REF_NULL
from jormun.types import AbsHeapType, HeapType, NumType, PackedType, RefType, StorageType, ValType, VecType

if TYPE_CHECKING:
    from jormun.opcodes.immediates import BlockType

_ABSTRACT: dict[int, AbsHeapType] = {heap.value: heap for heap in AbsHeapType}
_SHORT_REFERENCES: dict[int, RefType] = {heap.value: RefType(True, heap) for heap in AbsHeapType}
_VALUES: dict[int, ValType] = {t.value: t for t in (*NumType, *VecType)} | dict(_SHORT_REFERENCES.items())
"""Value types of one byte, so that reading makes no new objects."""
_PACKED: dict[int, PackedType] = {t.value: t for t in PackedType}


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise MalformedError(UNEXPECTED_END, offset=at)
    return data[at]


def read_heaptype(data: bytes, at: int) -> tuple[HeapType, int]:
    """A heap type (5.3.3)."""
    abstract = _ABSTRACT.get(_byte(data, at))
    if abstract is not None:
        return abstract, at + 1
    index, after = read_s33(data, at)
    if index < 0:
        raise MalformedError("malformed heap type", offset=at)
    return index, after


def read_reftype(data: bytes, at: int) -> tuple[RefType, int]:
    """A reference type (5.3.4)."""
    byte = _byte(data, at)
    short = _SHORT_REFERENCES.get(byte)
    if short is not None:
        return short, at + 1
    if byte not in (REF, REF_NULL):
        raise MalformedError(f"malformed reference type {byte:#04x}", offset=at)
    heap, at = read_heaptype(data, at + 1)
    return RefType(byte == REF_NULL, heap), at


def read_valtype(data: bytes, at: int) -> tuple[ValType, int]:
    """A value type (5.3.5)."""
    byte = _byte(data, at)
    short = _VALUES.get(byte)
    if short is not None:
        return short, at + 1
    if byte not in (REF, REF_NULL):
        raise MalformedError(f"malformed value type {byte:#04x}", offset=at)
    return read_reftype(data, at)


def read_storagetype(data: bytes, at: int) -> tuple[StorageType, int]:
    """The type of a field (5.3.8)."""
    packed = _PACKED.get(_byte(data, at))
    if packed is not None:
        return packed, at + 1
    return read_valtype(data, at)


def read_blocktype(data: bytes, at: int) -> tuple[BlockType, int]:
    """The type of a block (5.4.1)."""
    byte = _byte(data, at)
    if byte == EMPTY_BLOCK:
        return None, at + 1
    if byte & 0xC0 == 0x40:
        return read_valtype(data, at)
    index, after = read_s33(data, at)
    if index < 0:
        raise MalformedError("malformed block type", offset=at)
    return index, after


def encode_heaptype(out: bytearray, heap: HeapType) -> None:
    """Append a heap type. Closed definitions have no encoding."""
    if isinstance(heap, AbsHeapType):
        out.append(heap.value)
    else:
        assert isinstance(heap, int), "a closed type belongs to no module"
        write_signed(out, heap)


def encode_reftype(out: bytearray, t: RefType) -> None:
    """Append a reference type, in its short form if it has one."""
    if not (t.nullable and isinstance(t.heap, AbsHeapType)):
        out.append(REF_NULL if t.nullable else REF)
    encode_heaptype(out, t.heap)


def encode_valtype(out: bytearray, t: ValType) -> None:
    """Append a value type."""
    if isinstance(t, RefType):
        encode_reftype(out, t)
    else:
        out.append(t.value)


def encode_storagetype(out: bytearray, t: StorageType) -> None:
    """Append the type of a field."""
    if isinstance(t, PackedType):
        out.append(t.value)
    else:
        encode_valtype(out, t)


def encode_blocktype(out: bytearray, t: BlockType) -> None:
    """Append the type of a block."""
    if t is None:
        out.append(EMPTY_BLOCK)
    elif isinstance(t, int):
        write_signed(out, t)
    else:
        encode_valtype(out, t)
