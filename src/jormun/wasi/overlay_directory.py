"""Overlays: a directory that is only looked at, with all changes to it kept in memory.

An overlay is a tree in memory whose nodes come from the lower directory when they are first asked for. From then on
they are like any others: to remove, rename or link one never touches what is below, and a file's bytes are taken into
memory when it is first changed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice

from jormun.wasi.abi import FileType
from jormun.wasi.content import Content
from jormun.wasi.filesystem import TO_LIST, Directory, File, OpenMode, Stat, refusal
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.nodes import Attributes, DirectoryNode, FileNode, LinkNode, Node, OtherNode, Unread
from jormun.wasi.quota import IN_MEMORY, Quota
from jormun.wasi.tree import Tree
from jormun.wasi.tree_files import contents_of

_TO_READ = OpenMode(True, False, False, False, False, False, 0)


class OverlayDirectory:
    """A directory of the host as guests may change it, while it stays as it is on the host.

    `lower` is a path of the host's, or a directory. `quota` bounds the changes; a file that is changed counts whole.
    It may be given to several runs, which see each other's changes. What changes on the host meanwhile may be seen or
    not. Devices, FIFOs and sockets can be looked at, not opened (EACCES). Raises OSError.

    >>> import jormun, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as path:
    ...     overlay = jormun.OverlayDirectory(path)
    >>> dict(overlay.files)
    {}
    """

    __slots__ = ("_layers", "_root")

    def __init__(
        self, lower: str | os.PathLike[str] | HostDirectory | MemoryDirectory, *, quota: Quota = IN_MEMORY
    ) -> None:
        opened: Directory
        if isinstance(lower, (HostDirectory, MemoryDirectory)):
            opened = lower.reopened()
        else:
            opened = HostDirectory(lower, is_read_only=True)
        self._layers = _Layers(opened, Tree(quota, is_read_only=False, is_overlay=True))
        self._root = self._layers.root()

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files that were made or changed, by path, as they are now; what was moved counts as made."""
        tree = self._layers.tree
        with tree.lock:
            return {path: contents_of(tree, node) for path, node in self._layers.changed_files(self._root)}

    @property
    def removed(self) -> frozenset[str]:
        """The paths of what is on the host and was removed or moved away; of a directory, without what is below it."""
        with self._layers.tree.lock:
            return frozenset(self._layers.removed(self._root))

    def reopened(self) -> MemoryDirectory:
        """The directory as a guest opens it."""
        return MemoryDirectory.of(self._layers.tree, self._root)


class _Layers:
    """The lower directory, and the tree above it."""

    def __init__(self, lower: Directory, tree: Tree) -> None:
        self.lower = lower
        self.tree = tree
        self._shared: dict[tuple[int, int], FileNode] = {}
        """Files with several names, by device and inode, so that each is one node."""

    def root(self) -> DirectoryNode:
        """The node of the directory itself."""
        return self._directory(b".", self.lower.stat(), None)

    def _directory(self, path: bytes, stat: Stat, parent: DirectoryNode | None) -> DirectoryNode:
        return DirectoryNode(Attributes.of(stat), parent, partial(self._load, path), path)

    def changed_files(self, root: DirectoryNode) -> Iterator[tuple[str, FileNode]]:
        """All files whose bytes are not those that the lower directory has at their path.

        No more of the lower directory is read than it takes to find all names of a file that was changed.
        """
        changed = {node.attributes.ino for node in self._shared.values() if node.lower is None}
        pending: list[tuple[bytes, DirectoryNode]] = [(b".", root)]
        while pending:
            place, directory = pending.pop()
            is_in_place = directory.lower_path == place
            if is_in_place and not directory.is_loaded and not changed:
                continue
            for name, entry in list(directory.entries.items()):
                path = _below(place, name)
                if is_in_place and isinstance(entry, Unread):
                    may_matter = entry.ino in changed or (changed and entry.type is FileType.DIRECTORY)
                    if not may_matter:
                        continue
                node = directory.get(name)
                if isinstance(node, DirectoryNode):
                    pending.append((path, node))
                elif isinstance(node, FileNode) and not (
                    isinstance(node.lower, _LowerFile) and path in node.lower.paths
                ):
                    yield _text(path), node

    def removed(self, root: DirectoryNode) -> Iterator[str]:
        """What the lower directories that were read have, and the tree does not have there."""
        pending = [root]
        while pending:
            directory = pending.pop()
            if not directory.is_loaded:
                continue
            assert directory.lower_path is not None
            for name, entry in self._load(directory.lower_path, directory).items():
                path = _below(directory.lower_path, name)
                node = directory.entries.get(name)
                if isinstance(node, DirectoryNode) and node.lower_path == path:
                    pending.append(node)
                elif node is None or (node.type is FileType.DIRECTORY) != (entry.type is FileType.DIRECTORY):
                    yield _text(path)

    def _load(self, path: bytes, node: DirectoryNode) -> dict[bytes, Node | Unread]:
        """The entries of a directory, unread."""
        directory = self.lower.open(path, TO_LIST, follow=False)
        assert not isinstance(directory, File)
        try:
            return {
                entry.name: Unread(entry.ino, entry.type, partial(self._read, _below(path, entry.name), node))
                for entry in islice(directory.entries(), 2, None)
            }
        finally:
            directory.close()

    def _read(self, path: bytes, parent: DirectoryNode) -> Node | None:
        """The node of an entry, or None when it is gone."""
        try:
            stat = self.lower.path_stat(path, follow=False)
            if stat.type is FileType.DIRECTORY:
                return self._directory(path, stat, parent)
            if stat.type is FileType.SYMBOLIC_LINK:
                return LinkNode(Attributes.of(stat), self._target(path))
        except FileNotFoundError:
            return None
        if stat.type is not FileType.REGULAR_FILE:
            return OtherNode(Attributes.of(stat), stat.type)
        key = stat.dev, stat.ino
        node = self._shared.get(key)
        if node is None:
            content = Content(self.tree.account)
            node = FileNode(Attributes.of(stat), content, _LowerFile(self.lower, path, stat.size_bytes))
            if stat.links > 1:
                self._shared[key] = node
        elif isinstance(node.lower, _LowerFile):
            node.lower.paths.append(path)
        return node

    def _target(self, path: bytes) -> bytes:
        try:
            return self.lower.read_link(path)
        except PermissionError:
            return b"/"  # an absolute path, which nobody gets to follow or to read


class _LowerFile:
    """See tree.LowerContent. `paths` are the names of it that were read."""

    __slots__ = ("_lower", "paths", "size_bytes")

    def __init__(self, lower: Directory, path: bytes, size_bytes: int) -> None:
        self._lower = lower
        self.paths = [path]
        self.size_bytes = size_bytes

    def open(self) -> File:
        """Opens it; it may have become longer or shorter. ESTALE when it has become something else."""
        file = self._lower.open(self.paths[0], _TO_READ, follow=False)
        if not isinstance(file, File) or file.type is not FileType.REGULAR_FILE:
            file.close()
            raise refusal(errno.ESTALE)
        self.size_bytes = file.stat().size_bytes
        return file


def _below(path: bytes, name: bytes) -> bytes:
    """The path of an entry of the directory at `path`."""
    return name if path == b"." else path + b"/" + name


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
