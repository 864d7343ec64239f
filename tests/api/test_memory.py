"""Memories, as Python sees them."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest

import jormun

PAGE = 65536


def memory_of(pages: int) -> jormun.Memory:
    memory = jormun.load(f'(module (memory (export "memory") {pages} 3))').exports.memory
    assert isinstance(memory, jormun.Memory)
    return memory


def test_numpy_shares_the_memory() -> None:
    """numpy.asarray makes no copy."""
    numpy = pytest.importorskip("numpy")
    memory = memory_of(1)
    array = numpy.asarray(memory)
    array[5] = 9
    assert memory[5] == 9
    assert (array.dtype, array.shape) == (numpy.uint8, (PAGE,))
    del memory
    array[PAGE - 1] = 1


def test_it_is_a_buffer() -> None:
    """Memoryview and all that takes buffers see the memory itself; views stay when it grows, and can be released."""
    memory = memory_of(1)
    with memoryview(memory) as view:
        assert (view.format, view.nbytes, view.readonly, view.c_contiguous) == ("B", PAGE, False, True)
        view[0:4] = b"abcd"
        memory.grow(1)
        view[4] = 9
        assert (memory.read(0, 5), len(memoryview(memory))) == (b"abcd\t", 2 * PAGE)
    assert memory.read(0, 2) == b"ab" and struct.unpack_from("<I", memory) == (0x64636261,)
    view = memoryview(memory)
    del memory
    view[PAGE - 1] = 1
    assert memoryview(memory_of(0)).nbytes == 0


def test_memories_of_ones_own_are_buffers_too() -> None:
    """Without any instance."""
    program = """if True:
        import jormun
        from jormun.types import Limits, MemoryType
        print(memoryview(jormun.Memory(jormun.Store(), MemoryType(Limits(1, None)))).nbytes)
    """
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "65536\n"
