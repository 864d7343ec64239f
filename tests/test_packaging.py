"""What is installed is all of the source, with its types and its licence, and it is what the tests test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

import jormun
from jormun.prebuilt.artefact import ARTEFACTS
from jormun.version import build_kind

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed() -> Distribution:
    """The installed package, where it is what `import jormun` finds."""
    try:
        found = distribution("jormun")
    except PackageNotFoundError:
        pytest.skip("jormun is not installed")
    if Path(str(found.locate_file("jormun/__init__.py"))) != Path(jormun.__file__):
        pytest.skip("jormun is imported from its source")
    return found


def test_every_file_is_installed(installed: Distribution) -> None:
    """Each module of each package, compiled ones too; none that is gone; and the marker that the package is typed."""
    source = ROOT / "src"
    modules = {path.relative_to(source).as_posix() for path in source.glob("jormun/**/*.py")}
    made_here = (".pyc", ".so", ".pyd")
    ours = [path for path in installed.files or () if path.parts[0] == "jormun"]
    files = {path.as_posix() for path in ours if path.suffix not in made_here}
    files -= {f"jormun/prebuilt/{each.file_name}" for each in ARTEFACTS}  # there if the wheel's builder made them
    assert files == modules | {"jormun/py.typed"}
    for name in modules:
        assert Path(str(installed.locate_file(name))).read_bytes() == (source / name).read_bytes(), name


def test_metadata(installed: Distribution) -> None:
    """The version is the package's, the licence is in it, and it needs what its modules import, and nothing else."""
    metadata = installed.metadata
    assert installed.version == jormun.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert [path for path in installed.files or () if path.name == "LICENSE" and ".dist-info" in str(path)]
    needed = [line for line in installed.requires or () if "extra" not in line]
    assert sorted(re.split(r"\W", line)[0] for line in needed) == [
        "librt",
        "llvmlite",
        "platformdirs",
    ]


def test_the_command_is_installed(installed: Distribution) -> None:
    """`jormun` is beside `python`, and finds the package from any folder."""
    command = shutil.which("jormun", path=str(Path(sys.executable).parent))
    assert command is not None
    done = subprocess.run([command, "--version"], cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"jormun {installed.version} ({build_kind()})\n")
