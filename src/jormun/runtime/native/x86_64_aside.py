"""What a guest is interrupted by without knowing, for x86-64: it keeps the guest's registers (native/x86_64.py)."""

from __future__ import annotations

from jormun.runtime import layout
from jormun.runtime.native.x86_64_context import integers_from, registers_to, vectors_from

_SAVED = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
_XSAVE_STATES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 19
_XSAVE_BYTES = 2688

# Where stubs lead: a guest called a function that has no code yet. The stub pushed the function's number; all else is
# as the caller left it: %rdi is the callee's vm.
#
# Safe because: arguments are in %rdi, %rsi, %rdx, %rcx, %r8, %r9 and %xmm0 to %xmm7, all of which are kept, and in the
# overflow area, which Services.compile keeps; values are 16 bytes at most, so that upper halves of vector registers
# carry nothing; %rax, %r10 and %r11 are nobody's at a call.
# 192 bytes below %rbp keep %rsp a multiple of 16, as it is behind the push of %rbp.
COMPILE = f"""
.type jormun_compile_stub,@function
jormun_compile_stub:
    popq %rax
    pushq %rbp
    movq %rsp, %rbp
    subq $192, %rsp
{registers_to("%rsp", 64)}
    movl %eax, %esi
    callq jormun_compile
    movq %rax, %r11
{integers_from("%rsp")}
{vectors_from("%rsp", 64)}
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
DIVERT = f"""
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
FUEL = f"""
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
HAS_XSAVE = """
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
