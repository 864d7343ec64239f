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

from array import array

from jormun.errors import TrapKind
from jormun.hints import Iterable, Mapping
from jormun.runtime import layout
from jormun.runtime.native import exceptions

# Where ucontext_t of <ucontext.h> keeps the registers of the interrupted code (uc_mcontext.gregs).
UCONTEXT_FP = 40 + 8 * 10
UCONTEXT_SP = 40 + 8 * 15
UCONTEXT_PC = 40 + 8 * 16
UCONTEXT_FLAGS = 40 + 8 * 17
FLAGS_KEPT = ~0x400
"""The resumed code must find the direction flag clear, as the convention demands; a string instruction may have set
it."""

STUB_BYTES = 10

_BLOCK_MASK = -layout.STACK_BLOCK_BYTES
_HOST_SP = layout.CONTEXT_HOST_SP
_GUEST_SP = layout.CONTEXT_GUEST_SP
_GUEST_FP = layout.CONTEXT_GUEST_FP
_ACTIVATION = layout.CONTEXT_ACTIVATION
_STOP = layout.CONTEXT_STOP
_THREAD_STATE = layout.CONTEXT_THREAD_STATE
_HOST_LIMIT = layout.CONTEXT_HOST_LIMIT
_SCOPE = layout.CONTEXT_SCOPE
_HANDLER = layout.CONTEXT_HANDLER
_TRAP_KIND = layout.CONTEXT_TRAP_KIND
_TRAP_PC = layout.CONTEXT_TRAP_PC
_TRAP_FP = layout.CONTEXT_TRAP_FP
_TRAP_SP = layout.CONTEXT_TRAP_SP

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
_SAVED = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
_XSAVE_STATES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 19
_XSAVE_BYTES = 2688

_INTEGERS = ("%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9")
_VECTORS = tuple(f"%xmm{k}" for k in range(8))


def _lines(instructions: Iterable[str]) -> str:
    return "\n".join(f"    {each}" for each in instructions)


def _registers_to(base: str, vectors: int) -> str:
    """Store all registers that arguments are passed in: integers from `base` on, vectors `vectors` bytes behind."""
    integers = [f"movq {r}, {8 * k}({base})" for k, r in enumerate(_INTEGERS)]
    return _lines([*integers, *(f"movups {r}, {vectors + 16 * k}({base})" for k, r in enumerate(_VECTORS))])


def _integers_from(base: str) -> str:
    """Load those for integers, from `base` on, which must not be one of them."""
    return _lines(f"movq {8 * k}({base}), {r}" for k, r in enumerate(_INTEGERS))


def _vectors_from(base: str, vectors: int) -> str:
    """Load those for vectors, `vectors` bytes behind `base`."""
    return _lines(f"movups {vectors + 16 * k}({base}), {r}" for k, r in enumerate(_VECTORS))


# How jormun_host_call returns to the guest: what it pushed on the guest's stack, and the padding on top.
_HOST_RETURN = """\
    addq $8, %rsp
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    retq"""

# The frame of an activation, which HOST_SP points to, from %rsp on: the context, in %r12; the fields of the context
# that the activation changes, as they were; a result in a vector register, for a moment; %rbp of who called. Nothing is
# below %rsp, which is a multiple of 16.
_FRAME_CONTEXT, _FRAME_HANDLER, _FRAME_FIELDS, _FRAME_VECTOR, _FRAME_BYTES = 0, 8, 16, 64, 80
_FIELDS = range(0, 48, 16)
"""HOST_SP, GUEST_SP, GUEST_FP, ACTIVATION, STOP and THREAD_STATE, two at a time."""
FRAME_ACTIVATION = _FRAME_FIELDS + _ACTIVATION
"""Where in a frame the number of the activation below on the same stack is, or 0."""
_FRAME = f"""\
    pushq %rbp
    subq ${_FRAME_BYTES}, %rsp
    cmpq {_HOST_LIMIT}(%r12), %rsp
    jb jormun_refuse
{_lines(f"movups {at}(%r12), %xmm{13 + (at >> 4)}" for at in _FIELDS)}
    movq {_HANDLER}(%r12), %rax
    movq %r12, {_FRAME_CONTEXT}(%rsp)
    movq %rax, {_FRAME_HANDLER}(%rsp)
{_lines(f"movaps %xmm{13 + (at >> 4)}, {_FRAME_FIELDS + at}(%rsp)" for at in _FIELDS)}"""
_KEEP_ALL = _lines(f"pushq {r}" for r in ("%rbx", "%r12", "%r13", "%r14", "%r15"))
_GIVE_ALL = _lines(f"popq {r}" for r in ("%r15", "%r14", "%r13", "%r12", "%rbx"))
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
def _enter(process: int) -> str:
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
    movq $0, {_THREAD_STATE}(%r12)
    jmp 3f
