"""The bytes of a file that is kept in memory, in blocks; what was never written takes no room.

A block is as long as there was need, and zeros behind the end of the file. It is never resized, but replaced: machine
code may know where it is (runtime/native_file.py).
"""

from __future__ import annotations

import errno

from jormun.hints import Final
from jormun.runtime.native_file import NativeContent
from jormun.runtime.world import BLOCK_BITS, BLOCK_BYTES
from jormun.wasi.filesystem import Buffers, cut, refusal
from jormun.wasi.quota import Account

_WITHIN: Final = BLOCK_BYTES - 1
_SMALL_BYTES: Final = 1024
"""Of less than this, a copy costs less than a view."""
_LEAST_BYTES: Final = 64
"""How long the first block of a file is at least that did not come whole."""
FILE_BYTES: Final = (1 << 63) - 1
"""The largest file there is: its size is a signed number of 64 bits."""


class Content:
    """Bytes that are read, written and resized, within an account. Who uses it holds the lock of its tree."""

    __slots__ = ("_account", "_blocks", "_native", "_size_bytes")

    def __init__(self, account: Account, data: bytes = b"") -> None:
        """Raises EDQUOT when the account has no room for `data`."""
        self._account = account
        self._blocks: dict[int, bytearray] = {}
        self._native: NativeContent | None = None
        self._size_bytes = 0
        if data and self.write_at((memoryview(data),), 0) < len(data):
            self.discard()
            raise refusal(errno.EDQUOT)

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return self._size_bytes if self._native is None else self._native.size_bytes

    @size_bytes.setter
    def size_bytes(self, size_bytes: int) -> None:
        if self._native is None:
            self._size_bytes = size_bytes
        else:
            self._native.size_bytes = size_bytes

    def share(self, native: NativeContent) -> None:
        """From now on, machine code reads and writes it too."""
        native.size_bytes = self._size_bytes
        for index, block in self._blocks.items():
            native.put(index, block)
        native.own()
        self._native = native

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """Reads from `offset` on into the buffers, as far as there is something; returns the number of bytes."""
        left = max(0, self.size_bytes - offset)
        if len(buffers) == 1:  # FAST: what C libraries ask for nearly always, within one block; half the time
            buffer = buffers[0]
            begin, size = offset & _WITHIN, min(len(buffer), left)
            block = self._blocks.get(offset >> BLOCK_BITS)
            if block is not None and begin + size <= len(block):
                buffer[:size] = block[begin : begin + size] if size < _SMALL_BYTES else memoryview(block)[begin:][:size]
                return size
        start = offset
        for buffer in buffers:
            count = min(len(buffer), left)
            at = 0
            while at < count:
                index, begin = divmod(offset, BLOCK_BYTES)
                size = min(count - at, BLOCK_BYTES - begin)
                block = self._blocks.get(index)
                there = 0
                if block is not None:
                    piece = memoryview(block)[begin : begin + size]
                    there = len(piece)
                    buffer[at : at + there] = piece
                if there < size:
                    buffer[at + there : at + size] = bytes(size - there)
                at += size
                offset += size
            left -= count
            if not left:
                break
        return offset - start

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """Writes at `offset`, and grows to where that ends; returns the number of bytes, which may be less.

        Raises EFBIG beyond FILE_BYTES, EDQUOT when the account has no room for a byte, ENOSPC when there is no memory.
        """
        if len(buffers) == 1:  # FAST: as in read_at, where it stays within a block that is there
            buffer = buffers[0]
            begin, size = offset & _WITHIN, len(buffer)
            block = self._blocks.get(offset >> BLOCK_BITS)
            if block is not None and begin + size <= len(block):
                grown = offset + size - self.size_bytes
                if grown <= 0:
                    block[begin : begin + size] = buffer
                    return size
                if grown <= self._account.room_bytes:
                    self._account.take_bytes(grown)
                    block[begin : begin + size] = buffer
                    self.size_bytes = offset + size
                    return size
        total = sum(map(len, buffers))
        allowed = min(FILE_BYTES, self.size_bytes + self._account.room_bytes) - offset
        if total > allowed:
            if allowed <= 0:
                raise refusal(errno.EFBIG if offset >= FILE_BYTES else errno.EDQUOT)
            buffers, total = cut(buffers, allowed), allowed
        grown = max(0, offset + total - self.size_bytes)
        self._account.take_bytes(grown)
        written = 0
        try:
            for buffer in buffers:
                self._write(buffer, offset + written)
                written += len(buffer)
        except MemoryError:
            self._trim(max(self.size_bytes, offset + written))
            if not written:
                raise refusal(errno.ENOSPC) from None
        finally:
            size_bytes = max(self.size_bytes, offset + written) if written else self.size_bytes
            self._account.give_bytes(grown - (size_bytes - self.size_bytes))
            self.size_bytes = size_bytes
        return written

    def _write(self, buffer: memoryview, offset: int) -> None:
        at = 0
        while at < len(buffer):
            index, begin = divmod(offset + at, BLOCK_BYTES)
            piece = buffer[at : at + BLOCK_BYTES - begin]
            end = begin + len(piece)
            memoryview(self._block(index, end))[begin:end] = piece
            at += len(piece)

    def _block(self, index: int, size_bytes: int) -> bytearray:
        """A block, made as long at least. Raises MemoryError.

        The first is twice as long each time, so that small files are small; others may be as long as blocks are, since
        what is never touched of them takes no memory.
        """
        block = self._blocks.get(index)
        if block is not None and size_bytes <= len(block):
            return block
        if index:
            length = BLOCK_BYTES
        elif block is None:
            length = max(size_bytes, _LEAST_BYTES)
        else:
            length = min(BLOCK_BYTES, max(size_bytes, 2 * len(block)))
        longer = bytearray(length)
        if block is not None:
            longer[: len(block)] = block
        self._put(index, longer)
        return longer

    def _put(self, index: int, block: bytearray | None) -> None:
        if block is None:
            del self._blocks[index]
        else:
            self._blocks[index] = block
        if self._native is not None:
            self._native.put(index, block)

    def set_size(self, size_bytes: int) -> None:
        """Cuts off, or adds zeros. Raises EDQUOT."""
        if size_bytes >= self.size_bytes:
            self._account.take_bytes(size_bytes - self.size_bytes)
        else:
            self._account.give_bytes(self.size_bytes - size_bytes)
            self._trim(size_bytes)
        self.size_bytes = size_bytes

    def _trim(self, size_bytes: int) -> None:
        """Forgets what lies beyond."""
        last, length = divmod(size_bytes, BLOCK_BYTES)
        for index in [index for index in self._blocks if index > last]:
            self._put(index, None)
        block = self._blocks.get(last)
        if block is None:
            return
        if not length:
            self._put(last, None)
        elif length <= len(block) // 2:
            self._put(last, block[:length])
        elif length < len(block):
            block[length:] = bytes(len(block) - length)

    def discard(self) -> None:
        """Gives all room back: the file is gone."""
        self.set_size(0)

    def __bytes__(self) -> bytes:
        """All of it. Raises MemoryError."""
        data = bytearray(self.size_bytes)
        self.read_at((memoryview(data),), 0)
        return bytes(data)
