"""Directories in memory, made from a dict of paths to contents, and readable back."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from jormun.hints import Final
from jormun.runtime.native_file import NativeFile
from jormun.wasi.abi import FileType
from jormun.wasi.content import Content
from jormun.wasi.filesystem import Directory, Entry, File, OpenMode, Stat, Times, refusal
from jormun.wasi.guest_path import require_relative, require_target
from jormun.wasi.memory_file import MemoryFile
from jormun.wasi.native_table import OpenedInMemory
from jormun.wasi.nodes import DirectoryNode, FileNode, LinkNode, Node, OtherNode, Unread
from jormun.wasi.quota import IN_MEMORY, Quota
from jormun.wasi.tree import Spot, Tree, slashed, stat_of
from jormun.wasi.tree_files import Files, contents_of, files_below, fill

FEW_LOOKS: Final = 2
"""So many questions for a path come to Python before machine code is told of it: many are asked once."""


class MemoryDirectory:
    """A directory that exists in memory alone. It may be given to several runs, which then see each other's changes.

    `files` says what is in it: paths, with slashes for directories, and contents. `is_read_only` refuses every change
    with EROFS. `quota` bounds what is in it; without one it is a gigabyte and a million files. Raises ValueError for a
    path that is none, TypeError for other contents, OSError (EDQUOT) when `files` is more than the quota has room for.

    >>> import jormun
    >>> data = jormun.MemoryDirectory({"greeting.txt": "hello", "empty": {}, "sub/bytes": b"123"})
    >>> dict(data.files)
    {'greeting.txt': b'hello', 'sub/bytes': b'123'}
    """

    __slots__ = ("_native", "_node", "_tree")

    def __init__(self, files: Files | None = None, *, is_read_only: bool = False, quota: Quota = IN_MEMORY) -> None:
        self._tree = Tree(quota, is_read_only=is_read_only)
        self._node = DirectoryNode(self._tree.attributes(), None)
        self._native: NativeFile | None = None
        fill(self._tree, self._node, files or {})

    @classmethod
    def of(cls, tree: Tree, node: DirectoryNode) -> MemoryDirectory:
        """A directory of a tree, open."""
        directory = cls.__new__(cls)
        directory._tree = tree
        directory._node = node
        directory._native = None
        return directory

    @property
    def native(self) -> NativeFile:
        """The part of it that machine code uses, from the first time that this is asked for."""
        if self._native is None:
            tree = self._tree
            with tree.lock:
                tree.share()
                self._native = NativeFile.directory(
                    tree.lock, self._node.share(tree.names), can_change=not tree.is_read_only
                )
        return self._native

    @property
    def files(self) -> Mapping[str, bytes]:
        """All files below it by path, as they are now. Directories and links are not among them."""
        with self._tree.lock:
            return {path: contents_of(self._tree, node) for path, node in files_below(self._node)}

    def open(self, path: bytes, mode: OpenMode, *, follow: bool) -> File | Directory:
        """See Directory. EISDIR for a directory that is to be written or created; EROFS; EDQUOT."""
        tree = self._tree
        if mode.changes:
            self._require_writable()
        with tree.lock:
            spot = Spot(self._node, path, follow=follow and not (mode.create and mode.exclusive))
            spot.require_name()
            if mode.create:
                if mode.directory or spot.is_directory:
                    raise refusal(errno.EISDIR if spot.is_directory else errno.EINVAL)
                if spot.node is None:
                    spot.node = FileNode(tree.attributes(), Content(tree.account))
                    self._put(spot, spot.node)
                elif mode.exclusive:
                    raise refusal(errno.EEXIST)
            node = spot.existing()
            if isinstance(node, DirectoryNode):
                if mode.changes:
                    raise refusal(errno.EISDIR)
                return MemoryDirectory.of(tree, node)
            if mode.directory:
                raise refusal(errno.ENOTDIR)
            if isinstance(node, LinkNode):
                raise refusal(errno.ELOOP)
            if isinstance(node, OtherNode):
                raise refusal(errno.EACCES)
            if mode.truncate:
                _cut_to_nothing(node)
            if node.lower is None:  # else machine code could not open it
                self._count(path, node)
            return MemoryFile(tree, node, can_write=mode.can_write, flags=mode.flags)

    @property
    def is_read_only(self) -> bool:
        """Whether every change is refused."""
        return self._tree.is_read_only

    def taken_over(self, opened: OpenedInMemory) -> MemoryFile:
        """A file that machine code has opened below some directory of the tree."""
        return MemoryFile.taken_over(self._tree, opened)

    def stat(self) -> Stat:
        """See Directory."""
        with self._tree.lock:
            return self._tree.told(self._node)

    def set_times(self, times: Times) -> None:
        """See Directory."""
        self._require_writable()
        with self._tree.lock:
            self._node.attributes.set_times(times)
            self._tree.told(self._node)

    def sync(self, *, data_only: bool) -> None:
        """Nothing: there is no device."""

    def entries(self) -> Sequence[Entry]:
        """See Directory. `..` has the inode of the directory itself, as for one of the host's."""
        with self._tree.lock:
            ino = self._node.attributes.ino
            entries = [Entry(b".", ino, FileType.DIRECTORY), Entry(b"..", ino, FileType.DIRECTORY)]
            for name, node in self._node.entries.items():
                ino = node.ino if isinstance(node, Unread) else node.attributes.ino
                entries.append(Entry(name, ino, node.type))
            return entries

    @property
    def entry_changes(self) -> int:
        """How often its entries have changed."""
        return self._node.changes

    def path_stat(self, path: bytes, *, follow: bool) -> Stat:
        """See Directory."""
        with self._tree.lock:
            return self._look(path, Spot(self._node, path, follow=follow).existing())

    def path_set_times(self, path: bytes, times: Times, *, follow: bool) -> None:
        """See Directory."""
        self._require_writable()
        with self._tree.lock:
            node = Spot(self._node, path, follow=follow).existing()
            node.attributes.set_times(times)
            self._look(path, node)

    def create_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with self._tree.lock:
            spot = slashed(self._node, path)
            if spot.node is not None:
                raise refusal(errno.EEXIST)
            self._put(spot, DirectoryNode(self._tree.attributes(), spot.parent))

    def remove_directory(self, path: bytes) -> None:
        """See Directory."""
        self._require_writable()
        with self._tree.lock:
            spot = slashed(self._node, path)
            node = spot.existing()
            if not isinstance(node, DirectoryNode):
                raise refusal(errno.ENOTDIR)
            if spot.name == b".":
                raise refusal(errno.EINVAL)
            self._remove_empty(node)
            spot.parent.take(spot.name)

    def unlink_file(self, path: bytes) -> None:
        """See Directory. EISDIR for a directory; ENOTDIR for a file behind whose name stands a slash."""
        self._require_writable()
        with self._tree.lock:
            spot = slashed(self._node, path)
            node = spot.existing()
            if isinstance(node, DirectoryNode):
                raise refusal(errno.EISDIR)
            spot.parent.take(spot.name)
            self._unlinked(node)

    def read_link(self, path: bytes) -> bytes:
        """See Directory. EINVAL for what is no link; EPERM for one with an absolute path."""
        with self._tree.lock:
            node = Spot(self._node, path, follow=False).existing()
            if not isinstance(node, LinkNode):
                raise refusal(errno.EINVAL)
            require_relative(node.target)
            self._count(path, node)
            return node.target

    def symlink(self, target: bytes, path: bytes) -> None:
        """See Directory. An absolute target is refused (EPERM), as in a directory of the host's."""
        self._require_writable()
        require_target(target)
        if not target:
            raise refusal(errno.ENOENT)
        with self._tree.lock:
            spot = slashed(self._node, path)
            _require_no_slash(spot)
            if spot.node is not None:
                raise refusal(errno.EEXIST)
            self._tree.account.take_bytes(len(target))
            try:
                self._put(spot, LinkNode(self._tree.attributes(), target, is_counted=True))
            except OSError:
                self._tree.account.give_bytes(len(target))
                raise

    def link(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. EPERM for a directory; EXDEV for one of another tree."""
        target = self._peer(to)
        with self._tree.lock:
            source, spot = slashed(self._node, path), slashed(target._node, to_path)
            if source.is_directory:
                source.existing()
            _require_no_slash(spot)
            node = source.existing()
            spot.require_name()
            if spot.node is not None:
                raise refusal(errno.EEXIST)
            if isinstance(node, DirectoryNode):
                raise refusal(errno.EPERM)
            self._tree.account.take_file()
            self._put(spot, node)
            node.attributes.counted_names += 1
            node.attributes.linked(1)

    def rename(self, path: bytes, to: Directory, to_path: bytes) -> None:
        """See Directory. ENOTDIR for a file when a slash stands behind either name; EXDEV for another tree."""
        target = self._peer(to)
        with self._tree.lock:
            source, spot = slashed(self._node, path), slashed(target._node, to_path)
            if source.is_directory or spot.is_directory:
                source.is_directory = True
                source.existing()
            if b"." in (source.name, spot.name):
                raise refusal(errno.EBUSY)
            node, replaced = source.existing(), spot.node
            spot.require_name()
            if isinstance(node, DirectoryNode) and spot.parent.is_below(node):
                raise refusal(errno.EINVAL)
            if isinstance(replaced, DirectoryNode) and source.parent.is_below(replaced):
                raise refusal(errno.ENOTEMPTY)
            if isinstance(node, DirectoryNode):
                if replaced is not None and not isinstance(replaced, DirectoryNode):
                    raise refusal(errno.ENOTDIR)
            elif isinstance(replaced, DirectoryNode):
                raise refusal(errno.EISDIR)
            if replaced is node:
                return
            if isinstance(replaced, DirectoryNode):
                self._remove_empty(replaced)
            spot.parent.put(spot.name, node)
            source.parent.take(source.name)
            if isinstance(node, DirectoryNode):
                node.parent = spot.parent
            if replaced is not None and not isinstance(replaced, DirectoryNode):
                self._unlinked(replaced)

    def close(self) -> None:
        """Nothing: the tree stays."""

    def reopened(self) -> MemoryDirectory:
        """The same directory, for another guest."""
        return MemoryDirectory.of(self._tree, self._node)

    def _look(self, path: bytes, node: Node) -> Stat:
        """The attributes of the node that a path leads to."""
        if self._native is None or isinstance(node, OtherNode):
            return stat_of(self._tree, node)
        self._count(path, node)
        return self._tree.told(node)

    def _count(self, path: bytes, node: Node) -> None:
        """Python was asked for the node that a path leads to. If it was before, machine code finds it next time."""
        if self._native is not None:
            attributes = node.attributes
            attributes.looks += 1
            if attributes.looks >= FEW_LOOKS:
                self._tree.teach(self._node, path)

    def _require_writable(self) -> None:
        if self._tree.is_read_only:
            raise refusal(errno.EROFS)

    def _peer(self, other: Directory) -> MemoryDirectory:
        """`other` as the second directory of a link or rename, when both may be changed."""
        if not isinstance(other, MemoryDirectory) or other._tree is not self._tree:
            raise refusal(errno.EXDEV)
        self._require_writable()
        return other

    def _put(self, spot: Spot, node: Node) -> None:
        """Makes an entry, for which a file was taken from the account."""
        try:
            spot.parent.put(spot.name, node)
        except OSError:
            self._tree.account.give_file()
            raise

    def _remove_empty(self, node: DirectoryNode) -> None:
        if node.entries:
            raise refusal(errno.ENOTEMPTY)
        node.is_removed = True
        node.attributes.links = 0
        self._tree.release(node.attributes)

    def _unlinked(self, node: FileNode | LinkNode | OtherNode) -> None:
        """A name was taken from a node; without the last one, and open no more, it is gone."""
        node.attributes.linked(-1)
        self._tree.release(node.attributes)
        if node.attributes.links:
            return
        if isinstance(node, FileNode):
            if node.native is not None:
                node.native.lose_name()
            if not node.is_open:
                self._tree.discard(node)
        elif isinstance(node, LinkNode) and node.is_counted:
            self._tree.account.give_bytes(len(node.target))


def _cut_to_nothing(node: FileNode) -> None:
    """Truncates a file that is about to be opened."""
    node.own()
    node.content.set_size(0)
    node.attributes.modified()


def _require_no_slash(spot: Spot) -> None:
    """Refuses a new name that a slash stands behind: only a directory could be there."""
    if spot.is_directory:
        spot.existing()
        raise refusal(errno.EEXIST)
