"""The bytes of a module, which may stay in its file until somebody asks for them."""

from __future__ import annotations

import os

from jormun.cache.digests import file_stamp
from jormun.errors import HostError


class HeldFile:
    """A module's file, open for as long as something of it may be needed. Another file may get its name meanwhile.

    It is read, not mapped, since a mapping of a file that is cut short ends the process.
    """

    __slots__ = ("_fd", "_modified_ns", "size_bytes", "stamp")

    def __init__(self, fd: int, stamp: bytes) -> None:
        """The file behind a descriptor, which stays the caller's, known by that stamp (cache/digests.py). Raises
        OSError.
        """
        self._fd = -1
        self._fd = os.dup(fd)
        status = os.fstat(fd)
        self.size_bytes, self._modified_ns = status.st_size, status.st_mtime_ns
        self.stamp = stamp

    def part(self, start: int, size_bytes: int) -> bytes:
        """Some of its bytes, as they were when it was opened. Raises HostError where they are not."""
        data = self._read(start, size_bytes)
        if len(data) != size_bytes or os.fstat(self._fd).st_mtime_ns != self._modified_ns:
            raise HostError("the module's file was written to after it was opened; start again")
        return data

    def all(self) -> tuple[bytes, bool]:
        """All of its bytes now, and whether they are surely those that the stamp stands for."""
        data = self._read(0, self.size_bytes)
        return data, len(data) == self.size_bytes and file_stamp(self._fd) == self.stamp

    def _read(self, start: int, size_bytes: int) -> bytes:
        from jormun.runtime.native.pages import read_file

        try:
            return read_file(self._fd, start, size_bytes)
        except OSError as error:
            raise HostError(f"the module's file cannot be read any more: {error.strerror}") from error

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


class Contents:
    """The bytes of a module, binary or text, and what the file that they were read from is known by, if it was one."""

    __slots__ = ("_data", "_file", "size_bytes", "stamp")

    def __init__(self, data: bytes | HeldFile, stamp: bytes | None = None) -> None:
        self._data: bytes | None = None
        self._file: HeldFile | None = None
        if isinstance(data, bytes):
            self._data, self.size_bytes, self.stamp = data, len(data), stamp
        else:
            self._file, self.size_bytes, self.stamp = data, data.size_bytes, data.stamp

    @property
    def data(self) -> bytes:
        """All of them. A file that was written to since it was opened has no stamp from then on. Raises HostError where
        it cannot be read.
        """
        data = self._data
        if data is None:
            assert self._file is not None
            data, is_known = self._file.all()
            self._data = data
            if not is_known:
                self.stamp = None
        return data

    def part(self, start: int, size_bytes: int) -> tuple[bytes, int]:
        """What holds some of them, and where in it they begin. Raises HostError where a file was written to since it
        was opened.
        """
        if self._data is not None or self._file is None:
            return self.data, start
        return self._file.part(start, size_bytes), 0
