"""The command line as a user has it: in this process, or in one of its own where signals or streams matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import jormun
from jormun.cli.main import main

SOURCE = Path(jormun.__file__).parents[1]
COMMAND = (sys.executable, "-m", "jormun")


@dataclass(frozen=True)
class Result:
    """What a command did."""

    status: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        captured = capfd.readouterr()
        return Result(status, captured.out, captured.err)

    return run


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process of its own, in which Python's streams work as they do by default."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**ours, "PYTHONPATH": str(SOURCE), **variables}


class Started(subprocess.Popen[bytes]):
    """A process that does not outlive a test that fails, which would wait for it."""

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *rest)  # type: ignore[arg-type]


def start(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    """Starts a command line in a process of its own."""
    given: dict[str, object] = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return Started([*COMMAND, *map(str, arguments)], **given)  # type: ignore[call-overload,no-any-return]


def wat(folder: Path, text: str, name: str = "module.wat") -> Path:
    """A file with a module in text."""
    path = folder / name
    path.write_text(text)
    return path
