"""How Jormun was built: what mypyc is to compile, and whether it did."""

from __future__ import annotations

import ast
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from jormun.version import build_kind

SOURCE = Path(__file__).parent.parent / "src" / "jormun"


def is_marked(path: Path) -> bool:
    """Whether a module's docstring says that it is to be compiled."""
    return "compiled by mypyc" in " ".join((ast.get_docstring(ast.parse(path.read_bytes())) or "").split())


MARKED = [path for path in sorted(SOURCE.rglob("*.py")) if is_marked(path)]


@pytest.mark.parametrize("path", MARKED, ids=lambda path: str(path.relative_to(SOURCE)))
def test_all_or_none_are_compiled(path: Path) -> None:
    """The modules that are in use are of one kind: no part of a failed build is left among them."""
    spec = find_spec("jormun." + ".".join(path.relative_to(SOURCE).with_suffix("").parts))
    assert spec is not None and spec.origin is not None
    assert (Path(spec.origin).suffix == ".py") == (build_kind() == "plain")


@pytest.mark.skipif("JORMUN_TESTED_BUILD" not in os.environ, reason="bootstrap.py says which build it tests")
def test_the_build_is_the_one_that_was_asked_for() -> None:
    """A run of the tests that is to cover the plain files does not cover the compiled ones by mistake."""
    assert build_kind() == os.environ["JORMUN_TESTED_BUILD"]


@pytest.mark.parametrize("path", MARKED, ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_is_compiled_has_no_dataclasses_of_ours(path: Path) -> None:
    """Type checkers, and so mypyc, take them for the standard library's, and fields of objects stay empty."""
    assert "jormun.dataclass" not in path.read_text()
