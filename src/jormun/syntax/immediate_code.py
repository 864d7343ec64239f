"""Immediates in the binary format, a reader and a writer for each kind (core specification, sections 5.4 and 6.5).

Readers return the value and the offset behind it; errors carry offsets in the bytes given. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import MalformedError
from jormun.hints import Callable, Final, TypeAlias, cast
from jormun.opcodes.immediates import BlockType, Cast, Catch, CatchKind, Immediate, ImmediateValue, MemArg
from jormun.syntax.leb128 import (
    UNEXPECTED_END,
    read_s32,
    read_s64,
    read_u32,
    read_u64,
    write_signed,
    write_unsigned,
)
from jormun.syntax.type_code import (
    encode_blocktype,
    encode_heaptype,
    encode_valtype,
    read_blocktype,
    read_heaptype,
    read_valtype,
)
from jormun.types import HeapType, RefType, ValType

Reader: TypeAlias = Callable[[bytes, int], tuple[ImmediateValue, int]]
Writer: TypeAlias = Callable[[bytearray, ImmediateValue], None]

_HAS_MEMORY: Final = 0x40
"""The bit in a memarg's first number that says that a memory index follows."""


def reader_of(kind: Immediate) -> Reader:
    """What reads immediates of this kind."""
    return _READERS.get(kind, read_u32)


def writer_of(kind: Immediate) -> Writer:
    """What writes immediates of this kind."""
    return _WRITERS.get(kind, _write_unsigned)


def _bytes(code: bytes, at: int, size_bytes: int) -> bytes:
    value = code[at : at + size_bytes]
    if len(value) < size_bytes:
        raise MalformedError(UNEXPECTED_END, offset=len(code))
    return value


def _read_count(code: bytes, at: int) -> tuple[int, int]:
    """The count of a vector whose elements take a byte or more each."""
    count, after = read_u32(code, at)
    if count > len(code) - after:
        raise MalformedError(UNEXPECTED_END, offset=at)
    return count, after


def _read_f32(code: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_bytes(code, at, 4), "little"), at + 4


def _read_f64(code: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_bytes(code, at, 8), "little"), at + 8


def _read_16_bytes(code: bytes, at: int) -> tuple[bytes, int]:
    return _bytes(code, at, 16), at + 16


def _read_byte(code: bytes, at: int) -> tuple[int, int]:
    if at >= len(code):
        raise MalformedError(UNEXPECTED_END, offset=at)
    return code[at], at + 1


def _read_ordering(code: bytes, at: int) -> tuple[int, int]:
    value, after = _read_byte(code, at)
    if value != 0:
        raise MalformedError("zero byte expected", offset=at)
    return value, after


def _read_memarg(code: bytes, at: int) -> tuple[MemArg, int]:
    flags, after = read_u32(code, at)
    if flags >= 0x80:
        raise MalformedError("malformed memop flags", offset=at)
    memory = 0
    if flags & _HAS_MEMORY:
        memory, after = read_u32(code, after)
    offset, after = read_u64(code, after)
    return MemArg(flags & ~_HAS_MEMORY, offset, memory), after


def _read_labels(code: bytes, at: int) -> tuple[tuple[int, ...], int]:
    count, at = _read_count(code, at)
    labels: list[int] = []
    for _ in range(count + 1):
        label, at = read_u32(code, at)
        labels.append(label)
    return tuple(labels), at


def _read_valtypes(code: bytes, at: int) -> tuple[tuple[ValType, ...], int]:
    count, at = _read_count(code, at)
    types: list[ValType] = []
    for _ in range(count):
        t, at = read_valtype(code, at)
        types.append(t)
    return tuple(types), at


def _read_ref_type(code: bytes, at: int) -> tuple[RefType, int]:
    heap, at = read_heaptype(code, at)
    return RefType(False, heap), at


def _read_ref_type_null(code: bytes, at: int) -> tuple[RefType, int]:
    heap, at = read_heaptype(code, at)
    return RefType(True, heap), at


def read_label_and_cast(code: bytes, at: int) -> tuple[tuple[int, Cast], int]:
    """The immediates of br_on_cast: the flags of the cast stand before the label, its heap types behind."""
    flags, after = _read_byte(code, at)
    if flags > 0x03:
        raise MalformedError("malformed br_on_cast flags", offset=at)
    label, after = read_u32(code, after)
    source, after = read_heaptype(code, after)
    target, after = read_heaptype(code, after)
    return (label, Cast(RefType(flags & 1 != 0, source), RefType(flags & 2 != 0, target))), after


