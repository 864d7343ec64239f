"""Every way in which a guest traps ends in an exception, and leaves the thread as it was."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jormun.errors import ExhaustionError, Trap, TrapKind, WasmError
from jormun.runtime.native import pages
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import READ_WRITE
from tests import linking

OF_ITS_OWN = {TrapKind.STACK_EXHAUSTED, TrapKind.HOST_EXCEPTION}

LOADS = """
fn i64 @f0(ptr %base, i64 %address) {
  %at = getelementptr i8, ptr %base, i64 %address
  %v = load i64, ptr %at, align 1
  ret i64 %v
}
fn void @f1(ptr %base, i64 %address, i64 %value) {
  %at = getelementptr i8, ptr %base, i64 %address
  store i64 %value, ptr %at, align 1
  ret void
}
"""
RECURSION = """
fn i64 @f0(ptr %vm, i64 %n) {
  %m = add i64 %n, 1
  %r = call i64 @f0(ptr %vm, i64 %m)
  %s = add i64 %r, 1
  ret i64 %s
}
"""


@pytest.mark.parametrize("kind", [kind for kind in TrapKind if kind not in OF_ITS_OWN])
def test_explicit_trap(load: Any, kind: TrapKind) -> None:
    """Guest code that calls `jormun_trap` leaves with that kind and the standard's wording."""
    guest = load(f"fn void @f7(ptr %vm) {{\n  call void @jormun_trap(i32 {kind.value})\n  unreachable\n}}")
    with pytest.raises(Trap) as caught:
        guest.call("f7", "", "")
    assert caught.value.kind is kind
    assert caught.value.args == (kind.message,)
    assert [frame.function_index for frame in caught.value.backtrace] == [7]


@pytest.fixture
def memory() -> Any:
    """The base of a reservation like a 32-bit memory's, its first 64 KiB accessible."""
    size_bytes = (6 << 30) + (64 << 10)
    base = pages.reserve(size_bytes)
    pages.protect(base, 65536, READ_WRITE)
    yield base
    pages.release(base, size_bytes)


@pytest.mark.parametrize("address", [65536 - 7, 65536, 1 << 20, (4 << 30) - 1, (6 << 30) + 65528])
def test_out_of_bounds_access(load: Any, memory: int, address: int) -> None:
    """Loads and stores outside of the accessible bytes trap, wherever in the reservation they go; others do not."""
    guest = load(LOADS)
    for name, params, results, values in (("f0", "l", "l", (address,)), ("f1", "ll", "", (address, 5))):
        with pytest.raises(Trap) as caught:
            guest.call(name, params, results, *values, vm=memory)
        assert caught.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert guest.call("f1", "ll", "", 65528, 77, vm=memory) == ()
    assert guest.call("f0", "l", "l", 65528, vm=memory) == (77,)


def test_fault_on_file_that_shrank(load: Any, tmp_path: Path) -> None:
    """SIGBUS, as from a mapped file that was cut, is a trap too."""
    guest = load(LOADS)
    path = tmp_path / "data"
    path.write_bytes(bytes(8192))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8192) as mapping:
        array = (ctypes.c_char * 8192).from_buffer(mapping)
        base = ctypes.addressof(array)
        assert guest.call("f0", "l", "l", 4096, vm=base) == (0,)
        os.truncate(path, 4096)
        with pytest.raises(Trap) as caught:
            guest.call("f0", "l", "l", 4096, vm=base)
        assert caught.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
        del array


def test_recursion_exhausts_the_stack(load: Any) -> None:
    """Endless recursion is an ExhaustionError with a backtrace of bounded length, again and again."""
    guest = load(RECURSION)
    for _ in range(3):
        with pytest.raises(ExhaustionError) as caught:
            guest.call("f0", "l", "l", 0)
        assert caught.value.kind is TrapKind.STACK_EXHAUSTED
        assert len(caught.value.backtrace) == 100
        assert "innermost 100 frames" in caught.value.__notes__[0]


@pytest.mark.parametrize("frame_bytes", [100, 4096, 5000, 70_000, 1 << 20, 7 << 20, 9 << 20, 64 << 20, 1 << 30])
def test_large_frames_exhaust_the_stack(load: Any, frame_bytes: int) -> None:
    """Frames larger than the guard cannot jump over it, at any depth."""
    guest = load(
        f"""
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
fn i64 @f0(ptr %vm, i64 %n) {{
  %frame = alloca [{frame_bytes} x i8]
  store volatile i8 1, ptr %frame
  %r = call i64 @f0(ptr %frame, i64 %n)
  %v = load volatile i8, ptr %frame
  %w = zext i8 %v to i64
  %s = add i64 %r, %w
  ret i64 %s
}}
"""
    )
    with pytest.raises(ExhaustionError) as caught:
        guest.call("f0", "l", "l", 0)
    assert caught.value.kind is TrapKind.STACK_EXHAUSTED
    assert {frame.function_index for frame in caught.value.backtrace} == {0}


def test_stack_exhausted_in_memmove(load: Any) -> None:
    """A guest may run out of stack inside of the C library's memmove or on its way there."""
    guest = load(
        """
fn i64 @f0(ptr %vm, i64 %n) {
  %frame = alloca [64 x i8]
  %x = call ptr @memmove(ptr %frame, ptr %vm, i64 64)
  %r = call i64 @f0(ptr %frame, i64 %n)
  %s = add i64 %r, 1
  ret i64 %s
}
"""
    )
    buffer = ctypes.create_string_buffer(64)
    with pytest.raises(ExhaustionError):
        guest.call("f0", "l", "l", 0, vm=ctypes.addressof(buffer))


def test_100_000_traps_leave_nothing_behind(load: Any, memory: int) -> None:
    """Traps cost no memory, and the signal mask is what it was."""
    guest = load(LOADS)
    native = guest.native
    values = (ctypes.c_uint64 * 4)(1 << 30)
    address = ctypes.addressof(values)
    signature = Signature("l", "l")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    resident = []
    for count in (1_000, 100_000):
        for _ in range(count):
            try:
                linking.call(native, guest["f0"], memory, signature, address)
            except Trap:
                pass
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE)
    assert resident[1] - resident[0] < 2 << 20
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert signal.SIGSEGV not in before


@pytest.mark.parametrize(("system", "machine"), [("linux", "riscv64"), ("darwin", "arm64"), ("win32", "AMD64")])
def test_unsupported_machine_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    """Elsewhere than on x86-64 Linux there is one clear exception."""
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("jormun.runtime.native.support.machine", lambda: machine)
    monkeypatch.setattr(Native, "_instance", None)
    with pytest.raises(WasmError, match=f"x86-64 Linux; this is {system} on {machine}"):
        Native.get()


def test_registers_of_the_caller_survive_a_trap(load: Any, memory: int) -> None:
    """Python goes on with its own registers and floating-point state."""
    guest = load(LOADS)
    total = 0.0
    for k in range(1000):
        total += k * 0.5
        with pytest.raises(Trap):
            guest.call("f0", "l", "l", 1 << 31, vm=memory)
    assert total == 249750.0
