"""Fields of a context, and lines that move a guest's arguments, for assembly for x86-64 (native/x86_64.py)."""

from __future__ import annotations

from jormun.hints import Iterable
from jormun.runtime import layout

BLOCK_MASK = -layout.STACK_BLOCK_BYTES
HOST_SP = layout.CONTEXT_HOST_SP
GUEST_SP = layout.CONTEXT_GUEST_SP
GUEST_FP = layout.CONTEXT_GUEST_FP
ACTIVATION = layout.CONTEXT_ACTIVATION
STOP = layout.CONTEXT_STOP
THREAD_STATE = layout.CONTEXT_THREAD_STATE
HOST_LIMIT = layout.CONTEXT_HOST_LIMIT
SCOPE = layout.CONTEXT_SCOPE
HANDLER = layout.CONTEXT_HANDLER
TRAP_KIND = layout.CONTEXT_TRAP_KIND
TRAP_PC = layout.CONTEXT_TRAP_PC
TRAP_FP = layout.CONTEXT_TRAP_FP
TRAP_SP = layout.CONTEXT_TRAP_SP

_INTEGERS = ("%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9")
_VECTORS = tuple(f"%xmm{k}" for k in range(8))


def lines(instructions: Iterable[str]) -> str:
    """Lines of text."""
    return "\n".join(f"    {each}" for each in instructions)


def registers_to(base: str, vectors: int) -> str:
    """Store all registers that arguments are passed in: integers from `base` on, vectors `vectors` bytes behind."""
    integers = [f"movq {r}, {8 * k}({base})" for k, r in enumerate(_INTEGERS)]
    return lines([*integers, *(f"movups {r}, {vectors + 16 * k}({base})" for k, r in enumerate(_VECTORS))])


def integers_from(base: str) -> str:
    """Load those for integers, from `base` on, which must not be one of them."""
    return lines(f"movq {8 * k}({base}), {r}" for k, r in enumerate(_INTEGERS))


def vectors_from(base: str, vectors: int) -> str:
    """Load those for vectors, `vectors` bytes behind `base`."""
    return lines(f"movups {vectors + 16 * k}({base}), {r}" for k, r in enumerate(_VECTORS))


# How jormun_host_call returns to the guest: what it pushed on the guest's stack, and the padding on top.
HOST_RETURN = """\
    addq $8, %rsp
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    retq"""
