"""Tables (core specification, sections 4.2.8 and 4.7.1)."""

from __future__ import annotations

from _operator import index as to_index  # operator's own, without its Python

from jormun import limits
from jormun.errors import ExhaustionError, TrapKind
from jormun.hints import TYPE_CHECKING, NoReturn, SupportsIndex
from jormun.locks import RLock
from jormun.runtime import layout, references
from jormun.runtime.address_space import GROW_FAILED, AddressSpace, FixedSpace, Space
from jormun.runtime.budget import Budget
from jormun.runtime.growing_space import GrowingSpace
from jormun.runtime.layout import REFERENCE_BYTES
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.references import may_be_object
from jormun.runtime.uncopied import uncopied
from jormun.types import Limits, RefType, TableType

if TYPE_CHECKING:
    from jormun.runtime.store import Store


_FIXED_BYTES = 1 << 20
"""What allocators take out of memory that they have, or soon would."""


class TableInstance:
    """The native side of a table: an array of references, as bits."""

    __slots__ = ("_lock", "_maximum", "_record", "_space", "_type", "budget")

    def __init__(self, type: TableType, budget: Budget, init: int = references.NULL) -> None:
        """A table of its type's minimum, filled with `init`. Raises ExhaustionError beyond the limits."""
        reach = (1 << type.address.bits) - 1
        declared = reach if type.limits.maximum is None else type.limits.maximum
        self.budget: Budget | None = None
        self._type = type
        self._maximum = min(declared, limits.TABLE_ELEMENTS)
        self._space = _space(type, self._maximum, budget)
        self._record = pages.Block(layout.TABLE_RECORD_BYTES, 16)
        self._record.write_u64(layout.TABLE_ELEMENTS, self._space.base)
        self._lock = RLock()  # a handler of signals may run while it is held
        self.budget = budget
        if self.grow(type.limits.minimum, init) == GROW_FAILED:
            raise ExhaustionError(
                TrapKind.RESOURCE_LIMIT,
                message=f"a table of {type.limits.minimum} elements is beyond the limits: {self.reason}",
            )

    @property
    def type(self) -> TableType:
        """The type, with the present size as its minimum."""
        t = self._type
        return TableType(t.element, Limits(self.size, t.limits.maximum), t.address)

    @property
    def element(self) -> RefType:
        """The type of its elements."""
        return self._type.element

    @property
    def record(self) -> int:
        """The address of its record (runtime/layout.py)."""
        return self._record.address

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._record.read_u64(layout.TABLE_SIZE)

    @property
    def space(self) -> Space:
        """Where its elements are."""
        return self._space

    def contents(self) -> bytes:
        """All elements as they are in memory."""
        return pages.read_bytes(self._space.base, self.size * REFERENCE_BYTES)

    def reset(self, contents: bytes | None, committed_bytes: int) -> None:
        """Have again what `contents` gave when the table was new; all handles of it are dead. None is for a table that
        nobody has written to.
        """
        self._give_back()
        self._space.reset(committed_bytes)
        self._record.write_u64(layout.TABLE_ELEMENTS, self._space.base)
        if contents is not None:
            self.write(0, contents)
            self._record.write_u64(layout.TABLE_SIZE, len(contents) // REFERENCE_BYTES)

    @property
    def reason(self) -> str:
        """Why `grow` failed."""
        return self._space.reason

    def get(self, index: int) -> int:
        """The reference at a place that is known to be in the table."""
        return pages.read_u64(self._space.base + index * REFERENCE_BYTES)

    def set(self, index: int, bits: int) -> None:
        """Put a reference at a place that is known to be in the table."""
        with self._lock:  # it may move
            pages.write_u64(self._space.base + index * REFERENCE_BYTES, bits)

    def write(self, index: int, elements: bytes | memoryview) -> None:
        """Put references, 8 bytes each, from a place on; all are known to fit."""
        pages.write_bytes(self._space.base + index * REFERENCE_BYTES, elements)

    def moves(self, delta: int) -> bool:
        """Whether to grow changes where the elements are, so that no guest may be at them."""
        space = self._space
        return isinstance(space, GrowingSpace) and space.moves((self.size + delta) * REFERENCE_BYTES)

    def grow(self, delta: int, init: int) -> int:
        """The instruction table.grow: the size before, or -1."""
        with self._lock:
            size = self.size
            if delta > self._maximum - size:
                self._space.reason = f"its maximum is {self._maximum} elements"
                return GROW_FAILED
            assert self.budget is not None
            if not self.budget.take(0, delta):
                self._space.reason = self.budget.elements_reason
                return GROW_FAILED
            if not self._space.commit((size + delta) * REFERENCE_BYTES):
                self.budget.give_back(0, delta)
                return GROW_FAILED
            if init != references.NULL:
                self.write(size, init.to_bytes(REFERENCE_BYTES, "little") * delta)
            self._record.write_u64(layout.TABLE_ELEMENTS, self._space.base)
            self._record.write_u64(layout.TABLE_SIZE, size + delta)
            return size

    def _give_back(self) -> None:
        budget = self.budget
        if budget is not None:
            self.budget = None
            budget.give_back(0, self.size)

    def __del__(self) -> None:
        self._give_back()


class Table:
    """A table of WebAssembly: a row of references, which are functions, objects of the host, or None.

    Indexing gets and sets elements, `len()` is the size. IndexError says that an index is outside.

    >>> import jormun
    >>> table = jormun.load('(module (table (export "table") 2 externref))').exports.table
    >>> table[0] = "any object"
    >>> list(table)
    ['any object', None]
    """

    __slots__ = ("__weakref__", "_owner", "instance", "store")

    def __init__(self, store: Store, type: TableType, init: object = None) -> None:
        """A table filled with `init`, for instances of `store` to import.

        Raises TypeError when `init` is not of its element type, ExhaustionError beyond the store's limits.
        """
        self.store = store
        self.instance = store.keep(TableInstance(type, store.budget, store.to_bits(type.element, init)))
        if may_be_object(type.element):
            store.roots.add_table(self.instance)
        self._owner: object = None

    @classmethod
    def at(cls, store: Store, instance: TableInstance, owner: object) -> Table:
        """The handle of a table that is there; `owner` sees to it that nobody else uses it."""
        table = cls.__new__(cls)
        table.store = store
        table.instance = instance
        table._owner = owner
        return table

    @property
    def type(self) -> TableType:
        """The type, for linking: the present size is its minimum."""
        return self.instance.type

    def __len__(self) -> int:
        return self.instance.size

    def __reduce__(self) -> NoReturn:
        raise uncopied("a table", "list(table) is a copy of its elements")

    def __repr__(self) -> str:
        return f"<Table of {len(self)} elements {self.type.element}>"

    def __getitem__(self, index: SupportsIndex) -> object:
        place = self._place(index)
        with self.store.reading:
            return self.store.from_bits(self.instance.element, self.instance.get(place))

    def __setitem__(self, index: SupportsIndex, value: object) -> None:
        place = self._place(index)
        self.instance.set(place, self.store.to_bits(self.type.element, value))

    def get(self, index: SupportsIndex) -> object:
        """The element, as `table[index]`."""
        return self[index]

    def set(self, index: SupportsIndex, value: object) -> None:
        """Set the element, as `table[index] = value`."""
        self[index] = value

    def grow(self, delta: int, init: object = None) -> int:
        """Append `delta` elements, all `init`; returns the size before.

        Raises ExhaustionError when that is more than the table's maximum or the store's limits allow.
        """
        if delta < 0:
            raise ValueError(f"a table cannot grow by {delta} elements")
        bits = self.store.to_bits(self.type.element, init)
        if self.instance.moves(delta):
            turn = self.store.turn
            claim = turn.enter(Native.get().stacks.current().context, self)
            try:
                size = self.instance.grow(delta, bits)
            finally:
                turn.leave(claim)
        else:
            size = self.instance.grow(delta, bits)
        if size == GROW_FAILED:
            raise ExhaustionError(
                TrapKind.RESOURCE_LIMIT,
                message=f"a table of {len(self)} elements cannot grow by {delta}: {self.instance.reason}",
            )
        return size

    def _place(self, index: SupportsIndex) -> int:
        place = to_index(index)
        size = len(self)
        if place < 0:
            place += size
        if not 0 <= place < size:
            raise IndexError(f"index {to_index(index)} is outside of a table of {size} elements")
        return place


def _space(t: TableType, maximum: int, budget: Budget) -> Space:
    """Where the elements of a table are; those of a small one, as most compilers make them, in ordinary memory."""
    size_bytes = maximum * REFERENCE_BYTES
    if t.limits.minimum == t.limits.maximum == maximum and size_bytes <= _FIXED_BYTES:
        return FixedSpace(size_bytes, budget)
    first_bytes = t.limits.minimum * REFERENCE_BYTES
    if first_bytes <= _FIXED_BYTES and first_bytes < size_bytes:
        return GrowingSpace(size_bytes, first_bytes, budget)
    return AddressSpace(size_bytes, budget)
