"""Options of all tests."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("search"), derandomize=True)
settings.load_profile("steady")
"""The same cases at each run, however slow the machine is. `--hypothesis-profile=search` looks for others."""

FOLDER = "JORMUN_TEST_CACHE_DIR"
"""The variable that tells pytest's worker processes of the one folder that they share."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--bless`."""
    parser.addoption("--bless", action="store_true", help="rewrite the expected output of golden tests")


def pytest_configure(config: pytest.Config) -> None:
    """Take interrupts even as a job in the background, which a shell starts without, and hang up even under nohup:
    processes that tests start would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Tests, and processes that they start, compile what they run, and leave the user's cache alone.
    os.environ["JORMUN_CACHE_SIZE"] = "0"
    if FOLDER not in os.environ:
        os.environ[FOLDER] = os.environ["JORMUN_CACHE_DIR"] = tempfile.mkdtemp(prefix="jormun-tests-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True))


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether golden tests are to be rewritten."""
    return bool(request.config.getoption("--bless"))
