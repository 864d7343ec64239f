"""A guest's module, and what reaches Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import jormun
from jormun.wasi.filesystem import Buffers
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory_stream import MemoryStream

from .guest import TEXT


@pytest.fixture(scope="module")
def module() -> jormun.Module:
    """A guest that exports what it imports."""
    return jormun.Module(TEXT)


@pytest.fixture
def python_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reads and writes that reach Python, as they happen."""
    made: list[str] = []
    for kind in (HostFile, MemoryStream):
        for name in ("read", "write"):
            monkeypatch.setattr(kind, name, _noting(made, name, getattr(kind, name)))
    return made


def _noting(made: list[str], name: str, method: Callable[..., int]) -> Callable[..., int]:
    def noted(self: object, buffers: Buffers) -> int:
        made.append(name)
        return method(self, buffers)

    return noted
