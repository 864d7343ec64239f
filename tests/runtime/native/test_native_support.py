"""Machines that native execution is not there for: one clear line, and what needs none works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jormun.errors import WasmError
from jormun.runtime.native import support

ELSEWHERE = """
import ctypes, os, platform, sys, types
from jormun.cli.main import main
import json, pathlib, random, shutil, subprocess, tempfile, threading  # which look at the system themselves
ctypes.CDLL = None
sys.platform, platform.machine = "{system}", lambda: "{machine}"
os.uname = lambda: types.SimpleNamespace(machine="{machine}")
sys.exit(main(sys.argv[1:]))
"""


def on(system: str, machine: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command `jormun` in a process that takes itself to be on another machine."""
    code = ELSEWHERE.format(system=system, machine=machine)
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("win32", "AMD64")])
def test_other_systems(tmp_path: Path, system: str, machine: str) -> None:
    """No function of the C library is looked up, running says why it cannot be, and checking works."""
    path = tmp_path / "module.wat"
    path.write_text('(module (func (export "_start")))')
    done = on(system, machine, "run", path)
    assert done.returncode == 1
    assert done.stderr == f"jormun: native execution needs x86-64 Linux; this is {system} on {machine}\n"
    for verb in ("validate", "print", "objdump"):
        done = on(system, machine, verb, path)
        assert (done.returncode, done.stderr) == (0, "")


def test_other_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C interface of CPython is needed, with 64 bits."""
    monkeypatch.setattr("sys.implementation.name", "pypy")
    with pytest.raises(WasmError, match="needs CPython; this is pypy"):
        support.check_machine()
    monkeypatch.undo()
    monkeypatch.setattr("sys.maxsize", (1 << 31) - 1)
    with pytest.raises(WasmError, match="64 bits"):
        support.check_machine()
