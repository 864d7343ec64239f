"""Memories (core specification, sections 4.2.9 and 4.7.1; shared ones: the threads proposal).

A memory reserves its address space once and never moves: growing only makes more of it accessible. So compiled code
keeps its base address, and views stay valid.
"""

from __future__ import annotations

from _operator import index as to_index  # operator's own, without its Python

from jormun import limits
from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.hints import TYPE_CHECKING, NoReturn, SupportsIndex
from jormun.locks import RLock
from jormun.runtime import layout
from jormun.runtime.address_space import GROW_FAILED, AddressSpace
from jormun.runtime.native import pages
from jormun.runtime.uncopied import uncopied
from jormun.types import Limits, MemoryType

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from jormun.hints import Any, Sequence
    from jormun.runtime.budget import Budget
    from jormun.runtime.native.memory_image import MemoryImage
    from jormun.runtime.store import Store
    from jormun.runtime.waiters import Waiters

_record = pages.words(layout.MEMORY_RECORD_BYTES >> 3)


class MemoryParts:
    """What a memory is made of natively; another one of the same type may have it afterwards."""

    __slots__ = ("_words", "image", "record", "space", "type")

    def __init__(self, type: MemoryType, space: AddressSpace, record: pages.Block) -> None:
        self.type = type
        self.space = space
        self.record = record
        self._words = _record(record.address)
        self.image: MemoryImage | None = None
        """What was mapped into it."""

    @classmethod
    def of(cls, type: MemoryType, budget: Budget) -> MemoryParts:
        """Those of a new memory. Raises ExhaustionError when its minimum is beyond the budget or what there is."""
        space = AddressSpace(_reservation_bytes(type), budget)
        record = pages.Block(layout.MEMORY_RECORD_BYTES, 16)
        record.write_u64(layout.MEMORY_BASE, space.base)
        pages_minimum = type.limits.minimum
        if pages_minimum > _maximum_pages(type):
            space.reason = f"its maximum is {_maximum_pages(type)} pages"
        elif space.commit(pages_minimum << type.page_size_log2):
            record.write_u64(layout.MEMORY_SIZE_BYTES, pages_minimum << type.page_size_log2)
            return cls(type, space, record)
        raise ExhaustionError(
            TrapKind.RESOURCE_LIMIT,
            message=f"a memory of {pages_minimum} pages is beyond the limits: {space.reason}",
        )

    @property
    def size_bytes(self) -> int:
        """The present size in bytes."""
        return self._words[layout.MEMORY_SIZE_BYTES >> 3]

    @size_bytes.setter
    def size_bytes(self, size_bytes: int) -> None:
        self._words[layout.MEMORY_SIZE_BYTES >> 3] = size_bytes


