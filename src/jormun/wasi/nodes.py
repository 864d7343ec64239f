"""The nodes of a tree of files in memory: files, links, directories. Whoever looks at them has the lock of the tree."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator

from jormun.hints import Final, Protocol, TypeAlias
from jormun.runtime.native_file import NativeContent
from jormun.runtime.native_names import NativeNames
from jormun.wasi.abi import FileType
from jormun.wasi.content import Content
from jormun.wasi.filesystem import NAME_BYTES, File, Stat, Times, refusal
from jormun.wasi.host_file import HostFile


class Attributes:
    """What every node has: inode number, number of names, times in nanoseconds since 1970.

    `counted_names` are those for which a file was taken from the account: all that were made here. Each takes memory,
    so that further names of a file count as files do, as in Linux's tmpfs.
    """

    __slots__ = ("accessed_ns", "changed_ns", "counted_names", "ino", "links", "looks", "modified_ns")

    def __init__(self, ino: int, now_ns: int, *, counted_names: int) -> None:
        self.ino = ino
        self.counted_names = counted_names
        self.links = 1
        self.looks = 0
        """How often Python was asked for them by a path."""
        self.accessed_ns = self.modified_ns = self.changed_ns = now_ns

    @classmethod
    def of(cls, stat: Stat) -> Attributes:
        """Those of a file of the lower directory."""
        attributes = cls(stat.ino, stat.changed_ns, counted_names=0)
        attributes.links = stat.links
        attributes.accessed_ns, attributes.modified_ns = stat.accessed_ns, stat.modified_ns
        return attributes

    def modified(self) -> None:
        """The content was changed now."""
        self.modified_ns = self.changed_ns = time.time_ns()

    def linked(self, count: int) -> None:
        """There are `count` names more, or fewer."""
        self.links += count
        self.changed_ns = time.time_ns()

    def settle(self, accessed_ns: int | None, modified_ns: int, changed_ns: int) -> None:
        """Machine code has changed these."""
        if accessed_ns is not None:
            self.accessed_ns = accessed_ns
        self.modified_ns = modified_ns
        self.changed_ns = changed_ns

    def set_times(self, times: Times) -> None:
        """See Directory.set_times."""
        if times.accessed_ns is not None:
            self.accessed_ns = times.accessed_ns
        if times.modified_ns is not None:
            self.modified_ns = times.modified_ns
        self.changed_ns = time.time_ns()


class LowerContent(Protocol):
    """The bytes of a file of an overlay's lower directory, which nothing here changes."""

    @property
    def size_bytes(self) -> int: ...

    def open(self) -> File:
        """The file, to be read. Raises OSError."""


class FileNode:
    """A regular file. `lower` is where its bytes are until it is changed for the first time."""

    __slots__ = ("_attributes", "content", "lower", "native", "open_count", "reader")
    type: Final = FileType.REGULAR_FILE

    def __init__(self, attributes: Attributes, content: Content, lower: LowerContent | None = None) -> None:
        self._attributes = attributes
        self.content = content
        self.lower = lower
        self.open_count = 0
        self.reader: File | None = None
        """The file of the lower directory, while it is open and not changed yet."""
        self.native: NativeContent | None = None
        """What machine code knows of it, from the first time that it needs to."""

    @property
    def attributes(self) -> Attributes:
        """Those of now. Whoever has them may change them."""
        return _settled(self._attributes, self.native)

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.content.size_bytes if self.lower is None else self.lower.size_bytes

    def share(self) -> NativeContent:
        """Lets machine code know of it, which is open."""
        if self.native is None:
            self.native = NativeContent(self.type)
            if self.lower is None:
                self.content.share(self.native)
        if self.lower is not None:
            self.native.size_bytes = self.lower.size_bytes
            self.native.lie_in(self.reader.host_fd if isinstance(self.reader, HostFile) else None)
        return self.native

    @property
    def is_open(self) -> bool:
        """Whether a descriptor of a guest stands for it."""
        return self.open_count > 0 or (self.native is not None and self.native.opened > 0)

    def close_reader(self) -> None:
        """Nobody reads the file of the lower directory any more."""
        if self.reader is not None:
            if self.native is not None:
                self.native.lie_in(None)
            self.reader.close()
            self.reader = None

    def own(self) -> None:
        """From now on the content is all there is."""
        self.close_reader()
        if self.lower is not None:
            self.lower = None
            if self.native is not None:
                self.content.share(self.native)


class LinkNode:
    """A symbolic link. `is_counted` says whether its text was taken from the account."""

    __slots__ = ("_attributes", "is_counted", "native", "target")
    type: Final = FileType.SYMBOLIC_LINK

    def __init__(self, attributes: Attributes, target: bytes, *, is_counted: bool = False) -> None:
        self._attributes = attributes
        self.target = target
        self.is_counted = is_counted
        self.native: NativeContent | None = None
        """What machine code knows of it, from the first time that it needs to."""

    @property
    def attributes(self) -> Attributes:
        """Those of now. Whoever has them may change them."""
        return _settled(self._attributes, self.native)

    def share(self) -> NativeContent:
        """Lets machine code know of it."""
        if self.native is None:
            self.native = NativeContent(self.type)
            if not self.target.startswith(b"/"):  # such a text is not told
                self.native.tell_link(self.target)
        return self.native

    @property
    def size_bytes(self) -> int:
        """The length of its text."""
        return len(self.target)


