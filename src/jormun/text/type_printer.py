"""Types as the text format writes them (core specification, section 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from jormun.syntax.names import Names, Subsection
from jormun.text.identifiers import NamedSpace
from jormun.types import (
    I64,
    ArrayType,
    CompositeType,
    DefType,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    PackedType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    ValType,
)

_INLINE_TYPES = 16
"""A signature longer than this is not repeated where a type index stands for it, so that the text of many functions
of one long type stays in proportion to their binary."""


class TypePrinter:
    """Writes types, with the identifiers of the module's type definitions."""

    def __init__(self, groups: Sequence[RecType], names: Names) -> None:
        self.groups = groups
        self.names = names
        self.definitions = [subtype.composite for group in groups for subtype in group.subtypes]
        self.space = NamedSpace(names.of(Subsection.TYPE), len(self.definitions))
        self.fields: dict[int, NamedSpace] = {}

    def named_fields(self, index: int) -> NamedSpace:
        """The fields of a structure type."""
        if index not in self.fields:
            composite = self.definitions[index] if index < len(self.definitions) else None
            count = len(composite.fields) if isinstance(composite, StructType) else 0
            self.fields[index] = NamedSpace(self.names.within(Subsection.FIELD, index), count)
        return self.fields[index]

    def function_type(self, index: int | DefType) -> FuncType | None:
        """The function type with an index, if it is one."""
        if not isinstance(index, int) or index >= len(self.definitions):
            return None
        composite = self.definitions[index]
        return composite if isinstance(composite, FuncType) else None

    # Value types.

    def heap_type(self, heap: HeapType) -> str:
        """A heap type."""
        return self.space.refer(heap) if isinstance(heap, int) else str(heap)

    def val_type(self, t: ValType) -> str:
        """A value type."""
        if not isinstance(t, RefType) or not isinstance(t.heap, int):
            return str(t)
        return f"(ref null {self.space.refer(t.heap)})" if t.nullable else f"(ref {self.space.refer(t.heap)})"

    def result_types(self, keyword: str, types: Sequence[ValType]) -> str:
        """A clause with some types, a space before it; '' if there are none."""
        return f" ({keyword} {' '.join(map(self.val_type, types))})" if types else ""

    def signature(self, function: FuncType) -> str:
        """Parameters and results, a space before them."""
        return self.result_types("param", function.params) + self.result_types("result", function.results)

    def type_use(self, index: int | DefType, parameters: NamedSpace | None = None) -> str:
        """A type use, a space before it; with the signature if it is short, or if parameters have names."""
        assert isinstance(index, int), "a closed type belongs to no module"
        use = f" (type {self.space.refer(index)})"
        function = self.function_type(index)
        if function is None:
            return use
        if parameters is None or not parameters.names:
            is_short = len(function.params) + len(function.results) <= _INLINE_TYPES
            return use + self.signature(function) if is_short else use
        return (
            use
            + "".join(f" {clause}" for clause in self.named_clauses("param", function.params, parameters, 0))
            + self.result_types("result", function.results)
        )

    def named_clauses(self, keyword: str, types: Sequence[ValType], space: NamedSpace, first: int) -> list[str]:
        """Clauses for parameters or locals from number `first` on: one for each named one, one a run of others."""
        clauses: list[str] = []
        run: list[str] = []
        for index, t in enumerate(types, first):
            declaration = space.declare(index)
            if not declaration:
                run.append(self.val_type(t))
                continue
            if run:
                clauses.append(f"({keyword} {' '.join(run)})")
                run = []
            clauses.append(f"({keyword}{declaration} {self.val_type(t)})")
        if run:
            clauses.append(f"({keyword} {' '.join(run)})")
        return clauses

    # Definitions.

    def lines(self) -> list[str]:
        """The fields that define all types."""
        lines = []
        index = 0
        for group in self.groups:
            definitions = []
            for subtype in group.subtypes:
                definitions.append(self._definition(index, subtype))
                index += 1
            if len(definitions) == 1:
                lines.append(f"  {definitions[0]}")
            elif definitions:
                lines += ["  (rec", *(f"    {definition}" for definition in definitions), "  )"]
            else:
                lines.append("  (rec)")
        return lines

    def _definition(self, index: int, subtype: SubType) -> str:
        composite = self._composite(index, subtype.composite)
        if not (subtype.is_final and not subtype.supertypes):
            words = ["sub", *(["final"] if subtype.is_final else []), *map(self.space.refer, subtype.supertypes)]
            composite = f"({' '.join(words)} {composite})"
        return f"(type{self.space.declare(index)} (;{index};) {composite})"

    def _composite(self, index: int, composite: CompositeType) -> str:
        match composite:
            case FuncType():
                return f"(func{self.signature(composite)})"
            case ArrayType():
                return f"(array {self._field(composite.field)})"
            case StructType():
                space = self.named_fields(index)
                fields = (f" (field{space.declare(i)} {self._field(t)})" for i, t in enumerate(composite.fields))
                return f"(struct{''.join(fields)})"
        assert_never(composite)

    def _field(self, field: FieldType) -> str:
        storage = self._storage(field.storage)
        return f"(mut {storage})" if field.is_mutable else storage

    def _storage(self, t: StorageType) -> str:
        return str(t) if isinstance(t, PackedType) else self.val_type(t)

    # External types.

    def memory_type(self, t: MemoryType) -> str:
        """A memory type."""
        words = [_limits(t.limits)]
        if t.address is I64:
            words.insert(0, "i64")
        if t.is_shared:
            words.append("shared")
        if t.page_size_log2 != 16:
            words.append(f"(pagesize {t.page_size_bytes})")
        return " ".join(words)

    def table_type(self, t: TableType) -> str:
        """A table type."""
        address = "i64 " if t.address is I64 else ""
        return f"{address}{_limits(t.limits)} {self.val_type(t.element)}"

    def global_type(self, t: GlobalType) -> str:
        """A global type."""
        return f"(mut {self.val_type(t.value)})" if t.is_mutable else self.val_type(t.value)


def _limits(limits: Limits) -> str:
    return str(limits.minimum) if limits.maximum is None else f"{limits.minimum} {limits.maximum}"
