"""The native parts of instances, which another instance of the same module may use after one (section 4.2.5)."""

from __future__ import annotations

from array import array
from sys import is_finalizing

from jormun.errors import WasmError
from jormun.hints import TYPE_CHECKING, Protocol, Sequence
from jormun.runtime import layout
from jormun.runtime.address_space import Space
from jormun.runtime.budget import Budget
from jormun.runtime.memory import MemoryParts
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.owners import new_key
from jormun.runtime.table import TableInstance

if TYPE_CHECKING:
    from jormun.runtime.module import CompiledModule


_MOST_SPARES = 64
"""How many parts of a module wait for their next use: as many instances may be made and dropped at the same time.
Each holds address space and page tables, its record and tables, and a few pages that were written."""


class Borrower(Protocol):
    """What gives back to a budget what was taken from it."""

    budget: Budget | None
    """That of the store which has it, if any has."""


class TableContents:
    """The references in a table, for any instance of a module: those to functions of its own are by their place in the
    record.
    """

    __slots__ = ("_absolute", "_lanes", "_size_bytes")

    def __init__(self, elements: bytes, record: range) -> None:
        """`elements` are those of an instance with this record."""
        words = memoryview(elements).cast("Q")
        own = array("Q", [each in record for each in words])
        relative = array("Q", [each - record.start if each in record else each for each in words])
        self._size_bytes = len(elements)
        self._lanes = int.from_bytes(own.tobytes(), "little")
        self._absolute = int.from_bytes(relative.tobytes(), "little")

    def at(self, vm: int) -> bytes:
        """The elements for the instance whose record is there."""
        # FAST: one sum of large ints, since none in it carries: 3 us for 400 elements, 30 one by one.
        return (self._absolute + self._lanes * vm).to_bytes(self._size_bytes, "little")


