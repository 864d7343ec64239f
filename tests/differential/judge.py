"""Judges a program in a process of its own, where it may crash or go on for ever.

python -m tests.differential.judge < program > verdict
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import wasmtime

from jormun.errors import WasmError
from tests.differential.programs import Program
from tests.differential.runs import Disagreement, compare


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a comparison went. `what` is None if the engines agreed, "invalid" of what is no program, "crash", "hang",
    or what they differ in.

    `together` says how Jormun compiled, where they differ.
    """

    what: str | None
    calls: int = 0
    message: str = ""
    together: bool = False

    def is_like(self, other: Verdict) -> bool:
        """Whether it is about the same, so that a smaller program may be taken for a larger one."""
        return (self.what, self.together) == (other.what, other.together)


def judge(program: Program, ways: Sequence[bool] = (False, True)) -> Verdict:
    """The verdict on a program, in this process."""
    try:
        return Verdict(None, compare(program, ways))
    except Disagreement as error:
        return Verdict(error.what, 0, str(error), error.together)
    except (wasmtime.WasmtimeError, WasmError, AssertionError, KeyError) as error:
        return Verdict("invalid", 0, f"{type(error).__name__}: {error}")


def judge_apart(program: Program, ways: Sequence[bool] = (False, True), timeout_seconds: float = 120) -> Verdict:
    """The verdict on a program, from another process."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=pickle.dumps((program, ways)),
            capture_output=True,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        return Verdict("hang")
    if done.returncode:
        return Verdict("crash", 0, f"exit code {done.returncode}: {done.stderr.decode(errors='replace')[:300]}")
    verdict = pickle.loads(done.stdout)
    assert isinstance(verdict, Verdict)
    return verdict


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(judge(*pickle.load(sys.stdin.buffer))))
