"""The native side of module instances (core specification, section 4.2.5)."""

from __future__ import annotations

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

    def function_deftype(self, cookie: int) -> DefType:
        """The type of the own function with this index."""
        valid = self.compiled.valid
        return valid.types[valid.function_types[cookie]]

    def function_name(self, cookie: int) -> str:
        """What Python calls the own function with this index: by its export, else by its name section."""
        name = self.compiled.export_names.get(cookie)
        if name is None:
            name = self.compiled.function_name(cookie)
        return f"function {cookie}" if name is None else name
