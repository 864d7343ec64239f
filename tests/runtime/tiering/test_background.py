"""The thread that optimizes: in which order, for how long, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref

import pytest

from jormun.runtime.tiering.background import Background


class Pieces:
    """Work of some heats, done hottest first."""

    def __init__(self, done: list[int], *heats: int) -> None:
        self.done = done
        self.heats = sorted(heats)
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def heat(self) -> int:
        """The hottest."""
        return self.heats[-1] if self.heats else 0

    def work(self) -> None:
        """Notes the heat."""
        self.began.set()
        assert self.may_end.wait(100)
        self.done.append(self.heats.pop())


@pytest.fixture
def thread() -> Background:
    return Background()


def test_the_hottest_work_is_done_first(thread: Background) -> None:
    """Whoever has it."""
    done: list[int] = []
    first, second, third = Pieces(done, 9), Pieces(done, 3, 6, 1), Pieces(done, 4, 5)
    first.may_end.clear()
    for each in (first, second, third, second):
        thread.submit(each)
    assert first.began.wait(100)
    first.may_end.set()
    assert thread.wait(100)
    assert done == [9, 6, 5, 4, 3, 1]


def test_work_is_held_weakly(thread: Background) -> None:
    """What nobody needs any more is not done, and not kept."""
    done: list[int] = []
    first, second = Pieces(done, 9), Pieces(done, 8)
    first.may_end.clear()
    thread.submit(first)
    assert first.began.wait(100)
    thread.submit(second)
    reference = weakref.ref(second)
    del second
    assert reference() is None
    first.may_end.set()
    assert thread.wait(100)
    assert done == [9]


def test_a_closed_thread_begins_nothing(thread: Background) -> None:
    """What it is at is ended."""
    done: list[int] = []
    first = Pieces(done, 9, 8)
    first.may_end.clear()
    thread.submit(first)
    assert first.began.wait(100)
    thread.close()
    thread.submit(Pieces(done, 7))
    first.may_end.set()
    assert thread.wait(100)
    assert done == [9]


ENDLESS = """
import sys, threading
from jormun.runtime.tiering.background import background
class Work:
    began = threading.Event()
    def heat(self): return 1
    def work(self):
        self.began.set()
        sum(range(1000))
work = Work()
background().submit(work)
work.began.wait()
"""
COMPILING = """
import threading
from jormun.optimizing.engine import OptimizingEngine
from jormun.runtime.layout import Layout
from jormun.runtime.tiering.background import background
from jormun.text.module import parse_module
from jormun.validation.module import validate
body = "(loop $l (local.set 0 (i32.mul (local.get 0) (i32.const 3))) (br_if $l (i32.and (local.get 0) (i32.const 7))))"
valid = validate(parse_module(f"(module (func (param i32) {body * 500}))"))
class Work:
    began = threading.Event()
    def heat(self): return 1
    def work(self):
        self.began.set()
        OptimizingEngine().improve(valid, Layout(valid), (0,))
work = Work()
background().submit(work)
work.began.wait()
"""


@pytest.mark.parametrize("program", [ENDLESS, COMPILING], ids=["Python", "LLVM"])
def test_a_process_ends_while_work_is_done(program: str) -> None:
    """At once, quietly, and with success."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
