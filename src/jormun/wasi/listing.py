"""A directory's entries as fd_readdir gives them, packed once, so that each call only copies."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate

from jormun.wasi.abi import DIRENT
from jormun.wasi.filesystem import Entry


class Listing:
    """The entries of a directory as of one moment. A cookie is the number of entries that come before."""

    __slots__ = ("_data", "_starts")

    def __init__(self, entries: Sequence[Entry]) -> None:
        records = [
            DIRENT.pack(cookie, entry.ino, len(entry.name), entry.type) + entry.name
            for cookie, entry in enumerate(entries, 1)
        ]
        self._data = b"".join(records)
        self._starts = array("Q", accumulate(map(len, records), initial=0))

    def copy(self, cookie: int, buffer: memoryview) -> int:
        """Writes entries from `cookie` on, the last one cut off where the room ends; returns the number of bytes."""
        if cookie >= len(self._starts):
            return 0
        start = self._starts[cookie]
        piece = self._data[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)
