"""Native memory that takes memory page by page."""

from __future__ import annotations

from jormun.runtime.native import pages
from jormun.runtime.native.sparse import SparseBlock

SIZE_BYTES = 5 * pages.PAGE_BYTES - 100


def test_blocks_are_zeroed_whoever_had_them_before() -> None:
    """A block that comes back is given out again with nothing in it; two that live share nothing."""
    seen = set()
    for _ in range(3):
        one, other = SparseBlock(SIZE_BYTES), SparseBlock(SIZE_BYTES)
        seen |= {one.address, other.address}
        assert abs(one.address - other.address) >= SIZE_BYTES
        for block in (one, other):
            view = block.view()
            assert len(view) == SIZE_BYTES and not any(view)
            view[:] = bytes([255]) * SIZE_BYTES
            del view
        del one, other, block
    assert len(seen) <= 4


def test_what_is_written_at_once_is_not_sparse() -> None:
    """A block is sparse where that leaves out whole pages."""
    assert isinstance(pages.block_of(16 << 10, 100, 64), SparseBlock)
    assert isinstance(pages.block_of(5000, 100, 64), pages.Block)
    assert isinstance(pages.block_of(16 << 10, 15 << 10, 64), pages.Block)
