"""A quota on a directory of the host: what its guest's calls add to files there, and take away."""

from __future__ import annotations

import errno
import os
import stat as stat_module
from threading import RLock

from jormun.wasi.filesystem import Buffers, cut, refusal
from jormun.wasi.quota import Account, Quota


class HostAccount:
    """Keeps the account of one directory and all below it.

    What counts is how this guest's calls change the sizes of files. Room taken by a file that has no name any more
    comes back when the guest closes it. What others do to the same files meanwhile is nobody's here.
    """

    __slots__ = ("_account", "_lock", "_open")

    def __init__(self, quota: Quota) -> None:
        self._account = Account(quota)
        self._lock = RLock()
        self._open: dict[tuple[int, int], int] = {}

    def opened(self, fd: int) -> None:
        """A regular file was opened."""
        status = os.fstat(fd)
        key = status.st_dev, status.st_ino
        with self._lock:
            self._open[key] = self._open.get(key, 0) + 1

    def closing(self, fd: int) -> None:
        """A regular file that was opened is about to be closed."""
        status = os.fstat(fd)
        key = status.st_dev, status.st_ino
        with self._lock:
            self._open[key] -= 1
            if self._open[key]:
                return
            del self._open[key]
            if not status.st_nlink:
                self._account.give_bytes(status.st_size)

    def create(self) -> None:
        """A file, directory or link is about to be made. Raises EDQUOT."""
        self._account.take_file()

    def not_created(self) -> None:
        """It was not made after all."""
        self._account.give_file()

    def removed(self, status: os.stat_result) -> None:
        """A name was removed from what had these attributes before."""
        if not stat_module.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            return
        self._account.give_file()
        with self._lock:
            if stat_module.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in self._open:
                self._account.give_bytes(status.st_size)

    def truncated(self, status: os.stat_result) -> None:
        """A file with these attributes was cut to nothing."""
        if stat_module.S_ISREG(status.st_mode):
            self._account.give_bytes(status.st_size)

    def write(self, fd: int, buffers: Buffers, offset: int | None, *, appends: bool) -> int:
        """Writes as much as there is room for: at `offset`, or at the position. EDQUOT when that is nothing."""
        with self._lock:
            before = os.fstat(fd).st_size
            if offset is None:
                start = before if appends else os.lseek(fd, 0, os.SEEK_CUR)
            else:
                start = offset
            allowed = before + self._account.room_bytes - start
            if sum(map(len, buffers)) > allowed:
                if allowed <= 0:
                    raise refusal(errno.EDQUOT)
                buffers = cut(buffers, allowed)
            written = os.writev(fd, buffers) if offset is None else os.pwritev(fd, buffers, offset)
            self._account.give_bytes(-max(0, start + written - before))
            return written

    def resize(self, fd: int, size_bytes: int) -> None:
        """Sets a file's size. Raises EDQUOT."""
        with self._lock:
            before = os.fstat(fd).st_size
            self._account.take_bytes(max(0, size_bytes - before))
            try:
                os.ftruncate(fd, size_bytes)
            finally:
                self._account.give_bytes(max(size_bytes, before) - os.fstat(fd).st_size)

    def allocate(self, fd: int, offset: int, size_bytes: int) -> None:
        """Allocates a range of a file. Raises EDQUOT."""
        with self._lock:
            before = os.fstat(fd).st_size
            end = max(before, offset + size_bytes)
            self._account.take_bytes(end - before)
            try:
                os.posix_fallocate(fd, offset, size_bytes)
            finally:
                self._account.give_bytes(end - os.fstat(fd).st_size)
