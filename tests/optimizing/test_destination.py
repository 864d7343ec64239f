"""Targets and CPUs by their names."""

from __future__ import annotations

import pytest

from jormun.errors import UnsupportedError
from jormun.optimizing.destination import destination
from jormun.runtime.native.support import cpu_flags
from jormun.runtime.requirements import KERNEL_FLAGS, this_machine


def test_by_default_it_is_this_machine() -> None:
    """With all of its features that can be checked, and none that cannot."""
    found = destination(None, None)
    names = KERNEL_FLAGS[this_machine().architecture]
    assert found.requirements.unmet() is None
    assert set(found.requirements.features) <= {name for name, flag in names.items() if flag in cpu_flags()}
    assert {"sse3", "sse4.1"} <= set(found.requirements.features)
    assert destination(None, "native") == found
    told = found.target.features.split(",")
    assert {word[1:] for word in told if word.startswith("+")} == set(found.requirements.features)


@pytest.mark.parametrize(
    ("triple", "machine", "cpu"),
    [
        ("x86_64-unknown-linux-gnu", "x86_64 Linux", "x86-64-v2"),
        ("amd64-linux", "x86_64 Linux", "x86-64-v2"),
        ("x86_64-apple-macosx13.0.0", "x86_64 macOS", "x86-64-v2"),
        ("aarch64-linux-gnu", "aarch64 Linux", "generic"),
        ("arm64-apple-darwin23", "aarch64 macOS", "generic"),
        ("aarch64-pc-windows-msvc", "aarch64 Windows", "generic"),
    ],
)
def test_triples(triple: str, machine: str, cpu: str) -> None:
    """As people and other compilers write them; the CPU is the least that there is."""
    found = destination(triple, None)
    assert (str(found.requirements), found.requirements.cpu, found.target.cpu) == (machine, cpu, cpu)
    assert ("+reserve-x18" in found.target.features) == (machine in ("aarch64 macOS", "aarch64 Windows"))


def test_a_named_cpu() -> None:
    """Has what it has, and what cannot be checked is not used, even if it has that."""
    found = destination("x86_64-linux", "x86-64-v3")
    assert {"avx2", "fma", "bmi2"} <= set(found.requirements.features)
    assert "avx512f" not in found.requirements.features and "-avx512f" in found.target.features
    assert found.target.vector_bits == 256 and found.target.lacking() is None
    assert "-egpr" in destination("x86_64-linux", "diamondrapids").target.features
    assert "-sve" in destination("aarch64-linux", "neoverse-v1").target.features


@pytest.mark.parametrize(
    ("triple", "cpu", "expected"),
    [
        ("x86_64-pc-windows-msvc", None, "no code is made for x86_64 Windows"),
        ("riscv64-linux", None, "code is made for x86_64 and aarch64, not for riscv64"),
        ("", None, "not for a machine without a name"),
        ("x86_64-plan9", None, "'x86_64-plan9' names no system that code is made for: there are linux, macos and"),
        ("aarch64-linux", "native", "the native CPU is of x86_64: name one of aarch64"),
        (None, "no-such", "'no-such'; there are x86-64-v2, x86-64-v3, x86-64-v4, alderlake, "),
        ("aarch64-linux", "haswell", "'haswell'; there are generic, a64fx, "),
        (None, "help", "'help'; there are "),
    ],
)
def test_what_there_is_no_code_for(triple: str | None, cpu: str | None, expected: str) -> None:
    """Is said, with what there is."""
    with pytest.raises(UnsupportedError, match=expected):
        destination(triple, cpu)
