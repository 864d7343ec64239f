"""The reference documentation: what users can name has a docstring, and pdoc makes pages of it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import jormun


@pytest.mark.parametrize("name", [name for name in jormun.__all__ if name != "__version__"])
def test_everything_public_is_described(name: str) -> None:
    """Names of the package, and the methods and properties of its classes."""
    thing = getattr(jormun, name)
    assert inspect.getdoc(thing)
    if not inspect.isclass(thing):
        return
    for attribute, value in vars(thing).items():
        value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{attribute}"


@pytest.mark.skipif(find_spec("pdoc") is None, reason="pdoc is not installed")
@pytest.mark.slow
def test_pages(tmp_path: Path) -> None:
    """Pdoc makes a page of each module for users."""
    modules = ("jormun", "jormun.hook", "jormun.types")
    subprocess.run([sys.executable, "-m", "pdoc", "-o", tmp_path, *modules], check=True, capture_output=True)
    assert 'id="Instance.alloc"' in (tmp_path / "jormun.html").read_text()
    assert (tmp_path / "jormun" / "hook.html").exists()
