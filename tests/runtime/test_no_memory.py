"""Python runs out of memory, at each of its allocations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from .lives import LIVES

_testcapi: Any = pytest.importorskip("_testcapi", reason="this Python has no way to let allocations fail")


def _failing_at(allocation: int, run: Callable[[], None]) -> BaseException | None:
    """What `run` raises if Python has no memory for the allocation with this number, from now on."""
    try:
        _testcapi.set_nomemory(allocation, allocation + 1)
        try:
            run()
        finally:
            _testcapi.remove_mem_hooks()
    except BaseException as error:
        return error
    return None


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="Python crashes by itself when it has no memory for a nested function"
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # also where objects are given back
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")  # they were about to be
@pytest.mark.parametrize("name", ["instances", "waits"])
def test_allocations_fail(name: str) -> None:
    """That ends in an exception, most often Python's own, or is of no consequence; and all works behind it."""
    run = LIVES[name]()
    for _ in range(3):
        run()
    failed = 0
    for allocation in range(0, 3000, 3):
        failed += _failing_at(allocation, run) is not None
        run()
    assert failed > 100
