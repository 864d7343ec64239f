"""Functions of the glue that Python calls as its own: words in memory, and what the garbage collector does not see."""

from __future__ import annotations

import gc

import pytest

from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block


@pytest.fixture
def native() -> Native:
    """The process's, whose functions `pages` uses from then on."""
    return Native.get()


@pytest.mark.parametrize(
    "value", [0, 1, 0x7FFF_FFFF, 1 << 63, (1 << 64) - 1, -1, -(1 << 63), (1 << 64) + 5, -(1 << 70)]
)
def test_the_low_64_bits_are_stored(native: Native, value: int) -> None:
    """Numbers of any size and sign, as ctypes stores them."""
    block = Block(16)
    pages.write_u64(block.address, value)
    assert pages.read_u64(block.address) == value & (1 << 64) - 1 == int.from_bytes(block.view()[:8], "little")
    assert pages.read_u64(block.address + 8) == 0


def test_words_are_stored_one_behind_the_other(native: Native) -> None:
    """As many as there are, none included."""
    block = Block(64)
    pages.write_u64s(block.address + 8, 1, -1, 3)
    pages.write_u64s(block.address + 40)
    assert list(block.view().cast("Q")) == [0, 1, (1 << 64) - 1, 3, 0, 0, 0, 0]


@pytest.mark.parametrize("wrong", [None, "text", 1.5])
def test_what_is_no_number_is_refused(native: Native, wrong: object) -> None:
    """TypeError, as of any function of Python's, and nothing behind it is stored."""
    block = Block(32)
    with pytest.raises(TypeError):
        pages.read_u64(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pages.write_u64(wrong, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pages.write_u64s(block.address, 1, wrong, 3)  # type: ignore[arg-type]
    assert list(block.view().cast("Q")) == [1, 0, 0, 0]


def test_what_is_untracked_is_finalized_when_it_dies(native: Native) -> None:
    """A garbage collection does not find it; the end of the last reference does, once."""
    ended = []

    class Thing:
        __slots__ = ("value",)

        def __init__(self) -> None:
            self.value = [1]
            native.built_ins.untrack(self)

        def __del__(self) -> None:
            ended.append(self.value)

    thing = Thing()
    assert not gc.is_tracked(thing)
    native.built_ins.untrack(thing)
    gc.collect()
    assert not ended
    del thing
    assert ended == [[1]]