.size jormun_activate_record_held, . - jormun_activate_record_held
.type jormun_activate_record,@function
jormun_activate_record:
{_FRAME}
{_begin("%rcx", process)}
    movq %rdi, %rbx
    callq PyEval_SaveThread
    movq %rbx, %rdi
    movq %rax, {_THREAD_STATE}(%r12)
3:  movq {layout.REGISTERS_OVERFLOW_SLOTS}(%r14), %rcx
    testq %rcx, %rcx
    jne 6f
4:  testq %rdi, %rdi
    je 5f
{_vectors_from("%r14", layout.REGISTERS_VECTORS)}
5:
{_integers_from("%r14")}
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
    movq $0, {_THREAD_STATE}(%r12)
7:  movq %rsp, {_HOST_SP}(%r12)
    # From here to jormun_resume %rsp is in the guest's block: a push that hits its guard is a trap like any other.
    # %rbp continues the chain of frames into the activation below, for backtraces; 0 ends it.
    movq {_GUEST_FP}(%r12), %rbp
    movq {_GUEST_SP}(%r12), %rsp
    callq *%r13
    movq %rsp, %r12
    andq ${_BLOCK_MASK}, %r12
    movq {_HOST_SP}(%r12), %rsp
    xorl %edx, %edx
1:  cmpq $0, {_THREAD_STATE}(%r12)
    jne 4f
2:  movq {_FRAME_HANDLER}(%rsp), %rcx
{_lines(f"movaps {_FRAME_FIELDS + at}(%rsp), %xmm{13 + (at >> 4)}" for at in _FIELDS)}
{_lines(f"movups %xmm{13 + (at >> 4)}, {at}(%r12)" for at in _FIELDS)}
    movq %rcx, {_HANDLER}(%r12)
3:  addq ${_FRAME_BYTES}, %rsp
    popq %rbp
    retq
4:  movq %rax, %r13
    movaps %xmm0, {_FRAME_VECTOR}(%rsp)
    movl %edx, %ebx
    movq {_THREAD_STATE}(%r12), %rdi
    callq PyEval_RestoreThread
    movl %ebx, %edx
    movaps {_FRAME_VECTOR}(%rsp), %xmm0
    movq %r13, %rax
    jmp 2b
jormun_resume:
    movq {_FRAME_CONTEXT}(%rsp), %r12
    movl {_TRAP_KIND}(%r12), %edx
    jmp 1b
jormun_refuse:
    # The host's stack is nearly full: a trap whose innermost frame is that of the guest that called the host, if any.
    movq $0, {_TRAP_PC}(%r12)
    movq {_GUEST_FP}(%r12), %rax
    movq %rax, {_TRAP_FP}(%r12)
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
    movq %rax, {_ACTIVATION}(%r12)
    movq %r15, {_STOP}(%r12)
    movq $0, {_HANDLER}(%r12)"""


# i32 jormun_go_on(ptr context, u64 activation, ptr registers, u64 sp): go on with an activation that was left in
# jormun_host_call because what that called raised, as if it had returned; or, with an exception in CONTEXT_EXCEPTION,
# thrown that. `sp` is what CONTEXT_TRAP_SP said then, the others are what the activation began with. Called and returns
# as jormun_enter, in any thread.
#
# Safe because: the guest's stack is as it was left, which nobody has changed, since its block belongs to who calls
# this, once for each time that it was left, and no activation was on it since. The guest owns what is above `sp` there
# and nothing else: of the host's stack, whose frame is built anew, it knows by HOST_SP alone, and its thread by the
# context. What jormun_host_call pushed is what it pops here, and %r14 and %r15 it put aside; when the guest returns, it
# does so behind the call in jormun_activate_held, where all is taken from the frame.
_GO_ON = f"""
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
    movq %rsi, {_ACTIVATION}(%r12)
    movq {layout.REGISTERS_STOP}(%rdx), %rax
    movq %rax, {_STOP}(%r12)
    callq PyEval_SaveThread
    movq %rax, {_THREAD_STATE}(%r12)
    movq %rsp, {_HOST_SP}(%r12)
    movq %r12, %rdi
    callq jormun_is_stopped
    testb %al, %al
    jne 1f
    movq {layout.CONTEXT_KEPT}(%r12), %r14
    movq {layout.CONTEXT_KEPT + 8}(%r12), %r15
    movq {layout.CONTEXT_KEPT + 16}(%r12), %rax
    movq %rax, {_HANDLER}(%r12)
    movq {layout.CONTEXT_EXCEPTION}(%r12), %rdi
    movq $0, {layout.CONTEXT_EXCEPTION}(%r12)
    movq %r13, %rsp
    testq %rdi, %rdi
    jne jormun_raise
{_HOST_RETURN}
    # The context still says where in the guest this is.
