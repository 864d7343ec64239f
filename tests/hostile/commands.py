"""What a verb of the command line must do with any file whatsoever, and runs of it in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VERBS = (("validate",), ("print",), ("objdump", "-d"), ("parse", "-o", "/dev/null"), ("run",), ("wast",),
         ("compile", "-o", "/dev/null"))  # fmt: skip
TRAPPED = 134
MEMORY_BYTES = 1_500_000_000
"""What a small file may make of a process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did. `status` is None if it was still running at the end of its time."""

    status: int | None
    err: str
    memory_bytes: int = 0


def run_apart(verb: tuple[str, ...], path: Path, timeout_seconds: float) -> Outcome:
    """Run a verb on a file in a process of its own."""
    command = [sys.executable, "-m", "jormun", *verb, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            _, err = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return Outcome(None, "")
    largest_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    return Outcome(process.returncode, err.decode(errors="replace"), largest_bytes)


def complaint(verb: tuple[str, ...], outcome: Outcome) -> str | None:
    """What is wrong with an outcome: all but success, one line that names the file and why, or what a guest may do."""
    is_guest = verb[0] == "run"
    status, err = outcome.status, outcome.err
    if status is None:
        return None if is_guest else "hangs"
    if "Traceback" in err:
        return "has a traceback"
    if outcome.memory_bytes > MEMORY_BYTES:
        return f"takes {outcome.memory_bytes:,} bytes"
    if status < 0 or status > TRAPPED:
        return None if is_guest and status > 0 else f"ends with status {status}"
    if status == 1 and not is_guest and verb[0] != "wast" and (not err.startswith("jormun: ") or err.count("\n") != 1):
        return f"does not fail with one line: {err[:300]!r}"
    if status not in (0, 1) and not is_guest:
        return f"ends with status {status}"
    return None
