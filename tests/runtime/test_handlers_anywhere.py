"""Handlers of signals may use the run time in the middle of whatever it is doing, and may raise there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import jormun

from .at_lines import AtLines, Line, first_times
from .lives import LIVES


@pytest.mark.parametrize("handler", LIVES)
@pytest.mark.parametrize("body", LIVES)
def test_handlers_call_guests_anywhere(body: str, handler: str) -> None:
    """A handler that makes modules and instances, and calls guests, does neither harm nor wait, wherever it comes."""
    run, handle = LIVES[body](), LIVES[handler]()
    run()  # what is imported is there then
    handle()
    at_lines = AtLines(handle, first_times())
    at_lines.run(run)
    assert at_lines.errors == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # also where objects are given back
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")  # they were about to be
@pytest.mark.parametrize("body", LIVES)
def test_handlers_raise_anywhere(body: str) -> None:
    """What a handler raises, as Ctrl-C's does, ends what it comes in the middle of, and all works behind it."""

    def handle() -> None:
        raise KeyboardInterrupt

    run = LIVES[body]()
    run()
    pick = first_times()
    is_over = False

    def once(line: Line) -> bool:
        nonlocal is_over
        is_picked = not is_over and pick(line)
        is_over = is_over or is_picked
        return is_picked

    at_lines = AtLines(handle, once)
    raised = 0
    while True:
        is_over = False
        try:
            at_lines.run(run)
        except KeyboardInterrupt:
            raised += 1
        if not is_over:
            break
        run()
    assert raised > 100


def test_no_lock_waits_for_its_own_thread() -> None:
    """A lock that a handler may find taken by the thread that it runs in is reentrant. The others are named here."""
    sleeps = {"sleeper.py"}  # locks that one thread takes and another gives back, to sleep
    barriers = {"native_stream.py"}  # one that nobody else knows
    own_threads = {"pipeline.py"}  # taken by a thread of ours, in which no handler runs, and where the process ends
    found = set()
    package = Path(jormun.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name == "Lock":
                    found.add(path.name)
    assert found == sleeps | barriers | own_threads
