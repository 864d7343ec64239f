"""Trees of files in memory, and where a path leads in them. Overlays are such trees too.

A tree has one lock, which whoever looks at its nodes holds. It keeps machine code out, which reads and writes files
that are open, and looks up paths (runtime/native_file.py, runtime/native_names.py).
"""

from __future__ import annotations

import errno
import itertools
import time

from jormun.hints import Final
from jormun.runtime.native_file import TreeLock
from jormun.runtime.native_names import NativeNames
from jormun.wasi.filesystem import LINKS, NAME_BYTES, PATH_BYTES, Stat, refusal
from jormun.wasi.guest_path import expand
from jormun.wasi.nodes import Attributes, DirectoryNode, FileNode, LinkNode, Node
from jormun.wasi.quota import Account, Quota

_DEVICES: Final = itertools.count(1)
"""Each tree is a device of its own."""
_NO_NAMES: Final = (b"", b".", b"..")
"""Paths without a slash that are no names of entries."""
_OWN_INODES: Final = 1 << 62
"""Where an overlay's own inode numbers begin: far above those of the host's files, which keep theirs."""


class Tree:
    """What the nodes of one tree share."""

    __slots__ = ("_inodes", "_names", "account", "dev", "files", "is_read_only", "is_shared", "lock")

    def __init__(self, quota: Quota, *, is_read_only: bool, is_overlay: bool = False) -> None:
        self.account = Account(quota)
        self.is_read_only = is_read_only
        self.lock: Final = TreeLock()
        self.is_shared = False
        """Whether machine code knows of it."""
        self._names: NativeNames | None = None
        self.files: dict[int, FileNode] = {}
        """The files that machine code may open, by the address of their record."""
        self.dev = next(_DEVICES)
        self._inodes = itertools.count(_OWN_INODES if is_overlay else 1)

    def share(self) -> None:
        """Lets machine code know of it. The lock is held."""
        if not self.is_shared:
            self.account.keep_at(self.lock.left)
            self.is_shared = True

    @property
    def names(self) -> NativeNames:
        """The names that machine code finds. The lock is held."""
        if self._names is None:
            self._names = NativeNames(self.lock)
        return self._names

    def told(self, node: FileNode | DirectoryNode | LinkNode) -> Stat:
        """The attributes of a node, which machine code knows then, if it knows of the node. The lock is held."""
        stat = stat_of(self, node)
        if node.native is not None:
            times = stat.accessed_ns, stat.modified_ns, stat.changed_ns
            node.native.tell((stat.dev, stat.ino, stat.type, stat.links, stat.size_bytes, *times))
        return stat

    def discard(self, node: FileNode) -> None:
        """A file is gone: it has no name, and is not open. The lock is held."""
        node.content.discard()
        if node.native is not None:
            self.files.pop(node.native.address, None)

    def teach(self, root: DirectoryNode, path: bytes) -> None:
        """Has machine code find the node that `path` names below `root`, where it names one without further ado. The
        lock is held.
        """
        directory = root
        names = path.split(b"/")
        for k, name in enumerate(names, 1):
            node = directory.entries.get(name)  # never of ".", ".." or the empty name
            if isinstance(node, DirectoryNode):
                native = node.share(self.names)
            elif k == len(names) and isinstance(node, (FileNode, LinkNode)):
                native = node.share()
                if isinstance(node, FileNode):
                    self.files[native.address] = node
            else:
                return
            self.names.put(directory.share(self.names), name, native)
            if isinstance(node, DirectoryNode):
                directory = node

    def attributes(self) -> Attributes:
        """Those of a new node, which the account has room for. Raises EDQUOT."""
        self.account.take_file()
        return Attributes(next(self._inodes), time.time_ns(), counted_names=1)

    def release(self, attributes: Attributes) -> None:
        """A name of a node with these is gone. Those of a lower directory were not counted, and make no room."""
        if attributes.counted_names:
            attributes.counted_names -= 1
            self.account.give_file()


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
        if b"/" not in path and path not in _NO_NAMES:  # FAST: most paths are one name; a quarter of the time
            self.name = path
            self.node: Node | None = root.get(path)
            if not (follow and isinstance(self.node, LinkNode)):
                return
        way: list[DirectoryNode] = []
        links = 0
        pending: list[bytes] = []
        self.is_directory = expand(path, pending)
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
                    self.node = self.parent
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
    if not path.endswith(b"/"):
        return Spot(root, path, follow=False)
    spot = Spot(root, path.rstrip(b"/") or path[:1], follow=False)
    spot.is_directory = True
    return spot


def stat_of(tree: Tree, node: Node) -> Stat:
    """A node's attributes as WASI has them."""
    a = node.attributes
    return Stat(tree.dev, a.ino, node.type, a.links, node.size_bytes, a.accessed_ns, a.modified_ns, a.changed_ns)
