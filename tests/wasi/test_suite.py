"""The WASI 0.1 test suite, as built programs with their expectations in .json files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from jormun.api.config import Config
from jormun.api.module import Module
from jormun.api.tier import Tier
from jormun.errors import WasmError
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import run_command

from ..cli.conftest import start
from ..shared import SHARED, needs_shared

SUITE = SHARED / "data" / "wasi"
GROUPS = ("assemblyscript", "c", "rust", "threads")
KNOWN_GAPS = (Path(__file__).parent / "known_gaps.txt").read_text().split()
"""Programs, as GROUP/NAME, that fail as yet. The list may only shrink: one that passes must be taken off."""
QUICK = ("assemblyscript/", "c/", "threads/")
"""The others take a second or more each, for their machine code."""
PROGRAMS = [path for group in GROUPS for path in sorted((SUITE / group).glob("*.wasm"))]


def name_of(program: Path) -> str:
    return program.relative_to(SUITE).with_suffix("").as_posix()


def expectations(program: Path) -> dict[str, object]:
    """What stands in the .json file beside a program, if there is one."""
    path = program.with_suffix(".json")
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found


def copied(root: Path, target: Path) -> Path:
    """A copy of a directory tree that a guest may change; the original may be read-only."""
    shutil.copytree(root, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def failure(program: Path, scratch: Path, tier: Tier) -> str | None:
    """What is wrong with a run of the program; None when it does what it should."""
    expected = expectations(program)
    if program.parent.name == "threads":
        return process_failure(program, expected, tier)
    root = expected.get("root")
    directories = {"/": copied(program.parent / str(root), scratch / "root")} if root is not None else {}
    arguments, environment = expected.get("args", []), expected.get("env", {})
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    stdout, stderr = MemoryStream(), MemoryStream()
    try:
        status = run_command(
            Module(program, config=Config(tier=tier)).compiled,
            [program.name, *arguments],
            environment=environment,
            directories=directories,
            stdin=MemoryStream(),
            stdout=stdout,
            stderr=stderr,
        )
    except WasmError as error:
        return str(error)
    if status != expected.get("exit_code", 0):
        return f"exit status {status}, expected {expected.get('exit_code', 0)}: {stderr.output.decode()}"
    if "stdout" in expected and stdout.output.decode() != expected["stdout"]:
        return f"printed {stdout.output.decode()!r}, expected {expected['stdout']!r}"
    return None


def process_failure(program: Path, expected: dict[str, object], tier: Tier) -> str | None:
    """As failure, in a process of its own, with a standard input that has nothing and does not end.

    Some of these programs compute without end when they are to be ended.
    """
    assert set(expected) <= {"exit_code"}
    with start("run", "--tier", tier, program, stdin=subprocess.PIPE) as process:
        status = process.wait(timeout=120)
        assert process.stderr is not None
        message = process.stderr.read().decode()
    if status != expected.get("exit_code", 0):
        return f"exit status {status}, expected {expected.get('exit_code', 0)}: {message}"
    return None


@needs_shared
@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(path, id=name_of(path), marks=() if name_of(path).startswith(QUICK) else pytest.mark.slow)
        for path in PROGRAMS
    ],
)
def test_program(program: Path, tmp_path: Path, tier: Tier) -> None:
    """In each tier, it ends with the status, and prints the text, that its .json file says; a known gap fails."""
    what = failure(program, tmp_path, tier)
    if name_of(program) in KNOWN_GAPS:
        assert what is not None, f"take {name_of(program)} off known_gaps.txt"
    else:
        assert what is None, what


@needs_shared
def test_known_gaps_are_programs() -> None:
    """The list names nothing that is not there."""
    assert set(KNOWN_GAPS) <= {name_of(program) for program in PROGRAMS}
