"""What machine code may do with each of a guest's descriptors (runtime/native/wasi)."""

from __future__ import annotations

from jormun.functions import lru_cache
from jormun.hints import TYPE_CHECKING, Final, Protocol, Sequence, cast
from jormun.runtime import world
from jormun.runtime.native import pages
from jormun.runtime.native_stream import await_machine_code
from jormun.runtime.rights import NEEDS
from jormun.wasi.abi import FDSTAT, FdFlags, FileType
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream

if TYPE_CHECKING:
    from jormun.runtime.native_file import NativeFile
    from jormun.wasi.descriptor import Descriptor
    from jormun.wasi.filesystem import File
    from jormun.wasi.host_directory import HostDirectory
    from jormun.wasi.listing import Listing

_PIPE: Final = world.READ_PIPE | world.WRITE_PIPE
_AT_POSITION: Final = world.READ_FILE | world.SEEK | world.TELL
FEW_USES: Final = 4
"""So many calls on a file in memory, or a directory there, come to Python before machine code is told of it: many are
opened, read once and closed.
"""
_FEWEST: Final = 4
"""Room for so many descriptors is there from the beginning."""


@lru_cache(maxsize=64)
def _operations_with(rights: int) -> int:
    """The operations that need none but these rights."""
    operations = -1
    for some, right in NEEDS:
        if not rights & right:
            operations &= ~some
    return operations


class NativePart(Protocol):
    """A record that machine code uses for a file, and what it may do with it: bits of ENTRY_OPERATIONS."""

    @property
    def address(self) -> int: ...

    @property
    def operations(self) -> int: ...


class OpenedInMemory:
    """A file in memory that machine code has opened: the address of its content, and how it is open."""

    __slots__ = ("can_write", "content", "flags", "position")

    def __init__(self, content: int, position: int, flags: int, *, can_write: bool) -> None:
        self.content = content
        self.position = position
        self.flags = flags
        self.can_write = can_write


class InMemory(Protocol):
    """A directory in memory."""

    @property
    def native(self) -> NativeFile: ...

    @property
    def is_read_only(self) -> bool: ...

    def taken_over(self, opened: OpenedInMemory) -> File:
        """A file of its tree that machine code has opened."""


