"""Stand-ins for baseline code, with tier-up forced: the standard's scripts pass, and loops are left while they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.cli.script_runner import ScriptRunner, Verdict
from jormun.cli.wast import KnownGaps, run_script
from jormun.features import DEFAULT_FEATURES
from jormun.runtime.instance import instantiate
from jormun.runtime.module import CompiledModule
from jormun.runtime.services import install_services
from jormun.runtime.store import Store
from jormun.runtime.tiering.background import background
from jormun.runtime.tiering.settings import Tiering
from jormun.text.module import parse_module
from jormun.validation.module import validate
from tests.optimizing.stand_in import StandIn
from tests.shared import name_of, needs_shared, scripts

GAPS = KnownGaps((Path(__file__).parents[1] / "spec" / "known_gaps.txt").read_text())
FORCED = {
    "first round": Tiering(threshold=0, entry_weight=0, is_synchronous=True),
    "first call": Tiering(threshold=0, is_synchronous=True),
    "random rounds": Tiering(threshold=8, entry_weight=0, is_synchronous=True, seed=1),
    "random": Tiering(threshold=20, is_synchronous=True, seed=2),
}
QUICK = ("loop", "labels", "br_table", "fac", "return_call", "memory_grow", "unwind", "nop", "stack")
"""Scripts with loops that are run each time; all others are in the long suites."""
NESTS = """(module
  (func $add (param $x i32) (param $y i32) (result i32) (i32.add (local.get $x) (local.get $y)))
  (func $inner (export "inner") (param $n i32) (result i32) (local $x i32)
    (loop $l (local.set $x (call $add (local.get $x) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "outer") (param $n i32) (result i32) (local $x i32)
    (loop $l (local.set $x (i32.add (local.get $x) (call $inner (i32.const 100))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))"""


class Settings:
    """As much of a configuration as a script runner asks for."""

    features = DEFAULT_FEATURES

    def __init__(self, engine: StandIn) -> None:
        self.engine = engine


def parameters() -> list[object]:
    """The scripts, each with each way of forcing."""
    return [
        pytest.param(path, way, id=f"{name_of(path)}, {way}", marks=[] if path.stem in QUICK else [pytest.mark.slow])
        for path in scripts()
        if "legacy" not in path.parts
        for way in FORCED
    ]


@needs_shared
@pytest.mark.parametrize(("path", "way"), parameters())
def test_scripts(path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands of the script do what it says, but for the known gaps, which all fail."""
    install_services()
    runner = ScriptRunner(Settings(StandIn(monkeypatch, FORCED[way])))  # type: ignore[arg-type]
    failures = [f"{path}:{o.line}: {o.message}" for o in run_script(path, runner, GAPS) if o.verdict is Verdict.FAILED]
    assert not failures, "\n".join(failures)


def module(monkeypatch: pytest.MonkeyPatch, tiering: Tiering) -> CompiledModule:
    """A module whose code asks as these settings say."""
    install_services()
    return CompiledModule(validate(parse_module(NESTS)), StandIn(monkeypatch, tiering))


def test_a_running_loop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first round of the first loop; what it calls was optimized with it, and is never left."""
    compiled = module(monkeypatch, FORCED["first round"])
    exports = instantiate(Store(), compiled, []).exports
    assert exports["outer"].call(50) == 50 * 5050  # type: ignore[union-attr]
    assert compiled.tier_up is not None
    learned = compiled.tier_up.learned()
    assert [loop.func_index for loop in learned.loops] == [2]
    assert set(learned.functions) == {0, 1, 2}
    assert not compiled.tier_up.failures


def test_a_loop_is_left_while_it_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With compilation in the background, a guest that runs on moves to better code in the end."""
    compiled = module(monkeypatch, Tiering(threshold=1000))
    exports = instantiate(Store(), compiled, []).exports
    assert compiled.tier_up is not None
    for _ in range(1000):
        assert exports["outer"].call(1000) == 1000 * 5050  # type: ignore[union-attr]
        if compiled.tier_up.learned().functions:
            break
    assert background().wait(100)
    assert exports["outer"].call(1000) == 1000 * 5050  # type: ignore[union-attr]
    assert compiled.tier_up.learned().functions
    assert not compiled.tier_up.failures
