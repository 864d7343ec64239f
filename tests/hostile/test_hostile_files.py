"""Damaged files get one clear line. `python -m tests.hostile` tries more of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from jormun.cli.main import main
from tests.hostile.commands import VERBS, Outcome, complaint
from tests.hostile.mutations import mutate, mutate_text

EXAMPLES = Path(__file__).parents[2] / "examples"
BINARIES = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.wasm")) if path.stat().st_size < 40_000]
TEXTS = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.wat"))]
QUIET_VERBS = [verb for verb in VERBS if verb[0] != "run"]
"""Those that run no guest, which might not end."""


def damaged(seed: int) -> bytes:
    """A damaged file, binary or text."""
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return mutate_text(rng, rng.choice(TEXTS))
    return mutate(rng, rng.choice(BINARIES), BINARIES)


@pytest.mark.parametrize("verb", QUIET_VERBS, ids=" ".join)
def test_damaged_files(tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: tuple[str, ...]) -> None:
    """Each verb does its work, or says in one line what is wrong, and where."""
    path = tmp_path / "app.wasm"
    for seed in range(40):
        path.write_bytes(damaged(seed))
        status = main([*verb, str(path)])
        assert complaint(verb, Outcome(status, capfd.readouterr().err)) is None, seed


@pytest.mark.parametrize("verb", QUIET_VERBS, ids=" ".join)
def test_a_file_cut_off_anywhere(tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: tuple[str, ...]) -> None:
    """The same wherever it ends."""
    data = min(BINARIES, key=len)
    path = tmp_path / "app.wasm"
    for size in [*range(80), *range(80, len(data), len(data) // 20)]:
        path.write_bytes(data[:size])
        status = main([*verb, str(path)])
        assert complaint(verb, Outcome(status, capfd.readouterr().err)) is None, size
