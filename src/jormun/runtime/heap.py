"""The heap of a store: memory for structures and arrays, and when what is dead is collected (section 4.2.13).

Machine code allocates from it (runtime/native/heap.py) and finds what is alive (runtime/native/collector.py). How large
it gets is decided here. A collection comes when as much has been allocated as was alive after the last one.
"""

from __future__ import annotations

from array import array

from jormun.errors import ExhaustionError, TrapKind
from jormun.functions import contextmanager
from jormun.hints import TYPE_CHECKING, Final
from jormun.locks import RLock
from jormun.runtime import heap_layout as offsets
from jormun.runtime.budget import NO_BOUND, Budget
from jormun.runtime.heap_layout import BLOCK_BYTES, BLOCK_MARKS_BYTES, DEAD, FREE, INSIDE, LARGE
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.roots import Roots
from jormun.runtime.shapes import Shape, shapes_base

if TYPE_CHECKING:
    from jormun.hints import Iterator

_MOST_BYTES: Final = 64 << 30
_LEAST_BYTES: Final = 1 << 24
_FEWEST_BLOCKS: Final = 64
"""So many blocks are taken before the first collection, and between two of them: 4 MiB."""
_LITTLE_LOG2: Final = 5
"""One part in so many, by powers of two, is little."""
_CHUNK_BYTES: Final = 1 << 20
_WORDS: Final = 8


