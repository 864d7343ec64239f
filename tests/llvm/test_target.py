"""The CPU that code is generated for."""

from __future__ import annotations

import pytest

from jormun.errors import WasmError
from jormun.llvm import target
from jormun.llvm.target import Target


def test_lacking() -> None:
    """SSE4.1 is needed on x86-64, and nothing by that name elsewhere."""
    assert Target("x86_64-unknown-linux-gnu", "penryn", "+sse3,+ssse3,+sse4.1,-sse4.2").lacking() is None
    assert Target("x86_64-unknown-linux-gnu", "core2", "+sse3,+ssse3,-sse4.1").lacking() == "SSE4.1"
    assert Target("x86_64-unknown-linux-gnu").lacking() == "SSE4.1"
    assert Target("aarch64-unknown-linux-gnu", "cortex-a53", "+neon").lacking() is None


def test_host_without_sse4(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old CPU is a clear error, before any code for it is generated."""
    llvm = target.binding()
    features = llvm.get_host_cpu_features()
    features["sse4.1"] = False
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "core2")
    with pytest.raises(WasmError, match=r"^native execution needs a CPU with SSE4\.1; this one \(core2\)"):
        target.host.__wrapped__()
