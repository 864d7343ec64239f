"""Faults that are not a guest's go where they went before; ours do not disturb anybody."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import ctypes, faulthandler, os, signal, sys, threading
sys.path[:0] = {path!r}
from conftest import Guest
from tests import linking
from jormun.errors import Trap
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
def native():
    return Native.get()
def trap():
    guest = Guest(native(), "fn i64 @f0(ptr %vm) {{\\n  %v = load volatile i64, ptr %vm\\n  ret i64 %v\\n}}")
    try:
        guest.call("f0", "", "l", vm=64)
    except Trap:
        print("trapped", flush=True)
def crash():
    ctypes.string_at(8)
def crash_in_callback():
    host = linking.host_function(native(), Signature("", ""), lambda address: crash())
    linking.call(native(), host.code, host.vm, Signature("", ""), 0)
"""


def _run(request: pytest.FixtureRequest, text: str) -> subprocess.CompletedProcess[str]:
    path = [str(Path(request.path).parent), *filter(None, sys.path)]
    return subprocess.run(
        [sys.executable, "-c", PRELUDE.format(path=path) + text], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "text",
    [
        "trap(); crash()",
        "trap(); crash_in_callback()",
        "trap(); t = threading.Thread(target=lambda: (trap(), crash())); t.start(); t.join()",
        "trap(); os.kill(os.getpid(), signal.SIGSEGV)",
        "trap(); t = threading.Thread(target=crash); t.start(); t.join()",
    ],
)
def test_crash_elsewhere_still_ends_the_process(request: pytest.FixtureRequest, text: str) -> None:
    """A real crash dies by SIGSEGV, as without us."""
    done = _run(request, text)
    assert done.returncode == -signal.SIGSEGV
    assert "trapped" in done.stdout


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGBUS"])
def test_signal_that_was_sent_ends_the_process(request: pytest.FixtureRequest, name: str) -> None:
    """A signal from another process is nobody's fault and takes its default action."""
    assert _run(request, f"trap(); signal.raise_signal(signal.{name})").returncode == -getattr(signal, name)


def test_ignored_signal_stays_ignored(request: pytest.FixtureRequest) -> None:
    """What a process ignored before us it ignores still."""
    done = _run(request, "signal.signal(signal.SIGBUS, signal.SIG_IGN); trap(); os.kill(os.getpid(), signal.SIGBUS)")
    assert (done.returncode, done.stdout) == (0, "trapped\n")


def test_faulthandler_still_reports(request: pytest.FixtureRequest) -> None:
    """The handler of faulthandler, enabled before us, reports crashes, and traps do not wake it."""
    done = _run(request, "faulthandler.enable(); trap(); print('so far', file=sys.stderr, flush=True); crash()")
    assert done.returncode == -signal.SIGSEGV
    assert done.stdout == "trapped\n"
    assert done.stderr.startswith("so far")
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_traps_work_after_fork(request: pytest.FixtureRequest) -> None:
    """A forked child can trap, and so can its parent afterwards."""
    done = _run(request, "trap()\nif os.fork() == 0:\n    trap()\n    os._exit(0)\nos.wait()\ntrap()")
    assert (done.returncode, done.stdout) == (0, "trapped\n" * 3)


def test_limited_address_space_is_a_clear_error_or_works(request: pytest.FixtureRequest) -> None:
    """Under `ulimit -v` the regions are smaller, or there is one clear exception."""
    text = """
import resource
from jormun.errors import WasmError
import llvmlite.binding
limit = int(sys.argv[1]) if len(sys.argv) > 1 else {limit}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    trap()
except WasmError as error:
    print(error)
"""
    for limit, expected in ((2 << 30, "trapped\n"), (600 << 20, "trapped\n"), (200 << 20, "cannot reserve")):
        done = _run(request, text.format(limit=limit))
        assert done.returncode == 0, done.stderr[-500:]
        assert done.stdout.startswith(expected) or "cannot" in done.stdout
