"""What code needs of a machine, in names that people and kernels know."""

from __future__ import annotations

import pytest

from jormun.runtime import requirements
from jormun.runtime.native.support import cpu_flags
from jormun.runtime.requirements import KERNEL_FLAGS, Requirements, architecture_named, this_machine


def test_this_machine_runs_its_own_code() -> None:
    """And code for all that its kernel says."""
    here = this_machine()
    names = KERNEL_FLAGS[here.architecture]
    has = tuple(name for name, flag in names.items() if flag in cpu_flags())
    assert here.unmet() is None
    assert Requirements(here.architecture, here.system, "this", has).unmet() is None


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (("sse3", "popcnt"), None),
        (("sse3", "avx2"), "needs a CPU with AVX2, which this one has not"),
        (
            ("avx", "avx2", "fma", "bmi", "bmi2"),
            "needs a CPU with AVX, AVX2, FMA and 2 more, which this one has not",
        ),
        (("teleport",), "needs a CPU with TELEPORT, which this one has not"),
    ],
)
def test_features(monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], expected: str | None) -> None:
    """What the CPU lacks is named, and what nobody knows is lacking."""
    monkeypatch.setattr(requirements, "this_machine", lambda: Requirements("x86_64", "linux"))
    monkeypatch.setattr(requirements, "cpu_flags", lambda: frozenset({"pni", "popcnt", "teleport"}))
    assert Requirements("x86_64", "linux", "some", features).unmet() == expected


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing but the architecture's base is sure."""
    monkeypatch.setattr(requirements, "this_machine", lambda: Requirements("x86_64", "linux"))
    monkeypatch.setattr(requirements, "cpu_flags", frozenset)
    assert Requirements("x86_64", "linux").unmet() is None
    unmet = Requirements("x86_64", "linux", "znver4", ("avx2",)).unmet()
    assert unmet == "is compiled for znver4 CPUs, and this system does not tell what its CPU has"


def test_names() -> None:
    """Architectures have several."""
    assert [architecture_named(name) for name in ("AMD64", "arm64", "x86_64", "riscv64")] == [
        "x86_64", "aarch64", "x86_64", "riscv64",
    ]  # fmt: skip
    assert str(Requirements("aarch64", "macos")) == "aarch64 macOS"
