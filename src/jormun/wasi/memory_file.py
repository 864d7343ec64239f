"""Open files of trees in memory."""

from __future__ import annotations

import errno
import os

from jormun.hints import Final
from jormun.runtime.native_file import NativeFile
from jormun.wasi.abi import FdFlags, FileType
from jormun.wasi.content import FILE_BYTES, Content
from jormun.wasi.filesystem import Buffers, Stat, Times, refusal
from jormun.wasi.native_table import OpenedInMemory
from jormun.wasi.nodes import FileNode
from jormun.wasi.tree import Tree

_COPY_BYTES: Final = 1 << 20


class MemoryFile:
    """A regular file of a tree, open: a position, and flags. Several may share a node, and threads may share one."""

    __slots__ = ("_can_write", "_flags", "_is_open", "_native", "_node", "_start", "_tree", "is_seekable", "type")

    def __init__(self, tree: Tree, node: FileNode, *, can_write: bool, flags: int) -> None:
        """Raises OSError when a lower directory does not have the file any more. The tree's lock is held."""
        if node.lower is not None and node.reader is None:
            node.reader = node.lower.open()
            if node.native is not None:
                node.share()
        node.open_count += 1
        self._tree = tree
        self._node = node
        self._can_write = can_write
        self._start = 0
        self._native: NativeFile | None = None
        self._is_open = True
        self._flags = flags
        self.type = FileType.REGULAR_FILE
        self.is_seekable = True

    @classmethod
    def taken_over(cls, tree: Tree, opened: OpenedInMemory) -> MemoryFile:
        """A file that machine code has opened. Raises OSError as the constructor does."""
        with tree.lock:
            node = tree.files[opened.content]
            file = cls(tree, node, can_write=opened.can_write, flags=opened.flags)
            file._start = opened.position
            assert node.native is not None
            node.native.take_over()
            return file

    @property
    def native(self) -> NativeFile:
        """The part of it that machine code uses, from the first time that this is asked for."""
        if self._native is None:
            with self._tree.lock:
                self._tree.share()
                can_change = not self._tree.is_read_only
                native = NativeFile.file(
                    self._tree.lock, self._node.share(), can_write=self._can_write, can_change=can_change
                )
                native.position = self._start
                native.flags = self._flags
                self._native = native
        return self._native

    @property
    def _position(self) -> int:
        return self._start if self._native is None else self._native.position

    @_position.setter
    def _position(self, position: int) -> None:
        if self._native is None:
            self._start = position
        else:
            self._native.position = position

    @property
    def flags(self) -> int:
        """See File."""
        return self._flags if self._native is None else self._native.flags

    def read(self, buffers: Buffers) -> int:
        """See File."""
        with self._tree.lock:
            count = self._read_at(buffers, self._position)
            self._position += count
            return count

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """See File."""
        with self._tree.lock:
            return self._read_at(buffers, offset)

    def _read_at(self, buffers: Buffers, offset: int) -> int:
        reader = self._node.reader
        return self._node.content.read_at(buffers, offset) if reader is None else reader.read_at(buffers, offset)

    def write(self, buffers: Buffers) -> int:
        """See File."""
        with self._tree.lock:
            content = self._own()
            start = content.size_bytes if self.flags & FdFlags.APPEND else self._position
            count = content.write_at(buffers, start)
            self._node.attributes.modified()
            self._position = start + count
            return count

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """See File. The offset counts even for a file that appends."""
        with self._tree.lock:
            count = self._own().write_at(buffers, offset)
            self._node.attributes.modified()
            return count

    def seek(self, offset: int, whence: int) -> int:
        """See File."""
        with self._tree.lock:
            if whence == os.SEEK_CUR:
                offset += self._position
            elif whence == os.SEEK_END:
                offset += self._node.size_bytes
            if offset < 0:
                raise refusal(errno.EINVAL)
            if offset > FILE_BYTES:
                raise refusal(errno.EOVERFLOW)
            self._position = offset
            return offset

    def stat(self) -> Stat:
        """See File."""
        with self._tree.lock:
            return self._tree.told(self._node)

    def set_times(self, times: Times) -> None:
        """See File."""
        if self._tree.is_read_only:
            raise refusal(errno.EROFS)
        with self._tree.lock:
            self._node.attributes.set_times(times)
            self._tree.told(self._node)

    def set_size(self, size_bytes: int) -> None:
        """See File. EINVAL when it is not open for writing; EDQUOT."""
        if not self._can_write:
            raise refusal(errno.EINVAL)
        with self._tree.lock:
            self._own().set_size(size_bytes)
            self._node.attributes.modified()

    def allocate(self, offset: int, size_bytes: int) -> None:
        """See File. EDQUOT."""
        with self._tree.lock:
            content = self._own()
            if offset + size_bytes > content.size_bytes:
                content.set_size(offset + size_bytes)
            self._node.attributes.modified()

    def advise(self, offset: int, size_bytes: int, advice: int) -> None:
        """Nothing: it is in memory already."""

    def sync(self, *, data_only: bool) -> None:
        """Nothing: there is no device."""

    def set_flags(self, flags: int) -> None:
        """See File. The synchronous flags stay as they were, as for a file of the host's."""
        changeable = FdFlags.APPEND | FdFlags.NONBLOCK
        with self._tree.lock:
            flags = (self.flags & ~changeable) | (flags & changeable)
            if self._native is None:
                self._flags = flags
            else:
                self._native.flags = flags

    def fileno(self) -> int | None:
        """None: nothing here ever waits."""
        return None

    def available(self) -> int:
        """See File."""
        with self._tree.lock:
            return max(0, self._node.size_bytes - self._position)

    def close(self) -> None:
        """See File. What has no name any more is gone with the last descriptor."""
        with self._tree.lock:
            if not self._is_open:
                return
            self._is_open = False
            node = self._node
            node.open_count -= 1
            if node.open_count:
                return
            node.close_reader()
            if not node.attributes.links and not node.is_open:
                self._tree.discard(node)

    def _own(self) -> Content:
        """The content, to be changed. EBADF when the file is not open for writing."""
        if not self._can_write:
            raise refusal(errno.EBADF)
        if self._node.lower is not None:
            copy_up(self._node)
        return self._node.content


def copy_up(node: FileNode) -> None:
    """Takes the bytes of the lower directory's file into memory. Raises EDQUOT, and OSError from the lower directory.

    The tree's lock is held, and the file is open.
    """
    reader = node.reader
    assert reader is not None
    content = node.content
    buffer = memoryview(bytearray(_COPY_BYTES))
    try:
        offset = 0
        while count := reader.read_at((buffer,), offset):
            content_end = offset + count
            while offset < content_end:
                offset += content.write_at((buffer[count - (content_end - offset) : count],), offset)
    except OSError:
        content.discard()
        raise
    node.own()
