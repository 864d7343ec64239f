"""Address space and native memory."""

from __future__ import annotations

import gc
import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jormun.errors import ExhaustionError, WasmError
from jormun.runtime import layout
from jormun.runtime.layout import Layout
from jormun.runtime.native import pages
from jormun.runtime.native.pages import PAGE_BYTES, READ_WRITE, Block
from jormun.syntax.module import Export
from jormun.types import FUNCREF, I32, ExternKind, GlobalType, Limits, MemoryType, TableType


def test_reserved_pages_are_zero_and_can_be_given_back() -> None:
    """Pages read as zeros when they become accessible, and again after `discard` or `forget`."""
    base = pages.reserve(1 << 33)
    pages.protect(base, 4 * PAGE_BYTES, READ_WRITE)
    view = pages.view(base, 4 * PAGE_BYTES)
    assert bytes(view) == bytes(4 * PAGE_BYTES)
    view[:5] = b"hello"
    assert pages.read_bytes(base, 5) == b"hello"
    pages.forget(base, PAGE_BYTES)
    assert view[0] == 0
    view[0] = 1
    pages.discard(base, PAGE_BYTES)
    pages.protect(base, PAGE_BYTES, READ_WRITE)
    assert view[0] == 0
    view.release()
    pages.release(base, 1 << 33)


@pytest.mark.parametrize("alignment", [PAGE_BYTES, 1 << 16, 8 << 20])
def test_reserve_aligns(alignment: int) -> None:
    """Ranges start at multiples of the alignment, and releasing them leaves nothing."""
    before = _mappings()
    bases = [pages.reserve(3 * PAGE_BYTES, alignment) for _ in range(10)]
    assert all(base % alignment == 0 for base in bases)
    for base in bases:
        pages.release(base, 3 * PAGE_BYTES)
    assert _mappings() <= before + 2


def _mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_too_much_is_an_error() -> None:
    """More address space than there is gives one clear exception, and so does a bad range."""
    with pytest.raises(ExhaustionError, match="cannot reserve 1,152,921,504,606,846,976 bytes"):
        pages.reserve(1 << 60)
    with pytest.raises(WasmError, match="cannot protect"):
        pages.protect(PAGE_BYTES, PAGE_BYTES, READ_WRITE)


def test_words() -> None:
    """Words are little-endian; too-wide values are cut."""
    block = Block(64)
    assert block.address % 64 == 0
    pages.write_u64(block.address, -2)
    assert pages.read_u64(block.address) == (1 << 64) - 2
    pages.write_u32(block.address + 4, 0x1_0000_0007)
    assert pages.read_bytes(block.address, 8) == bytes.fromhex("feffffff07000000")
    assert pages.read_u32(block.address + 4) == 7
    pages.write_bytes(block.address, b"")
    pages.write_bytes(block.address, bytearray(b"abc"))
    assert block.view()[:4].tobytes() == b"abc\xff"
    assert block.read_u64(0) == int.from_bytes(block.view()[:8], "little")


def test_block_view_keeps_the_block() -> None:
    """A view stays valid after the block's object is gone."""
    view = Block(4096).view()
    gc.collect()
    view[:] = bytes(range(256)) * 16
    assert view[4095] == 255


def _valid(source: random.Random) -> Any:
    """What Layout reads of a valid module."""
    count = {key: source.randrange(5) for key in ("fi", "f", "gi", "g", "m", "t", "tag", "d", "e", "types")}
    global_type = GlobalType(I32, True)
    functions = range(count["fi"] + count["f"])
    referenced = frozenset(index for index in functions if source.random() < 0.5)
    module = SimpleNamespace(
        exports=[Export("", ExternKind.FUNC, index) for index in referenced if source.random() < 0.5],
        functions=(None,) * count["f"],
        globals=(None,) * count["g"],
        datas=(None,) * count["d"],
        elements=(None,) * count["e"],
        memories=(MemoryType(Limits(0)),) * count["m"],
        tables=(TableType(FUNCREF, Limits(0)),) * count["t"],
    )
    return SimpleNamespace(
        module=module,
        types=(None,) * count["types"],
        function_types=(0,) * len(functions),
        imported_function_count=count["fi"],
        table_types=module.tables,
        memory_types=module.memories,
        global_types=(global_type,) * (count["gi"] + count["g"]),
        tag_types=(None,) * count["tag"],
        referenced_functions=referenced,
    )


@pytest.mark.parametrize("seed", range(30))
def test_layout_fields_are_apart(seed: int) -> None:
    """No two fields of an instance record overlap, each is aligned, all are inside."""
    valid = _valid(random.Random(seed))
    record = Layout(valid)
    fields = [(offset, 8) for offset in range(0, layout.VM_HEADER_BYTES, 8)]
    for m in range(len(valid.memory_types)):
        fields += [(record.memory_base_offset(m), 8), (record.memory_record_offset(m), 8)]
    fields += [(record.table_record_offset(t), 8) for t in range(len(valid.table_types))]
    fields += [(record.tag_offset(t), 8) for t in range(len(valid.tag_types))]
    for g in range(len(valid.global_types)):
        offset, is_indirect = record.global_place(g)
        assert is_indirect == (g < len(valid.global_types) - len(valid.module.globals))
        fields.append((offset, 8 if is_indirect else 16))
    fields += [(record.data_offset(d), 16) for d in range(len(valid.module.datas))]
    fields += [(record.elem_offset(e), 16) for e in range(len(valid.module.elements))]
    imported = len(valid.function_types) - len(valid.module.functions)
    for f in range(len(valid.function_types)):
        if f < imported:
            fields.append((record.imported_function_offset(f), 8))
        elif f in valid.referenced_functions:
            fields.append((record.own_function_record_offset(f), 32))
        if f >= imported:
            assert record.code_table_offset(f) == 8 * (f - imported)
    fields += [(record.type_id_offset(t), 8) for t in range(len(valid.types))]
    fields.sort()
    assert all(offset % min(size, 16) == 0 for offset, size in fields)
    assert all(a + size <= b for (a, size), (b, _) in pairwise(fields))
    assert sum(fields[-1]) <= record.size_bytes
    assert record.size_bytes % layout.VM_ALIGNMENT == 0
