"""What LLVM knows of CPUs."""

from __future__ import annotations

import pytest

from jormun.errors import WasmError
from jormun.llvm.cpus import ask

X86 = "x86_64-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"
WANTED = ("sse3", "sse4.2", "avx2", "avx512f", "avx512fp16")


@pytest.mark.parametrize(
    ("cpu", "features"),
    [
        ("x86-64-v2", ("sse3", "sse4.2")),
        ("haswell", ("sse3", "sse4.2", "avx2")),
        ("x86-64-v4", ("sse3", "sse4.2", "avx2", "avx512f")),
        ("sapphirerapids", WANTED),
        ("no-such", ()),
        ("help", ()),
    ],
)
def test_features(cpu: str, features: tuple[str, ...]) -> None:
    """The extensions of CPUs as their makers list them."""
    assert ask(X86, cpu, WANTED).features == features


def test_names() -> None:
    """Those that guest code can be made for: not 32-bit ones, nor those without SSE4.1."""
    names = ask(X86, "i386", ()).names
    assert {"x86-64-v2", "x86-64-v3", "znver4", "haswell", "penryn"} <= set(names)
    assert not {"i386", "pentium4", "x86-64", "core2", "generic", "help"} & set(names)
    names = ask(ARM, "", ()).names
    assert {"generic", "apple-m1", "cortex-a72", "neoverse-n1"} <= set(names)
    assert "haswell" not in names


def test_arm_features() -> None:
    """Whatever else the inliner compares on this architecture."""
    assert ask(ARM, "neoverse-n1", ("lse", "dotprod", "sve", "bf16")).features == ("lse", "dotprod")
    assert ask(ARM, "generic", ("lse", "sve")).features == ()


def test_an_architecture_that_is_not_asked_for() -> None:
    """An error, and not a crash."""
    with pytest.raises(WasmError, match="LLVM does not tell what CPUs there are for riscv64-linux"):
        ask("riscv64-linux", "generic", ())
