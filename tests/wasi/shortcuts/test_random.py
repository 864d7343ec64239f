"""Random bytes that machine code hands out."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import jormun
from jormun.runtime.function import Function
from jormun.runtime.memory import Memory
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.random_bytes import DRAWN_BYTES
from jormun.wasi.wasi import make_wasi

from .guest import Guest


@pytest.mark.parametrize("sizes", [[1] * 9000, [3, 5000, 7, 0, 4096, 4095, 1, 2**17, 33], [DRAWN_BYTES] * 3])
def test_random_bytes_do_not_depend_on_cuts(module: jormun.Module, tmp_path: Path, sizes: list[int]) -> None:
    """A guest gets the bytes of its source in order, and each once."""
    guest = Guest(module, tmp_path)
    guest.memory.grow(3)
    drawn = b""
    for size in sizes:
        assert not guest.call("random_get", 1000, size)
        drawn += guest.memory.read(1000, size)
    assert drawn == Random(7).randbytes(-(-len(drawn) // 4) * 4)[: len(drawn)]


def test_random_bytes_are_the_hosts(module: jormun.Module) -> None:
    """What a world gets that is not made the same in each run repeats nothing."""
    wasi = make_wasi([], {}, [], {})
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    memory, random_get = exports["memory"], exports["random_get"]
    assert isinstance(memory, Memory) and isinstance(random_get, Function)
    drawn = set()
    for _ in range(1000):
        assert random_get.call(0, 16) == 0
        drawn.add(memory.read(0, 16))
    assert len(drawn) == 1000
