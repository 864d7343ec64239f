"""The programs of the WASI 0.1 test suite that use files, on every kind of directory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jormun.api.module import Module
from jormun.wasi.given import Reopenable
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.overlay_directory import OverlayDirectory
from jormun.wasi.quota import Quota
from jormun.wasi.run import run_command
from jormun.wasi.scratch_directory import ScratchDirectory

from ..shared import SHARED, needs_shared

SUITE = SHARED / "data" / "wasi"
PROGRAMS = [
    path
    for group in ("c", "rust")
    for path in sorted((SUITE / group).glob("*.wasm"))
    if path.with_suffix(".json").exists() and "root" in json.loads(path.with_suffix(".json").read_text())
]


def tree(folder: Path) -> dict[str, object]:
    """A folder as the dict that MemoryDirectory takes."""
    return {path.name: tree(path) if path.is_dir() else path.read_bytes() for path in folder.iterdir()}


def copied(folder: Path, target: Path) -> Path:
    """A copy that may be changed; the original may be read-only."""
    shutil.copytree(folder, target, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def directories(folder: Path, scratch: Path) -> dict[str, Reopenable]:
    """The folder as each kind of directory."""
    temporary = ScratchDirectory()
    copied(folder, temporary.path)
    return {
        "walk": HostDirectory(copied(folder, scratch / "walk"), by_kernel=False),
        "quota": HostDirectory(copied(folder, scratch / "quota"), quota=Quota("64MiB", 1000)),
        "memory": MemoryDirectory(tree(folder)),  # type: ignore[arg-type]
        "overlay": OverlayDirectory(copied(folder, scratch / "overlay")),
        "overlay on memory": OverlayDirectory(MemoryDirectory(tree(folder), is_read_only=True)),  # type: ignore[arg-type]
        "scratch": temporary,
    }


@needs_shared
@pytest.mark.parametrize(
    "program",
    [pytest.param(path, id=path.stem, marks=() if path.parent.name == "c" else pytest.mark.slow) for path in PROGRAMS],
)
def test_program(program: Path, tmp_path: Path) -> None:
    """It ends with the status, and prints the text, that its .json file says, whatever keeps its files."""
    expected = json.loads(program.with_suffix(".json").read_text())
    compiled = Module(program).compiled
    for kind, directory in directories(program.parent / expected["root"], tmp_path).items():
        stdout, stderr = MemoryStream(), MemoryStream()
        status = run_command(
            compiled,
            [program.name, *expected.get("args", [])],
            environment=expected.get("env", {}),
            directories={"/": directory},
            stdin=MemoryStream(),
            stdout=stdout,
            stderr=stderr,
        )
        assert status == expected.get("exit_code", 0), f"{kind}: {stderr.output.decode()}"
        assert stdout.output.decode() == expected.get("stdout", stdout.output.decode()), kind
