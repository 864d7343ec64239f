"""What machine code is told of a guest's world, so that it answers calls itself (runtime/native/wasi.py)."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Final
from jormun.runtime import world
from jormun.runtime.host import Shortcut
from jormun.runtime.native import pages
from jormun.runtime.native.wasi import FUNCTIONS
from jormun.runtime.native_stream import NativeStream, await_machine_code
from jormun.wasi.abi import Rights
from jormun.wasi.clocks import HostClocks
from jormun.wasi.filesystem import File
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream

if TYPE_CHECKING:
    from jormun.wasi.wasi import Wasi

_CLOCK: Final = "clock_time_get"
_FILE: Final = world.READ_FILE | world.WRITE_FILE
_PIPE: Final = world.READ_PIPE | world.WRITE_PIPE
_READ: Final = world.READ_FILE | world.READ_STREAM | world.READ_PIPE
_WRITE: Final = world.WRITE_FILE | world.WRITE_STREAM | world.WRITE_PIPE


def shortcut_of(name: str, wasi: Wasi) -> Shortcut | None:
    """The machine code that answers calls of a function of WASI for the guest in this world, where there is some.

    There is none for a traced guest and for fixed clocks, and, but for clocks, none for a guest of several threads or
    with a time limit: its calls may have to wait for each other, or to end. The function that Python has for all other
    calls keeps `wasi` alive, and so the records.
    """
    if name not in FUNCTIONS or wasi.trace is not None:
        return None
    if name == _CLOCK:
        return Shortcut(name, wasi.memory.world) if isinstance(wasi.clocks, HostClocks) else None
    if wasi.threads is not None:
        return None
    wasi.memory.world.write_u64(world.WORLD_TABLE, wasi.table.native.address)
    return Shortcut(name, wasi.memory.world)


class NativeTable:
    """What machine code may do with each descriptor."""

    __slots__ = ("_block", "_streams", "_words", "_words64", "address")

    def __init__(self) -> None:
        self._block = pages.Block(world.TABLE_BYTES)
        self._words = self._block.view().cast("I")
        self._words64 = self._block.view().cast("Q")
        self._streams: dict[int, NativeStream] = {}
        self.address: Final = self._block.address

    def put(self, fd: int, file: File | None, rights: int) -> None:
        """From now on, `fd` is `file`, with such rights, or none. Returns when machine code does not use any more what
        it was before.
        """
        if fd >= world.ENTRIES:
            return
        at = world.TABLE_ENTRIES + world.ENTRY_BYTES * fd
        words, operations_at = self._words, (at + world.ENTRY_OPERATIONS) >> 2
        if words[operations_at]:
            words[operations_at] = 0
            await_machine_code(words, world.TABLE_BUSY >> 2)
            self._streams.pop(fd, None)
        operations = 0
        if isinstance(file, HostFile):
            if file.direct_fd is not None:
                words[(at + world.ENTRY_FILE) >> 2] = file.direct_fd
                operations = _PIPE if file.is_pipe else _FILE
        elif isinstance(file, MemoryStream) and file.native is not None:
            stream = self._streams[fd] = file.native
            self._words64[(at + world.ENTRY_STREAM) >> 3] = stream.address
            operations = stream.operations
        if not rights & Rights.FD_READ:
            operations &= ~_READ
        if not rights & Rights.FD_WRITE:
            operations &= ~_WRITE
        # Last, since machine code goes by it. Stores are seen in their order.
        words[operations_at] = operations
