"""Random programs cost the same in every tier, and run out of fuel at the same places."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("wasmtime", reason="needs the wasmtime package, which encodes the programs")

import wasmtime

import jormun
from jormun import TrapKind
from tests.differential.programs import Program, generate
from tests.differential.runs import CHANGING, Jormun

SEEDS = range(12)
CONFIGS = (
    jormun.Config(tier="baseline", cache=False),
    jormun.Config(tier="optimizing", cache=False),
    jormun.Config(tier="auto", cache=False, tiering=CHANGING),
)
NOT_EXACT = (TrapKind.MEMORY_OUT_OF_BOUNDS, TrapKind.STACK_EXHAUSTED)
"""Faults, behind which counts, memories and the depth of the stack may differ."""


def outcomes(program: Program, config: jormun.Config, seed: int) -> list[tuple[object, ...]]:
    """How each call of a program ended, and what it cost, up to the first fault. Every second call has little fuel."""
    library, main = (
        jormun.Module(bytes(wasmtime.wat2wasm(tree.text())), config=config) for tree in (program.library, program.main)
    )
    guest = Jormun(library, main, jormun.Limits(fuel=1 << 40))
    rng = random.Random(seed)
    found: list[tuple[object, ...]] = []
    for entry in program.entries:
        for argument in entry.arguments:
            for fuel in (1 << 40, rng.randrange(3000)):
                guest.main.limits.fuel = fuel
                before = guest.main.limits.usage.fuel
                outcome = guest.call(entry.name, argument)
                found.append((entry.name, argument, fuel, outcome, guest.main.limits.usage.fuel - before))
                if outcome in NOT_EXACT:
                    return found[:-1]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_tiers_agree(seed: int) -> None:
    """Outcomes and counts of all calls."""
    program = generate(random.Random(seed), 6, 40)
    first, *others = (outcomes(program, config, seed) for config in CONFIGS)
    for other in others:
        assert other == first
