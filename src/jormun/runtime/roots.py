"""What leads to objects from outside of a heap: globals, tables, segments, exceptions, and what Python holds."""

from __future__ import annotations

from array import array

from jormun.containers import WeakValueDictionary
from jormun.functions import contextmanager
from jormun.hints import TYPE_CHECKING
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.hints import Iterator
    from jormun.runtime.exceptions import Exceptions
    from jormun.runtime.native import pages
    from jormun.runtime.objects import Object
    from jormun.runtime.table import TableInstance


class Roots:
    """Those of one store, which live as long as it: of what can be an object (references.may_be_object)."""

    __slots__ = ("_blocks", "_cells", "_held", "_tables", "exceptions", "handles", "pinned")

    def __init__(self) -> None:
        self._cells: list[int] = []
        self._tables: list[TableInstance] = []
        self._blocks: list[pages.Block] = []
        self.exceptions: Exceptions | None = None
        """Those of the store, if there are any."""
        self.pinned: dict[int, int] = {}
        """Where results of calls are that nobody has taken yet: addresses, and how many bytes from there on."""
        self.handles: WeakValueDictionary[int, Object] = WeakValueDictionary()
        """What Python holds objects by, by address."""

    def add_global(self, cell: int) -> None:
        """A global, whose cell is at an address."""
        self._cells.append(cell)

    def add_table(self, table: TableInstance) -> None:
        """A table."""
        self._tables.append(table)

    def add_segment(self, block: pages.Block) -> None:
        """The references in an element segment, if they are not of functions alone."""
        self._blocks.append(block)

    @contextmanager
    def pinning(self, values: pages.Block) -> Iterator[None]:
        """What is in a block is kept alive while this lasts."""
        self.pinned[values.address] = values.size_bytes
        try:
            yield
        finally:
            del self.pinned[values.address]

    def add_to(self, ranges: array[int]) -> None:
        """Append where words are that may be references to objects: first addresses and ends, in turn."""
        for cell in self._cells:
            ranges.extend((cell, cell + layout.REFERENCE_BYTES))
        for table in self._tables:
            base = table.space.base
            ranges.extend((base, base + table.size * layout.REFERENCE_BYTES))
        for block in self._blocks:
            ranges.extend((block.address, block.address + block.size_bytes))
        if self.exceptions is not None:
            self.exceptions.forget()
            for address, end in self.exceptions.ranges():
                ranges.extend((address, end))
        for address, size_bytes in list(self.pinned.items()):
            ranges.extend((address, address + size_bytes))
        held = self._held = array("Q", self.handles.keys())
        address, count = held.buffer_info()
        ranges.extend((address, address + layout.REFERENCE_BYTES * count))
