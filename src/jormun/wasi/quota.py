"""Quotas: how much a guest may put into a directory, and the accounts that are kept of it."""

from __future__ import annotations

import errno
from threading import RLock

from jormun import limits
from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.runtime.limits import parse_size, share_bytes
from jormun.wasi.filesystem import refusal

_NO_BOUND: Final = 1 << 64
_PLENTY: Final = 1 << 62
"""What machine code finds where there is no bound."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What guests may add to a directory: `size` of all files' contents, and the number of `files`.

    `size` is a number of bytes, or text like "64MiB"; `files` counts files, directories and links, and in memory
    further names of a file too, since each takes some. None bounds nothing. What is removed makes room again. Beyond
    either, the guest's call fails with EDQUOT. Raises ValueError for another text and for what is negative.

    >>> Quota("64MiB", files=1000).size_bytes
    67108864
    """

    size: int | str | None = None
    files: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            parse_size(self.size)
        if self.files is not None and self.files < 0:
            raise ValueError(f"a number of files cannot be negative: {self.files}")

    @property
    def size_bytes(self) -> int | None:
        """The bound on all contents in bytes."""
        return None if self.size is None else parse_size(self.size)


_TREE_BYTES: Final = share_bytes(limits.TREE_BYTES, limits.TREE_SHARE)
IN_MEMORY: Final = Quota(_TREE_BYTES, min(limits.TREE_FILES, _TREE_BYTES // 1000))
"""What holds for trees in memory if nobody says otherwise."""


class Account:
    """What has been used of a quota. Several threads may use it."""

    __slots__ = ("_files_left", "_is_bounded", "_left", "_lock")

    def __init__(self, quota: Quota) -> None:
        size_bytes = quota.size_bytes
        self._is_bounded = size_bytes is not None
        self._left: list[int] | memoryview = [_PLENTY if size_bytes is None else min(size_bytes, _PLENTY)]
        """One number: how many bytes are left, where that is bounded."""
        self._files_left = _NO_BOUND if quota.files is None else quota.files
        self._lock = RLock()

    def keep_at(self, left: memoryview) -> None:
        """From now on how many bytes are left is the one number of `left`, where machine code takes some too: whoever
        uses the account keeps it out meanwhile.
        """
        left[0] = self._left[0]
        self._left = left

    @property
    def room_bytes(self) -> int:
        """How many bytes are left; not negative."""
        return max(0, self._left[0]) if self._is_bounded else _NO_BOUND

    def take_bytes(self, count: int) -> None:
        """Raises EDQUOT, and takes nothing, when there are fewer left."""
        if self._is_bounded:
            with self._lock:
                if count > max(0, self._left[0]):
                    raise refusal(errno.EDQUOT)
                self._left[0] -= count

    def give_bytes(self, count: int) -> None:
        """Gives bytes back; a negative count is taken even when there are not as many left."""
        if self._is_bounded:
            with self._lock:
                self._left[0] += count

    def take_file(self) -> None:
        """Raises EDQUOT when there is none left."""
        with self._lock:
            if self._files_left <= 0:
                raise refusal(errno.EDQUOT)
            self._files_left -= 1

    def give_file(self) -> None:
        """Gives one back."""
        with self._lock:
            self._files_left += 1
