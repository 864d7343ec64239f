"""Type definitions and external types, decoded (core specification, sections 5.3.6 to 5.3.17).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun import limits
from jormun.binary.reader import Reader
from jormun.errors import MalformedError
from jormun.features import Features
from jormun.hints import Final, cast
from jormun.syntax.leb128 import UNEXPECTED_END
from jormun.syntax.type_bytes import ARRAY, FUNC, REC, STRUCT, SUB, SUB_FINAL
from jormun.types import (
    I32,
    I64,
    ArrayType,
    CompositeType,
    ExternKind,
    ExternType,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    RecType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)

HAS_MAXIMUM: Final = 0x01
IS_SHARED: Final = 0x02
IS_64_BIT: Final = 0x04
HAS_PAGE_SIZE: Final = 0x08
"""Bits of the flags that precede limits. The second and the fourth are those of the threads and of the custom page
sizes proposals, and memories' alone."""


class TypeCount:
    """How many definitions the type section had so far, those within groups counted, and where each begins."""

    def __init__(self) -> None:
        self.count = 0
        self.starts: list[int] = []

    def add(self, count: int, at: int) -> None:
        """Count some more. `at` is where the file says so."""
        self.count += count
        if self.count > limits.TYPES:
            raise MalformedError(f"too many types: the limit is {limits.TYPES}", offset=at)


def rectype(reader: Reader, total: TypeCount) -> RecType:
    """A group of definitions (5.3.12); a definition that stands alone is a group too."""
    at = reader.at
    byte = reader.byte()
    if byte != REC:
        total.add(1, at)
        total.starts.append(at)
        return RecType((_subtype(reader, byte, at),))
    at = reader.at
    count = reader.count(limits.TYPES, "types")
    total.add(count, at)
    subtypes: list[SubType] = []
    for _ in range(count):
        at = reader.at
        total.starts.append(at)
        subtypes.append(_subtype(reader, reader.byte(), at))
    return RecType(tuple(subtypes))


def _subtype(reader: Reader, byte: int, at: int) -> SubType:
    if byte not in (SUB, SUB_FINAL):
        return SubType(True, (), _composite(reader, byte, at))
    supertypes = reader.indices(limits.TYPES, "supertypes")
    at = reader.at
    return SubType(byte == SUB_FINAL, supertypes, _composite(reader, reader.byte(), at))


def _composite(reader: Reader, byte: int, at: int) -> CompositeType:
    if byte == FUNC:
        params = resulttype(reader, limits.PARAMETERS, "parameters")
        return FuncType(params, resulttype(reader, limits.RESULTS, "results"))
    if byte == STRUCT:
        fields: list[FieldType] = []
        for _ in range(reader.count(limits.STRUCT_FIELDS, "fields")):
            fields.append(_field(reader))
        return StructType(tuple(fields))
    if byte == ARRAY:
        return ArrayType(_field(reader))
    # These bytes are numbers of 7 bits to the standard's test scripts.
    problem = "integer representation too long" if byte & 0x80 else "malformed composite type"
    raise MalformedError(f"{problem}: {byte:#04x} is neither func nor struct nor array", offset=at)


def resulttype(reader: Reader, limit: int, what: str) -> tuple[ValType, ...]:
    """A list of value types (5.3.6)."""
    types: list[ValType] = []
    for _ in range(reader.count(limit, what)):
        types.append(reader.valtype())
    return tuple(types)


def _field(reader: Reader) -> FieldType:
    storage = reader.storagetype()
    return FieldType(storage, mutability(reader))


def mutability(reader: Reader) -> bool:
    """Whether a field or a global may change (5.3.9)."""
    at = reader.at
    byte = reader.byte()
    if byte > 1:
        raise MalformedError("malformed mutability", offset=at)
    return byte == 1


def globaltype(reader: Reader) -> GlobalType:
    """A global's type (5.3.16)."""
    value = reader.valtype()
    return GlobalType(value, mutability(reader))


def memorytype(reader: Reader, features: Features) -> MemoryType:
    """A memory's type (5.3.14)."""
    known = HAS_MAXIMUM | IS_64_BIT
    if features.threads:
        known |= IS_SHARED
    if features.custom_page_sizes:
        known |= HAS_PAGE_SIZE
    flags = _limits_flags(reader, known)
    bounds = _limits(reader, flags)
    page_size_log2 = 16
    if flags & HAS_PAGE_SIZE:
        at = reader.at
        page_size_log2 = reader.u32()
        if page_size_log2 >= 64:
            raise MalformedError(f"invalid custom page size: 2**{page_size_log2} bytes", offset=at)
    return MemoryType(bounds, I64 if flags & IS_64_BIT else I32, flags & IS_SHARED != 0, page_size_log2)


def tabletype(reader: Reader) -> TableType:
    """A table's type (5.3.15)."""
    element = reader.reftype()
    flags = _limits_flags(reader, HAS_MAXIMUM | IS_64_BIT)
    return TableType(element, _limits(reader, flags), I64 if flags & IS_64_BIT else I32)


def _limits_flags(reader: Reader, known: int) -> int:
    at = reader.at
    flags = reader.byte()
    if flags & ~known:
        raise MalformedError(f"malformed limits flags {flags:#04x}", offset=at)
    return flags


def _limits(reader: Reader, flags: int) -> Limits:
    minimum = reader.u64()
    return Limits(minimum, reader.u64() if flags & HAS_MAXIMUM else None)


def tagtype(reader: Reader) -> TagType:
    """A tag's type (5.3.17), whose attribute, a byte, can only be that of an exception."""
    reader.zero()
    return TagType(reader.u32())


def externtype(reader: Reader, features: Features) -> ExternType:
    """The type of an import (5.5.5)."""
    at = reader.at
    byte = reader.byte()
    if byte == ExternKind.FUNC.value:
        return FuncExternType(reader.u32())
    if byte == ExternKind.TABLE.value:
        return tabletype(reader)
    if byte == ExternKind.MEMORY.value:
        return memorytype(reader, features)
    if byte == ExternKind.GLOBAL.value:
        return globaltype(reader)
    if byte == ExternKind.TAG.value:
        return tagtype(reader)
    raise MalformedError(f"malformed import kind {byte:#04x}", offset=at)


def locals_of(reader: Reader, known: dict[int, object]) -> tuple[tuple[int, ValType], ...]:
    """The locals of a function, in runs of one type (5.5.13). Equal runs of usual types are one object, in `known`."""
    at = reader.at
    count = reader.u32()
    if count == 0:
        return ()
    if count > reader.end - reader.at:
        raise MalformedError(UNEXPECTED_END, offset=at)
    total = 0
    runs: list[object] = []  # not of pairs, which compiled code would take apart and make anew
    for _ in range(count):
        at = reader.at
        size = reader.u32()
        total += size
        if total > limits.LOCALS:
            raise MalformedError(f"too many locals: the limit is {limits.LOCALS}", offset=at)
        at = reader.at
        key = size << 8 | (reader.data[at] if at < reader.end else 0)
        run = known.get(key)
        if run is None:
            run = (size, reader.valtype())
            if reader.at == at + 1:
                known[key] = run
        else:
            reader.at = at + 1
        runs.append(run)
    return cast(tuple[tuple[int, ValType], ...], tuple(runs))
