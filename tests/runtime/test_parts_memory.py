"""Memories of instances made of the parts of dead ones: as new, and nobody else has them."""

from __future__ import annotations

import gc
import os

import pytest

import jormun
from jormun.runtime.address_space import give_up_spares
from jormun.runtime.instance import Instance
from jormun.runtime.native import cleaning, dirty_pages, memory_image, pages

from .conftest import compiled
from .remaking import ALL, PAGE, call, host, make, mapped, state, twice

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.mark.parametrize("pages_written", [0, 1, 2, 5, 15, 16, 17, 40, 64])
def test_however_much_was_written(pages_written: int) -> None:
    """Few pages are written over, many are given back: the next guest sees none of it either way."""
    module = compiled("""(module (memory (export "m") 8) (data (i32.const 131000) "within")
      (data (i32.const 135000) "behind") (data (i32.const 139000) "last"))""")
    twice(module)
    new = make(module).exports["m"].read(0, 8 * PAGE)
    for step in (1, 2, 3):
        memory = make(module).exports["m"]
        assert memory.read(0, 8 * PAGE) == new
        for page in range(pages_written):
            at = (31 + step * page) % 128 * 4096
            memory.write(at, bytes([step]) * 4096)
        memory.write(131000, b"W")
        del memory
    assert make(module).exports["m"].read(0, 8 * PAGE) == new


def test_pages_that_were_written_stay() -> None:
    """A second guest that writes the same pages finds them in memory."""
    if _written(*_written_page()) < 0:
        pytest.skip("the kernel does not tell which pages were written")
    module = compiled('(module (memory (export "m") 8) (data (i32.const 0) "x"))')
    twice(module)
    memory = make(module).exports["m"]
    base = memory.base
    memory.write(5 * 4096, b"1")
    memory.write(300000, b"1")
    del memory
    again = make(module).exports["m"]
    assert again.base == base
    assert _written(base, 8 * PAGE, again.parts.image) == 2
    assert again.read(0, 1) == b"x" and again.read(5 * 4096, 1) == again.read(300000, 1) == b"\0"
    again.write(20 * 4096, b"1")
    assert _written(base, 8 * PAGE, again.parts.image) == 3, "those that are written over stay"


def _written(address: int, size_bytes: int, image: memory_image.MemoryImage | None = None) -> int:
    """How many pages were written to, which are as they began by now."""
    return dirty_pages.DirtyPages(address, size_bytes, image).clean_again(cleaning.NO_FILE)


def _written_page() -> tuple[int, int]:
    block = pages.Block(3 * pages.PAGE_BYTES, pages.PAGE_BYTES)
    return block.address, pages.PAGE_BYTES


def test_pages_beyond_the_minimum_are_inaccessible_again() -> None:
    """What one guest grew into, the next one does not reach."""
    module = compiled(ALL)
    twice(module, host(1))
    call(make(module, host(1)), "grow")
    again = make(module, host(1))
    with pytest.raises(jormun.Trap, match="out of bounds memory access"):
        call(again, "get", 2 * PAGE)


def test_a_view_keeps_its_memory_from_others() -> None:
    """Parts are used again when nothing refers to them: not while somebody has the memory, or a view of it."""
    module = compiled(ALL)
    twice(module, host(1))
    instance = make(module, host(1))
    memory = instance.exports["memory"]
    view = memory.view()
    view[0] = 1
    del instance, memory
    others = [make(module, host(1)) for _ in range(3)]
    for other in others:
        other.exports["memory"].write(0, b"\2")
    assert view[0] == 1


def test_numpy_arrays_keep_a_memory_from_others() -> None:
    """As views do."""
    numpy = pytest.importorskip("numpy")
    module = compiled(ALL)
    twice(module, host(1))
    arrays = [numpy.asarray(make(module, host(1)).exports["memory"]) for _ in range(3)]
    for number, each in enumerate(arrays):
        each[:] = number
    assert [int(each[5000]) for each in arrays] == [0, 1, 2]


def test_spares_are_given_up_for_address_space() -> None:
    """When there is none left, what waits is let go of."""
    module = compiled(ALL)
    twice(module, host(1))
    vm = make(module, host(1)).native.vm
    before = mapped()
    give_up_spares()
    assert mapped() < before
    assert state(make(module, host(1))) == state(make(module, host(1)))
    assert vm


def test_without_files_in_memory_instances_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there can be no image, there is no pool, and all is as ever."""
    monkeypatch.setattr(memory_image, "_MOST_IMAGES", 0)
    module = compiled(ALL)
    first = state(make(module, host(1)))
    assert module.pool is None
    assert state(make(module, host(1))) == first


def test_contents_far_apart_have_no_image() -> None:
    """Holes in a file would take memory once they are read."""
    module = compiled('(module (memory 40000) (data (i32.const 0) "a") (data (i32.const 2000000000) "b"))')
    assert module.pool is None


@pytest.mark.parametrize("wat", ['(memory 0) (data (i32.const 0) "")', '(memory 1) (data (i32.const 65536) "")', ""])
def test_nothing_to_begin_with(wat: str) -> None:
    """Empty segments need no image."""
    module = compiled(f"(module {wat})")
    twice(module)
    make(module)


def test_memories_without_contents_are_used_again() -> None:
    """As zeros, 64-bit ones and those with small pages too."""
    module = compiled(
        """(module (memory (export "a") 1) (memory (export "b") i64 1)
        (func (export "f") (i32.store (i32.const 8) (i32.const -1)) (i64.store 1 (i64.const 8) (i64.const -1))))"""
    )
    twice(module)
    call(make(module), "f")
    again = make(module)
    assert not any(again.exports["a"].view()) and not any(again.exports["b"].view())


def test_address_space_does_not_leak() -> None:
    """Making and dropping instances leaves no mapping behind, and the module gives back those that wait."""
    module = compiled(ALL)
    twice(module, host(1))
    before = mapped()
    for _ in range(300):
        make(module, host(1))
    assert mapped() <= before
    many = [make(module, host(1)) for _ in range(100)]
    del many
    del module
    gc.collect()
    assert mapped() < before


def test_an_image_cannot_be_changed() -> None:
    """It is sealed: its file is the same for all instances, and for processes that inherit it."""
    image = memory_image.MemoryImage([(5000, b"abc")])
    assert (image.start, image.size_bytes) == (4096, pages.PAGE_BYTES)
    with pytest.raises(PermissionError):
        os.pwrite(image._fd, b"x", 0)


def test_cycles_give_back_their_address_space() -> None:
    """They are used again when the garbage collector has taken them apart, or lost to nobody."""
    module = compiled(ALL)
    twice(module, host(1))
    instances: list[Instance] = []

    def number() -> int:
        return len(instances)

    before = mapped()
    for _ in range(50):
        instances = [make(module, {"env": {"host": number}})]
    instances = []
    gc.collect()
    assert mapped() <= before + 8
