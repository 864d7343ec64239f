"""Stubs: what code tables lead to for functions that are not compiled yet."""

from __future__ import annotations

from array import array

from jormun.hints import TYPE_CHECKING
from jormun.runtime.layout import POINTER_BYTES
from jormun.runtime.native.pages import Block
from jormun.runtime.native.x86_64 import STUB_BYTES, stubs

if TYPE_CHECKING:
    from jormun.runtime.native.code import CodeRegion

_LEAST_STUBS = 512


class Stubs:
    """Code that asks `Services.compile` for a module's own function, by its index, and then goes on there. All modules
    share it.
    """

    def __init__(self, code: CodeRegion, target: int) -> None:
        """`target` is the address of `jormun_compile_stub`, and the region that of its pages."""
        self._code = code
        self._target = target
        self._blocks: dict[int, int] = {}
        """The address of each block that is there, of twice as many stubs as the one before."""

    def address(self, index: int) -> int:
        """The address of the stub of own function `index`."""
        block = _block_of(index)
        start = self._blocks.get(block)
        if start is None:
            start = self._blocks.setdefault(block, self._made(_indices_of(block)))
        return start + (index - _indices_of(block).start) * STUB_BYTES

    def table(self, size: int) -> Block:
        """A table of code pointers for `size` functions that have no code yet."""
        table = Block(max(POINTER_BYTES * size, POINTER_BYTES))
        addresses = table.view().cast("Q")
        first = 0
        while first < size:
            end = min(_indices_of(_block_of(first)).stop, size)
            start = self.address(first)
            addresses[first:end] = memoryview(array("Q", range(start, start + (end - first) * STUB_BYTES, STUB_BYTES)))
            first = end
        return table

    def _made(self, indices: range) -> int:
        first, count = indices.start, len(indices)
        return self._code.place(STUB_BYTES * count, lambda at: stubs(at, first, count, self._target)).address


def _block_of(index: int) -> int:
    return (index // _LEAST_STUBS + 1).bit_length() - 1


def _indices_of(block: int) -> range:
    return range(_LEAST_STUBS * ((1 << block) - 1), _LEAST_STUBS * ((2 << block) - 1))
