"""The part of files in memory that machine code reads and writes (runtime/native/wasi): of a tree, of a content, of an
open file.

Safe because: Python changes a record, or drops what it leads to, under the tree's lock, which keeps machine code out; a
block is a bytearray that is held, and cannot be resized while it is. What records lead to they keep alive.
"""

from __future__ import annotations

import os
from threading import RLock, get_ident

from jormun.containers import WeakSet
from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import pages
from jormun.runtime.native_flags import OpenFile
from jormun.runtime.native_stream import await_machine_code

_BLOCKS: Final = 1 << 16
"""Of how many blocks of a content machine code knows: 16 GiB. The rest is Python's."""
_U64: Final = 0xFFFF_FFFF_FFFF_FFFF
_SIZE: Final = world.CONTENT_SIZE >> 3
_IS_TOLD: Final = world.CONTENT_IS_TOLD >> 2
_IS_MODIFIED: Final = world.CONTENT_IS_MODIFIED >> 2
_OPENED: Final = world.CONTENT_OPENED >> 2
_IS_TIMED: Final = world.CONTENT_IS_TIMED >> 2
_POSITION: Final = world.FILE_POSITION >> 3
_CLAIMED: Final = world.TREE_CLAIMED >> 2
_BUSY: Final = world.TREE_BUSY >> 2


class TreeLock:
    """The lock of a tree of files, as a context manager; who has it may take it again.

    It keeps other threads out, and machine code too from the first time that its `record` was asked for.
    """

    __slots__ = ("__weakref__", "_block", "_depth", "_lock", "_owner", "_words")

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        self._owner = 0
        self._block: pages.Block | None = None
        self._words = memoryview(b"")

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = get_ident()
        self._depth += 1
        if self._block is not None:
            try:
                # Deeper down too: a signal's handler may come here in the middle of this.
                self._words[_CLAIMED] = 1
                if self._depth == 1 or self._words[_BUSY]:
                    await_machine_code(self._words, _BUSY)
            except BaseException:  # a signal's handler raised
                self.__exit__()
                raise

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            if self._block is not None:
                self._words[_CLAIMED] = 0
            self._owner = 0
        self._lock.release()

    @property
    def record(self) -> pages.Block:
        """The record of the tree. Whoever asks has the lock."""
        if self._block is None:
            block = pages.Block(world.TREE_BYTES)
            self._words = block.view().cast("I")
            self._words[_CLAIMED] = 1
            self._block = block
            _locks.add(self)
        return self._block

    @property
    def left(self) -> memoryview:
        """The number in the record of how many bytes the tree's files may grow by. Whoever asks has the lock."""
        return self.record.view()[world.TREE_LEFT :].cast("q")

    def after_fork(self) -> None:
        """In a new process, which has none of the threads that may have been in machine code, or in here."""
        self._words[_BUSY] = 0
        if self._owner != get_ident():
            if self._block is not None:
                self._words[_CLAIMED] = 0
            self._lock, self._depth, self._owner = RLock(), 0, 0


