"""Options of all tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--bless`."""
    parser.addoption("--bless", action="store_true", help="rewrite the expected output of golden tests")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether golden tests are to be rewritten."""
    return bool(request.config.getoption("--bless"))
