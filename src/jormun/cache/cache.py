"""The cache of compiled code: files in a folder, one for each module, bounded in size.

Files appear whole, by a rename, and never change, so any number of processes may read and write. Two that save the same
module at the same time lose what one of them had compiled, and nothing else.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from jormun.cache import imports
from jormun.cache.digests import Digests
from jormun.cache.entry import Entry
from jormun.dataclass import dataclass
from jormun.folder import cache_folder, is_left_over, open_own, write_whole
from jormun.runtime.native import pages
from jormun.runtime.native.support import machine
from jormun.sealed import SealError, sealed, unseal

SIZE_VARIABLE = "JORMUN_CACHE_SIZE"
DEFAULT_SIZE_BYTES = 1 << 30
_SUFFIX = ".code"
_LEFT_OVER_S = 3600
"""A write that was begun so long ago never ends."""


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of the cache."""

    path: str
    size_bytes: int
    used_s: float
    """When it was last used, in seconds since the epoch."""


class Cache:
    """A folder of entries. Whatever is wrong with it, runs go on without: one warning says so."""

    def __init__(self, folder: str | None = None, size_bytes: int | None = None) -> None:
        """By default as the environment says. A cache of 0 bytes keeps nothing."""
        self._root = cache_folder() if folder is None else folder
        self.folder = os.path.join(self._root, "code")
        self.digests = Digests(os.path.join(self._root, "digests"))
        self.size_bytes = _size_bytes() if size_bytes is None else size_bytes
        self._is_broken = False

    def find(self, key: bytes) -> Entry | None:
        """The entry with this key, used now. One that is damaged, or that others may have written, is dropped."""
        if self.size_bytes == 0 or self._is_broken:
            return None
        path = self.path(key)
        try:
            entry = self._read(path, key)
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            self._give_up(error)
            return None
        except (OSError, SealError):
            _remove(path)
            return None
        try:
            os.utime(path)
        except OSError:
            pass  # a folder for reading only
        return entry

    def save(self, key: bytes, entry: Entry) -> None:
        """Keep an entry, and drop those that were not used for the longest time when there is no more room."""
        if self.size_bytes == 0 or self._is_broken:
            return
        pieces = sealed(entry.pieces(), key, machine())
        if sum(map(len, pieces)) > self.size_bytes:
            return
        try:
            write_whole(self.path(key), *pieces)
            self._shrink()
        except OSError as error:
            self._give_up(error)

    def files(self) -> list[CachedFile]:
        """All files of entries, the one last used first. Raises OSError, but not when there is no folder."""
        return self._listed()[0]

    def clear(self) -> int:
        """Remove all entries and what was left over; how many entries there were. Raises OSError."""
        files, left_overs = self._listed()
        for file in files:
            os.unlink(file.path)
        for file in left_overs:
            _remove(file.path)
        imports.clear(self._root)
        self.digests.clear()
        return len(files)

    def path(self, key: bytes) -> str:
        """Where the entry with this key is."""
        return os.path.join(self.folder, key.hex() + _SUFFIX)

    def _read(self, path: str, key: bytes) -> Entry:
        with open_own(path) as file:
            fd = file.fileno()
            data = pages.read_file(fd, 0, os.fstat(fd).st_size)
        return Entry.decode(unseal(data, key, machine()), machine())

    def _listed(self) -> tuple[list[CachedFile], list[CachedFile]]:
        """The files of entries, the one last used first, and what was left over of writes, or may be."""
        files: list[CachedFile] = []
        left_overs: list[CachedFile] = []
        try:
            with os.scandir(self.folder) as entries:
                for each in entries:
                    is_entry = each.name.endswith(_SUFFIX) and each.is_file(follow_symlinks=False)
                    if is_entry or is_left_over(each.name):
                        status = each.stat(follow_symlinks=False)
                        file = CachedFile(each.path, status.st_size, status.st_mtime)
                        (files if is_entry else left_overs).append(file)
        except FileNotFoundError:
            pass  # of the folder, or of a file that another process removed
        return sorted(files, key=lambda file: file.used_s, reverse=True), left_overs

    def _shrink(self) -> None:
        files, left_overs = self._listed()
        total = sum(file.size_bytes for file in files)
        while total > self.size_bytes and len(files) > 1:
            oldest = files.pop()
            total -= oldest.size_bytes
            _remove(oldest.path)
        for file in left_overs:
            if time.time() - file.used_s >= _LEFT_OVER_S:
                _remove(file.path)

    def _give_up(self, error: OSError) -> None:
        """Go on without the cache, and say so."""
        self._is_broken = True
        reason = os.strerror(error.errno) if error.errno is not None else str(error)
        if error.errno == errno.EEXIST:
            reason = "is not a folder"
        warn(f"the code cache cannot be used: {self.folder}: {reason}")


def _size_bytes() -> int:
    """What $JORMUN_CACHE_SIZE says: bytes, or a number with a unit, like 64MiB."""
    text = os.environ.get(SIZE_VARIABLE)
    if not text:
        return DEFAULT_SIZE_BYTES
    from jormun.runtime.limits import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        warn(f"{SIZE_VARIABLE}: {error}")
        return DEFAULT_SIZE_BYTES


def warn(message: str) -> None:
    """Write a warning to standard error, if there is one."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"jormun: warning: {message}\n")
        except (OSError, ValueError):  # full or closed: there is nobody to tell
            pass


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # gone already, or not ours to remove; it is not used either way
