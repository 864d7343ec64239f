"""The command itself: help, version, usage errors, start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jormun.version import VERSION, build_kind

from .conftest import COMMAND, Command, environment

VERBS = ["run", "compile", "snapshot", "validate", "parse", "print", "objdump", "stubs", "wast"]


def test_version(command: Command) -> None:
    """On standard output."""
    assert command("--version").out == f"jormun {VERSION} ({build_kind()})\n"


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_has_examples(command: Command, verb: str | None) -> None:
    """Of the command and of every verb."""
    result = command(*([verb] if verb else []), "--help")
    assert result.status == 0
    assert "examples:" in result.out
    assert "jormun" in result.out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["--fly"], ["validate"], ["run", "--fly", "x.wasm"]])
def test_usage_errors(command: Command, arguments: list[str]) -> None:
    """Exit status 2, and how it is used, on standard error."""
    result = command(*arguments)
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("usage: jormun")


HEAVY = ["llvmlite", "jormun.runtime", "jormun.validation", "jormun.text", "jormun.binary", "jormun.opcodes", "ctypes"]


def test_start_up_imports_nothing_heavy() -> None:
    """What a verb needs is imported when it runs."""
    code = (
        "import sys\n"
        "from jormun.cli.main import make_parser\n"
        "make_parser().parse_args(['run', 'x.wasm'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    """What cannot be written to standard output is an error, not a silence."""
    with Path("/dev/full").open("wb") as full:
        module = tmp_path / "m.wat"
        module.write_text("(module)")
        done = subprocess.run(
            [*COMMAND, "print", str(module)], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "jormun: No space left on device\n"