class Parts:
    """An instance's record (runtime/layout.py), and, once it is `noted`, the memories and tables of its own."""

    __slots__ = (
        "__weakref__", "_contents", "_initial", "_memories", "_record", "_state", "_tables", "borrowers",
        "committed_bytes", "elements", "is_filled", "key", "memories", "tables", "untrack", "words",
    )  # fmt: skip

    def __init__(self, compiled: CompiledModule) -> None:
        """A record with what is the same for all instances of the module, but for the function records."""
        sizes = compiled.layout
        self._record = pages.block_of(sizes.size_bytes, sizes.function_records, layout.VM_ALIGNMENT)
        self.words = self._record.view().cast("Q")
        """The record, by words."""
        self.memories: Sequence[MemoryParts] = ()
        self.tables: list[TableInstance] = []
        self.words[layout.VM_CODE_TABLE >> 3] = compiled.code_table
        native = Native.get()
        self.words[layout.VM_SERVICES >> 3] = native.services
        self.untrack = native.built_ins.untrack
        self.words[layout.VM_COUNTERS >> 3] = compiled.counters
        self.key = new_key()
        """That of the instances whose parts they are, one after the other (runtime/owners.py)."""
        self.words[layout.VM_INSTANCE_KEY >> 3] = self.key
        self.is_filled = False
        """Whether function records and tables have in them what they begin with: see `CompiledModule.fill`."""

    @property
    def vm(self) -> int:
        """The address of the record."""
        return self._record.address

    def note(self, compiled: CompiledModule) -> None:
        """Remember what there is now, before any code of the instance has run, for `reset`.

        All memories and tables are the instance's own, the contents of memories are those of their images, and no
        reference leads out of the record.
        """
        memories, tables = self.memories, self.tables
        self._contents: Sequence[TableContents] = ()
        # All else in the record is constant, or written for each instance, or changes with the module's code.
        state = compiled.layout.state
        self._state = slice(state.start >> 3, state.stop >> 3)
        self._initial = array("Q", self.words[self._state].tobytes())
        self._memories = [(each, each.size_bytes, each.space.committed_bytes) for each in memories]
        self._tables = [(each, each.space.committed_bytes) for each in tables]
        spaces: list[Space] = [each.space for each in memories]
        spaces += [each.space for each in tables]
        self.borrowers: list[Borrower] = [*spaces, *tables]
        self.committed_bytes = sum([space.committed_bytes for space in spaces])
        """What memories and tables have,"""
        self.elements = sum([each.size for each in tables])
        """and how many elements tables: what is taken from a budget with them."""

    def reset(self) -> None:
        """Be as it was when it was noted. Nothing that a guest wrote is left anywhere. Raises WasmError.

        Nobody uses the instance any more: it, its handles and all views of its memories are dead.
        """
        for memory, size_bytes, committed_bytes in self._memories:
            memory.space.reset(committed_bytes, memory.image)
            memory.size_bytes = size_bytes
        for k, (table, committed_bytes) in enumerate(self._tables):
            table.reset(self._contents[k].at(self.vm) if self.is_filled else None, committed_bytes)
        if self._initial:
            self.words[self._state] = self._initial

    def contents(self) -> list[TableContents]:
        """What the tables have in them now, for other instances."""
        record = range(self.vm, self.vm + self._record.size_bytes)
        return [TableContents(each.contents(), record) for each in self.tables]

    def fill(self, contents: Sequence[TableContents]) -> None:
        """Write what tables begin with; function records have been."""
        self._contents = contents
        for table, each in zip(self.tables, contents, strict=True):
            table.write(0, each.at(self.vm))

    def set_code(self, offset: int, address: int) -> None:
        """Put the address of code into the function record at an offset."""
        self.words[(offset + layout.FUNCTION_CODE) >> 3] = address

    def set_record(self, compiled: CompiledModule, func_index: int, address: int) -> None:
        """Fill the function record of one function, with the address of its code."""
        blueprint, at = compiled.blueprint, compiled.layout.own_function_record_offset(func_index)
        self.set_code(at, address)
        self.words[(at + layout.FUNCTION_VM) >> 3] = self.vm
        self.words[(at + layout.FUNCTION_TYPE_ID) >> 3] = blueprint.types[blueprint.function_types[func_index]].id
        self.words[(at + layout.FUNCTION_COOKIE) >> 3] = func_index

    def set_codes(self, compiled: CompiledModule, addresses: array[int]) -> None:
        """Fill all function records, with the address of the code of each, in their order."""
        blueprint, start = compiled.blueprint, compiled.layout.function_records
        own = array("Q", compiled.layout.own_function_records)
        type_ids = [blueprint.types[blueprint.function_types[index]].id for index in own]
        # FAST: a field of all records at a time: 1 ms for the 6,000 of a large program, 10 ms one by one.
        for field, values in (
            (layout.FUNCTION_CODE, addresses),
            (layout.FUNCTION_VM, array("Q", [self.vm]) * len(own)),
            (layout.FUNCTION_TYPE_ID, array("Q", type_ids)),
            (layout.FUNCTION_COOKIE, own),
        ):
            first, step = (start + field) >> 3, layout.FUNCTION_RECORD_BYTES >> 3
            self.words[first : first + step * len(own) : step] = memoryview(values)


class Lease:
    """Parts in use. The instance holds it, and whoever may outlive the instance; when it dies, others may have them."""

    __slots__ = ("_parts", "_spares")

    def __init__(self, parts: Parts, spares: list[Parts]) -> None:
        """Parts that are noted. `spares` is where they go then, unless there are enough."""
        self._parts = parts
        self._spares = spares
        # See pages.finalized_last: the `__del__` of a user's object in the same cycle may use the instance yet.
        parts.untrack(self)

    def __del__(self) -> None:
        if is_finalizing():
            return
        parts, spares = self._parts, self._spares
        try:
            parts.reset()
        except WasmError:
            return  # they are given up instead
        if len(spares) < _MOST_SPARES:
            spares.append(parts)
