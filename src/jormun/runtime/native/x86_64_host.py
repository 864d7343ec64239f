"""Calls of the host by guests, of Python and of C functions, for x86-64 (native/x86_64.py)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.native.x86_64_context import (
    ACTIVATION,
    BLOCK_MASK,
    GUEST_FP,
    GUEST_SP,
    HANDLER,
    HOST_RETURN,
    HOST_SP,
    SCOPE,
    STOP,
    THREAD_STATE,
    TRAP_FP,
    TRAP_KIND,
    TRAP_PC,
    TRAP_SP,
    integers_from,
    registers_to,
    vectors_from,
)

# void jormun_host_call(ptr host, ptr values): call Python, on the host's stack, from guest code on the guest stack.
# Returns when Python did so without an exception; otherwise leaves the innermost activation, with the kind of trap that
# jormun_call_python says.
#
# Safe because: the guest's %rsp waits in %rbx, the context in %r12, the activation's HOST_SP in %r13, which
# jormun_call_python preserves as any C function does. The host's stack below HOST_SP is free: `jormun_enter` left it
# there. Nested activations begin on the guest stack at GUEST_SP, below this frame, and put the context back as they
# found it. Where they did not, because something switched host stacks in between (a greenlet), jormun_call_python sees
# another activation, and the frames of this one can no longer be trusted: it is left through its own HOST_SP.
HOST_CALL = f"""
.type jormun_host_call,@function
jormun_host_call:
    pushq %rbp
    movq %rsp, %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r13
    movq %rsp, %rbx
    movq %rsp, %r12
    andq ${BLOCK_MASK}, %r12
    movq %rsp, {GUEST_SP}(%r12)
    movq %rbp, {GUEST_FP}(%r12)
    movq {HOST_SP}(%r12), %r13
    movq %rsi, %rdx
    movq %rdi, %rsi
    movq %r12, %rdi
    movq %r13, %rsp
    callq jormun_call_python
    testl %eax, %eax
    jne 1f
    movq %rbx, %rsp
{HOST_RETURN}
1:  cmpl ${TrapKind.UNCAUGHT_EXCEPTION.value}, %eax
    je 2f
    movl %eax, {TRAP_KIND}(%r12)
    movq $0, {TRAP_PC}(%r12)
    movq %rbp, {TRAP_FP}(%r12)
    movq %rbx, {TRAP_SP}(%r12)
    movq %r14, {layout.CONTEXT_KEPT}(%r12)
    movq %r15, {layout.CONTEXT_KEPT + 8}(%r12)
    movq {HANDLER}(%r12), %rax
    movq %rax, {layout.CONTEXT_KEPT + 16}(%r12)
    movq %r13, {HOST_SP}(%r12)
    movq %r13, %rsp
    jmp jormun_resume
    # It ended with an exception of WebAssembly's, for which there is a handler.
2:  movq %rbx, %rsp
    movq {layout.CONTEXT_EXCEPTION}(%r12), %rdi
    movq $0, {layout.CONTEXT_EXCEPTION}(%r12)
    jmp jormun_raise
.size jormun_host_call, . - jormun_host_call
"""

# What the code of every host function is: guest code that puts its arguments into a register record on its stack and
# calls jormun_host_call with the host record, which is where other functions have their vm, in %rdi.
#
# Safe because: the record takes 192 bytes and 16 for each argument from the overflow area, which are no more than that
# has: less than the guard below the stack, so that a store beyond its end is a trap. All are multiples of 16, as is
# %rsp behind the push. The area is read before anything is called.
HOST_FUNCTION = f"""
.type jormun_host_function,@function
jormun_host_function:
    pushq %rbp
    movq %rsp, %rbp
    movl {layout.HOST_OVERFLOW_SLOTS}(%rdi), %eax
    movq %rax, %r10
    shlq $4, %r10
    subq ${layout.REGISTERS_OVERFLOW}, %rsp
    subq %r10, %rsp
{registers_to("%rsp", layout.REGISTERS_VECTORS)}
    movq %rax, {layout.REGISTERS_OVERFLOW_SLOTS}(%rsp)
    testq %rax, %rax
    je 1f
    leaq (%rax,%rax), %rcx
    movq %rsp, %rsi
    andq ${BLOCK_MASK}, %rsi
    addq ${layout.STACK_OVERFLOW_AREA}, %rsi
    leaq {layout.REGISTERS_OVERFLOW}(%rsp), %rdi
    rep movsq
    movq {layout.REGISTERS_INTEGERS}(%rsp), %rdi
