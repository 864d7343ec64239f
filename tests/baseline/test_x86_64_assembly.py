"""Stencils' assembly falls through to what comes next, and constants become holes."""

from __future__ import annotations

import pytest

from jormun.baseline.stencil_build.variants import MAGIC
from jormun.baseline.stencil_build.x86_64_assembly import ConstantLost, improved, read, with_holes


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["addl %edi, %esi", "jmp next"], ["addl %edi, %esi"]),
        (["cmpl %edi, %esi", "jge next", "jmp taken"], ["cmpl %edi, %esi", "jl taken"]),
        (["je .L1", "nop", "jmp next", ".L1:", "jmp trap_3"], ["je trap_3", "nop"]),
        (["je .L1", "jmp next", ".L1:", "nop", "jmp taken"], ["je .L1", "jmp .Lend_s", ".L1:", "nop", "jmp taken"]),
        (["jne taken", "jp taken", "jmp next"], ["jne .Ltaken_s", "jnp .Lend_s", ".Ltaken_s:", "jmp taken"]),
        (["jmp .L1", ".L1:", "nop", "jmp next"], ["nop"]),
    ],
)
def test_jumps(lines: list[str], expected: list[str]) -> None:
    """No jump to where the code goes anyway, none to a jump, and one place for a branch."""
    assert improved("s", lines) == [*expected, ".Lend_s:"]


def test_constants_become_symbols() -> None:
    """However LLVM writes the number; once and no more often."""
    assert with_holes([f"addl ${MAGIC}, %esi"], "hole_x", False) == ["addl $hole_x, %esi"]
    assert with_holes([f"movl ${MAGIC & 0xFFFF_FFFF}, %eax"], "hole_y", False) == ["movl $hole_y, %eax"]
    assert with_holes(["shll $19, %esi"], "hole_y", True) == ["shll $hole_y8, %esi"]


@pytest.mark.parametrize("line", ["addl $7, %esi", f"addl ${MAGIC - 1}, %esi", f"addl $-{MAGIC}, %esi"])
def test_constants_that_were_changed(line: str) -> None:
    """A constant that LLVM did something to is noticed."""
    with pytest.raises(ConstantLost):
        with_holes([line], "hole_x", False)


def test_listings() -> None:
    """Functions by name, without directives and comments; constants apart."""
    text = """
        .text
    s7:                                 # @s7
    # %bb.0:
        addsd  .LCPI0_0(%rip), %xmm1
    .LBB0_1:
        jmp next  # TAILCALL
    .Lfunc_end0:
        .section .rodata.cst8,"aM",@progbits,8
    .LCPI0_0:
        .quad 0x3ff0000000000000
    """
    listing = read("\n".join(line.strip() for line in text.splitlines()))
    assert listing.functions == {"s7": ["addsd .LCPI0_0(%rip), %xmm1", ".LBB0_1:", "jmp next"]}
    assert listing.constants[1:] == [".LCPI0_0:", ".quad 0x3ff0000000000000"]
