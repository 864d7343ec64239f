"""Types (core specification, section 2.3): value, composite, recursive and external types, as immutable values.

A type index inside of a heap type stands for an entry of the module's type section. Validation closes such types:
it replaces the index by a `DefType`, of which there is exactly one object for each type there is, so that types of
different modules compare by identity (see validation/matching.py).
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.enumeration import Enum, unique
from jormun.hints import TypeAlias


@unique
class NumType(Enum):
    """A number type; the value is its byte in the binary format."""

    I32 = 0x7F
    I64 = 0x7E
    F32 = 0x7D
    F64 = 0x7C

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def bits(self) -> int:
        """The width in bits."""
        return 32 if self in (NumType.I32, NumType.F32) else 64


@unique
class VecType(Enum):
    """The vector type; the value is its byte in the binary format."""

    V128 = 0x7B

    def __str__(self) -> str:
        return "v128"


@unique
class PackedType(Enum):
    """A storage type that is narrower than a value; the value is its byte in the binary format."""

    I8 = 0x78
    I16 = 0x77

    def __str__(self) -> str:
        return self.name.lower()


@unique
class AbsHeapType(Enum):
    """An abstract heap type; the value is its byte in the binary format."""

    NOEXN = 0x74
    NOFUNC = 0x73
    NOEXTERN = 0x72
    NONE = 0x71
    FUNC = 0x70
    EXTERN = 0x6F
    ANY = 0x6E
    EQ = 0x6D
    I31 = 0x6C
    STRUCT = 0x6B
    ARRAY = 0x6A
    EXN = 0x69

    def __str__(self) -> str:
        return self.name.lower()


class DefType:
    """A closed, canonical type definition; compared by identity.

    `id` numbers the definitions of this process from 0, is never used twice, and is what native code compares.
    `composite` and `supertype` are closed too. `group` is the recursive group, kept alive by each of its members. Made
    by validation/canonical.py alone.
    """

    __slots__ = ("composite", "depth", "group", "id", "is_final", "supertype")

    def __init__(self, id: int, is_final: bool, supertype: DefType | None, group: object = None) -> None:
        self.id = id
        self.is_final = is_final
        self.supertype = supertype
        self.group = group
        self.depth: int = 0 if supertype is None else supertype.depth + 1
        self.composite: CompositeType = FuncType((), ())

    def __repr__(self) -> str:
        # Not the composite: it may hold this very type.
        return f"<DefType {self.id}>"


HeapType: TypeAlias = AbsHeapType | int | DefType
"""An abstract heap type, an index into the module's types, or, once closed, the definition itself."""


@dataclass(frozen=True, slots=True)
class RefType:
    """A reference type (2.3.7)."""

    nullable: bool
    heap: HeapType

    def __str__(self) -> str:
        if self.nullable and isinstance(self.heap, AbsHeapType):
            return _SHORT_NAMES.get(self.heap, f"{self.heap}ref")
        return f"(ref null {self.heap})" if self.nullable else f"(ref {self.heap})"


_SHORT_NAMES = {
    AbsHeapType.NOEXN: "nullexnref",
    AbsHeapType.NOFUNC: "nullfuncref",
    AbsHeapType.NOEXTERN: "nullexternref",
    AbsHeapType.NONE: "nullref",
}
"""Nullable abstract references whose text name is not the heap type's with 'ref' behind it."""

ValType: TypeAlias = NumType | VecType | RefType
StorageType: TypeAlias = NumType | VecType | RefType | PackedType

I32, I64, F32, F64 = NumType.I32, NumType.I64, NumType.F32, NumType.F64
V128 = VecType.V128
FUNCREF = RefType(True, AbsHeapType.FUNC)
EXTERNREF = RefType(True, AbsHeapType.EXTERN)
ANYREF = RefType(True, AbsHeapType.ANY)
EXNREF = RefType(True, AbsHeapType.EXN)


@dataclass(frozen=True, slots=True)
class FuncType:
    """A function type (2.3.9)."""

    params: tuple[ValType, ...]
    results: tuple[ValType, ...]

    def __str__(self) -> str:
        return f"[{' '.join(map(str, self.params))}] -> [{' '.join(map(str, self.results))}]"


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a structure's field or an array's elements (2.3.10)."""

    storage: StorageType
    is_mutable: bool


@dataclass(frozen=True, slots=True)
class StructType:
    """A structure type (2.3.10)."""

    fields: tuple[FieldType, ...]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """An array type (2.3.10)."""

    field: FieldType


CompositeType: TypeAlias = FuncType | StructType | ArrayType


@dataclass(frozen=True, slots=True)
class SubType:
    """A definition in the type section (2.3.12). `supertypes` are type indices; validation allows at most one."""

    is_final: bool
    supertypes: tuple[int, ...]
    composite: CompositeType


@dataclass(frozen=True, slots=True)
class RecType:
    """A group of definitions that may refer to each other (2.3.12). Indices into it are the module's own."""

    subtypes: tuple[SubType, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a memory in pages, or of a table in elements (2.3.13)."""

    minimum: int
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryType:
    """A memory (2.3.14). `address` is I32 or I64; a page has 2**page_size_log2 bytes (custom page sizes proposal)."""

    limits: Limits
    address: NumType = I32
    is_shared: bool = False
    page_size_log2: int = 16

    @property
    def page_size_bytes(self) -> int:
        """The size of a page in bytes."""
        return 1 << self.page_size_log2


@dataclass(frozen=True, slots=True)
class TableType:
    """A table (2.3.15). `address` is I32 or I64."""

    element: RefType
    limits: Limits
    address: NumType = I32


@dataclass(frozen=True, slots=True)
class GlobalType:
    """A global (2.3.16)."""

    value: ValType
    is_mutable: bool


@dataclass(frozen=True, slots=True)
class TagType:
    """A tag (2.3.17): the function type, by its index in the module, or closed."""

    type: int | DefType


@dataclass(frozen=True, slots=True)
class FuncExternType:
    """The type of an imported or exported function: an index in the module, or closed."""

    type: int | DefType


ExternType: TypeAlias = FuncExternType | TableType | MemoryType | GlobalType | TagType


@unique
class ExternKind(Enum):
    """What an import or export is; the value is its byte in the binary format, `str()` its text keyword."""

    FUNC = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4

    def __str__(self) -> str:
        return self.name.lower()


def kind_of(t: ExternType) -> ExternKind:
    """What a type is the type of."""
    match t:
        case FuncExternType():
            return ExternKind.FUNC
        case TableType():
            return ExternKind.TABLE
        case MemoryType():
            return ExternKind.MEMORY
        case GlobalType():
            return ExternKind.GLOBAL
        case TagType():
            return ExternKind.TAG
