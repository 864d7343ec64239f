"""Python runs out of memory, at each third of its allocations, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jormun.baseline import compile

pytest.importorskip("_testcapi", reason="this Python has no way to let allocations fail")

# In a process of its own, whose other threads would run out of memory too. `remove_mem_hooks` ends what
# `set_nomemory` begins: the allocation with this number fails.
_SCRIPT = """
import sys
import _testcapi
from tests.runtime.lives import LIVES

run = LIVES[sys.argv[1]]()
for _ in range(3):
    run()
failed = 0
for allocation in range(0, 3000, 3):
    try:
        _testcapi.set_nomemory(allocation, allocation + 1)
        try:
            run()
        finally:
            _testcapi.remove_mem_hooks()
    except BaseException:
        failed += 1
    run()
print(failed)
"""


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="Python crashes by itself when it has no memory for a nested function"
)
@pytest.mark.parametrize("name", ["instances", "waits"])
def test_allocations_fail(name: str) -> None:
    """That ends in an exception, most often Python's own, or is of no consequence; and all works behind it."""
    if name == "waits" and not (compile.__file__ or "").endswith(".py"):
        pytest.skip("code that mypyc has compiled, of the compiler here, ends the process when it has no memory")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, name], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
