"""What was learned survives a file, and nothing else that a file may hold is taken for it."""

from __future__ import annotations

import json

import pytest

from jormun.runtime.engine import LoopHead
from jormun.runtime.tiering.learned import Learned


def test_round_trip() -> None:
    """Out and in again, through JSON for example."""
    learned = Learned((7, 3), (LoopHead(3, 12), LoopHead(7, 0)), (5,))
    assert learned.data() == [[7, 3], [3, 12, 7, 0], [5]]
    assert Learned.of(json.loads(json.dumps(learned.data()))) == learned
    assert Learned.of(Learned().data()) == Learned()


@pytest.mark.parametrize(
    "data",
    [None, [], [[]], [[], []], [[], [], [], []], [[], [1], []], [[-1], [], []], [[1 << 32], [], []], [["1"], [], []],
     [[], [], [True]], [1, 2, 3], {}],
)  # fmt: skip
def test_other_data(data: object) -> None:
    """A clear error."""
    with pytest.raises(ValueError, match="expected a list of functions, one of loops, and one of functions refused"):
        Learned.of(data)


def test_joined() -> None:
    """What either says, in the order of the first and then of the second; the first itself if that is all."""
    first = Learned((7, 3), (LoopHead(3, 12),), (5,))
    assert first.joined(Learned((9, 3), (LoopHead(7, 0),), (6, 5))) == Learned(
        (7, 3, 9), (LoopHead(3, 12), LoopHead(7, 0)), (5, 6)
    )
    for known in (Learned(), first, Learned((3, 7)), Learned((), (LoopHead(3, 12),), (5,))):
        assert first.joined(known) is first
