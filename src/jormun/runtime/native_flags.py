"""The records of open files, of which machine code changes the flags (runtime/native/wasi/flags.py); that of a regular
file of the host.

Safe because: machine code uses the record under the lock of the table of descriptors, which holds it, and Python runs
the guest's calls one at a time where such a record is told of (wasi/native_table.py).
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import pages

_FLAGS: Final = world.FILE_FLAGS >> 3
_HOST_FLAGS: Final = world.FILE_HOST_FLAGS >> 3


class OpenFile:
    """The record of an open file: its flags, and what more a subclass has there."""

    __slots__ = ("_block", "_words", "address")

    def __init__(self) -> None:
        self._block = pages.Block(world.FILE_BYTES)
        self._words = self._block.view().cast("Q")
        self.address: Final = self._block.address

    @property
    def flags(self) -> int:
        """FdFlags."""
        return self._words[_FLAGS]

    @flags.setter
    def flags(self, flags: int) -> None:
        self._words[_FLAGS] = flags


class NativeFlags(OpenFile):
    """FdFlags, and what the file's flags are to the host."""

    __slots__ = ()
    operations: Final = world.SET_FLAGS

    def __init__(self, flags: int, host_flags: int) -> None:
        """`host_flags` are what F_GETFL of fcntl(2) tells, without O_APPEND: nothing else changes them."""
        super().__init__()
        self.flags = flags
        self._words[_HOST_FLAGS] = host_flags

    @property
    def host_flags(self) -> int:
        """Those of the host, but for O_APPEND."""
        return self._words[_HOST_FLAGS]
