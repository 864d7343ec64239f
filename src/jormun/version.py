"""The version of Jormun, in one place, and how it was built."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

VERSION = "0.1.0"


def build_kind() -> str:
    """What stands behind the version: "compiled" when modules that mypyc can compile were, else "plain"."""
    spec = find_spec("jormun.syntax.leb128")
    assert spec is not None and spec.origin is not None
    return "plain" if Path(spec.origin).suffix == ".py" else "compiled"
