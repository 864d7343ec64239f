"""Who calls whom, and which functions make a unit."""

from __future__ import annotations

import pytest

from jormun.runtime.tiering.call_graph import CallGraph, unit_around
from jormun.runtime.tiering.settings import Tiering
from jormun.text.module import parse_module
from jormun.validation.module import validate

from .fakes import CALLER, CALLS, LEAF, LONG, MIDDLE, TOP


@pytest.fixture
def graph() -> CallGraph:
    return CallGraph(validate(parse_module(CALLS)))


def test_callees(graph: CallGraph) -> None:
    """Own functions that are called directly, by tail calls too, but for the function itself."""
    assert graph.callees(LEAF) == ()
    assert graph.callees(MIDDLE) == (LEAF,)
    assert graph.callees(TOP) == (MIDDLE,)
    assert graph.callees(CALLER) == (LONG,)
    assert graph.size_bytes(LEAF) == 2


@pytest.mark.parametrize(
    ("root", "spent", "settings", "unit"),
    [
        (TOP, {}, {}, [TOP, MIDDLE, LEAF]),
        (TOP, {}, {"small_bytes": 0}, [TOP]),
        (TOP, {MIDDLE: 62}, {"small_bytes": 0}, [TOP]),
        (TOP, {MIDDLE: 63}, {"small_bytes": 0}, [TOP, MIDDLE]),
        (TOP, {MIDDLE: 63, LEAF: 99}, {"small_bytes": 0}, [TOP, MIDDLE, LEAF]),
        (TOP, {}, {"unit_bytes": 10}, [TOP]),
        (CALLER, {LEAF: 5}, {}, [CALLER, LONG, LEAF]),
        (CALLER, {}, {"unit_bytes": 10}, [CALLER]),
    ],
)
def test_callees_join(
    graph: CallGraph, root: int, spent: dict[int, int], settings: dict[str, int], unit: list[int]
) -> None:
    """Those that are small, or have spent a sixteenth of the threshold, as long as the unit is not too large."""
    tiering = Tiering(**{"threshold": 1000, **settings})
    assert unit_around(root, graph, tiering, lambda each: spent.get(each, 0), (), ()) == unit


def test_callers_join(graph: CallGraph) -> None:
    """Of those given, the ones that call into the unit, hottest first."""
    tiering = Tiering(small_bytes=0)
    spent = {LONG: 5, MIDDLE: 9, TOP: 100}
    assert unit_around(LEAF, graph, tiering, lambda each: spent.get(each, 0), spent, ()) == [LEAF, MIDDLE, LONG]


def test_the_refused_stay_outside(graph: CallGraph) -> None:
    """And so does what only they call."""
    assert unit_around(TOP, graph, Tiering(), lambda each: 0, (), {MIDDLE}) == [TOP]
