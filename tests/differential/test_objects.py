"""Random programs of structures, arrays and casts do the same here, in every tier, and on another engine."""

from __future__ import annotations

import pytest

pytest.importorskip("wasmtime", reason="needs the wasmtime package, the other engine")

from tests.differential.objects import differences


@pytest.mark.parametrize("seed", range(3))
def test_engines_agree(seed: int) -> None:
    """How each call ends, and what can be seen of all objects that its locals and the globals lead to."""
    assert not differences(seed, ("baseline",))


def test_engines_agree_while_objects_are_collected() -> None:
    """The same where whatever is dead is overwritten at once."""
    assert not differences(3, ("baseline",), is_collecting=True)


@pytest.mark.slow
@pytest.mark.parametrize("is_collecting", [False, True])
@pytest.mark.parametrize("seed", range(100, 110))
def test_engines_agree_in_all_tiers(seed: int, is_collecting: bool) -> None:
    """The same, for more programs and with the optimizing tier."""
    assert not differences(seed, is_collecting=is_collecting)
