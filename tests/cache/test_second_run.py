"""What tiering learned is kept: a second run begins with optimized code, and goes on with what the first left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """(module
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $hot (export "hot") (param $n i32) (result i32) (local $x i32)
    (loop $l (local.set $x (call $add (local.get $x) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))"""
ADD, HOT = 0, 1
COMMON = f"""
import os, sys
import jormun
from jormun.cache.kept import save_all
from jormun.runtime.tiering.background import background
from jormun.runtime.tiering.settings import Tiering
TIERING = Tiering(threshold=1000, patience_ns=0, delay_ms=0, warm_delay_ms=0)
module = jormun.Module({PROGRAM!r}, config=jormun.Config(tiering=TIERING))
tier_up = module.compiled.tier_up
hot = jormun.Instance(module).exports.hot
def run():
    assert hot(10_000) == 50_005_000
"""
OPTIMIZE = "for _ in range(2): run(); assert background().wait(100)\nprint(sorted(tier_up.learned().functions))"
LEAVE = "background().close(); run(); print(sorted(tier_up.learned().functions))"
LOADED = "print('llvmlite' in sys.modules, 'jormun.baseline.compile' in sys.modules)"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a cache of the test's own."""
    return {**os.environ, "JORMUN_CACHE_DIR": str(tmp_path), "JORMUN_CACHE_SIZE": ""}


def _run(environment: dict[str, str], *steps: str) -> list[str]:
    """What a process prints that does these steps with the module."""
    words = [sys.executable, "-c", "\n".join([COMMON, *steps])]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_optimized_code_is_adopted(environment: dict[str, str]) -> None:
    """The second run has it before the first call, and loads no compiler of any tier."""
    assert _run(environment, OPTIMIZE) == [f"[{ADD}, {HOT}]"]
    known = "print(sorted(tier_up.learned().functions), module.compiled.code(0) != module.compiled.code(1))"
    assert _run(environment, known, "run()", LOADED) == [f"[{ADD}, {HOT}] True", "False False"]


def test_what_was_left_is_optimized_next_time(environment: dict[str, str]) -> None:
    """A process that ended too early leaves the names of what it would have optimized."""
    assert _run(environment, LEAVE) == [f"[{ADD}, {HOT}]"]
    known = "print(sorted(tier_up.learned().functions), tier_up.heat() > 0)"
    assert _run(environment, known, LOADED) == [f"[{ADD}, {HOT}] True", "False False"]
    assert _run(environment, OPTIMIZE) == [f"[{ADD}, {HOT}]"]
    assert _run(environment, "run()", LOADED) == ["False False"]


def test_a_run_that_learns_nothing_writes_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """The entry of a module that is warm stays the very same file."""
    _run(environment, OPTIMIZE)
    (entry,) = (tmp_path / "code").iterdir()
    before = entry.stat().st_ino
    _run(environment, "run()")
    assert entry.stat().st_ino == before


def test_two_runs_at_once(environment: dict[str, str]) -> None:
    """Each keeps what it learned; a third needs no compiler, whichever was the last to save."""
    words = [sys.executable, "-c", "\n".join([COMMON, OPTIMIZE])]
    both = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == [f"[{ADD}, {HOT}]\n".encode()] * 2
    assert _run(environment, "run()", LOADED) == ["False False"]


def test_a_killed_run_leaves_what_it_had(environment: dict[str, str], tmp_path: Path) -> None:
    """Code is saved a while after it was made, though nothing else is compiled, with the names of what was hot."""
    folder = tmp_path / "code"
    folder.mkdir()
    wait = f"while not any(n.endswith('.code') for n in os.listdir({str(folder)!r})): time.sleep(0.01)"
    _run(environment, "import time; module._keeper._interval_s = 0.01", "run()", wait, "os._exit(0)")
    assert _run(environment, "print(len(tier_up.learned().functions) > 0)") == ["True"]


def test_a_fork_saves_its_own(environment: dict[str, str]) -> None:
    """A child of a process that has something to save ends as usual."""
    steps = (
        "run()",
        "pid = os.fork()",
        "if not pid: run(); save_all(); os._exit(7)",
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    )
    assert _run(environment, *steps) == ["7"]