class OtherNode:
    """A device, FIFO or socket of an overlay's lower directory: to be looked at, not opened."""

    __slots__ = ("attributes", "size_bytes", "type")

    def __init__(self, attributes: Attributes, type: FileType) -> None:
        self.attributes = attributes
        self.type = type
        self.size_bytes = 0


class Unread:
    """An entry of a lower directory that nobody has asked more about than its name, type and inode number."""

    __slots__ = ("ino", "read", "type")

    def __init__(self, ino: int, type: FileType, read: Callable[[], Node | None]) -> None:
        self.ino = ino
        self.type = type
        self.read = read
        """Gives the node, or None when the entry is gone from the lower directory."""


class DirectoryNode:
    """A directory. `load` gives the entries of an overlay's directory when they are first needed."""

    __slots__ = (
        "_attributes",
        "_entries",
        "_load",
        "_names",
        "changes",
        "is_removed",
        "lower_path",
        "native",
        "parent",
    )
    type: Final = FileType.DIRECTORY
    size_bytes: Final = 0

    def __init__(
        self,
        attributes: Attributes,
        parent: DirectoryNode | None,
        load: Callable[[DirectoryNode], dict[bytes, Node | Unread]] | None = None,
        lower_path: bytes | None = None,
    ) -> None:
        self._attributes = attributes
        self.parent = parent
        self.is_removed = False
        self.native: NativeContent | None = None
        """What machine code knows of it, from the first time that it needs to."""
        self._names: NativeNames | None = None
        self.changes = 0
        """How often its entries have changed, in whatever fd_readdir tells of them."""
        self.lower_path = lower_path
        """Where it is in an overlay's lower directory."""
        self._entries: dict[bytes, Node | Unread] = {}
        self._load = load

    @property
    def attributes(self) -> Attributes:
        """Those of now. Whoever has them may change them."""
        return _settled(self._attributes, self.native)

    def share(self, names: NativeNames) -> NativeContent:
        """Lets machine code know of it, and find those of its entries that are among `names`, of the tree."""
        if self.native is None:
            self.native = NativeContent(self.type)
            self.native.tell_changes(self.changes)
            self._names = names
        return self.native

    def _changed(self, name: bytes) -> None:
        """Another node has that name, or none."""
        self.changes += 1
        if self._names is not None and self.native is not None:
            self.native.tell_changes(self.changes)
            self._names.forget(self.native, name)

    @property
    def is_loaded(self) -> bool:
        """Whether its entries are here, which those of an overlay's lower directory are when they were asked for."""
        return self._load is None

    @property
    def entries(self) -> dict[bytes, Node | Unread]:
        """All entries by name. Raises OSError from a lower directory."""
        if self._load is not None:
            self._entries = self._load(self)
            self._load = None
        return self._entries

    def get(self, name: bytes) -> Node | None:
        """The node of that name, or None."""
        entries = self._entries if self._load is None else self.entries
        node = entries.get(name)
        if isinstance(node, Unread):
            found = node.read()
            if found is None:
                del entries[name]
                self._changed(name)
                return None
            if (found.type, found.attributes.ino) != (node.type, node.ino):
                self._changed(name)  # on the host, since it was listed
            entries[name] = node = found
        return node

    def nodes(self) -> Iterator[tuple[bytes, Node]]:
        """All entries with their nodes."""
        for name in list(self.entries):
            node = self.get(name)
            if node is not None:
                yield name, node

    def put(self, name: bytes, node: Node) -> None:
        """Makes an entry. ENOENT in a directory that was removed itself; ENAMETOOLONG."""
        if self.is_removed:
            raise refusal(errno.ENOENT)
        if len(name) > NAME_BYTES:
            raise refusal(errno.ENAMETOOLONG)
        self.entries[name] = node
        self._changed(name)
        self.attributes.modified()

    def take(self, name: bytes) -> None:
        """Removes an entry."""
        del self.entries[name]
        self._changed(name)
        self.attributes.modified()

    def is_below(self, other: DirectoryNode) -> bool:
        """Whether it is `other` or lies anywhere below it."""
        node: DirectoryNode | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False


Node: TypeAlias = FileNode | DirectoryNode | LinkNode | OtherNode


def _settled(attributes: Attributes, native: NativeContent | None) -> Attributes:
    """The attributes with what machine code has changed of them, which from now on does not tell them."""
    if native is not None:
        times = native.settle()
        if times is not None:
            attributes.settle(*times)
    return attributes
