"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = [
    "jormun.api.instance",
    "jormun.api.module",
    "jormun.api.run",
    "jormun.api.vectorize",
    "jormun.runtime.function",
    "jormun.runtime.globals",
    "jormun.runtime.limits",
    "jormun.runtime.memory",
    "jormun.runtime.table",
    "jormun.wasi.host_directory",
    "jormun.wasi.memory_directory",
    "jormun.wasi.overlay_directory",
    "jormun.wasi.quota",
    "jormun.wasi.scratch_directory",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Each module has some, and all of them hold."""
    results = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0 and results.failed == 0