def _read_catches(code: bytes, at: int) -> tuple[tuple[Catch, ...], int]:
    count, at = _read_count(code, at)
    catches: list[Catch] = []
    for _ in range(count):
        byte, after = _read_byte(code, at)
        kind = _CATCH_KINDS.get(byte)
        if kind is None:
            raise MalformedError("malformed catch clause", offset=at)
        tag: int | None = None
        if kind.has_tag:
            tag, after = read_u32(code, after)
        label, at = read_u32(code, after)
        catches.append(Catch(kind, tag, label))
    return tuple(catches), at


_CATCH_KINDS: dict[int, CatchKind] = {kind.value: kind for kind in CatchKind}

_READERS: dict[Immediate, Reader] = {
    Immediate.I32: read_s32,
    Immediate.I64: read_s64,
    Immediate.F32: _read_f32,
    Immediate.F64: _read_f64,
    Immediate.V128: _read_16_bytes,
    Immediate.LANE: _read_byte,
    Immediate.LANES: _read_16_bytes,
    Immediate.MEMARG: _read_memarg,
    Immediate.LABELS: _read_labels,
    Immediate.BLOCK_TYPE: read_blocktype,
    Immediate.VALTYPES: _read_valtypes,
    Immediate.HEAP_TYPE: read_heaptype,
    Immediate.REF_TYPE: _read_ref_type,
    Immediate.REF_TYPE_NULL: _read_ref_type_null,
    Immediate.CATCHES: _read_catches,
    Immediate.ORDERING: _read_ordering,
}
"""Kinds that are not among them are indices and counts."""


def _write_unsigned(out: bytearray, value: ImmediateValue) -> None:
    write_unsigned(out, cast(int, value))


def _write_signed(out: bytearray, value: ImmediateValue) -> None:
    write_signed(out, cast(int, value))


def _write_f32(out: bytearray, value: ImmediateValue) -> None:
    out += cast(int, value).to_bytes(4, "little")


def _write_f64(out: bytearray, value: ImmediateValue) -> None:
    out += cast(int, value).to_bytes(8, "little")


def _write_bytes(out: bytearray, value: ImmediateValue) -> None:
    out += cast(bytes, value)


def _write_byte(out: bytearray, value: ImmediateValue) -> None:
    out.append(cast(int, value))


def _write_memarg(out: bytearray, value: ImmediateValue) -> None:
    memarg = cast(MemArg, value)
    if memarg.memory:
        write_unsigned(out, memarg.align | _HAS_MEMORY)
        write_unsigned(out, memarg.memory)
    else:
        write_unsigned(out, memarg.align)
    write_unsigned(out, memarg.offset)


def _write_labels(out: bytearray, value: ImmediateValue) -> None:
    labels = cast(tuple[int, ...], value)
    write_unsigned(out, len(labels) - 1)
    for label in labels:
        write_unsigned(out, label)


def _write_block_type(out: bytearray, value: ImmediateValue) -> None:
    encode_blocktype(out, cast(BlockType, value))


def _write_valtypes(out: bytearray, value: ImmediateValue) -> None:
    types = cast(tuple[ValType, ...], value)
    write_unsigned(out, len(types))
    for t in types:
        encode_valtype(out, t)


def _write_heap_type(out: bytearray, value: ImmediateValue) -> None:
    encode_heaptype(out, cast(HeapType, value))


def _write_ref_type(out: bytearray, value: ImmediateValue) -> None:
    encode_heaptype(out, cast(RefType, value).heap)


def write_label_and_cast(out: bytearray, label: ImmediateValue, value: ImmediateValue) -> None:
    """Append the immediates of br_on_cast, the label behind the flags of the cast."""
    types = cast(Cast, value)
    out.append(types.source.nullable | types.target.nullable << 1)
    write_unsigned(out, cast(int, label))
    encode_heaptype(out, types.source.heap)
    encode_heaptype(out, types.target.heap)


def _write_catches(out: bytearray, value: ImmediateValue) -> None:
    catches = cast(tuple[Catch, ...], value)
    write_unsigned(out, len(catches))
    for catch in catches:
        out.append(catch.kind.value)
        if catch.tag is not None:
            write_unsigned(out, catch.tag)
        write_unsigned(out, catch.label)


_WRITERS: dict[Immediate, Writer] = {
    Immediate.I32: _write_signed,
    Immediate.I64: _write_signed,
    Immediate.F32: _write_f32,
    Immediate.F64: _write_f64,
    Immediate.V128: _write_bytes,
    Immediate.LANE: _write_byte,
    Immediate.LANES: _write_bytes,
    Immediate.MEMARG: _write_memarg,
    Immediate.LABELS: _write_labels,
    Immediate.BLOCK_TYPE: _write_block_type,
    Immediate.VALTYPES: _write_valtypes,
    Immediate.HEAP_TYPE: _write_heap_type,
    Immediate.REF_TYPE: _write_ref_type,
    Immediate.REF_TYPE_NULL: _write_ref_type,
    Immediate.CATCHES: _write_catches,
    Immediate.ORDERING: _write_byte,
}
