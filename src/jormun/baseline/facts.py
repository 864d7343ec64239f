"""What the functions of one module share when they are compiled: types as classes, places of arguments and of state.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import class_of
from jormun.hints import Final, i64
from jormun.llvm.convention import REGISTERS, VECTOR, places
from jormun.runtime import layout
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.types import FuncType, MemoryType
from jormun.validation.module import ValidModule
from jormun.validation.stack import vec

REGISTER_COUNT: Final = len(REGISTERS)
_LLVM_TYPES = ("i32", "i64", "float", "double", VECTOR)


class CallFacts:
    """How a function type is called."""

    __slots__ = ("has_area", "has_buffer", "params", "places", "results", "rows")

    def __init__(self, type: FuncType) -> None:
        self.params: list[int] = [class_of(t) for t in type.params]
        self.results: list[int] = [class_of(t) for t in type.results]
        self.has_buffer: bool = len(self.results) > 1
        before = ["ptr", *(["ptr"] if self.has_buffer else [])]
        found = places([*before, *(_LLVM_TYPES[c] for c in self.params)])
        self.places: list[int] = found[len(before) :]
        """Of each parameter: an index of convention.REGISTERS, or ~k for slot k of the overflow area."""
        self.has_area: bool = any(place < 0 for place in self.places)
        self.rows: vec[i64] = vec[i64](
            [c * REGISTER_COUNT + p if p >= 0 else -1 for c, p in zip(self.params, self.places, strict=True)]
        )
        """Of each parameter: its place in the tables of Pieces that are by class and place, -1 if it does not come in a
        register.
        """


class Callee:
    """A function as `call` sees it."""

    __slots__ = ("facts", "is_imported", "offset")

    def __init__(self, facts: CallFacts, is_imported: bool, offset: int) -> None:
        self.facts = facts
        self.is_imported = is_imported
        self.offset: i64 = offset
        """Of the slot with its record's address, in the instance, or of its entry in the code table."""


class ModuleFacts:
    """The facts about a module that compiling asks for again and again, each looked up once."""

    def __init__(self, valid: ValidModule, layout_: Layout, costs: Costs | None = None) -> None:
        """With `costs`, code is metered."""
        self.valid = valid
        self.costs = costs
        self.layout = layout_
        self.imported_function_count: i64 = valid.imported_function_count
        self.calls: dict[int, CallFacts] = {}
        self.function_types: tuple[int, ...] = valid.function_types
        self.callees: list[Callee | None] = [None] * len(valid.function_types)
        """Those that have been called, see `callee`."""
        self.memory_count: int = len(valid.memory_types)
        self.is_plain: bool = bool(valid.memory_types) and layout.is_guarded(valid.memory_types[0])
        """Whether accesses to memory 0 are not checked."""
        self.global_classes: list[int] = [class_of(t.value) for t in valid.global_types]
        self.global_places: list[tuple[int, bool]] = [
            layout_.global_place(index) for index in range(len(valid.global_types))
        ]

    def call(self, type_index: int) -> CallFacts:
        """How functions of this type are called."""
        found = self.calls.get(type_index)
        if found is None:
            composite = self.valid.types[type_index].composite
            assert isinstance(composite, FuncType)
            found = self.calls[type_index] = CallFacts(composite)
        return found

    def function(self, func_index: int) -> CallFacts:
        """How a function is called, imported ones counted first."""
        return self.call(self.function_types[func_index])

    def callee(self, func_index: i64) -> Callee:
        """A function that is called, imported ones counted first."""
        found = self.callees[func_index]
        if found is None:
            is_imported = func_index < self.imported_function_count
            find = self.layout.imported_function_offset if is_imported else self.layout.code_table_offset
            found = self.callees[func_index] = Callee(self.function(func_index), is_imported, find(func_index))
        return found

    def tag(self, index: int) -> list[int]:
        """The classes of the values that exceptions with a tag have."""
        composite = self.valid.tag_types[index].composite
        assert isinstance(composite, FuncType)
        return [class_of(t) for t in composite.params]

    def memory(self, index: int) -> MemoryType:
        """The type of a memory."""
        return self.valid.memory_types[index]

    def address_class(self, index: int) -> int:
        """The class of a memory's addresses."""
        return class_of(self.memory(index).address)

    def table_address_class(self, index: int) -> int:
        """The class of a table's indices."""
        return class_of(self.valid.table_types[index].address)
