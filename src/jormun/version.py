"""The version of Jormun, in one place, and how it was built."""

from __future__ import annotations

VERSION = "0.1.0"


def build_kind() -> str:
    """What stands behind the version: "compiled" when modules that mypyc can compile were, else "plain"."""
    from importlib.util import find_spec  # who asks for the version alone does not need it

    spec = find_spec("jormun.syntax.leb128")
    assert spec is not None and spec.origin is not None
    return "plain" if spec.origin.endswith(".py") else "compiled"
