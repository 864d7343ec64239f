"""The builds of Jormun that a benchmark compares, compiled by mypyc and plain, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

SOURCE_TREE = Path(__file__).resolve().parents[1] / "src"
T = TypeVar("T")


def best(rounds: int, work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and its least CPU seconds."""
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        result = work()
        least = min(least, time.process_time() - began)
    return result, least


def measured(script: str, words: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What a script prints that is run with these words: an object with the `kind` of its build and the `figures`.

    By kind: that of the jormun that Python finds, and that of this checkout's sources, which is plain. Where both are
    plain there is one.
    """
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    found = {}
    for search_path in (given, [str(SOURCE_TREE), *given]):
        variables = os.environ | {"PYTHONPATH": os.pathsep.join(search_path)}
        command = [sys.executable, script, *words]
        done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
        answer = json.loads(done.stdout)
        found[answer["kind"]] = answer["figures"]
    return found