1:  movl ${TrapKind.INTERRUPTED.value}, {_TRAP_KIND}(%r12)
    jmp jormun_resume
.size jormun_go_on, . - jormun_go_on
"""

# void jormun_trap(i32 kind), noreturn: leave the innermost activation. Called by guest code on the guest stack.
# Safe because: it reads what the call pushed and writes the context only. The return address may lie behind the end of
# the caller, whose last instruction this call is, so the address noted is one less.
_TRAP = f"""
.type jormun_trap,@function
jormun_trap:
    movq %rsp, %rcx
    andq ${_BLOCK_MASK}, %rcx
    movq (%rsp), %rax
    decq %rax
    movl %edi, {_TRAP_KIND}(%rcx)
    movq %rax, {_TRAP_PC}(%rcx)
    movq %rbp, {_TRAP_FP}(%rcx)
    movq %rsp, {_TRAP_SP}(%rcx)
    movq {_HOST_SP}(%rcx), %rsp
    jmp jormun_resume
.size jormun_trap, . - jormun_trap
"""

# void jormun_host_call(ptr host, ptr values): call Python, on the host's stack, from guest code on the guest stack.
# Returns when Python did so without an exception; otherwise leaves the innermost activation, with the kind of trap that
# jormun_call_python says.
#
# Safe because: the guest's %rsp waits in %rbx, the context in %r12, the activation's HOST_SP in %r13, which
# jormun_call_python preserves as any C function does. The host's stack below HOST_SP is free: `jormun_enter` left it
# there. Nested activations begin on the guest stack at GUEST_SP, below this frame, and put the context back as they
# found it. Where they did not, because something switched host stacks in between (a greenlet), jormun_call_python sees
# another activation, and the frames of this one can no longer be trusted: it is left through its own HOST_SP.
_HOST_CALL = f"""
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
    andq ${_BLOCK_MASK}, %r12
    movq %rsp, {_GUEST_SP}(%r12)
    movq %rbp, {_GUEST_FP}(%r12)
    movq {_HOST_SP}(%r12), %r13
    movq %rsi, %rdx
    movq %rdi, %rsi
    movq %r12, %rdi
    movq %r13, %rsp
    callq jormun_call_python
    testl %eax, %eax
    jne 1f
    movq %rbx, %rsp
{_HOST_RETURN}
1:  cmpl ${TrapKind.UNCAUGHT_EXCEPTION.value}, %eax
    je 2f
    movl %eax, {_TRAP_KIND}(%r12)
    movq $0, {_TRAP_PC}(%r12)
    movq %rbp, {_TRAP_FP}(%r12)
    movq %rbx, {_TRAP_SP}(%r12)
    movq %r14, {layout.CONTEXT_KEPT}(%r12)
    movq %r15, {layout.CONTEXT_KEPT + 8}(%r12)
    movq {_HANDLER}(%r12), %rax
    movq %rax, {layout.CONTEXT_KEPT + 16}(%r12)
    movq %r13, {_HOST_SP}(%r12)
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
_HOST_FUNCTION = f"""
.type jormun_host_function,@function
jormun_host_function:
    pushq %rbp
    movq %rsp, %rbp
    movl {layout.HOST_OVERFLOW_SLOTS}(%rdi), %eax
    movq %rax, %r10
    shlq $4, %r10
    subq ${layout.REGISTERS_OVERFLOW}, %rsp
    subq %r10, %rsp
{_registers_to("%rsp", layout.REGISTERS_VECTORS)}
    movq %rax, {layout.REGISTERS_OVERFLOW_SLOTS}(%rsp)
    testq %rax, %rax
    je 1f
    leaq (%rax,%rax), %rcx
    movq %rsp, %rsi
    andq ${_BLOCK_MASK}, %rsi
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
_NATIVE_FUNCTION = f"""
.type jormun_native_function,@function
jormun_native_function:
    pushq %rbp
    movq %rsp, %rbp
    movq %rsp, %r10
    andq ${_BLOCK_MASK}, %r10
    movq {layout.HOST_FUNCTION}(%rdi), %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %rcx
    movq %r9, %r8
    movq {layout.STACK_OVERFLOW_AREA}(%r10), %r9
    movq %rsp, {_GUEST_SP}(%r10)
    movq %rbp, {_GUEST_FP}(%r10)
    movq {_HOST_SP}(%r10), %rsp
    pushq {_ACTIVATION}(%r10)
    pushq {_ACTIVATION}(%r10)
    cmpq $0, {_THREAD_STATE}(%r10)
    je 6f
