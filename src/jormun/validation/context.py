"""The context of validation: what a module declares, by index, as operand codes (core specification, section 3.1.2).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.features import Features
from jormun.hints import i64
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
    RefType,
    StorageType,
    StructType,
    SubType,
)
from jormun.validation import operand
from jormun.validation.operand import (
    BOT,
    FIRST_CONCRETE,
    FIRST_REFERENCE,
    HEAP_ARRAY,
    HEAP_BOT,
    HEAP_FUNC,
    HEAP_STRUCT,
    NO_MEMORY,
    NULLABLE,
    match_abstract,
)


class FunctionCodes:
    """A function type as operand codes; `heap` is the code of its definition as a heap type."""

    __slots__ = ("heap", "params", "results")

    def __init__(self, heap: i64, params: list[int], results: list[int]) -> None:
        self.heap = heap
        self.params = params
        self.results = results


class FieldCodes:
    """The fields of a structure type, or the one of an array type, as storage codes; packed ones are I8 and I16.

    `operands` are the types that the fields' values have on the stack; `without_default` is the type of the first field
    that has no default value, or BOT.
    """

    __slots__ = ("are_mutable", "operands", "storages", "without_default")

    def __init__(self, storages: list[int], are_mutable: list[bool]) -> None:
        self.storages = storages
        self.are_mutable = are_mutable
        self.operands = [operand.I32 if t in (operand.I8, operand.I16) else t for t in storages]
        self.without_default = next((t for t in storages if not operand.is_defaultable(t)), BOT)


class Context:
    """What the parts of a module may refer to.

    Lists are by index, imports first. Those of `globals` grow while globals are validated, so that a constant
    expression sees only the globals before it.
    """

    def __init__(self, subtypes: list[SubType], deftypes: list[DefType], features: Features) -> None:
        self.features = features
        self.deftypes = deftypes
        self.canonical: list[int] = []
        """The least type index with an equal definition, by type index."""
        self.abstracts: list[int] = []
        """HEAP_FUNC, HEAP_STRUCT or HEAP_ARRAY, by type index."""
        self.functions: list[FunctionCodes] = []
        self.tables: list[int] = []
        self.table_addresses: list[int] = []
        self.memory_addresses: list[int] = []
        self.globals: list[int] = []
        self.are_globals_mutable: list[bool] = []
        self.tags: list[FunctionCodes] = []
        self.elements: list[int] = []
        self.data_count = 0
        self.has_data_count = False
        self.referenced_functions: set[int] = set()
        self._subtypes = subtypes
        self._function_types: dict[int, FunctionCodes] = {}
        self._fields: dict[int, FieldCodes] = {}
        self._singles: dict[int, list[int]] = {}
        first: dict[int, int] = {}
        for index, deftype in enumerate(deftypes):
            self.canonical.append(first.setdefault(deftype.id, index))
            composite = deftype.composite
            if isinstance(composite, FuncType):
                self.abstracts.append(HEAP_FUNC)
            else:
                self.abstracts.append(HEAP_STRUCT if isinstance(composite, StructType) else HEAP_ARRAY)

    @property
    def first_address(self) -> i64:
        """The address type of memory 0, NO_MEMORY when there is none."""
        return self.memory_addresses[0] if self.memory_addresses else NO_MEMORY

    def heap_code(self, heap: HeapType) -> i64:
        """The code of a heap type. Raises InvalidError ('unknown type')."""
        if isinstance(heap, int):
            return self.concrete(heap)
        assert isinstance(heap, AbsHeapType)
        code: int = heap.value
        return code

    def concrete(self, type_index: i64) -> i64:
        """The code of the definition with this index as a heap type. Raises InvalidError ('unknown type')."""
        if type_index >= len(self.canonical):
            raise InvalidError(f"unknown type {type_index}, there are {len(self.canonical)}")
        return FIRST_CONCRETE + self.canonical[type_index]

    def code(self, storage: StorageType) -> i64:
        """The code of a value or storage type. Raises InvalidError ('unknown type')."""
        if storage is I32:
            return operand.I32
        if storage is I64:
            return operand.I64
        if storage is F32:
            return operand.F32
        if storage is F64:
            return operand.F64
        if isinstance(storage, RefType):
            return self.heap_code(storage.heap) << 1 | (NULLABLE if storage.nullable else 0)
        if storage is V128:
            return operand.V128
        return operand.I8 if storage is PackedType.I8 else operand.I16

    def single(self, t: i64) -> list[int]:
        """The result type of one operand; the same list each time."""
        found = self._singles.get(t)
        if found is None:
            found = self._singles[t] = [t]
        return found

    def function_type(self, type_index: int) -> FunctionCodes:
        """The function type with this index. Raises InvalidError ('unknown type', 'type mismatch')."""
        found = self._function_types.get(type_index)
        if found is None:
            heap = self.concrete(type_index)
            composite = self._subtypes[type_index].composite
            if not isinstance(composite, FuncType):
                raise InvalidError(f"type mismatch: function type expected, type {type_index} is none")
            params = [self.code(t) for t in composite.params]
            results = [self.code(t) for t in composite.results]
            found = self._function_types[type_index] = FunctionCodes(heap, params, results)
        return found

    def struct_type(self, type_index: int) -> FieldCodes:
        """The fields of the structure type with this index. Raises InvalidError ('unknown type', 'type mismatch')."""
        return self._fields_of(type_index, HEAP_STRUCT)

    def array_type(self, type_index: int) -> FieldCodes:
        """The field of the array type with this index. Raises InvalidError ('unknown type', 'type mismatch')."""
        return self._fields_of(type_index, HEAP_ARRAY)

    def _fields_of(self, type_index: int, kind: int) -> FieldCodes:
        self.concrete(type_index)
        if self.abstracts[type_index] != kind:
            wanted = "structure" if kind == HEAP_STRUCT else "array"
            raise InvalidError(f"type mismatch: {wanted} type expected, type {type_index} is none")
        found = self._fields.get(type_index)
        if found is None:
            composite = self._subtypes[type_index].composite
            assert not isinstance(composite, FuncType)
            fields = composite.fields if isinstance(composite, StructType) else (composite.field,)
            found = FieldCodes([self.code(f.storage) for f in fields], [f.is_mutable for f in fields])
            self._fields[type_index] = found
        return found

    def matches(self, a: i64, b: i64) -> bool:
        """Whether operand type `a` matches `b` (3.3.5)."""
        if a in (b, BOT):
            return True
        if a < FIRST_REFERENCE or b < FIRST_REFERENCE:
            return False
        if a & NULLABLE > b & NULLABLE:
            return False
        return self.heap_matches(a >> 1, b >> 1)

    def heap_matches(self, a: i64, b: i64) -> bool:
        """Whether heap type `a` matches `b` (3.3.3)."""
        if a in (b, HEAP_BOT):
            return True
        if a >= FIRST_CONCRETE:
            if b < FIRST_CONCRETE:
                return match_abstract(self.abstracts[a - FIRST_CONCRETE], b)
            sub = self.deftypes[a - FIRST_CONCRETE]
            wanted = self.deftypes[b - FIRST_CONCRETE]
            t: DefType | None = sub
            for _ in range(sub.depth - wanted.depth):
                assert t is not None
                t = t.supertype
            return t is wanted
        if b < FIRST_CONCRETE:
            return match_abstract(a, b)
        return a == operand.bottom_of(self.abstracts[b - FIRST_CONCRETE])

    def all_match(self, a: list[int], b: list[int]) -> bool:
        """Whether a result type matches another (3.3.6)."""
        if a == b:
            return True
        return len(a) == len(b) and all(self.matches(a[i], b[i]) for i in range(len(a)))

    def top_of(self, heap: i64) -> i64:
        """The heap type at the top of a heap type's hierarchy."""
        return operand.top_of(self.abstracts[heap - FIRST_CONCRETE] if heap >= FIRST_CONCRETE else heap)
