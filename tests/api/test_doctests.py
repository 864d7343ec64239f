"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import jormun

MODULES = [
    "jormun.api.config",
    "jormun.api.instance",
    "jormun.api.module",
    "jormun.api.run",
    "jormun.api.run_async",
    "jormun.api.vectorize",
    "jormun.api.wasi",
    "jormun.errors",
    "jormun.runtime.exceptions",
    "jormun.runtime.function",
    "jormun.runtime.globals",
    "jormun.runtime.limits",
    "jormun.runtime.memory",
    "jormun.runtime.metering.costs",
    "jormun.runtime.objects",
    "jormun.runtime.store",
    "jormun.runtime.table",
    "jormun.runtime.tag",
    "jormun.wasi.host_directory",
    "jormun.wasi.memory_directory",
    "jormun.wasi.overlay_directory",
    "jormun.wasi.quota",
    "jormun.wasi.scratch_directory",
]


def test_all_examples_are_tested() -> None:
    """Of each module that has some."""
    source = Path(jormun.__file__).parent
    paths = [path.relative_to(source.parent) for path in source.rglob("*.py") if "\n    >>> " in path.read_text()]
    assert sorted(MODULES) == sorted(".".join(path.with_suffix("").parts) for path in paths)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Each module has some, and all of them hold."""
    results = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0 and results.failed == 0
