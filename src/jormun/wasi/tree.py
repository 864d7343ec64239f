"""Trees of files in memory: their nodes, and where a path leads in them. Overlays are such trees too.

A tree has one lock, which whoever looks at its nodes holds. It keeps machine code out, which reads and writes files
that are open (runtime/native_file.py).
"""

from __future__ import annotations

import errno
import itertools
import time
from collections.abc import Callable, Iterator

from jormun.hints import Final, Protocol, TypeAlias
from jormun.runtime.native_file import NativeContent, TreeLock
from jormun.wasi.abi import FileType
from jormun.wasi.content import Content
from jormun.wasi.filesystem import LINKS, NAME_BYTES, PATH_BYTES, File, Stat, Times, refusal
from jormun.wasi.guest_path import expand
from jormun.wasi.host_file import HostFile
from jormun.wasi.quota import Account, Quota

_DEVICES: Final = itertools.count(1)
"""Each tree is a device of its own."""
_OWN_INODES: Final = 1 << 62
"""Where an overlay's own inode numbers begin: far above those of the host's files, which keep theirs."""


class Tree:
    """What the nodes of one tree share."""

    __slots__ = ("_inodes", "account", "dev", "is_read_only", "is_shared", "lock")

    def __init__(self, quota: Quota, *, is_read_only: bool, is_overlay: bool = False) -> None:
        self.account = Account(quota)
        self.is_read_only = is_read_only
        self.lock: Final = TreeLock()
        self.is_shared = False
        """Whether machine code knows of it."""
        self.dev = next(_DEVICES)
        self._inodes = itertools.count(_OWN_INODES if is_overlay else 1)

    def share(self) -> None:
        """Lets machine code know of it. The lock is held."""
        if not self.is_shared:
            self.account.keep_at(self.lock.left)
            self.is_shared = True

    def attributes(self) -> Attributes:
        """Those of a new node, which the account has room for. Raises EDQUOT."""
        self.account.take_file()
        return Attributes(next(self._inodes), time.time_ns(), counted_names=1)

    def release(self, attributes: Attributes) -> None:
        """A name of a node with these is gone. Those of a lower directory were not counted, and make no room."""
        if attributes.counted_names:
            attributes.counted_names -= 1
            self.account.give_file()


class Attributes:
    """What every node has: inode number, number of names, times in nanoseconds since 1970.

    `counted_names` are those for which a file was taken from the account: all that were made here. Each takes memory,
    so that further names of a file count as files do, as in Linux's tmpfs.
    """

    __slots__ = ("accessed_ns", "changed_ns", "counted_names", "ino", "links", "modified_ns")

    def __init__(self, ino: int, now_ns: int, *, counted_names: int) -> None:
        self.ino = ino
        self.counted_names = counted_names
        self.links = 1
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
        if self.native is not None:
            times = self.native.settle()
            if times is not None:
                self._attributes.settle(*times)
        return self._attributes

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.content.size_bytes if self.lower is None else self.lower.size_bytes

    def share(self) -> NativeContent:
        """Lets machine code know of it, which is open."""
        if self.native is None:
            self.native = NativeContent()
            if self.lower is None:
                self.content.share(self.native)
        if self.lower is not None:
            self.native.size_bytes = self.lower.size_bytes
            self.native.lie_in(self.reader.host_fd if isinstance(self.reader, HostFile) else None)
        return self.native

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

    __slots__ = ("attributes", "is_counted", "target")
    type: Final = FileType.SYMBOLIC_LINK

    def __init__(self, attributes: Attributes, target: bytes, *, is_counted: bool = False) -> None:
        self.attributes = attributes
        self.target = target
        self.is_counted = is_counted

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

    __slots__ = ("_entries", "_load", "attributes", "is_removed", "lower_path", "parent")
    type: Final = FileType.DIRECTORY
    size_bytes: Final = 0

    def __init__(
        self,
        attributes: Attributes,
        parent: DirectoryNode | None,
        load: Callable[[DirectoryNode], dict[bytes, Node | Unread]] | None = None,
        lower_path: bytes | None = None,
    ) -> None:
        self.attributes = attributes
        self.parent = parent
        self.is_removed = False
        self.lower_path = lower_path
        """Where it is in an overlay's lower directory."""
        self._entries: dict[bytes, Node | Unread] = {}
        self._load = load

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
        node = self.entries.get(name)
        if isinstance(node, Unread):
            found = node.read()
            if found is None:
                del self.entries[name]
                return None
            self.entries[name] = node = found
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
        self.attributes.modified()

    def take(self, name: bytes) -> None:
        """Removes an entry."""
        del self.entries[name]
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


class Spot:
    """Where a path leads in a tree: the node of that `name` in `parent`, or None when there is nothing.

    `name` is `.` for a directory itself, which then is `parent` too. `is_directory` says that the path ends in a slash.
    """

    __slots__ = ("is_directory", "name", "node", "parent")

    def __init__(self, root: DirectoryNode, path: bytes, *, follow: bool) -> None:
        """Resolves `path` from `root`. `follow` and what is raised are as for resolution.Place."""
        if len(path) > PATH_BYTES:
            raise refusal(errno.ENAMETOOLONG)
        if b"\0" in path:
            raise refusal(errno.EINVAL)
        self.is_directory = False
        self.parent = root
        way: list[DirectoryNode] = []
        links = 0
        pending: list[bytes] = []
        self.is_directory |= expand(path, pending)
        while True:
            self.name = component = pending.pop()
            is_last = not pending
            if component in (b".", b".."):
                if component == b"..":
                    if not way:
                        raise refusal(errno.EPERM)
                    self.parent = way.pop()
                if is_last:
                    self.name = b"."
                    self.node: Node | None = self.parent
                    return
                continue
            self.node = node = self.parent.get(component)
            if isinstance(node, LinkNode) and (not is_last or follow or self.is_directory):
                links += 1
                if links > LINKS:
                    raise refusal(errno.ELOOP)
                self.is_directory |= expand(node.target, pending)
                continue
            if is_last:
                return
            if node is None:
                self.require_name()
                raise refusal(errno.ENOENT)
            if not isinstance(node, DirectoryNode):
                raise refusal(errno.ENOTDIR)
            way.append(self.parent)
            self.parent = node

    def existing(self) -> Node:
        """What is there. ENOENT; ENAMETOOLONG; ENOTDIR for what is no directory, with a slash behind its name."""
        if self.node is None:
            self.require_name()
            raise refusal(errno.ENOENT)
        if self.is_directory and not isinstance(self.node, DirectoryNode):
            raise refusal(errno.ENOTDIR)
        return self.node

    def require_name(self) -> None:
        """Raises ENAMETOOLONG for a name that no entry can have."""
        if len(self.name) > NAME_BYTES:
            raise refusal(errno.ENAMETOOLONG)


def slashed(root: DirectoryNode, path: bytes) -> Spot:
    """The spot that a path names, slashes at its end taken off; see HostDirectory._slashed."""
    spot = Spot(root, path.rstrip(b"/") or path[:1], follow=False)
    spot.is_directory = path.endswith(b"/")
    return spot


def stat_of(tree: Tree, node: Node) -> Stat:
    """A node's attributes as WASI has them."""
    a = node.attributes
    return Stat(tree.dev, a.ino, node.type, a.links, node.size_bytes, a.accessed_ns, a.modified_ns, a.changed_ns)
