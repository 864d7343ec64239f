"""Where the test data is that is kept beside the project, and tests that need it skip without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("JORMUN_SHARED", Path(__file__).resolve().parents[2] / "shared"))

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no shared test data: set JORMUN_SHARED, or put it at ../shared"
)


def scripts() -> list[Path]:
    """The standard's test scripts; none where the data is absent."""
    return sorted((SHARED / "data" / "spec").rglob("*.wast"))


def programs() -> list[Path]:
    """All compiled programs: the corpus, and the test programs of WASI; none where the data is absent."""
    return sorted(SHARED.rglob("*.wasm"))


def name_of(path: Path) -> str:
    """The path within the shared data, as the id of a test."""
    return str(path.relative_to(SHARED))
