"""The native side of module instances (core specification, section 4.2.5)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from jormun.runtime import layout
from jormun.runtime.memory import Memory
from jormun.runtime.module import CompiledModule
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.owners import register
from jormun.runtime.table import TableInstance
from jormun.types import DefType


class ModuleInstance:
    """An instance's record, and what keeps alive what the record points to.

    Owned by its store, to which it does not refer. Imported functions, tables, globals and tags are the same store's.
    """

    def __init__(self, compiled: CompiledModule, memories: Sequence[Memory]) -> None:
        self.compiled = compiled
        self.memories = memories
        """All memories, imported ones first."""
        self.tables: list[TableInstance] = []
        """All tables, imported ones first."""
        self.segments: dict[int, pages.Block] = {}
        """The references in each element segment that is not dropped."""
        self._record = pages.Block(compiled.layout.size_bytes, layout.VM_ALIGNMENT)
        self._words = self._record.view().cast("Q")
        self.write(layout.VM_CODE_TABLE, compiled.code_table)
        self.write(layout.VM_INSTANCE_KEY, register(self))
        self.write(layout.VM_SERVICES, Native.get().services)
        self.write(layout.VM_COUNTERS, compiled.counters)

    @property
    def vm(self) -> int:
        """The address of the record."""
        return self._record.address

    def write(self, offset: int, word: int) -> None:
        """Set 8 bytes of the record."""
        self._words[offset >> 3] = word

    def read(self, offset: int) -> int:
        """Get 8 bytes of the record."""
        return self._words[offset >> 3]

    def set_code(self, func_index: int, address: int) -> None:
        """Put the address of an own function's code into its function record."""
        self.write(self.compiled.layout.own_function_record_offset(func_index) + layout.FUNCTION_CODE, address)

    def set_codes(self, addresses: array[int]) -> None:
        """Fill the function records, which are new: the code of each, in their order."""
        blueprint, start = self.compiled.blueprint, self.compiled.layout.function_records
        own = blueprint.referenced_functions
        type_ids = [blueprint.types[blueprint.function_types[index]].id for index in own]
        # FAST: a field of all records at a time: 1 ms for the 6,000 of a large program, 10 ms one by one.
        for field, values in (
            (layout.FUNCTION_CODE, addresses),
            (layout.FUNCTION_VM, array("Q", [self.vm]) * len(own)),
            (layout.FUNCTION_TYPE_ID, array("Q", type_ids)),
            (layout.FUNCTION_COOKIE, array("Q", own)),
        ):
            first, step = (start + field) >> 3, layout.FUNCTION_RECORD_BYTES >> 3
            self._words[first : first + step * len(own) : step] = memoryview(values)

    def function_deftype(self, cookie: int) -> DefType:
        """The type of the own function with this index."""
        blueprint = self.compiled.blueprint
        return blueprint.types[blueprint.function_types[cookie]]

    def function_name(self, cookie: int) -> str:
        """What Python calls the own function with this index: by its export, else by its name section."""
        name = self.compiled.export_names.get(cookie)
        if name is None:
            name = self.compiled.function_name(cookie)
        return f"function {cookie}" if name is None else name

    def function_is_short(self, cookie: int) -> bool:
        """Whether the own function with this index runs for a moment at most."""
        return cookie in self.compiled.short_functions
