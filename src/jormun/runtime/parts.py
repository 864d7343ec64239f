"""The native parts of instances, which another instance of the same module may use after one (section 4.2.5)."""

from __future__ import annotations

from array import array

from jormun.hints import TYPE_CHECKING, Sequence
from jormun.runtime import layout
from jormun.runtime.address_space import Budget, Space
from jormun.runtime.memory import MemoryParts
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.table import TableInstance

if TYPE_CHECKING:
    from jormun.runtime.module import CompiledModule


class Parts:
    """An instance's record (runtime/layout.py), and, once it is `noted`, the memories and tables of its own."""

    __slots__ = (
        "__weakref__", "_committed_bytes", "_initial", "_memories", "_record", "_spaces", "_tables", "memories",
        "tables", "words",
    )  # fmt: skip

    def __init__(self, compiled: CompiledModule) -> None:
        """A record with what is the same for all instances of the module."""
        self._record = pages.Block(compiled.layout.size_bytes, layout.VM_ALIGNMENT)
        self.words = self._record.view().cast("Q")
        """The record, by words."""
        self.memories: Sequence[MemoryParts] = ()
        self.tables: list[TableInstance] = []
        self.words[layout.VM_CODE_TABLE >> 3] = compiled.code_table
        self.words[layout.VM_SERVICES >> 3] = Native.get().services
        self.words[layout.VM_COUNTERS >> 3] = compiled.counters
        compiled.attach(self)

    @property
    def vm(self) -> int:
        """The address of the record."""
        return self._record.address

    def note(self, compiled: CompiledModule, memories: Sequence[MemoryParts], tables: list[TableInstance]) -> None:
        """Remember what there is now, before any code of the instance has run, for `reset`.

        All memories and tables are the instance's own, the contents of memories are those of their images, and no
        reference leads out of the record.
        """
        self.memories = memories
        self.tables = tables
        # Function records behind these words change with the module's code alone.
        self._initial = memoryview(self.words[: compiled.layout.function_records >> 3].tobytes()).cast("Q")
        self._memories = [(each.reset, each.size_bytes, each.space.committed_bytes) for each in memories]
        self._tables = [(each, each.contents(), each.space.committed_bytes) for each in tables]
        spaces: list[Space] = [each.space for each in memories]
        spaces += [each.space for each in tables]
        self._spaces = spaces
        self._committed_bytes = sum([space.committed_bytes for space in spaces])

    def lend(self, budget: Budget) -> bool:
        """Take from a store's budget what memories and tables begin with, if there is as much."""
        if self._committed_bytes and not budget.take(self._committed_bytes):
            return False
        for space in self._spaces:
            space.lend(budget)
        return True

    def reset(self) -> None:
        """Be as it was when it was noted. Nothing that a guest wrote is left anywhere. Raises WasmError.

        Nobody uses the instance any more: it, its handles and all views of its memories are dead.
        """
        for reset, size_bytes, committed_bytes in self._memories:
            reset(size_bytes, committed_bytes)
        for table, contents, committed_bytes in self._tables:
            table.reset(contents, committed_bytes)
        self.words[: len(self._initial)] = self._initial

    def set_code(self, offset: int, address: int) -> None:
        """Put the address of code into the function record at an offset."""
        self.words[(offset + layout.FUNCTION_CODE) >> 3] = address

    def set_codes(self, compiled: CompiledModule, addresses: array[int]) -> None:
        """Fill the function records, which are new: the code of each, in their order."""
        blueprint, start = compiled.blueprint, compiled.layout.function_records
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
            self.words[first : first + step * len(own) : step] = memoryview(values)
