"""How the time of those who ask is shared out."""

from __future__ import annotations

import pytest

from jormun.runtime.tiering import time_spent
from jormun.runtime.tiering.time_spent import TimeSpent

ROUND_NS = 105
"""What a round through 500 bytes takes at most."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of the thread that asks."""
    now = [1_000_000]
    monkeypatch.setattr(time_spent.time, "thread_time_ns", lambda: now[0])
    return now


def test_time_goes_to_who_asks(clock: list[int]) -> None:
    """All of it, as long as no more is asked for than rounds can have taken."""
    spent = TimeSpent()
    clock[0] += 1000
    assert spent.elapsed_ns() == 1000
    spent.credit(7, 1000, 500)
    assert (spent.of(7), spent.of(8), spent.total_ns) == (1000, 0, 1000)


def test_rounds_have_a_bound(clock: list[int]) -> None:
    """Few rounds get little; what is left is for the next that asks."""
    spent = TimeSpent()
    clock[0] += 1000
    spent.credit(7, 2, 500)
    assert spent.of(7) == 2 * ROUND_NS
    spent.credit(8, 1000, 500)
    assert spent.of(8) == 1000 - 2 * ROUND_NS
    spent.credit(9, 1000, 500)
    assert spent.of(9) == 0
    assert spent.total_ns == 1000


def test_nothing_is_older_than_the_last_question(clock: list[int]) -> None:
    """Time from before it is not a function's, even if nobody else claimed it."""
    spent = TimeSpent()
    clock[0] += 10_000
    spent.credit(7, 1, 500)
    clock[0] += 50
    spent.credit(7, 1000, 500)
    assert spent.of(7) == ROUND_NS + 50


def test_threads_have_clocks_of_their_own(clock: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that asks for the first time brings no time."""
    spent = TimeSpent()
    clock[0] += 100
    spent.credit(7, 1000, 500)
    monkeypatch.setattr(time_spent, "get_ident", lambda: -1)
    clock[0] = 5
    spent.credit(8, 1000, 500)
    assert spent.of(8) == 0
    clock[0] += 30
    spent.credit(8, 1000, 500)
    assert (spent.of(8), spent.total_ns) == (30, 130)


def test_time_for_compiling_does_not_count(clock: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first tier took is no time of the guest's; of a thread that has never asked there is none yet."""
    spent = TimeSpent()
    clock[0] += 100
    began = clock[0]
    clock[0] += 5000
    spent.leave_out(began)
    assert spent.elapsed_ns() == 100
    clock[0] += 7
    assert spent.elapsed_ns() == 107
    monkeypatch.setattr(time_spent, "get_ident", lambda: -1)
    spent.leave_out(began)
    assert spent.elapsed_ns() == 107
