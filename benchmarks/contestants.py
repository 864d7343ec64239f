"""What runs a program in the comparison: two native builds and three WebAssembly engines, and how each is timed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compilation import HERE, NATIVE_CPU, NATIVE_PLAIN, WASM, Target

RUNNERS = HERE / "engines"
SOURCE_TREE = HERE.parent / "src"


class RunError(Exception):
    """A program failed, did not end in time, or its runner printed no time."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One column of the table.

    `command` comes before the path of the built program. A native program's time is the process's; a WebAssembly
    engine's is what its runner prints on the last line of its standard error: the call of `_start` alone.
    """

    name: str
    target: Target
    command: tuple[str, ...]
    is_native: bool
    missing: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution: its time and what the program printed."""

    seconds: float
    output: bytes


def _environment() -> dict[str, str]:
    """Ours, with this checkout's sources before an installed Jormun."""
    paths = [str(SOURCE_TREE), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def run(contestant: Contestant, program: Path, timeout_seconds: float) -> Run:
    """Run a built program once."""
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [*contestant.command, str(program)], capture_output=True, timeout=timeout_seconds, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"did not end within {timeout_seconds:.0f} s") from error
    elapsed = time.perf_counter() - began
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode != 0:
        raise RunError(f"exit status {done.returncode}: {lines[-1] if lines else 'no message'}")
    if contestant.is_native:
        return Run(elapsed, done.stdout)
    try:
        return Run(float(lines[-1]), done.stdout)
    except (IndexError, ValueError) as error:
        raise RunError("the runner printed no time") from error


def _never_missing() -> str | None:
    return None


def _missing_wasmtime() -> str | None:
    if importlib.util.find_spec("wasmtime") is None:
        return "the package wasmtime is not installed (pip install wasmtime)"
    return None


def _missing_node() -> str | None:
    if shutil.which("node") is None:
        return "there is no `node` command"
    probe = subprocess.run(["node", "--no-warnings", "-e", "require('node:wasi')"], capture_output=True)
    return "this node has no module node:wasi" if probe.returncode != 0 else None


def _missing_jormun() -> str | None:
    command = [sys.executable, str(RUNNERS / "run_jormun.py"), "--check"]
    probe = subprocess.run(command, capture_output=True, text=True, env=_environment())
    if probe.returncode == 0:
        return None
    lines = probe.stderr.strip().splitlines()
    return lines[-1] if lines else "it cannot be imported"


# V8's flags: compile everything ahead with its optimizing compiler, so that the measured call compiles nothing.
_NODE = ("node", "--no-warnings", "--no-liftoff", "--no-wasm-lazy-compilation", str(RUNNERS / "run_node.mjs"))

CONTESTANTS = (
    Contestant("native-plain", NATIVE_PLAIN, (), True, _never_missing),
    Contestant("native-cpu", NATIVE_CPU, (), True, _never_missing),
    Contestant("jormun", WASM, (sys.executable, str(RUNNERS / "run_jormun.py")), False, _missing_jormun),
    Contestant("wasmtime", WASM, (sys.executable, str(RUNNERS / "run_wasmtime.py")), False, _missing_wasmtime),
    Contestant("node", WASM, _NODE, False, _missing_node),
)
