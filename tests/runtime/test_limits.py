"""Limits and the budget that they give."""

from __future__ import annotations

import pytest

from jormun.runtime.address_space import AddressSpace, Budget
from jormun.runtime.limits import Limits, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [(0, 0), (65536, 65536), ("10", 10), ("64MiB", 64 << 20), ("1 GB", 10**9), ("2kib", 2048), (" 3B ", 3)],
)
def test_sizes(text: int | str, size: int) -> None:
    """Numbers, and text with a unit."""
    assert parse_size(text) == size
    assert Limits(memory=text).memory_bytes == size


@pytest.mark.parametrize("text", ["", "MiB", "1.5GB", "-1", "1 MiBB", "0x10", "1 TB", "²", -1])
def test_no_sizes(text: int | str) -> None:
    """What is no size is refused where it is written."""
    with pytest.raises(ValueError, match="size"):
        Limits(memory=text)


def test_a_budget_is_shared_and_given_back() -> None:
    """What is taken is there again when its taker dies."""
    budget = Budget(8192)
    first, second = AddressSpace(8192, budget), AddressSpace(8192, budget)
    assert first.commit(4096) and first.commit(1) and second.commit(4096)
    assert not second.commit(4097)
    assert "8,192 bytes" in second.reason
    del first
    assert second.commit(8192)
    assert not second.commit(8193)
    assert "reserved" in second.reason