class NativeTable:
    """What machine code may do with each descriptor.

    As a context manager it keeps machine code out, which else may open files under numbers that are free. Whoever uses
    it has the lock of the table that it belongs to.
    """

    __slots__ = ("_block", "_claims", "_entries", "_head", "_kept", "_trees", "_view", "_words", "_words64", "address")

    def __init__(self) -> None:
        self._claims = 0
        self._block = pages.Block(world.TABLE_BYTES)
        self._head = self._block.view().cast("I")
        self._view = memoryview(b"")
        self._kept: dict[int, list[object]] = {}
        self._trees: dict[int, InMemory] = {}
        """A directory of each tree in memory that machine code may have opened files of, by the tree's record."""
        self.address: Final = self._block.address
        self._have_room(_FEWEST)

    def __enter__(self) -> None:
        """Machine code finds no descriptors from here on, and leaves its calls to Python."""
        self._claims += 1
        if self._claims == 1:
            self._head[world.TABLE_COUNT >> 2] = 0
            await_machine_code(self._head, world.TABLE_BUSY >> 2)

    def __exit__(self, *error: object) -> None:
        self._claims -= 1
        if not self._claims:
            self._head[world.TABLE_COUNT >> 2] = len(self._view) // world.ENTRY_BYTES

    def opened(self) -> Sequence[int]:
        """The numbers of the files that machine code has opened and Python has not taken over."""
        if not self._head[world.TABLE_OPENED >> 2]:
            return ()
        count = len(self._view) // world.ENTRY_BYTES
        return [fd for fd in range(count) if self._words[(world.ENTRY_BYTES * fd + world.ENTRY_IS_OPENED) >> 2]]

    def is_opened(self, fd: int) -> bool:
        """Whether it is one of those. Machine code may be about to open or close it, unless it is kept out."""
        at = (world.ENTRY_BYTES * fd + world.ENTRY_IS_OPENED) >> 2
        return at < len(self._words) and bool(self._words[at])

    def take_over(self, fd: int) -> tuple[File, int]:
        """One of those, which from now on is Python's to close, and its rights. Machine code is kept out.

        Raises OSError when the host has closed it, and then it is so no more.
        """
        at = world.ENTRY_BYTES * fd
        words, words64 = self._words, self._words64
        words[(at + world.ENTRY_IS_OPENED) >> 2] = 0  # whatever comes of it
        self._head[world.TABLE_OPENED >> 2] -= 1
        file: File
        if words[(at + world.ENTRY_OPERATIONS) >> 2] & world.IN_MEMORY:
            record = at + world.ENTRY_OPEN_FILE
            opened = OpenedInMemory(
                words64[(record + world.FILE_CONTENT) >> 3],
                words64[(record + world.FILE_POSITION) >> 3],
                words64[(record + world.FILE_FLAGS) >> 3],
                can_write=bool(words[(at + world.ENTRY_IS_WRITABLE) >> 2]),
            )
            file = self._trees[words64[(record + world.FILE_TREE) >> 3]].taken_over(opened)
        else:
            is_read_only = bool(words[(at + world.ENTRY_IS_READ_ONLY) >> 2])
            file = HostFile(words[(at + world.ENTRY_FILE) >> 2], is_read_only=is_read_only)
        return file, words64[(at + world.ENTRY_RIGHTS) >> 3]

    def move(self, source: int, target: int) -> None:
        """One of those gets another number, which is free, and below which there is room. Machine code is kept out."""
        words, at, to = self._words, world.ENTRY_BYTES * source, world.ENTRY_BYTES * target
        self._view[to : to + world.ENTRY_BYTES] = self._view[at : at + world.ENTRY_BYTES]
        self._words64[(to + world.ENTRY_STREAM) >> 3] = self._entries.address + to + world.ENTRY_OPEN_FILE
        words[(at + world.ENTRY_IS_OPENED) >> 2] = words[(at + world.ENTRY_OPERATIONS) >> 2] = 0

    def _have_room(self, count: int) -> None:
        """Have room for so many descriptors."""
        with self:
            self._extend(count)

    def _extend(self, count: int) -> None:
        entries = pages.Block(world.ENTRY_BYTES * count)
        view = entries.view()
        view[: len(self._view)] = self._view
        self._entries, self._view = entries, view
        self._words, self._words64 = view.cast("I"), view.cast("Q")
        self._block.write_u64(world.TABLE_ENTRIES, entries.address)

    def put(self, fd: int, descriptor: Descriptor | None, *, is_shared: bool = False) -> None:
        """From now on, `fd` is this, or none. Returns when machine code does not use any more what it was before.

        Where threads share the table, a file that appends is Python's to write: HostFile.write_at takes that flag off
        for a moment.
        """
        if fd >= world.ENTRIES:
            return
        at = world.ENTRY_BYTES * fd
        if at >= len(self._view):
            if descriptor is None:
                return
            self._have_room(min(max(2 * len(self._view) // world.ENTRY_BYTES, fd + 1), world.ENTRIES))
        words, operations_at = self._words, (at + world.ENTRY_OPERATIONS) >> 2
        if words[operations_at]:
            words[operations_at] = 0 if descriptor is None else world.USED
            await_machine_code(self._head, world.TABLE_BUSY >> 2)
            self._kept.pop(fd, None)
        if descriptor is None:
            return
        words[operations_at] = world.USED
        file = descriptor.file
        native: NativePart | None
        operations = world.STATUS | world.USED
        if file is None:
            kind, flags = int(FileType.DIRECTORY), descriptor.directory_flags
            if descriptor.preopen is not None:
                name = descriptor.preopen
                self._keep(fd, name)
                self._words64[(at + world.ENTRY_NAME) >> 3] = pages.address_of(name)
                words[(at + world.ENTRY_NAME_BYTES) >> 2] = len(name)
                operations |= world.NAMED
            if getattr(descriptor.directory, "is_plain", False):
                # One of the host's, whose class is not imported at every start.
                operations |= self._host_directory(at, cast("HostDirectory", descriptor.directory))
            elif descriptor.uses >= FEW_USES and hasattr(descriptor.directory, "native"):
                operations |= self._directory_in_memory(fd, at, cast("InMemory", descriptor.directory))
            if descriptor.listing is not None:
                operations |= self._listing(fd, at, descriptor.listing)
        else:
            kind, flags = int(file.type), file.flags
            if isinstance(file, HostFile):
                operations |= self._host_file(fd, at, file, is_shared)
            else:
                native = None
                if isinstance(file, MemoryStream):
                    operations |= world.BLANK
                    native = file.native
                elif descriptor.uses >= FEW_USES:
                    # A file in memory perhaps, whose class is not imported at every start.
                    native = getattr(file, "native", None)
                if native is not None:
                    operations |= self._part(fd, at, native)
        FDSTAT.pack_into(self._view, at + world.ENTRY_STATUS, kind, flags, descriptor.rights, descriptor.inheriting)
        # Last, since machine code goes by it. Stores are seen in their order.
        words[operations_at] = operations & _operations_with(descriptor.rights)

    def _directory_in_memory(self, fd: int, at: int, directory: InMemory) -> int:
        self._trees[directory.native.tree_address] = directory
        self._words[(at + world.ENTRY_IS_READ_ONLY) >> 2] = int(directory.is_read_only)
        return self._part(fd, at, directory.native)

    def lists(self, fd: int) -> bool:
        """Whether machine code knows of a listing of the directory."""
        at = (world.ENTRY_BYTES * fd + world.ENTRY_OPERATIONS) >> 2
        return at < len(self._words) and bool(self._words[at] & world.READ_LISTING)

    def _listing(self, fd: int, at: int, listing: Listing) -> int:
        """What may be done with the listing of a directory, which is in the entry then."""
        if not listing.data:
            return 0
        words64 = self._words64
        for part, place in ((listing.data, world.ENTRY_LISTING), (listing.starts, world.ENTRY_LISTING_STARTS)):
            held, words64[(at + place) >> 3] = pages.hold(part)
            self._keep(fd, held)
        words64[(at + world.ENTRY_LISTING_COUNT) >> 3] = len(listing.starts)
        words64[(at + world.ENTRY_LISTING_CHANGES) >> 3] = listing.changes or 0
        return world.READ_LISTING

    def _host_directory(self, at: int, directory: HostDirectory) -> int:
        """What may be done with a directory of the host; what is needed for it is in the entry then."""
        self._words[(at + world.ENTRY_FILE) >> 2] = directory.host_fd
        self._words64[(at + world.ENTRY_DEVICE) >> 3] = directory.refused_device or 0
        self._words[(at + world.ENTRY_IS_READ_ONLY) >> 2] = int(directory.is_read_only)
        return world.LOOK_BELOW | world.OPEN_BELOW

    def _host_file(self, fd: int, at: int, file: HostFile, is_shared: bool) -> int:
        """What may be done with a file of the host; what is needed for it is in the entry then."""
        self._words[(at + world.ENTRY_FILE) >> 2] = file.host_fd
        if file.is_pipe:
            unwaiting = file.unwaiting()
            if unwaiting < 0:
                return _PIPE | world.FILE_STATUS
            self._words[(at + world.ENTRY_FILE) >> 2] = unwaiting
            return world.READ_FILE | world.FILE_STATUS
        if file.is_memory_device:
            return world.READ_FILE | world.WRITE_FILE | world.FILE_STATUS
        if file.type is not FileType.REGULAR_FILE:
            return world.FILE_STATUS
        operations = world.REGULAR_FILE
        if file.is_counted:
            operations &= ~(world.WRITE_AT | world.WRITE_FILE)
        if is_shared and file.flags & FdFlags.APPEND:
            operations &= ~world.WRITE_FILE
        if file.native_flags is not None and not is_shared and fd >= world.FIRST_FREE and file.ahead is None:
            # A file of its own descriptor: those that were given may have several, which all tell the flags.
            operations |= self._part(fd, at, file.native_flags)
        if file.ahead is not None:
            # All but reading is Python's, which gives back first what was read ahead.
            operations = operations & ~(_AT_POSITION | world.WRITE_FILE) | self._part(fd, at, file.ahead)
        return operations

    def _keep(self, fd: int, part: object) -> None:
        """As long as `fd` is what it is."""
        self._kept.setdefault(fd, []).append(part)

    def _part(self, fd: int, at: int, native: NativePart) -> int:
        self._keep(fd, native)
        self._words64[(at + world.ENTRY_STREAM) >> 3] = native.address
        return native.operations

    def after_fork(self) -> None:
        """In a new process, which has none of the threads that may have been in machine code."""
        self._head[world.TABLE_BUSY >> 2] = 0
        self._claims = 0
        self._head[world.TABLE_COUNT >> 2] = len(self._view) // world.ENTRY_BYTES