1:  movq %rsp, %rsi
    callq jormun_host_call
    movq {layout.REGISTERS_INTEGERS}(%rsp), %rax
    movups {layout.REGISTERS_VECTORS}(%rsp), %xmm0
    movq %rbp, %rsp
    popq %rbp
    retq
.size jormun_host_function, . - jormun_host_function
"""

# What the code of every native function of the host is: it calls the address in the host record, in the C convention,
# with the guest's arguments, of which there are no more than six integers and eight others. It gets no vm, so that
# integers move down by a register; the last may have come through the overflow area.
#
# On the host's stack, though to stay on the guest's would be two moves shorter: the function may take more than what is
# left of that, and would hit the guard, where its fault would be taken for the guest's, and leave it in the middle of
# what it does. Nor may a signal's handler take it for a guest. The function may call Python, and so guests, which
# is why the context says where they begin; it has no GIL, which an activation that had kept it gives up here for good,
# and THREAD_STATE says that a guest runs, so that signals may come, which on this stack do nothing. Hence the look at
# the stop records behind it: the store's, and the thread's.
#
# Safe because: the function keeps %rbp, as any does, from which the context is found again; and it returns with the
# %rsp that it was called with: the activation's HOST_SP, a multiple of 16, less two words. The host's stack below is
# free. Where the function switched stacks and left another activation innermost (a greenlet), this one is left, by its
# own HOST_SP.
NATIVE_FUNCTION = f"""
.type jormun_native_function,@function
jormun_native_function:
    pushq %rbp
    movq %rsp, %rbp
    movq %rsp, %r10
    andq ${BLOCK_MASK}, %r10
    movq {layout.HOST_FUNCTION}(%rdi), %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %rcx
    movq %r9, %r8
    movq {layout.STACK_OVERFLOW_AREA}(%r10), %r9
    movq %rsp, {GUEST_SP}(%r10)
    movq %rbp, {GUEST_FP}(%r10)
    movq {HOST_SP}(%r10), %rsp
    pushq {ACTIVATION}(%r10)
    pushq {ACTIVATION}(%r10)
    cmpq $0, {THREAD_STATE}(%r10)
    je 6f
7:  callq *%rax
    popq %r11
    popq %r11
    movq %rbp, %rcx
    andq ${BLOCK_MASK}, %rcx
    cmpq {ACTIVATION}(%rcx), %r11
    jne 2f
    movq {STOP}(%rcx), %r10
    testq %r10, %r10
    je 1f
    cmpq {layout.STOP_UP_TO}(%r10), %r11
    jbe 3f
1:  cmpq $0, {SCOPE}(%rcx)
    jne 3f
4:  movq %rbp, %rsp
    popq %rbp
    retq
    # Give the GIL up, and keep the arguments.
6:  subq $208, %rsp
    movq %rax, 192(%rsp)
{registers_to("%rsp", 64)}
    callq PyEval_SaveThread
    movq %rbp, %r10
    andq ${BLOCK_MASK}, %r10
    movq %rax, {THREAD_STATE}(%r10)
{integers_from("%rsp")}
{vectors_from("%rsp", 64)}
    movq 192(%rsp), %rax
    addq $208, %rsp
    jmp 7b
    # Something may want to stop it: look closely, and keep the result.
3:  subq $32, %rsp
    movq %rax, (%rsp)
    movups %xmm0, 16(%rsp)
    movq %rcx, %rdi
    callq jormun_is_stopped
    movl %eax, %ecx
    movq (%rsp), %rax
    movups 16(%rsp), %xmm0
    addq $32, %rsp
    testb $1, %cl
    je 4b
    movl ${TrapKind.INTERRUPTED.value}, %edx
    jmp 5f
2:  movl ${TrapKind.HOST_EXCEPTION.value}, %edx
5:  movq %rbp, %rcx
    andq ${BLOCK_MASK}, %rcx
    movl %edx, {TRAP_KIND}(%rcx)
    movq $0, {TRAP_PC}(%rcx)
    movq %rbp, {TRAP_FP}(%rcx)
    movq %rbp, {TRAP_SP}(%rcx)
    movq %rsp, {HOST_SP}(%rcx)
    jmp jormun_resume
.size jormun_native_function, . - jormun_native_function
"""