class Heap:
    """The objects of one store's guests. It refers to nothing that refers to the store.

    A range of addresses: blocks, then what is noted for each of them, then room for a collection, all of which become
    accessible as blocks are taken.
    """

    __slots__ = (
        "_base", "_blocks", "_budget", "_ceiling", "_classes", "_collect", "_committed", "_is_busy", "_kinds",
        "_links", "_marks", "_record", "_refill", "_size_bytes", "_whole_bytes", "collections", "holds", "lock",
        "roots",
    )  # fmt: skip

    def __init__(self, budget: Budget, roots: Roots) -> None:
        """An empty heap. Raises ExhaustionError where there is not enough address space for one."""
        most = _MOST_BYTES if budget.size_bytes == NO_BOUND else min(budget.size_bytes, _MOST_BYTES)
        size_bytes = pages.round_up(max(most, _LEAST_BYTES), _CHUNK_BYTES)
        # Behind each byte of a block, half a byte for the collection, one bit of 16 bytes, and 5 bytes for each block.
        whole, reserved = pages.reserve_most(2 * size_bytes, 2 * _LEAST_BYTES, BLOCK_BYTES)
        size_bytes = reserved // 2
        self._size_bytes, self._whole_bytes = size_bytes, reserved
        self._budget = budget
        self.roots = roots
        self._base = whole
        self._marks = whole + size_bytes
        self._kinds = self._marks + pages.round_up(size_bytes // BLOCK_BYTES * BLOCK_MARKS_BYTES)
        self._links = self._kinds + pages.round_up(size_bytes // BLOCK_BYTES)
        stack = self._links + pages.round_up(4 * (size_bytes // BLOCK_BYTES))
        self._committed = 0
        """How many bytes of blocks are accessible."""
        self._blocks = 0
        """How many blocks there are, number 0, which nobody gets, counted."""
        self._ceiling = 1 + _FEWEST_BLOCKS
        """How many blocks there may be before the next collection. Those that are free again are used before others."""
        self._is_busy = False
        self.holds = 0
        """How many are making instances, whose objects nothing leads to yet."""
        self.lock = RLock()
        """Whoever makes a reference known to Python holds it: no collection comes between."""
        self.collections = 0
        """How many there have been."""
        self._classes = pages.Block(offsets.LARGEST_BYTES // offsets.PLACE_BYTES + 1)
        self._classes.view()[:] = bytes(
            [offsets.class_of(offsets.PLACE_BYTES * k) for k in range(self._classes.size_bytes)]
        )
        record = self._record = pages.Block(offsets.HEAP_RECORD_BYTES)
        for number, size in enumerate(offsets.SIZES):
            record.write_u64(offsets.CLASS_RECORD_BYTES * number + offsets.CLASS_SIZE, size)
        for offset, value in (
            (offsets.HEAP_BASE, self._base),
            (offsets.HEAP_KINDS, self._kinds),
            (offsets.HEAP_LINKS, self._links),
            (offsets.HEAP_MARKS, self._marks),
            (offsets.HEAP_STACK, stack),
            (offsets.HEAP_SHAPES, shapes_base()),
            (offsets.HEAP_CLASSES, self._classes.address),
        ):
            record.write_u64(offset, value)
        self._collect = pages.native_function(Native.get().symbols["jormun_collect"])
        self._refill = pages.native_function(Native.get().symbols["jormun_refill"])
        self._extend(1)

    def __del__(self) -> None:
        if hasattr(self, "_collect"):
            self._budget.give_back((self._blocks - 1) * BLOCK_BYTES)
        if hasattr(self, "_whole_bytes"):
            pages.release(self._base, self._whole_bytes)

    @property
    def address(self) -> int:
        """The address of its record."""
        return self._record.address

    @property
    def size_bytes(self) -> int:
        """How much memory blocks take."""
        return (self._blocks - 1) * BLOCK_BYTES

    # What machine code asks for.

    def more(self, size_class: int) -> None:
        """Have a place of a size class, or blocks that are nobody's. Raises ExhaustionError."""
        with self._changing():
            left = self._ceiling - self._blocks
            if left > 0 and self._add(max(1, min(left // 4, self._blocks))):
                return
            # So little room that the next collection would come at once is none.
            if self._collects() and self._room_bytes(size_class) > self.size_bytes >> _LITTLE_LOG2:
                return
            if self._add(max(1, self._blocks >> _LITTLE_LOG2)):
                return
        raise self._exhausted(offsets.SIZES[size_class])

    def large(self, size_bytes: int) -> int:
        """The address of a large object: all zeros, so that it is nobody's as long as it has no shape. Raises
        ExhaustionError.
        """
        count = -(-size_bytes // BLOCK_BYTES)
        with self._changing():
            index = self._run(count)
            if not index and self._blocks + count > self._ceiling and self._collects():
                index = self._run(count)
            index = index or self._extend_by(count)
            if not index and self._collects():
                index = self._run(count)
            if index:
                pages.write_bytes(self._kinds + index, bytes([LARGE]) + bytes([INSIDE]) * (count - 1))
                pages.write_bytes(self._links + 4 * index, array("I", [index]).tobytes() * count)
                return self._base + index * BLOCK_BYTES
        raise self._exhausted(size_bytes)

    def allocate(self, shape: Shape, length: int = 0) -> int:
        """The address of a new object, all zeros; of an array, of so many elements. Raises ExhaustionError."""
        size_bytes = offsets.OBJECT_BYTES + (length << shape.unit_log2) if shape.is_array else shape.size_bytes
        with self.lock:
            is_large = size_bytes > offsets.LARGEST_BYTES
            address = self.large(size_bytes) if is_large else self._place(offsets.class_of(size_bytes))
            pages.write_u64(address + offsets.OBJECT_SHAPE, shape.number | length << 32)
            return address

    # Collections.

    @contextmanager
    def held(self) -> Iterator[None]:
        """No collection comes while this lasts."""
        with self.lock:
            self.holds += 1
        try:
            yield
        finally:
            with self.lock:
                self.holds -= 1

    def collect(self) -> bool:
        """Find what is dead, unless there is machine code that holds references nobody knows of. The turn is the
        caller's. Whether it was done.
        """
        with self._changing():
            return self._collects()

    def _collects(self) -> bool:
        native = Native.get()
        if self.holds or not native.may_collect():
            return False
        with self.lock:
            ranges = array("Q", native.stacks.ranges())
            self.roots.add_to(ranges)
            self._collect(self.address, ranges.buffer_info()[0], len(ranges) // 2)
        self.collections += 1
        self._free_large()
        kinds = self._kind_bytes()
        large = kinds.count(LARGE) + kinds.count(INSIDE)
        live = self._record.read_u64(offsets.HEAP_LIVE) // BLOCK_BYTES + large
        self._ceiling = self._blocks - kinds.count(FREE) + max(_FEWEST_BLOCKS, live)
        return True

    def _free_large(self) -> None:
        """Have the blocks of dead large objects be nobody's, and give their memory back."""
        kinds = self._kind_bytes()
        index = kinds.find(DEAD)
        while index >= 0:
            end = index + 1
            while end < len(kinds) and kinds[end] == INSIDE:
                end += 1
            pages.forget(self._base + index * BLOCK_BYTES, (end - index) * BLOCK_BYTES)
            pages.write_bytes(self._kinds + index, bytes(end - index))
            self._link(range(index, end))
            index = kinds.find(DEAD, end)

    def _room_bytes(self, size_class: int) -> int:
        """How much there was for objects of a size class behind the last collection."""
        places = self._record.read_u64(offsets.CLASS_RECORD_BYTES * size_class + offsets.CLASS_ROOM)
        return places * offsets.SIZES[size_class] + (self._kind_bytes().count(0) - 1) * BLOCK_BYTES

    # Blocks.

    def _changing(self) -> _Busy:
        return _Busy(self)

    def _kind_bytes(self) -> bytes:
        return pages.read_bytes(self._kinds, self._blocks)

    def _add(self, count: int) -> bool:
        """Have more blocks that are nobody's: so many, or one."""
        index = self._extend_by(count) or (self._extend_by(count := 1) if count > 1 else 0)
        if not index:
            return False
        self._link(range(index, index + count))
        return True

    def _link(self, indices: range) -> None:
        """Put blocks into the list of those that are nobody's."""
        record = self._record
        following = [*indices[1:], record.read_u64(offsets.HEAP_FREE)]
        pages.write_bytes(self._links + 4 * indices.start, array("I", following).tobytes())
        record.write_u64(offsets.HEAP_FREE, indices.start)

    def _run(self, count: int) -> int:
        """The first of so many blocks side by side that are nobody's, zeroed and in no list; 0 if there are none."""
        index = self._kind_bytes().find(bytes(count), 1)
        if index < 0:
            return 0
        self._unlink(range(index, index + count))
        pages.forget(self._base + index * BLOCK_BYTES, count * BLOCK_BYTES)
        return index

    def _unlink(self, indices: range) -> None:
        """Take blocks out of that list, in which low ones are mostly first, and neighbours together."""
        record, links = self._record, self._links
        left, before, at = len(indices), 0, record.read_u64(offsets.HEAP_FREE)
        while left and at:
            following = pages.read_u32(links + 4 * at)
            if at not in indices:
                before = at
            else:
                left -= 1
                if before:
                    pages.write_u32(links + 4 * before, following)
                else:
                    record.write_u64(offsets.HEAP_FREE, following)
            at = following

    def _extend_by(self, count: int) -> int:
        """The first of so many new blocks, or 0."""
        if (self._blocks + count) * BLOCK_BYTES > self._size_bytes or not self._budget.take(count * BLOCK_BYTES):
            return 0
        try:
            return self._extend(count)
        except ExhaustionError:
            self._budget.give_back(count * BLOCK_BYTES)
            return 0

    def _extend(self, count: int) -> int:
        first = self._blocks
        needed = (first + count) * BLOCK_BYTES
        if needed > self._committed:
            committed = min(pages.round_up(max(needed, self._committed * 2), _CHUNK_BYTES), self._size_bytes)
            blocks = committed // BLOCK_BYTES
            for start, size in (
                (self._base, committed),
                (self._marks, blocks * BLOCK_MARKS_BYTES),
                (self._kinds, blocks),
                (self._links, 4 * blocks),
                (self._record.read_u64(offsets.HEAP_STACK), committed // offsets.PLACE_BYTES * _WORDS),
            ):
                pages.protect(start, pages.round_up(size), pages.READ_WRITE)
            self._committed = committed
        self._blocks += count
        self._record.write_u64(offsets.HEAP_BLOCKS, self._blocks)
        return first

    def _place(self, size_class: int) -> int:
        """A place of a size class, all zeros, as machine code takes it (jormun_place)."""
        record, at = self._record, offsets.CLASS_RECORD_BYTES * size_class
        size = offsets.SIZES[size_class]
        while True:
            place = record.read_u64(at + offsets.CLASS_NEXT)
            if place + size <= record.read_u64(at + offsets.CLASS_END):
                record.write_u64(at + offsets.CLASS_NEXT, place + size)
                pages.zero(place, size)
                return place
            if not self._refill(self.address, self.address + at, size_class):
                self.more(size_class)

    def _exhausted(self, size_bytes: int) -> ExhaustionError:
        reason = f"its objects take {self.size_bytes:,} bytes"
        if self._budget.size_bytes != NO_BOUND:
            reason += f", and {self._budget.bytes_reason}"
        message = f"there is no room for an object of {size_bytes:,} bytes in the store: {reason}"
        return ExhaustionError(TrapKind.RESOURCE_LIMIT, message=message)


class _Busy:
    """While a heap is being changed. A signal's handler that comes between may call guests, which may not want more."""

    __slots__ = ("_heap",)

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def __enter__(self) -> None:
        if self._heap._is_busy:
            message = "a handler of signals runs while objects are collected, and cannot have others made"
            raise ExhaustionError(TrapKind.RESOURCE_LIMIT, message=message)
        self._heap._is_busy = True

    def __exit__(self, *error: object) -> None:
        self._heap._is_busy = False
