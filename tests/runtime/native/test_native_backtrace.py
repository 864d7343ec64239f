"""Backtraces name every guest function that was running, however its frame looks."""

from __future__ import annotations

from typing import Any

import pytest

from jormun.errors import Frame, Trap
from jormun.runtime import layout
from jormun.runtime.native import pages


class Owner:
    """Names functions, as a compiled module does."""

    def frame(self, function_index: int) -> Frame:
        return Frame("m", function_index, f"name{function_index}")


def _indices(guest: Any, name: str, vm: int = 64) -> list[int]:
    with pytest.raises(Trap) as caught:
        guest.call(name, "l", "l", 1, vm=vm)
    return [frame.function_index for frame in caught.value.backtrace]


def test_names_come_from_the_owner(load: Any) -> None:
    """The owner of the code says what a frame is called; without one there are numbers."""
    owner = Owner()
    text = (
        "fn void @f3(ptr %vm) {\n  call void @jormun_trap(i32 1)\n  unreachable\n}\n"
        "fn i64 @f4(ptr %vm, i64 %n) {\n  call void @f3(ptr %vm)\n  ret i64 0\n}\n"
    )
    guest = load(text, owner)
    with pytest.raises(Trap) as caught:
        guest.call("f4", "l", "l", 1)
    assert str(caught.value) == "unreachable\n    at m!$name3\n    at m!$name4"
    del owner
    assert _indices(guest, "f4") == [3, 4]


LEAVES = """
fn i64 @f0(ptr %vm, i64 %n) {
  %v = load i64, ptr %vm
  ret i64 %v
}
fn i64 @f1(ptr %vm, i64 %n) {
  %v = load i64, ptr %vm
  %c = icmp eq i64 %v, %n
  br i1 %c, label %rare, label %out
rare:
  %r = call i64 @f0(ptr %vm, i64 %n)
  ret i64 %r
out:
  ret i64 %v
}
fn i64 @f2(ptr %vm, i64 %n) {
  %frame = alloca [5000 x i8]
  store volatile i8 1, ptr %frame
  %v = load i64, ptr %vm
  ret i64 %v
}
"""


@pytest.mark.parametrize("optimization", [0, 1, 2, 3])
@pytest.mark.parametrize("leaf", [0, 1, 2])
def test_fault_in_leaf(load: Any, leaf: int, optimization: int) -> None:
    """The caller of the faulting function is there whether or not that function has a frame yet."""
    callers = "".join(
        f"fn i64 @f{k}(ptr %vm, i64 %n) noinline {{\n  %r = call i64 @f{below}(ptr %vm, i64 %n)\n"
        "  %s = add i64 %r, 1\n  ret i64 %s\n}\n"
        for k, below in ((7, leaf), (8, 7), (9, 8))
    )
    guest = load(LEAVES + callers, optimization=optimization)
    assert _indices(guest, "f9") == [leaf, 7, 8, 9]


def test_damaged_frames_end_the_walk(load: Any) -> None:
    """Whatever is where a frame pointer should be, the walk reads inside of the stack alone."""
    guest = load(
        """
fn i64 @f0(ptr %vm, i64 %n) {
  call void asm sideeffect "movq $0, %rbp", "r,~{rbp}"(i64 %n)
  call void @jormun_trap(i32 1)
  unreachable
}
"""
    )
    stack = guest.native.stacks.current()
    context = stack.context
    inside = context + layout.STACK_TOP - 4096
    for value in (0, 1, 7, -1, 1 << 62, context, context + 4096, inside, inside + 4, context + (8 << 20) - 8):
        pages.write_u64(inside, value & (1 << 64) - 1)
        with pytest.raises(Trap) as caught:
            guest.call("f0", "l", "l", value)
        assert len(caught.value.backtrace) <= 100
        assert caught.value.backtrace[0].function_index == 0
