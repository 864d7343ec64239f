"""Processes that end, or fork, while LLVM compiles in a thread of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jormun

BUSY = """
import atexit, os, sys, threading

def check():
    from jormun.llvm import pipeline
    os._exit(3 if pipeline._working.locked() else 0)

atexit.register(check)  # what is registered first is called last
from jormun.llvm import pipeline

lines = [f"%v{k} = mul i64 %v{k - 1}, {2 * k + 1}" for k in range(1, 20_000)]
text = "\\n".join(["define i64 @f(i64 %v0) {", *lines, "ret i64 %v19999", "}"])
threading.Thread(target=pipeline.compile_text, args=(text,), daemon=True).start()
while not pipeline._working.locked():
    pass
"""
FORK = """
pid = os.fork()
if pid == 0:
    code = pipeline.compile_text("define i64 @g(i64 %v0) {\\nret i64 %v0\\n}")
    os._exit(0 if code else 4)
_, status = os.waitpid(pid, 0)
if os.waitstatus_to_exitcode(status):
    os._exit(5)
"""


def run(script: str) -> int:
    """The exit status of a Python process that runs this."""
    variables = {**os.environ, "PYTHONPATH": str(Path(jormun.__file__).parents[1])}
    return subprocess.run([sys.executable, "-c", script], env=variables, timeout=300, check=False).returncode


def test_end_waits() -> None:
    """LLVM's tables go when a process ends: the compiling thread must not be at work then."""
    assert run(BUSY) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork_waits() -> None:
    """A child can compile, though its parent was compiling when it was made."""
    assert run(BUSY + FORK) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="it is the process that has a priority")
def test_what_nobody_waits_for_gives_way() -> None:
    """It is compiled by a thread of lower priority than others, which keep theirs. The object is the same."""
    script = """
import os, threading
from jormun.llvm import pipeline
text = "define i64 @g(i64 %v0) {\\nret i64 %v0\\n}"
assert pipeline.compile_text(text, is_background=True) == pipeline.compile_text(text)
mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
found = [os.getpriority(os.PRIO_PROCESS, t.native_id) - mine for t in threading.enumerate() if t.name == "jormun-llvm"]
assert sorted(found) == [0, min(pipeline.BACKGROUND_NICE, 19 - mine)], found
"""
    assert run(script) == 0
