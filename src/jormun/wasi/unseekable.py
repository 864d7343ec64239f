"""What streams have in common: pipes and sockets have no offsets, sizes or times."""

from __future__ import annotations

import errno

from jormun.wasi.filesystem import Buffers, Times, refusal


class Unseekable:
    """The part of a File that a stream refuses."""

    __slots__ = ()
    is_seekable = False

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """ESPIPE, as for a pipe."""
        raise refusal(errno.ESPIPE)

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """ESPIPE, as for a pipe."""
        raise refusal(errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        """ESPIPE, as for a pipe."""
        raise refusal(errno.ESPIPE)

    def set_times(self, times: Times) -> None:
        """EINVAL: it has no times."""
        raise refusal(errno.EINVAL)

    def set_size(self, size_bytes: int) -> None:
        """EINVAL, as for a pipe."""
        raise refusal(errno.EINVAL)

    def allocate(self, offset: int, size_bytes: int) -> None:
        """ESPIPE, as for a pipe."""
        raise refusal(errno.ESPIPE)

    def advise(self, offset: int, size_bytes: int, advice: int) -> None:
        """ESPIPE, as for a pipe."""
        raise refusal(errno.ESPIPE)

    def sync(self, *, data_only: bool) -> None:
        """EINVAL, as for a pipe."""
        raise refusal(errno.EINVAL)
