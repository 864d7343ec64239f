"""Loops of stand-ins for baseline code are left while they run. The standard's scripts do so in tests/spec."""

from __future__ import annotations

import pytest

from jormun.runtime.instantiation import instantiate
from jormun.runtime.module import CompiledModule
from jormun.runtime.services import install_services
from jormun.runtime.store import Store
from jormun.runtime.tiering.background import background
from jormun.runtime.tiering.settings import Tiering
from jormun.text.module import parse_module
from jormun.validation.module import validate
from tests.optimizing.stand_in import StandIn

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


def module(monkeypatch: pytest.MonkeyPatch, tiering: Tiering) -> CompiledModule:
    """A module whose code asks as these settings say."""
    install_services()
    return CompiledModule(validate(parse_module(NESTS)), StandIn(monkeypatch, tiering))


def test_a_running_loop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first round of the first loop; what it calls was optimized with it, and is never left."""
    compiled = module(monkeypatch, Tiering(threshold=0, entry_weight=0, is_synchronous=True))
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
