"""Options of all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("search"), derandomize=True)
settings.load_profile("steady")
"""The same cases at each run, however slow the machine is. `--hypothesis-profile=search` looks for others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--bless`."""
    parser.addoption("--bless", action="store_true", help="rewrite the expected output of golden tests")


def pytest_configure() -> None:
    """Take interrupts even as a job in the background, which a shell starts without: processes that tests start would
    inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether golden tests are to be rewritten."""
    return bool(request.config.getoption("--bless"))
