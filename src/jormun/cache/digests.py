"""The digests of modules' files, found by what the file system says of a file, so that a warm start need not read 20 MB
to know them.

A file whose device, inode, size and times are those of a file that was digested is taken to be that file. Whoever
writes to a file changes the time of its last change, which none but the system's clock can set; what was changed a
moment ago is not known by its times, since a clock stands still between its ticks. What this cannot tell: a write
through a mapping that was dirty before. So the digest only says whose code and blueprint to use. Bytes are compared
with it before anything else than a segment's contents, which may be any, is taken out of them (api/origin.py).
"""

from __future__ import annotations

import os
import stat
import time

from jormun.digest import DIGEST_BYTES, digest
from jormun.folder import read_own, write_whole
from jormun.sealed import SealError, seal, unseal

_SMALLEST_BYTES = 256 << 10
"""A smaller file is digested as fast as it is looked up."""
_TICK_NS = 2_000_000_000
"""The longest time for which a file system's clock stands still: FAT's."""
_MOST_FILES = 256
"""The digest that was kept for the longest time goes first."""


def file_stamp(fd: int) -> bytes | None:
    """What an open file is known by, before it is read. None for one that is not worth it, changes, or has no such
    times. Raises OSError.
    """
    status = os.fstat(fd)
    if os.name != "posix" or not stat.S_ISREG(status.st_mode) or status.st_size < _SMALLEST_BYTES:
        return None
    if max(status.st_mtime_ns, status.st_ctime_ns) > time.time_ns() - _TICK_NS:
        return None
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return digest(" ".join(map(str, numbers)).encode())


def stamp_of(data: bytes, fd: int, stamp: bytes | None) -> bytes | None:
    """The stamp that a file had before `data` were read from it, if they are all of it and it has the same one still.

    Machine code reads segments where the blueprint says that they are: the bytes must reach as far as those that it was
    made from, whose number is in the stamp. Raises OSError.
    """
    is_same = stamp is not None and os.fstat(fd).st_size == len(data) and file_stamp(fd) == stamp
    return stamp if is_same else None


class Digests:
    """The digests that a folder of the cache holds: sealed files, named by stamps."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find(self, stamp: bytes) -> bytes | None:
        """The digest of the file with this stamp, if it is known."""
        try:
            found = bytes(unseal(read_own(self._path(stamp)), stamp, ""))
        except (OSError, SealError):
            return None
        return found if len(found) == DIGEST_BYTES else None

    def keep(self, stamp: bytes, found: bytes) -> None:
        """Note a digest. A folder that cannot be written keeps none."""
        try:
            write_whole(self._path(stamp), seal(found, stamp, ""))
            for path in self._paths()[:-_MOST_FILES]:
                os.unlink(path)
        except OSError:
            pass  # the cache of machine code warns of it

    def clear(self) -> None:
        """Forget all. Raises OSError."""
        for path in self._paths():
            os.unlink(path)

    def _path(self, stamp: bytes) -> str:
        return os.path.join(self._folder, stamp.hex())

    def _paths(self) -> list[str]:
        """Of all files, the oldest first."""
        try:
            with os.scandir(self._folder) as entries:
                return [entry.path for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)]
        except FileNotFoundError:
            return []
