"""Runs the standard's test scripts; what cannot pass yet is listed, with the reason, in known_gaps.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.api.config import Config
from jormun.cli.script_runner import ScriptRunner, Verdict
from jormun.cli.wast import KnownGaps, run_script
from jormun.runtime.tiering.settings import Tiering
from tests.shared import SHARED, name_of, needs_shared, scripts

GAPS = Path(__file__).parent / "known_gaps.txt"
LARGE_BYTES = 40_000
"""Scripts beyond this size are in the long suites."""


def _parameter(path: Path) -> object:
    is_slow = path.stat().st_size > LARGE_BYTES
    return pytest.param(path, id=name_of(path), marks=[pytest.mark.slow] if is_slow else [])


TIERS = {
    "baseline": Config(tier="baseline"),
    "optimizing": Config(tier="optimizing"),
    "first loop": Config(tiering=Tiering(entry_weight=0, threshold=0, is_synchronous=True)),
    "at random": Config(tiering=Tiering(threshold=20, is_synchronous=True, seed=1)),
}
"""In the last two, functions move to better code at the first round of their first loop, or at random points."""


@needs_shared
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("path", [_parameter(path) for path in scripts() if "legacy" not in path.parts])
def test_script(path: Path, tier: str) -> None:
    """All commands of the script do what it says in each tier, but for the known gaps, which all fail."""
    outcomes = run_script(path, ScriptRunner(TIERS[tier]), KnownGaps(GAPS.read_text()))
    failures = [f"{path}:{o.line}: {o.message}" for o in outcomes if o.verdict is Verdict.FAILED]
    assert not failures, "\n".join(failures)


@needs_shared
def test_gaps_exist() -> None:
    """Each known gap is a line of a script."""
    for path, ranges in KnownGaps(GAPS.read_text()).lines.items():
        script = SHARED / "data" / "spec" / Path(*path)
        count = len(script.read_bytes().splitlines())
        assert all(each.stop <= count + 1 for each in ranges), script