class Memory:
    """A memory of WebAssembly: bytes, in pages of 64 KiB.

    Indexing and slicing read and write bytes as a bytearray's would. It is a buffer: memoryview(memory), and `view()`,
    are the memory itself, without a copy; so are numpy.asarray(memory), and `array` for other types. All of them cover
    the size at that time, stay valid when the memory grows, and keep it when the instance is gone.

    >>> import jormun
    >>> memory = jormun.load('(module (memory (export "memory") 1 2))').exports.memory
    >>> memory[0:5] = b"hello"
    >>> memory.read(0, 5), memory.size_pages, memory.grow(1), memory.size_pages
    (b'hello', 1, 1, 2)
    """

    def __init__(self, store: Store, type: MemoryType) -> None:
        """A memory of its own, to be imported by instances. A shared one may serve several stores.

        Raises ExhaustionError when its minimum is beyond the store's limits or what the system has.
        """
        parts = MemoryParts.of(type, store.budget)
        self._begin(parts, parts.space)

    @classmethod
    def at(cls, parts: MemoryParts, owner: object) -> Memory:
        """The one handle of a memory that is there. It keeps `owner`, which sees to it that nobody else uses it."""
        memory = cls.__new__(cls)
        memory._begin(parts, owner)
        return memory

    def _begin(self, parts: MemoryParts, owner: object) -> None:
        self.parts = parts
        self._type = parts.type
        self._page_size_log2 = parts.type.page_size_log2
        self._maximum_pages = _maximum_pages(parts.type)
        self._space = parts.space
        self._record = parts.record
        self._owner = owner
        self._lock = RLock()
        self._is_growing = False
        self._waiters: Waiters | None = None
        if parts.type.is_shared:
            from jormun.runtime.waiters import Waiters  # few memories are

            self._waiters = Waiters()
        self._view: memoryview | None = None

    @property
    def type(self) -> MemoryType:
        """The type, for linking: the present size is its minimum."""
        t = self._type
        return MemoryType(Limits(self.size_pages, t.limits.maximum), t.address, t.is_shared, t.page_size_log2)

    @property
    def base(self) -> int:
        """The address of its first byte; constant."""
        return self._space.base

    @property
    def record(self) -> int:
        """The address of its record (runtime/layout.py)."""
        return self._record.address

    @property
    def is_shared(self) -> bool:
        """Whether threads of guests may share it."""
        return self._type.is_shared

    @property
    def size_bytes(self) -> int:
        """The present size in bytes."""
        return self._record.read_u64(layout.MEMORY_SIZE_BYTES)

    @property
    def size_pages(self) -> int:
        """The present size in pages."""
        return self.size_bytes >> self._page_size_log2

    def __len__(self) -> int:
        return self.size_bytes

    def __reduce__(self) -> NoReturn:
        raise uncopied("a memory", "memory.read(0, len(memory)) is a copy of its bytes")

    def __repr__(self) -> str:
        return f"<Memory of {self.size_pages} pages>"

    def grow(self, delta_pages: int) -> int:
        """Grow by a number of pages, which may be 0; returns the size in pages before.

        Raises ExhaustionError when that is more than the memory's maximum, the store's limits or the system allow.
        """
        if delta_pages < 0:
            raise ValueError(f"a memory cannot grow by {delta_pages} pages")
        old_pages = self.try_grow(delta_pages)
        if old_pages == GROW_FAILED:
            raise ExhaustionError(
                TrapKind.RESOURCE_LIMIT,
                message=f"a memory of {self.size_pages} pages cannot grow by {delta_pages}: {self._space.reason}",
            )
        return old_pages

    def view(self) -> memoryview:
        """The memory itself as writable bytes, of the present size. The view keeps the memory alive."""
        view = self._view
        size_bytes = self.size_bytes
        try:
            if view is not None and len(view) == size_bytes:
                return view
        except ValueError:
            pass  # somebody released it, as they may
        view = self._view = pages.view(self.base, size_bytes, self._owner)
        return view

    def array(self, address: int, shape: int | Sequence[int], dtype: DTypeLike = "u1") -> NDArray[Any]:
        """The memory itself from `address` on as a NumPy array, little-endian, without a copy.

        Raises IndexError where it is not within the memory's present size, TypeError for a dtype of Python objects, and
        ImportError without NumPy.

        >>> import jormun
        >>> memory = jormun.load('(module (memory (export "memory") 1))').exports.memory
        >>> memory.array(8, (2, 2), "i4")[:] = [[1, 2], [3, 4]]
        >>> list(memory[8:16])
        [1, 0, 0, 0, 2, 0, 0, 0]
        """
        from jormun.runtime.arrays import array_at  # NumPy need not be there

        return array_at(self.view(), address, shape, dtype)

    def read(self, address: int, size_bytes: int) -> bytes:
        """A copy of `size_bytes` bytes from `address` on. Raises IndexError outside of the memory."""
        view = self.view()
        if address < 0 or size_bytes < 0 or address + size_bytes > len(view):
            raise _out_of_range(address, size_bytes, len(view))
        return bytes(view[address : address + size_bytes])

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Copy bytes into the memory. Raises IndexError, and writes nothing, outside of the memory."""
        source = memoryview(data).cast("B")
        view = self.view()
        if address < 0 or address + len(source) > len(view):
            raise _out_of_range(address, len(source), len(view))
        view[address : address + len(source)] = source

    def __getitem__(self, key: SupportsIndex | slice) -> int | bytes:
        if isinstance(key, slice):
            return bytes(self.view()[key])
        return self.view()[key]

    def __setitem__(self, key: SupportsIndex | slice, value: int | bytes | bytearray | memoryview) -> None:
        if isinstance(key, slice):
            if isinstance(value, int):
                raise TypeError("a slice of a memory is set from bytes, not int")
            self.view()[key] = memoryview(value).cast("B")
        else:
            self.view()[key] = to_index(value)  # type: ignore[arg-type]

    def __buffer__(self, flags: int) -> memoryview:
        """A view, for memoryview(memory), from Python 3.12 on."""
        return memoryview(self.view())

    def wait(self, address: int, expected: int, size_bytes: int, timeout_ns: int) -> int:
        """memory.atomic.wait32 and wait64: sleep while the 4 or 8 bytes at `address` are `expected`, until notified.

        `timeout_ns` is in nanoseconds, negative for none. Returns 0 when notified, 1 when the bytes differed, 2 when
        the time was up. Those who wait at one address are woken in the order of their coming. Raises Trap for an
        address that is out of bounds or unaligned, for a memory that is not shared, and for an interruption.
        """
        self._check_atomic(address, size_bytes)
        if self._waiters is None:
            raise Trap(TrapKind.EXPECTED_SHARED_MEMORY)
        # One load, as wide as the guest's own stores. Safe because the address was found inside and aligned, and a
        # memory never shrinks.
        read, at = pages.read_u32 if size_bytes == 4 else pages.read_u64, self.base + address
        return self._waiters.wait(address, lambda: read(at) == expected, timeout_ns)

    def notify(self, address: int, count: int) -> int:
        """memory.atomic.notify: wake at most `count` of those that wait at `address`; returns how many."""
        self._check_atomic(address, 4)
        return 0 if self._waiters is None else self._waiters.notify(address, count)

    def try_grow(self, delta_pages: int) -> int:
        """The instruction memory.grow: the old size in pages, or -1."""
        with self._lock:
            if self._is_growing:  # by the call in whose middle a signal's handler runs
                self._space.reason = "it is growing already, in the middle of which this call came"
                return GROW_FAILED
            self._is_growing = True
            try:
                old_pages = self.size_bytes >> self._page_size_log2
                if delta_pages > self._maximum_pages - old_pages:
                    self._space.reason = f"its maximum is {self._maximum_pages} pages"
                    return GROW_FAILED
                new_bytes = old_pages + delta_pages << self._page_size_log2
                if not self._space.commit(new_bytes):
                    return GROW_FAILED
                self._record.write_u64(layout.MEMORY_SIZE_BYTES, new_bytes)
                return old_pages
            finally:
                self._is_growing = False

    def _check_atomic(self, address: int, size_bytes: int) -> None:
        if address % size_bytes:
            raise Trap(TrapKind.UNALIGNED_ATOMIC)
        if address + size_bytes > self.size_bytes:
            raise Trap(TrapKind.MEMORY_OUT_OF_BOUNDS)


def _out_of_range(address: int, size_bytes: int, memory_bytes: int) -> IndexError:
    return IndexError(f"{size_bytes} bytes at address {address} are outside of a memory of {memory_bytes} bytes")


def _maximum_pages(t: MemoryType) -> int:
    """The most pages that such a memory may have: its maximum, within what its addresses reach."""
    reach = 1 << t.address.bits - t.page_size_log2
    return reach if t.limits.maximum is None else min(reach, t.limits.maximum)


def _reservation_bytes(t: MemoryType) -> int:
    if layout.is_guarded(t):
        return layout.MEMORY_ADDRESSABLE_BYTES + layout.MEMORY_GUARD_BYTES
    return min(_maximum_pages(t) << t.page_size_log2, limits.MEMORY_RESERVATION_BYTES)