7:  callq *%rax
    popq %r11
    popq %r11
    movq %rbp, %rcx
    andq ${_BLOCK_MASK}, %rcx
    cmpq {_ACTIVATION}(%rcx), %r11
    jne 2f
    movq {_STOP}(%rcx), %r10
    testq %r10, %r10
    je 1f
    cmpq {layout.STOP_UP_TO}(%r10), %r11
    jbe 3f
1:  cmpq $0, {_SCOPE}(%rcx)
    jne 3f
4:  movq %rbp, %rsp
    popq %rbp
    retq
    # Give the GIL up, and keep the arguments.
6:  subq $208, %rsp
    movq %rax, 192(%rsp)
{_registers_to("%rsp", 64)}
    callq PyEval_SaveThread
    movq %rbp, %r10
    andq ${_BLOCK_MASK}, %r10
    movq %rax, {_THREAD_STATE}(%r10)
{_integers_from("%rsp")}
{_vectors_from("%rsp", 64)}
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
    andq ${_BLOCK_MASK}, %rcx
    movl %edx, {_TRAP_KIND}(%rcx)
    movq $0, {_TRAP_PC}(%rcx)
    movq %rbp, {_TRAP_FP}(%rcx)
    movq %rbp, {_TRAP_SP}(%rcx)
    movq %rsp, {_HOST_SP}(%rcx)
    jmp jormun_resume
.size jormun_native_function, . - jormun_native_function
"""

# Where stubs lead: a guest called a function that has no code yet. The stub pushed the function's number; all else is
# as the caller left it: %rdi is the callee's vm.
#
# Safe because: arguments are in %rdi, %rsi, %rdx, %rcx, %r8, %r9 and %xmm0 to %xmm7, all of which are kept, and in the
# overflow area, which Services.compile keeps; values are 16 bytes at most, so that upper halves of vector registers
# carry nothing; %rax, %r10 and %r11 are nobody's at a call.
# 192 bytes below %rbp keep %rsp a multiple of 16, as it is behind the push of %rbp.
_COMPILE = f"""
.type jormun_compile_stub,@function
jormun_compile_stub:
    popq %rax
    pushq %rbp
    movq %rsp, %rbp
    subq $192, %rsp
{_registers_to("%rsp", 64)}
    movl %eax, %esi
    callq jormun_compile
    movq %rax, %r11
{_integers_from("%rsp")}
{_vectors_from("%rsp", 64)}
    movq %rbp, %rsp
    popq %rbp
    jmpq *%r11