class NativeContent:
    """The blocks of a file, its size and its attributes; of other nodes of a tree the attributes alone. Whoever uses it
    has the lock of its tree.
    """

    __slots__ = ("_block", "_held", "_pairs", "_table", "_words", "_words32", "address")

    def __init__(self, kind: int) -> None:
        """`kind` is the file type, as WASI numbers it."""
        self._block = pages.Block(world.CONTENT_BYTES)
        self._words = self._block.view().cast("Q")
        self._words32 = self._block.view().cast("I")
        self._words32[world.CONTENT_KIND >> 2] = kind
        self.address: Final = self._block.address
        self._table: pages.Block | None = None
        self._pairs = memoryview(b"").cast("Q")
        self._held: dict[int, object] = {}

    @property
    def size_bytes(self) -> int:
        """How large the file is."""
        return self._words[_SIZE]

    @size_bytes.setter
    def size_bytes(self, size_bytes: int) -> None:
        self._words[_SIZE] = size_bytes

    def lie_in(self, host_fd: int | None) -> None:
        """All is in a file of the host that is open, or not to be had without Python."""
        self._words[world.CONTENT_LOWER >> 3] = (world.ASK if host_fd is None else host_fd) & _U64

    def own(self) -> None:
        """All is in the blocks."""
        self._words[world.CONTENT_LOWER >> 3] = world.OWN & _U64

    def put(self, index: int, block: bytearray | None) -> None:
        """A block of the file is this one, which nobody resizes, or is not there."""
        if index >= _BLOCKS:
            return
        if block is None:
            if index in self._held:
                del self._held[index]
                self._pairs[2 * index + 1] = self._pairs[2 * index] = 0
            return
        if 2 * index >= len(self._pairs):
            self._extend(index + 1)
        self._held[index], self._pairs[2 * index] = pages.hold(block)
        self._pairs[2 * index + 1] = len(block)

    def _extend(self, count: int) -> None:
        """Makes the table longer: at least so many pairs, and twice as many as there were."""
        count = min(_BLOCKS, max(count, len(self._pairs)))  # a pair is two elements
        table = pages.Block(16 * count)
        pairs = table.view().cast("Q")
        pairs[: len(self._pairs)] = self._pairs
        self._table, self._pairs = table, pairs
        self._words[world.CONTENT_BLOCKS >> 3] = table.address
        self._words[world.CONTENT_BLOCK_COUNT >> 3] = count

    @property
    def opened(self) -> int:
        """How often machine code has opened the file, and Python has not been told."""
        return self._words32[_OPENED]

    def take_over(self) -> None:
        """Python has been told once."""
        self._words32[_OPENED] -= 1

    def lose_name(self) -> None:
        """The file has no name any more."""
        self._words32[world.CONTENT_IS_NAMELESS >> 2] = 1

    def tell_link(self, text: bytes) -> None:
        """The text of a link, which does not change."""
        self._held[0] = text
        self._words[world.LINK_TEXT >> 3] = pages.address_of(text)
        self._words[world.LINK_TEXT_BYTES >> 3] = len(text)

    def tell_changes(self, count: int) -> None:
        """The entries of a directory have changed so often."""
        self._words[world.DIRECTORY_CHANGES >> 3] = count

    def tell(self, status: tuple[int, ...]) -> None:
        """The attributes, in the order of a filestat, are these; until `settle` machine code tells them."""
        for k, value in enumerate(status):
            self._words[k] = value & _U64
        self._words32[_IS_TOLD] = 1

    def settle(self) -> tuple[int | None, int, int] | None:
        """The times of access, modification and change, in nanoseconds since 1970, where machine code has changed them
        since the last time; it changes that of access with all others. From now on the attributes are Python's to tell.
        """
        words32 = self._words32
        words32[_IS_TOLD] = 0
        is_timed = words32[_IS_TIMED]
        if not (is_timed or words32[_IS_MODIFIED]):
            return None
        words32[_IS_MODIFIED] = words32[_IS_TIMED] = 0
        accessed_ns = self._words[world.CONTENT_ACCESSED >> 3] if is_timed else None
        return accessed_ns, self._words[world.CONTENT_MODIFIED >> 3], self._words[world.CONTENT_CHANGED >> 3]


class NativeFile(OpenFile):
    """A file of a tree, open: its position and flags; or a directory. Whoever uses it has the tree's lock."""

    __slots__ = ("_content", "_lock", "operations")

    def __init__(self, lock: TreeLock, content: NativeContent, operations: int) -> None:
        """`operations` are what machine code may do with it: bits of ENTRY_OPERATIONS."""
        super().__init__()
        self._lock = lock
        self._content = content
        self._words[world.FILE_TREE >> 3] = lock.record.address
        self._words[world.FILE_CONTENT >> 3] = content.address
        self.operations: Final = operations

    @classmethod
    def file(cls, lock: TreeLock, content: NativeContent, *, can_write: bool, can_change: bool) -> NativeFile:
        """A regular file. `can_write` says that it is open for writing, `can_change` that its attributes may change."""
        operations = world.IN_MEMORY_FILE
        if can_write:
            operations |= world.IN_MEMORY_WRITABLE
        return cls(lock, content, operations | world.SET_TIMES if can_change else operations)

    @classmethod
    def directory(cls, lock: TreeLock, content: NativeContent, *, can_change: bool) -> NativeFile:
        """A directory, which paths are looked up from. `can_change` says that attributes in its tree may change."""
        changing = world.SET_TIMES | world.SET_TIMES_BELOW if can_change else 0
        below = world.LOOK_BELOW | world.OPEN_BELOW | world.READ_LINKS_BELOW
        return cls(lock, content, world.IN_MEMORY_ALWAYS | below | changing)

    @property
    def tree_address(self) -> int:
        """The address of the record of its tree."""
        return self._words[world.FILE_TREE >> 3]

    @property
    def position(self) -> int:
        """Where it is read and written next."""
        return self._words[_POSITION]

    @position.setter
    def position(self, position: int) -> None:
        self._words[_POSITION] = position


_locks: WeakSet[TreeLock] = WeakSet()


def _after_fork() -> None:
    for lock in _locks:
        lock.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
