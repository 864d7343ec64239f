"""Limits, and the budget that they give."""

from __future__ import annotations

import sys
import threading

import pytest

from jormun import limits, machine_memory
from jormun.runtime import limits as runtime_limits
from jormun.runtime.address_space import AddressSpace
from jormun.runtime.budget import Budget
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"timeout": -1}, "a timeout is a number of seconds, not -1"),
        ({"cpu_timeout": float("nan")}, "a processor time is a number of seconds, not nan"),
        ({"fuel": -1}, "fuel is a number from 0"),
        ({"table_elements": -1}, "a number of table elements cannot be negative: -1"),
        ({"instances": -5}, "a number of instances cannot be negative: -5"),
        ({"stack": "4KiB"}, "a stack is of 64 KiB to 8 MiB, not '4KiB'"),
        ({"stack": (8 << 20) + 1}, "a stack is of 64 KiB to 8 MiB, not 8388609"),
        ({"stack": "deep"}, "'deep' is no size"),
    ],
)
def test_what_is_no_limit(given: dict[str, int], said: str) -> None:
    """Is refused where it is written, too."""
    with pytest.raises(ValueError, match=said):
        Limits(**given)


@pytest.mark.parametrize(("there_is", "limit"), [(1 << 40, 4 << 30), (6 << 30, 3 << 30), (256 << 20, 128 << 20)])
def test_the_default_protects_the_host(monkeypatch: pytest.MonkeyPatch, there_is: int, limit: int) -> None:
    """Guests get half of the memory that there is, and what a 32-bit memory can have at most."""
    monkeypatch.setattr(runtime_limits, "machine_memory_bytes", lambda: there_is)
    assert Limits().memory_bytes == Limits(fuel=1).memory_bytes == limit
    assert Limits(memory="1 GB").memory_bytes == 10**9, "what is given is given"


def test_the_default_is_of_this_machine() -> None:
    """Of its memory, a part."""
    assert Limits().memory_bytes <= min(limits.STORE_BYTES, machine_memory.memory_bytes() // 2)


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


def test_a_budget_has_several_bounds() -> None:
    """Who asks for more than one thing gets all or nothing."""
    budget = Budget(100, elements=10, instances=2)
    assert budget.take(60, 6, 1)
    assert not budget.take(41) and not budget.take(0, 5) and not budget.take(0, 0, 2)
    assert budget.taken == (60, 6, 1), "what was refused took nothing"
    budget.give_back(60, 6, 1)
    assert budget.take(100, 10, 2)
    assert budget.peak_bytes == 100


def test_a_budget_loses_nothing_between_threads() -> None:
    """What many take and give back at once adds up, and never to more than there is."""
    budget = Budget(1000, elements=1000, instances=1000)
    wrong = []

    def work() -> None:
        for _ in range(20_000):
            if budget.take(300, 2, 1):
                if budget.taken_bytes > 1000:
                    wrong.append(budget.taken)
                budget.give_back(300, 2, 1)

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert budget.taken == (0, 0, 0) and not wrong and budget.peak_bytes in (300, 600, 900)
