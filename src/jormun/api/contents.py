"""The bytes of a module, which may stay in its file until somebody asks for them."""

from __future__ import annotations

import os

from jormun.cache.digests import file_stamp
from jormun.errors import HostError


class HeldFile:
    """A module's file, open for as long as something of it may be needed.

    It is read, not mapped, since a mapping of a file that is cut short ends the process; and what is read is what was
    there when the file was opened, or is not given out.
    """

    __slots__ = ("_fd", "size_bytes", "stamp")

    def __init__(self, fd: int, size_bytes: int, stamp: bytes) -> None:
        """The file behind a descriptor, which stays the caller's, of that size and known by that stamp
        (cache/digests.py). Raises OSError.
        """
        self._fd = -1
        self._fd = os.dup(fd)
        self.size_bytes = size_bytes
        self.stamp = stamp

    def read(self, start: int, size_bytes: int) -> bytes:
        """Some of its bytes. Raises HostError when they cannot be read or the file was written to."""
        from jormun.runtime.native.pages import read_file

        try:
            data = read_file(self._fd, start, size_bytes)
            is_same = file_stamp(self._fd) == self.stamp
        except OSError as error:
            raise HostError(f"the module's file cannot be read any more: {error.strerror}") from error
        if not is_same or len(data) != size_bytes:
            raise HostError(
                "the module's file was written to while it was in use; start again, and replace such files by renaming"
            )
        return data

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


class Contents:
    """The bytes of a module, binary or text, and what the file that they were read from is known by, if it was one."""

    __slots__ = ("_data", "_file", "size_bytes", "stamp")

    def __init__(self, data: bytes | HeldFile, stamp: bytes | None = None) -> None:
        if isinstance(data, bytes):
            self._data: bytes | None = data
            self._file: HeldFile | None = None
            self.size_bytes = len(data)
            self.stamp = stamp
        else:
            self._data = None
            self._file = data
            self.size_bytes = data.size_bytes
            self.stamp = data.stamp

    @property
    def data(self) -> bytes:
        """All of them. Raises HostError, as HeldFile.read."""
        data = self._data
        if data is None:
            assert self._file is not None
            data = self._data = self._file.read(0, self.size_bytes)
        return data

    def part(self, start: int, size_bytes: int) -> tuple[bytes, int]:
        """What holds some of them, and where in it they begin. Raises HostError, as HeldFile.read."""
        if self._data is not None or self._file is None:
            return self.data, start
        return self._file.read(start, size_bytes), 0
