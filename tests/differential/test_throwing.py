"""Random programs that throw and catch do the same here, in every tier, and on another engine."""

from __future__ import annotations

import pytest

pytest.importorskip("wasmtime", reason="needs the wasmtime package, the other engine")

from tests.differential.throwing import differences


@pytest.mark.parametrize("seed", range(2))
def test_engines_agree(seed: int) -> None:
    """How each call ends, and what it left behind."""
    assert not differences(seed, ("baseline", "at a loop"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_engines_agree_in_all_tiers(seed: int) -> None:
    """The same, for more programs and with the optimizing tier alone, and changes at random points."""
    assert not differences(seed)
