"""Machine code for x86-64 under Linux: what LLVM cannot express, because it changes stacks or must keep every register.

This is trusted code. Three stacks take part: the host's (Python's), the guest's, and the signal stack. Invariants:
- Guest code runs on a guest stack, inside of a block that is aligned to its size; its first page is the context. So
  code on a guest stack finds the context by masking %rsp. runtime/layout.py gives the offsets of its fields.
- Host code (Python, libc but for memmove and memset) runs on the host's stack alone.
- HOST_SP of the context points to the frame of the innermost activation on the host's stack, from before its first
  guest instruction until after its last; a trap drops everything above it on both stacks.
Text is AT&T syntax, with System V calling conventions: %rbx, %rbp, %r12 to %r15 belong to the caller; %rsp + 8 is a
multiple of 16 where a function begins.
"""

from __future__ import annotations

from jormun.hints import Mapping

# Where ucontext_t of <ucontext.h> keeps the registers of the interrupted code (uc_mcontext.gregs).
UCONTEXT_FP = 40 + 8 * 10
UCONTEXT_SP = 40 + 8 * 15
UCONTEXT_PC = 40 + 8 * 16
UCONTEXT_FLAGS = 40 + 8 * 17
FLAGS_KEPT = ~0x400
"""The resumed code must find the direction flag clear, as the convention demands; a string instruction may have set
it."""

STUB_BYTES = 10

SYSTEM_CALL = (
    'call i64 asm sideeffect "syscall", "={ax},0,{di},{si},{dx},{r10},{r8},{r9},'
    '~{rcx},~{r11},~{memory},~{dirflag},~{fpsr},~{flags}"'
)
"""LLVM text of a call of the kernel: its number and six arguments follow, of which it may take fewer; a result below 0
is an error. It takes no stack and touches no state of the C library's."""
COPY = (
    'call {ptr, ptr, i64} asm sideeffect "rep movsb", "={di},={si},={cx},0,1,2,~{memory},~{dirflag},~{fpsr},~{flags}"'
)
"""LLVM text of a copy from low to high addresses, without a call: target, source and size follow."""
RED_ZONE_BYTES = 128
"""What a function may use below its stack pointer (System V)."""
ASIDE_BYTES = 24 << 10
"""The room that `jormun_divert` and what it calls need on the guest's stack, most of it for registers and the overflow
area."""

EXPORTED = (
    "jormun_enter", "jormun_activate_record", "jormun_activate_record_held", "jormun_activate_held", "jormun_go_on",
    "jormun_resume", "jormun_trap", "jormun_host_call", "jormun_host_function", "jormun_native_function",
    "jormun_compile_stub", "jormun_divert", "jormun_fuel", "jormun_has_xsave",
)  # fmt: skip


def glue(islands: Mapping[str, int], process: int) -> str:
    """The machine code as assembly text. `islands` maps the name of a function outside of the code region, which may
    be out of the reach of a call, to where in the glue's data its address is; at `process` is that of
    the process record.
    """
    # A start needs none of these.
    from jormun.runtime.native import exceptions, x86_64_activation, x86_64_aside, x86_64_host

    jumps = [f"{name}:\n    jmpq *jormun_data+{offset}(%rip)\n" for name, offset in islands.items()]
    exported = [f".globl {name}\n" for name in (*EXPORTED, *exceptions.EXPORTED, *islands)]
    return "".join(
        [
            ".text\n",
            *exported,
            x86_64_activation.enter(process),
            x86_64_activation.GO_ON,
            x86_64_activation.TRAP,
            x86_64_host.HOST_CALL,
            x86_64_host.HOST_FUNCTION,
            x86_64_host.NATIVE_FUNCTION,
            x86_64_aside.COMPILE,
            x86_64_aside.DIVERT,
            x86_64_aside.FUEL,
            exceptions.GLUE,
            x86_64_aside.HAS_XSAVE,
            *jumps,
        ]
    )


def stubs(address: int, first: int, count: int, target: int) -> bytes:
    """Code for `address`: stubs of functions `first` and following, each STUB_BYTES long, that lead to `target`, which
    is before them all or behind.
    """
    distance = target - (address + STUB_BYTES) & 0xFFFF_FFFF
    # FAST: one number, of which each step makes twice as many stubs: 0.05 ms for 4,096, 0.8 ms column by column. Those
    # behind differ by what the index grows and the distance shrinks, and neither passes 0.
    all_of = 0x68 | first << 8 | 0xE9 << 40 | distance << 48  # pushq $index; jmp target
    ones, size = 1, 1
    step = (1 << 8) - (STUB_BYTES << 48)
    while size < count:
        bits = 8 * STUB_BYTES * size
        all_of |= all_of + size * step * ones << bits
        ones |= ones << bits
        size *= 2
    return all_of.to_bytes(STUB_BYTES * size, "little")[: STUB_BYTES * count]


def has_frame(code: bytes) -> bool:
    """Whether a function that ran the bytes `code` has set its frame pointer.

    LLVM moves `pushq %rbp; movq %rsp, %rbp` behind early exits; before it the stack is as the call left it.
    """
    return b"\x55\x48\x89\xe5" in code
