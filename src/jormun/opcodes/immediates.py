"""Kinds of immediates, and the values they decode to (core specification, sections 5.4 and 6.5).

Indices are ints. Floats and vectors are bit patterns, so that NaNs survive every reading.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.enumeration import Enum, auto, unique
from jormun.hints import TypeAlias
from jormun.types import HeapType, RefType, ValType


@unique
class Immediate(Enum):
    """What follows an opcode. In brackets: the Python value it decodes to."""

    I32 = auto()
    """Signed LEB128 of 32 bits [int, -2**31 <= n < 2**31]."""
    I64 = auto()
    """Signed LEB128 of 64 bits [int, -2**63 <= n < 2**63]."""
    F32 = auto()
    """4 bytes, little endian [int, the bit pattern]."""
    F64 = auto()
    """8 bytes, little endian [int, the bit pattern]."""
    V128 = auto()
    """16 bytes [bytes of length 16]."""
    LANE = auto()
    """A lane index, one byte [int]."""
    LANES = auto()
    """The 16 lane indices of i8x16.shuffle, a byte each [bytes of length 16]."""
    MEMARG = auto()
    """Alignment, memory index and offset [MemArg]."""
    MEMORY = auto()
    """A memory index [int]."""
    TABLE = auto()
    """A table index [int]."""
    FUNC = auto()
    """A function index [int]."""
    TYPE = auto()
    """A type index [int]."""
    LOCAL = auto()
    """A local index [int]."""
    GLOBAL = auto()
    """A global index [int]."""
    TAG = auto()
    """A tag index [int]."""
    DATA = auto()
    """A data segment index [int]."""
    ELEM = auto()
    """An element segment index [int]."""
    FIELD = auto()
    """A field index of the structure type that the TYPE before it names [int]."""
    U32 = auto()
    """A count: the length operand of array.new_fixed [int]."""
    LABEL = auto()
    """A label: how many blocks outward [int]."""
    LABELS = auto()
    """The labels of br_table, the default last [tuple of int, at least one]."""
    BLOCK_TYPE = auto()
    """A block's type [BlockType]."""
    VALTYPES = auto()
    """The annotation of select [tuple of ValType]."""
    HEAP_TYPE = auto()
    """The heap type of ref.null [HeapType]."""
    REF_TYPE = auto()
    """A heap type in the binary format, a non-null reference type in text: ref.test and ref.cast [RefType]."""
    REF_TYPE_NULL = auto()
    """The same for the opcodes whose reference type is nullable [RefType]."""
    CAST = auto()
    """Of br_on_cast: a byte of flags (bit 0: the first is nullable, bit 1: the second) and two heap types [Cast]."""
    CATCHES = auto()
    """The catch clauses of try_table [tuple of Catch]."""
    ORDERING = auto()
    """The reserved byte of atomic.fence, 0 [int]."""


@dataclass(frozen=True, slots=True)
class MemArg:
    """Where in which memory: `align` is the exponent of a power of 2, `offset` is in bytes, below 2**64."""

    align: int
    offset: int
    memory: int = 0


BlockType: TypeAlias = ValType | int | None
"""None: [] -> []; a value type: [] -> [t]; an int: the function type with this index."""


@unique
class CatchKind(Enum):
    """A catch clause; the value is its byte in the binary format."""

    CATCH = 0
    CATCH_REF = 1
    CATCH_ALL = 2
    CATCH_ALL_REF = 3

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def has_tag(self) -> bool:
        """Whether the clause names a tag."""
        return self in (CatchKind.CATCH, CatchKind.CATCH_REF)


@dataclass(frozen=True, slots=True)
class Catch:
    """A catch clause of try_table. `tag` is None for catch_all and catch_all_ref."""

    kind: CatchKind
    tag: int | None
    label: int


@dataclass(frozen=True, slots=True)
class Cast:
    """The immediates of br_on_cast and br_on_cast_fail, whose label stands before them."""

    source: RefType
    target: RefType


ImmediateValue: TypeAlias = (
    int | bytes | tuple[int, ...] | tuple[ValType, ...] | tuple[Catch, ...] | MemArg | BlockType | HeapType | Cast
)
