"""The version of Jormun, in one place, and how it was built."""

from __future__ import annotations

import os.path

VERSION = "0.1.0"


def is_source_tree() -> bool:
    """Whether these are sources that somebody may be working on, and not what was installed once."""
    return os.path.exists(os.path.join(os.path.dirname(__file__), "..", "..", "pyproject.toml"))


def build_kind() -> str:
    """What stands behind the version: "compiled" when modules that mypyc can compile were, else "plain"."""
    from importlib.util import find_spec  # who asks for the version alone does not need it

    spec = find_spec("jormun.syntax.leb128")
    assert spec is not None and spec.origin is not None
    return "plain" if spec.origin.endswith(".py") else "compiled"
