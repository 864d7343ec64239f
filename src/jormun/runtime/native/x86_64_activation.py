"""Activations, for x86-64: how a guest begins, ends, and is left and gone on with (native/x86_64.py)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.native.x86_64_context import (
    ACTIVATION,
    BLOCK_MASK,
    GUEST_FP,
    GUEST_SP,
    HANDLER,
    HOST_LIMIT,
    HOST_RETURN,
    HOST_SP,
    STOP,
    THREAD_STATE,
    TRAP_FP,
    TRAP_KIND,
    TRAP_PC,
    TRAP_SP,
    integers_from,
    lines,
    vectors_from,
)

# The frame of an activation, which HOST_SP points to, from %rsp on: the context, in %r12; the fields of the context
# that the activation changes, as they were; a result in a vector register, for a moment; %rbp of who called. Nothing is
# below %rsp, which is a multiple of 16.
_FRAME_CONTEXT, _FRAME_HANDLER, _FRAME_FIELDS, _FRAME_VECTOR, _FRAME_BYTES = 0, 8, 16, 64, 80
_FIELDS = range(0, 48, 16)
"""HOST_SP, GUEST_SP, GUEST_FP, ACTIVATION, STOP and THREAD_STATE, two at a time."""
FRAME_ACTIVATION = _FRAME_FIELDS + ACTIVATION
"""Where in a frame the number of the activation below on the same stack is, or 0."""
_FRAME = f"""\
    pushq %rbp
    subq ${_FRAME_BYTES}, %rsp
    cmpq {HOST_LIMIT}(%r12), %rsp
    jb jormun_refuse
{lines(f"movups {at}(%r12), %xmm{13 + (at >> 4)}" for at in _FIELDS)}
    movq {HANDLER}(%r12), %rax
    movq %r12, {_FRAME_CONTEXT}(%rsp)
    movq %rax, {_FRAME_HANDLER}(%rsp)
{lines(f"movaps %xmm{13 + (at >> 4)}, {_FRAME_FIELDS + at}(%rsp)" for at in _FIELDS)}"""
_KEEP_ALL = lines(f"pushq {r}" for r in ("%rbx", "%r12", "%r13", "%r14", "%r15"))
_GIVE_ALL = lines(f"popq {r}" for r in ("%r15", "%r14", "%r13", "%r12", "%rbx"))
_PUT_RESULTS = f"""\
    movq %rax, {layout.REGISTERS_INTEGERS}(%rcx)
    movups %xmm0, {layout.REGISTERS_VECTORS}(%rcx)
    movl %edx, %eax"""


# (i64 %rax, i32 %edx, vector %xmm0) jormun_activate_held(context %r12, code %r13, _ %r14, stop record %r15, the guest's
# own arguments in their registers): run guest code on the guest stack. Called and returns with the GIL held, which the
# guest keeps: THREAD_STATE is 0. Returns the guest's results and 0, or the kind of the trap. It keeps %rbp alone, which
# is LLVM's preserve_nonecc: whoever calls it holds nothing in registers.
# jormun_activate_record_held(context %r12, code %r13, registers %r14, stop record %r15, i64 %rdi): the same, with the
# arguments of a register record; of those in vector registers only if %rdi is not 0.
# jormun_activate_record: the same, but the guest runs without the GIL.
# i32 jormun_enter(ptr context, ptr code, ptr registers): the last, for C, with the stop record of the register record,
# where results come back. Returns 0 or the kind of the trap.
#
# Safe because: everything that the caller owns is on the host's stack before HOST_SP is set, and is taken from there at
# `jormun_resume`, however it is reached: by return, from `jormun_trap`, from `jormun_host_call`, or from the signal
# handlers. None of these needs a register of the guest's but %rsp. The fields of the context that the activation
# changes are in the same frame, so that activations nest. The record and its overflow slots, at most as many as the
# context's area has, are Python's, which holds them until we return. The activation gets the next number of the process
# record, whose address is in the glue's data, at `process`; the GIL is held meanwhile.
def enter(process: int) -> str:
    """The lines, where the address of the process record is at `process` in the glue's data."""
    return f"""
.type jormun_enter,@function
jormun_enter:
{_KEEP_ALL}
    subq $16, %rsp
    movq %rdx, (%rsp)
    movq %rdi, %r12
    movq %rsi, %r13
    movq %rdx, %r14
    movq {layout.REGISTERS_STOP}(%rdx), %r15
    movl $1, %edi
    callq jormun_activate_record
    movq (%rsp), %rcx
{_PUT_RESULTS}
    addq $16, %rsp
{_GIVE_ALL}
    retq
.size jormun_enter, . - jormun_enter
.type jormun_activate_record_held,@function
jormun_activate_record_held:
{_FRAME}
{_begin("%rcx", process)}
    movq $0, {THREAD_STATE}(%r12)
    jmp 3f
.size jormun_activate_record_held, . - jormun_activate_record_held
.type jormun_activate_record,@function
jormun_activate_record:
{_FRAME}
{_begin("%rcx", process)}
    movq %rdi, %rbx
    callq PyEval_SaveThread
    movq %rbx, %rdi
    movq %rax, {THREAD_STATE}(%r12)
3:  movq {layout.REGISTERS_OVERFLOW_SLOTS}(%r14), %rcx
    testq %rcx, %rcx
    jne 6f
4:  testq %rdi, %rdi
    je 5f
{vectors_from("%r14", layout.REGISTERS_VECTORS)}
5:
{integers_from("%r14")}
    jmp 7f
    # Most functions have no such slots, and beginning to copy takes longer than copying a few.
6:  movq %rdi, %rbx
    addq %rcx, %rcx
    leaq {layout.REGISTERS_OVERFLOW}(%r14), %rsi
    leaq {layout.STACK_OVERFLOW_AREA}(%r12), %rdi
    rep movsq
    movq %rbx, %rdi
    jmp 4b
.size jormun_activate_record, . - jormun_activate_record
.type jormun_activate_held,@function
jormun_activate_held:
{_FRAME}
{_begin("%r10", process)}
    movq $0, {THREAD_STATE}(%r12)
7:  movq %rsp, {HOST_SP}(%r12)
    # From here to jormun_resume %rsp is in the guest's block: a push that hits its guard is a trap like any other.
    # %rbp continues the chain of frames into the activation below, for backtraces; 0 ends it.
    movq {GUEST_FP}(%r12), %rbp
    movq {GUEST_SP}(%r12), %rsp
    callq *%r13
    movq %rsp, %r12
    andq ${BLOCK_MASK}, %r12
    movq {HOST_SP}(%r12), %rsp
    xorl %edx, %edx
1:  cmpq $0, {THREAD_STATE}(%r12)
    jne 4f
2:  movq {_FRAME_HANDLER}(%rsp), %rcx
{lines(f"movaps {_FRAME_FIELDS + at}(%rsp), %xmm{13 + (at >> 4)}" for at in _FIELDS)}
{lines(f"movups %xmm{13 + (at >> 4)}, {at}(%r12)" for at in _FIELDS)}
    movq %rcx, {HANDLER}(%r12)
3:  addq ${_FRAME_BYTES}, %rsp
    popq %rbp
    retq
4:  movq %rax, %r13
    movaps %xmm0, {_FRAME_VECTOR}(%rsp)
    movl %edx, %ebx
    movq {THREAD_STATE}(%r12), %rdi
    callq PyEval_RestoreThread
    movl %ebx, %edx
    movaps {_FRAME_VECTOR}(%rsp), %xmm0
    movq %r13, %rax
    jmp 2b
jormun_resume:
    movq {_FRAME_CONTEXT}(%rsp), %r12
    movl {TRAP_KIND}(%r12), %edx
    jmp 1b
jormun_refuse:
    # The host's stack is nearly full: a trap whose innermost frame is that of the guest that called the host, if any.
    movq $0, {TRAP_PC}(%r12)
    movq {GUEST_FP}(%r12), %rax
    movq %rax, {TRAP_FP}(%r12)
    movl ${TrapKind.STACK_EXHAUSTED.value}, %edx
    jmp 3b
.size jormun_activate_held, . - jormun_activate_held
"""


