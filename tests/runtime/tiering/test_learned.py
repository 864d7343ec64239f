"""What was learned survives a file, and nothing else that a file may hold is taken for it."""

from __future__ import annotations

import json

import pytest

from jormun.runtime.engine import LoopHead
from jormun.runtime.tiering.learned import Learned


def test_round_trip() -> None:
    """Out and in again, through JSON for example."""
    learned = Learned((7, 3), (LoopHead(3, 12), LoopHead(7, 0)))
    assert learned.data() == [[7, 3], [3, 12, 7, 0]]
    assert Learned.of(json.loads(json.dumps(learned.data()))) == learned
    assert Learned.of(Learned().data()) == Learned()


@pytest.mark.parametrize(
    "data",
    [None, [], [[]], [[], [], []], [[], [1]], [[-1], []], [[1 << 32], []], [["1"], []], [[True], []], [1, 2], {}],
)
def test_other_data(data: object) -> None:
    """A clear error."""
    with pytest.raises(ValueError, match="expected a list of functions and one of loops"):
        Learned.of(data)
