"""The code region: linking, pages that are written or executed but never both, freeing, finding functions."""

from __future__ import annotations

import gc
import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jormun.errors import WasmError
from jormun.llvm.object import Fixup, Image, ObjectError, Relocation
from jormun.llvm.target import assemble
from jormun.runtime.image import CodeFunction, CodeImage
from jormun.runtime.native import pages
from jormun.runtime.native.code import CodeRegion
from jormun.runtime.native.machine import Native
from tests import linking

RETURN = bytes.fromhex("b82a000000c3")  # movl $42, %eax; ret


@pytest.fixture
def region() -> Any:
    """A region of its own."""
    region = CodeRegion()
    yield region
    pages.release(region.base, region.size_bytes)


def _image(size_bytes: int) -> CodeImage:
    return CodeImage(bytes(size_bytes), (CodeFunction("f", 1, 0, size_bytes),), "x86_64")


def _mappings(region: CodeRegion) -> list[tuple[range, str]]:
    """The ranges of pages in a region, and what may be done with each."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end, flags = re.match(r"(\w+)-(\w+) (\S+)", line).groups()  # type: ignore[union-attr]
        if region.base <= int(start, 16) < region.end:
            found.append((range(int(start, 16), int(end, 16)), flags))
    return found


def test_no_page_is_writable_and_executable(load: Any) -> None:
    """No page of the code region that holds code is writable, and the data in front is not executable."""
    code = load("fn i64 @f0(ptr %vm, i64 %n) {\n  ret i64 %n\n}")
    region = Native.get().code
    for addresses, flags in _mappings(region):
        assert addresses.stop <= region.end
        assert "w" not in flags or ("x" not in flags and region.find(addresses.start) is None)
        assert "x" in flags or code["f0"] not in addresses
        assert addresses.start != region.data or flags.startswith("r--")


def test_pages_are_made_writable_ahead_for_many_small_images(region: CodeRegion) -> None:
    """And executable one image at a time: what is writable behind them is not; freed ones are neither."""
    loaded = [region.load(CodeImage(RETURN * k, (CodeFunction("f", k, 0, 6 * k),), "x86_64")) for k in range(1, 60)]
    for k, each in enumerate(loaded, 1):
        assert pages.read_bytes(each.address, 6 * k) == RETURN * k
        (flags,) = {flags for addresses, flags in _mappings(region) if each.address in addresses}
        assert flags.startswith("r-x")
    end = loaded[-1].address + loaded[-1].size_bytes
    assert {flags[:3] for addresses, flags in _mappings(region) if addresses.start >= end} == {"rw-", "---"}
    for each in reversed(loaded):
        each.free()
    assert not [flags for _, flags in _mappings(region) if "x" in flags]
    again = region.load(_image(1 << 16))
    assert again.address == loaded[0].address and pages.read_bytes(again.address, 1 << 16) == bytes(1 << 16)


def test_constants_and_jump_tables(load: Any) -> None:
    """Constant pools and switch tables are reached from code, wherever the object lies."""
    cases = "\n".join(f"    i64 {k}, label %c{k}" for k in range(20))
    blocks = "\n".join(
        f"c{k}:\n  %r{k} = call double @f1(ptr %vm, double {k}.25)\n  ret double %r{k}" for k in range(20)
    )
    text = (
        f"fn double @f0(ptr %vm, i64 %n) {{\n  switch i64 %n, label %none [\n{cases}\n  ]\n{blocks}\n"
        "none:\n  ret double -1.0\n}\n"
        "fn double @f1(ptr %vm, double %x) noinline {\n  %y = fmul double %x, 3.0\n  ret double %y\n}\n"
        "fn <16 x i8> @f2(ptr %vm) {\n  ret <16 x i8> <" + ", ".join(f"i8 {k}" for k in range(16)) + ">\n}\n"
    )
    for _ in range(3):
        guest = load(text)
        assert [guest.call("f0", "l", "d", k) for k in range(21)] == [((k + 0.25) * 3,) for k in range(20)] + [(-1.0,)]
        assert guest.call("f2", "", "v") == (bytes(range(16)),)


def test_undefined_symbols_are_refused(native: Native) -> None:
    """Code that refers to anything but what it may is not loaded, and leaves no pages behind."""
    data = assemble("declare void @exit(i32)\ndefine void @f0() {\n  call void @exit(i32 1)\n  ret void\n}")
    used = native.code.used_bytes
    with pytest.raises(WasmError, match="undefined symbol exit"):
        linking.LinkedCode(native, data)
    assert native.code.used_bytes == used


def test_code_for_another_machine_is_refused(native: Native) -> None:
    """An image for aarch64 is not run on x86-64."""
    with pytest.raises(WasmError, match="code for aarch64, not for x86_64"):
        native.load(CodeImage(RETURN, (CodeFunction("f", 0, 0, len(RETURN)),), "aarch64"))


def test_distances_are_checked() -> None:
    """A symbol out of the reach of 32 bits is an error, never a wrong address."""
    image = Image(bytes(16), 16, {}, (Fixup(0, Relocation.RELATIVE_32, "far", 0),), ("far",), "x86_64")
    with pytest.raises(ObjectError, match="reach"):
        image.place(1 << 40, lambda name: 0x1000)
    assert image.place(1 << 40, lambda name: 1 << 40) == bytes(16)


def test_freed_pages_are_used_again(region: CodeRegion) -> None:
    """However objects come and go, holes merge, and in the end nothing is taken but the data page."""
    source = random.Random(1)
    empty = region.used_bytes
    loaded = []
    for _ in range(500):
        if loaded and source.random() < 0.5:
            loaded.pop(source.randrange(len(loaded))).free()
        else:
            loaded.append(region.load(_image(source.randrange(1, 40_000))))
    taken = sorted((x.address, x.address + x.size_bytes) for x in loaded)
    assert all(a[1] <= b[0] for a, b in pairwise(taken))
    assert region.used_bytes - empty == sum(x.size_bytes for x in loaded)
    for x in loaded:
        x.free()
        x.free()  # freeing twice does nothing
    assert region.used_bytes == empty
    region.end = region._unused
    everything = region.load(_image(region.end - region.base - empty))
    assert everything.address == region.base + empty


def test_free_while_the_region_is_busy(region: CodeRegion) -> None:
    """A finalizer may free an object in the middle of the region's own work; that neither blocks nor gets lost."""
    loaded = [region.load(_image(100)) for _ in range(3)]
    used = region.used_bytes
    other = loaded[1]

    def make(address: int) -> bytes:
        assert address > loaded[2].address
        other.free()
        return bytes(100)

    region.place(100, make)
    assert region.find(other.address) is None
    assert region.used_bytes == used
    again = region.load(_image(100))
    assert again.address == other.address


def test_exhausted_region(region: CodeRegion) -> None:
    """A region without room says so and stays usable."""
    region.end = region.base + (1 << 20)
    first = region.load(_image(900_000))
    with pytest.raises(WasmError, match="out of code memory"):
        region.load(_image(200_000))
    first.free()
    assert region.load(_image(200_000)).address == first.address


def test_find(region: CodeRegion) -> None:
    """An address leads to its function, its index and its owner while that lives."""

    class Owner:
        pass

    owner = Owner()
    functions = (CodeFunction("f", 7, 0, 10), CodeFunction("i", 12, 16, 20))
    image = CodeImage(bytes(64), functions, "x86_64")
    loaded = region.load(image, owner)
    other = region.load(image)
    expected = {0: 7, 9: 7, 10: None, 16: 12, 35: 12, 36: None, 48: None}
    for offset, index in expected.items():
        for x in (loaded, other):
            place = region.find(x.address + offset)
            assert (place.function_index if place else None) == index
    place = region.find(loaded.address)
    assert place is not None and place.owner is owner
    del owner, place
    gc.collect()
    place = region.find(loaded.address)
    assert place is not None and place.owner is None
    other.free()
    assert region.find(other.address) is None
    assert region.find(0) is None
    assert region.find(region.end) is None
