"""The files of a tree in memory as a dict of paths to contents: put into it, and read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jormun.hints import TypeAlias
from jormun.wasi.content import Content
from jormun.wasi.memory_file import MemoryFile
from jormun.wasi.nodes import DirectoryNode, FileNode
from jormun.wasi.tree import Tree

Files: TypeAlias = "Mapping[str, str | bytes | Files]"
"""Contents by path: bytes, text (in UTF-8), or the contents of a directory."""


def files_below(root: DirectoryNode) -> Iterator[tuple[str, FileNode]]:
    """All regular files below a directory, with their paths. The lock of the tree is held."""
    pending: list[tuple[str, DirectoryNode]] = [("", root)]
    while pending:
        prefix, directory = pending.pop()
        for name, node in directory.nodes():
            path = prefix + name.decode("utf-8", "surrogateescape")
            if isinstance(node, DirectoryNode):
                pending.append((f"{path}/", node))
            elif isinstance(node, FileNode):
                yield path, node


def contents_of(tree: Tree, node: FileNode) -> bytes:
    """The bytes of a file. The lock of the tree is held."""
    if node.lower is None:
        return bytes(node.content)
    file = MemoryFile(tree, node, can_write=False, flags=0)
    try:
        data = bytearray(file.stat().size_bytes)
        count = file.read_at((memoryview(data),), 0)
        return bytes(data[:count])
    finally:
        file.close()


def fill(tree: Tree, directory: DirectoryNode, files: Files) -> None:
    """Puts what `files` says into a directory."""
    if not isinstance(files, Mapping):
        raise TypeError(f"a directory in memory is made of a dict of paths to contents, not of {type(files).__name__}")
    for path, content in files.items():
        parts = path.strip("/").split("/")
        for part in parts:
            if part in ("", ".", "..") or "\0" in part:
                raise ValueError(f"{path!r} is no path of a file in memory")
        names = [part.encode("utf-8", "surrogateescape") for part in parts]
        parent = directory
        for name in names[:-1]:
            parent = _made(tree, parent, name, path)
        if isinstance(content, Mapping):
            fill(tree, _made(tree, parent, names[-1], path), content)
            continue
        if isinstance(content, str):
            content = content.encode()
        elif not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"the content of {path!r} is bytes, str or a dict, not {type(content).__name__}")
        if names[-1] in parent.entries:
            raise ValueError(f"{path!r} is given twice")
        parent.put(names[-1], FileNode(tree.attributes(), Content(tree.account, bytes(content))))


def _made(tree: Tree, parent: DirectoryNode, name: bytes, path: str) -> DirectoryNode:
    """The directory of that name, which is made unless it is there."""
    node = parent.get(name)
    if node is None:
        node = DirectoryNode(tree.attributes(), parent)
        parent.put(name, node)
    if not isinstance(node, DirectoryNode):
        raise ValueError(f"{path!r} is below a file")
    return node
