"""Random programs do the same here and on another engine. `python -m tests.differential` runs more of them."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("wasmtime", reason="needs the wasmtime package, the other engine")

from tests.differential import tree
from tests.differential.__main__ import simplest
from tests.differential.operations import ACCESSES, BY_RESULT
from tests.differential.programs import generate
from tests.differential.runs import compare

SEEDS = range(16)
FUNCTIONS, SIZE = 8, 45


@pytest.mark.parametrize("seed", SEEDS)
def test_engines_agree(seed: int) -> None:
    """The outcome of each call, and results, globals, tables and memories after it."""
    program = generate(random.Random(seed), FUNCTIONS, SIZE)
    assert compare(program) == 4 * len(program.entries)


def test_all_instructions_take_part() -> None:
    """Each instruction that computes or accesses memory turns up in some program."""
    wanted = {o.name for operations in BY_RESULT.values() for o in operations} | {access.name for access in ACCESSES}
    seed = 0
    while wanted and seed < 200:
        program = generate(random.Random(seed))
        wanted -= {each.head.split(" ")[0] for each in program.main.walk()}
        seed += 1
    assert not wanted


def test_a_failing_program_is_made_smaller() -> None:
    """As small as what it must keep."""
    program = generate(random.Random(1))
    wanted = program.main.children[-2].children[0].head

    def still_fails() -> bool:
        return any(each.head == wanted for each in program.main.walk())

    tree.reduce(program.main, still_fails, simplest)
    assert sum(1 for _ in program.main.walk()) == 3