.size jormun_compile_stub, . - jormun_compile_stub
"""

# What keeps every register of compiled code: the general ones, with %rsp in %rbx from then on, and below them others,
# in an area whose header, behind the first 512 bytes, must be zeros; and what puts them back.
_PUSH_ALL = f"""\
    {"; ".join(f"pushq %{r}" for r in _SAVED)}
    cld
    movq %rsp, %rbx"""
_XSAVE = f"""\
    subq ${_XSAVE_BYTES}, %rsp
    andq $-64, %rsp
    xorl %eax, %eax
    {"; ".join(f"movq %rax, {512 + 8 * k}(%rsp)" for k in range(8))}
    movl ${_XSAVE_STATES:#x}, %eax
    xorl %edx, %edx
    xsave64 (%rsp)"""
_XRSTOR = f"""\
    movl ${_XSAVE_STATES:#x}, %eax
    xorl %edx, %edx
    xrstor64 (%rsp)"""
_POP_ALL = f"""\
    {"; ".join(f"popq %{r}" for r in reversed(_SAVED))}"""

# What a guest is diverted to that a signal interrupted: ask Python whether it wants something, and go on as if nothing
# had been. The signal's handler left, below the 128 bytes that the interrupted code may use below its %rsp, the address
# of that code and its %rbp, which are a frame, and its flags; %rsp and %rbp are where it left them.
#
# Safe because: the handler found ASIDE_BYTES of room. All general registers, all flags, and by XSAVE all other
# registers that compiled code uses are put back: x87 and SSE, AVX, AVX-512, and the general registers of APX, whose
# places in the area end at 2,688 bytes on every CPU. %rbx and %rsp are kept by the call.
# `retq $128` takes the address, and leaves %rsp as it was.
_DIVERT = f"""
.type jormun_divert,@function
jormun_divert:
{_PUSH_ALL}
{_XSAVE}
    callq jormun_attend
{_XRSTOR}
    movq %rbx, %rsp
{_POP_ALL}
    popfq
    popq %rbp
    retq $128
.size jormun_divert, . - jormun_divert
"""

# i64 jormun_fuel(ptr vm, i64 left, i64 charge): what is left of the fuel, which was too little for a charge, once that
# has been paid. It keeps all registers but %rax, so that it may be called anywhere in code.
#
# Safe because: %rdi is the running function's vm, whose VM_FUEL is the store's, which the caller of the guest holds;
# registers are kept as by jormun_divert, and %rbp is a frame. A stack without room for them is exhausted: a trap.
_FUEL = f"""
.type jormun_fuel,@function
jormun_fuel:
    pushq %rbp
    movq %rsp, %rbp
{_PUSH_ALL}
    movq {layout.VM_FUEL}(%rdi), %r12
    movq %rsi, (%r12)
    movq %rdx, %rsi
{_XSAVE}
    callq jormun_refuel
{_XRSTOR}
    movq (%r12), %rax
    movq %rbx, %rsp
    movq %rax, {8 * (len(_SAVED) - 1)}(%rsp)
{_POP_ALL}
    popq %rbp
    retq
.size jormun_fuel, . - jormun_fuel
"""

# i32 jormun_has_xsave(): whether the CPU has XSAVE and the system uses it (CPUID.1:ECX.OSXSAVE).
_HAS_XSAVE = """
.type jormun_has_xsave,@function
jormun_has_xsave:
    movq %rbx, %r8
    movl $1, %eax
    cpuid
    movq %r8, %rbx
    movl %ecx, %eax
    shrl $27, %eax
    andl $1, %eax
    retq
.size jormun_has_xsave, . - jormun_has_xsave
"""

EXPORTED = (
    "jormun_enter", "jormun_activate_record", "jormun_activate_record_held", "jormun_activate_held", "jormun_go_on",
    "jormun_resume", "jormun_trap", "jormun_host_call", "jormun_host_function", "jormun_native_function",
    "jormun_compile_stub", "jormun_divert", "jormun_fuel", "jormun_has_xsave", *exceptions.EXPORTED,
)  # fmt: skip


def glue(islands: Mapping[str, int], process: int) -> str:
    """The machine code as assembly text. `islands` maps the name of a function outside of the code region, which may
    be out of the reach of a call, to where in the glue's data its address is; at `process` is that of
    the process record.
    """
    jumps = [f"{name}:\n    jmpq *jormun_data+{offset}(%rip)\n" for name, offset in islands.items()]
    exported = [f".globl {name}\n" for name in (*EXPORTED, *islands)]
    return "".join(
        [
            ".text\n",
            *exported,
            _enter(process),
            _GO_ON,
            _TRAP,
            _HOST_CALL,
            _HOST_FUNCTION,
            _NATIVE_FUNCTION,
            _COMPILE,
            _DIVERT,
            _FUEL,
            exceptions.GLUE,
            _HAS_XSAVE,
            *jumps,
        ]
    )


def stubs(address: int, first: int, count: int, target: int) -> bytes:
    """Code for `address`: stubs of functions `first` and following, each STUB_BYTES long, that lead to `target`."""
    out = bytearray(b"\x68....\xe9...." * count)  # pushq $index; jmp target
    distance = target - (address + STUB_BYTES)
    # FAST: a column of bytes at a time: 0.05 ms for 4,096 stubs, 2 ms one by one.
    for place, numbers in (
        (1, array("i", range(first, first + count))),
        (6, array("i", range(distance, distance - STUB_BYTES * count, -STUB_BYTES))),
    ):
        columns = numbers.tobytes()
        for k in range(4):
            out[place + k :: STUB_BYTES] = columns[k::4]
    return bytes(out)


def has_frame(code: bytes) -> bool:
    """Whether a function that ran the bytes `code` has set its frame pointer.

    LLVM moves `pushq %rbp; movq %rsp, %rbp` behind early exits; before it the stack is as the call left it.
    """
    return b"\x55\x48\x89\xe5" in code
