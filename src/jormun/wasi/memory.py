"""A guest's memory as WASI functions see it: every access is checked, and one outside is EFAULT."""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from jormun.hints import TYPE_CHECKING, Callable, Final, Protocol, Sequence
from jormun.wasi.abi import IOVEC, U32_RECORD, U64_RECORD
from jormun.wasi.errno import Errno, WasiError

if TYPE_CHECKING:
    from jormun.wasi.native_world import NativeWorld

IOVECS: Final = 1024
"""How many buffers one call moves; the host's own bound (IOV_MAX on Linux). More of them make a short count."""
TRANSFER_BYTES: Final = 0x7FFF_F000
"""How much one call moves; the host's own bound (read(2) on Linux), so that a count always fits 32 bits."""


_NOTHING: Final = memoryview(b""), memoryview(b"").cast("I"), memoryview(b"").cast("Q"), 0


class LinearMemory(Protocol):
    """What is needed of a memory: runtime/memory.py has it."""

    def view(self) -> memoryview:
        """The whole memory at its present size, writable."""

    @property
    def record(self) -> int:
        """The address of its record (runtime/layout.py), or 0 where machine code has none of it."""


class GuestMemory:
    """Reads and writes a guest's memory. Addresses and sizes are in bytes and unsigned.

    The views are kept: a memory never moves and never shrinks, so that old views are merely short, and are renewed when
    an access does not fit them.
    """

    __slots__ = ("_find", "_memory", "_view", "native", "size_bytes", "words32", "words64")

    def __init__(self, native: NativeWorld | None = None) -> None:
        self.native: Final = native
        """What machine code knows of the guest."""
        self._find: Callable[[], LinearMemory] | None = None
        self._memory: LinearMemory | None = None
        self._view, self.words32, self.words64, self.size_bytes = _NOTHING
        # Of these, size_bytes is as far as is known: the memory may have grown since.

    def attach(self, memory: LinearMemory) -> None:
        """From now on, `memory` is the guest's. Before that, every address is outside."""
        self._memory = memory
        self._set_view(memory.view())
        if self.native is not None:
            self.native.attached(memory.record)
        self._find = None

    def attach_later(self, find: Callable[[], LinearMemory]) -> None:
        """Attach what `find` gives when an address is first asked for. It is called by one thread at a time, perhaps
        more than once.
        """
        self._find = find

    def _set_view(self, view: memoryview) -> None:
        self._view = view
        # FAST: an element of a view is written in half the time that a Struct takes. All hosts are little-endian.
        self.words32 = view[: len(view) & -4].cast("I")
        self.words64 = view[: len(view) & -8].cast("Q")
        # Last: who finds an address below it, in another thread, has the views that go with it.
        self.size_bytes = len(view)

    def require(self, address: int, size: int) -> None:
        """Raises EFAULT unless `size` bytes at `address` are inside.

        Functions that have an effect on the host require the place of their results first.
        """
        if address + size > self.size_bytes:
            self._renew(address, size)

    def span(self, address: int, size: int) -> memoryview:
        """The bytes themselves, to read or to write. Raises EFAULT."""
        if address + size > self.size_bytes:
            self._renew(address, size)
        return self._view[address : address + size]

    def read(self, address: int, size: int) -> bytes:
        """A copy of `size` bytes. Raises EFAULT."""
        return bytes(self.span(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Raises EFAULT, and then writes nothing."""
        self.span(address, len(data))[:] = data

    def unpack(self, record: Struct, address: int) -> tuple[int, ...]:
        """The fields of a record. Raises EFAULT."""
        try:
            return record.unpack_from(self._view, address)
        except StructError:
            self._renew(address, record.size)
            return record.unpack_from(self._view, address)

    def pack(self, record: Struct, address: int, *fields: int) -> None:
        """Writes a record. Raises EFAULT, and then writes nothing."""
        self.require(address, record.size)
        record.pack_into(self._view, address, *fields)

    def write_u32(self, address: int, value: int) -> None:
        """Raises EFAULT, and then writes nothing."""
        if not address & 3 and address >> 2 < len(self.words32):
            self.words32[address >> 2] = value
        else:
            self.pack(U32_RECORD, address, value)

    def write_u64(self, address: int, value: int) -> None:
        """Raises EFAULT, and then writes nothing."""
        if not address & 7 and address >> 3 < len(self.words64):
            self.words64[address >> 3] = value
        else:
            self.pack(U64_RECORD, address, value)

    def buffers(self, address: int, count: int) -> Sequence[memoryview]:
        """The buffers that `count` iovecs at `address` name, empty ones left out. Raises EFAULT.

        Of what goes beyond IOVECS buffers or TRANSFER_BYTES bytes nothing is returned; the call then moves less than it
        was asked to, as POSIX allows.
        """
        if count == 1 and not address & 3 and address + 8 <= self.size_bytes:
            # FAST: what C libraries send nearly always; 0.5 us less
            start, size = self.words32[address >> 2], self.words32[(address >> 2) + 1]
            if not size:
                return ()
            if size > TRANSFER_BYTES:
                size = TRANSFER_BYTES
            end = start + size
            if end > self.size_bytes:
                self._renew(start, size)
            return (self._view[start:end],)
        spans: list[memoryview] = []
        room = TRANSFER_BYTES
        for start, size in IOVEC.iter_unpack(self.span(address, count * IOVEC.size)):
            if not size:
                continue
            if len(spans) == IOVECS or not room:
                break
            span = self.span(start, size)[:room]
            spans.append(span)
            room -= len(span)
        return spans

    def _renew(self, address: int, size: int) -> None:
        find = self._find
        if find is not None:
            self.attach(find())
        elif self._memory is not None:
            self._set_view(self._memory.view())
        if address + size > self.size_bytes:
            raise WasiError(Errno.EFAULT)