def _begin(scratch: str, process: int) -> str:
    """Give the activation its number and its stop record."""
    return f"""\
    movq jormun_data+{process}(%rip), {scratch}
    movq {layout.PROCESS_COUNT}({scratch}), %rax
    incq %rax
    movq %rax, {layout.PROCESS_COUNT}({scratch})
    movq %rax, {ACTIVATION}(%r12)
    movq %r15, {STOP}(%r12)
    movq $0, {HANDLER}(%r12)"""


# i32 jormun_go_on(ptr context, u64 activation, ptr registers, u64 sp, u64 exception): go on with an activation that was
# left in jormun_host_call because what that called raised, as if it had returned; or, with the address of an exception,
# thrown that. `sp` is what CONTEXT_TRAP_SP said then, the others are what the activation began with. Called and returns
# as jormun_enter, in any thread.
#
# Safe because: the guest's stack is as it was left, which nobody has changed, since its block belongs to who calls
# this, once for each time that it was left, and no activation was on it since. The guest owns what is above `sp` there
# and nothing else: of the host's stack, whose frame is built anew, it knows by HOST_SP alone, and its thread by the
# context. What jormun_host_call pushed is what it pops here, and %r14 and %r15 it put aside; when the guest returns, it
# does so behind the call in jormun_activate_held, where all is taken from the frame.
GO_ON = f"""
.type jormun_go_on,@function
jormun_go_on:
{_KEEP_ALL}
    subq $16, %rsp
    movq %rdx, (%rsp)
    movq %rdi, %r12
    callq 3f
    movq (%rsp), %rcx
{_PUT_RESULTS}
    addq $16, %rsp
{_GIVE_ALL}
    retq
3:
{_FRAME}
    movq %rcx, %r13
    movq %r8, %rbx
    movq %rsi, {ACTIVATION}(%r12)
    movq {layout.REGISTERS_STOP}(%rdx), %rax
    movq %rax, {STOP}(%r12)
    callq PyEval_SaveThread
    movq %rax, {THREAD_STATE}(%r12)
    movq %rsp, {HOST_SP}(%r12)
    movq %r12, %rdi
    callq jormun_is_stopped
    testb %al, %al
    jne 1f
    movq {layout.CONTEXT_SUSPENDED}(%r12), %r14
    movq {layout.CONTEXT_SUSPENDED + 8}(%r12), %r15
    movq {layout.CONTEXT_SUSPENDED + 16}(%r12), %rax
    movq %rax, {HANDLER}(%r12)
    movq %rbx, %rdi
    movq %r13, %rsp
    testq %rdi, %rdi
    jne jormun_raise
{HOST_RETURN}
    # Where in the guest this is.
1:  movq $0, {TRAP_PC}(%r12)
    movq {layout.CONTEXT_SUSPENDED + 24}(%r12), %rax
    movq %rax, {TRAP_FP}(%r12)
    movq %r13, {TRAP_SP}(%r12)
    movl ${TrapKind.INTERRUPTED.value}, {TRAP_KIND}(%r12)
    jmp jormun_resume
.size jormun_go_on, . - jormun_go_on
"""

# void jormun_trap(i32 kind), noreturn: leave the innermost activation. Called by guest code on the guest stack.
# Safe because: it reads what the call pushed and writes the context only. The return address may lie behind the end of
# the caller, whose last instruction this call is, so the address noted is one less.
TRAP = f"""
.type jormun_trap,@function
jormun_trap:
    movq %rsp, %rcx
    andq ${BLOCK_MASK}, %rcx
    movq (%rsp), %rax
    decq %rax
    movl %edi, {TRAP_KIND}(%rcx)
    movq %rax, {TRAP_PC}(%rcx)
    movq %rbp, {TRAP_FP}(%rcx)
    movq %rsp, {TRAP_SP}(%rcx)
    movq {HOST_SP}(%rcx), %rsp
    jmp jormun_resume
.size jormun_trap, . - jormun_trap
"""
