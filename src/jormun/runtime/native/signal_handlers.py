"""The handlers of signals that guests are stopped and interrupted by: LLVM text of the glue.

They run on the signal stack, at any instruction of the process, and touch nothing but what their comments say.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.native import glue_data, x86_64
from jormun.runtime.native.signals import SIGBUS

_SIGINFO_VALUE = 24
"""Where siginfo_t of <signal.h> keeps what was sent with the signal (si_value): the address of the glue's data, if we
did."""
_SI_TIMER = -2
_ATTENDING_PART = 64
_LONGEST_PAUSE = 1 << 28
"""In cycles, some 0.1 s: who waits for a handler does not care that asking is slow."""


def text() -> str:
    """The LLVM text."""
    return _TRAP_AT + _ON_FAULT + _ON_INTERRUPT


def _interrupted(code_base: int) -> str:
    """Lines of a signal's handler that define what was interrupted: %sp, at %sp_at, and whether that %is_inside of
    guest stacks; %pc, at %pc_at, and whether that %is_code, which begins where the glue's data say at `code_base`.
    """
    return f"""
  %sp_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_SP}
  %sp = load i64, ptr %sp_at
  %stack_base = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {glue_data.STACK_BASE})
  %stack_end = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {glue_data.STACK_END})
  %is_above = icmp uge i64 %sp, %stack_base
  %is_below = icmp ult i64 %sp, %stack_end
  %is_inside = and i1 %is_above, %is_below
  %pc_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_PC}
  %pc = load i64, ptr %pc_at
  %code_base = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {code_base})
  %code_end = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {glue_data.CODE_END})
  %pc_above = icmp uge i64 %pc, %code_base
  %pc_below = icmp ult i64 %pc, %code_end
  %is_code = and i1 %pc_above, %pc_below"""


# void jormun_on_fault(i32 signal, ptr info, ptr ucontext): the handler of SIGSEGV and SIGBUS, on the signal stack.
#
# A fault is a guest's when the kernel itself made the signal (si_code > 0), the stack pointer is in the range of guest
# stacks, where the block's context is accessible, and either the address is in that block's guard, or the instruction
# is in the code region. Then the interrupted code is replaced by `jormun_resume` on the host's stack, and the kernel
# restores the signal mask as it was. Whatever else it is goes to who was asked before us; where that is nobody, the
# default action is set, and the fault happens again (or, sent by a process, is raised again) and ends the process.
_ON_FAULT = f"""
@default_action = private constant [152 x i8] zeroinitializer
define void @jormun_on_fault(i32 %signal, ptr %info, ptr %ucontext) nounwind {{
  %code_at = getelementptr i8, ptr %info, i64 8
  %code = load i32, ptr %code_at
  %is_kernel = icmp sgt i32 %code, 0
{_interrupted(glue_data.CODE_BASE)}
  %is_guest = and i1 %is_kernel, %is_inside
  br i1 %is_guest, label %guest, label %chain
guest:
  %address_at = getelementptr i8, ptr %info, i64 16
  %address = load i64, ptr %address_at
  %block = and i64 %sp, {-layout.STACK_BLOCK_BYTES}
  %distance = sub i64 %address, %block
  %into_guard = sub i64 %distance, {layout.STACK_CONTEXT_BYTES}
  %is_guard = icmp ult i64 %into_guard, {layout.STACK_GUARD_BYTES}
  %is_ours = or i1 %is_guard, %is_code
  br i1 %is_ours, label %trap, label %chain
trap:
  %kind = select i1 %is_guard, i32 {TrapKind.STACK_EXHAUSTED.value}, i32 {TrapKind.MEMORY_OUT_OF_BOUNDS.value}
  %context = inttoptr i64 %block to ptr
  %fault_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_FAULT_ADDRESS}
  store i64 %address, ptr %fault_at
  call void @jormun_trap_at(ptr %ucontext, i32 %kind)
  ret void
chain:
  %is_bus = icmp eq i32 %signal, {SIGBUS}
  %offset = select i1 %is_bus, i64 {glue_data.PREVIOUS + 8}, i64 {glue_data.PREVIOUS}
  %previous_at = getelementptr i8, ptr @jormun_data, i64 %offset
  %previous = load i64, ptr %previous_at
  %is_handler = icmp ugt i64 %previous, 1
  br i1 %is_handler, label %call, label %none
call:
  %handler = inttoptr i64 %previous to ptr
  call void %handler(i32 %signal, ptr %info, ptr %ucontext)
  ret void
none:
  %is_ignored = icmp eq i64 %previous, 1
  %is_sent = icmp sle i32 %code, 0
  %is_nothing = and i1 %is_ignored, %is_sent
  br i1 %is_nothing, label %done, label %die
die:
  %unused = call i32 @sigaction(i32 %signal, ptr @default_action, ptr null)
  br i1 %is_sent, label %again, label %done
again:
  %unused2 = call i32 @raise(i32 %signal)
  br label %done
done:
  ret void
}}
"""

# void jormun_trap_at(ptr ucontext, i32 kind): make code that a signal interrupted on a guest's stack trap there, when
# the signal's handler returns.
_TRAP_AT = f"""
define internal void @jormun_trap_at(ptr %ucontext, i32 %kind) nounwind {{
  %pc_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_PC}
  %pc = load i64, ptr %pc_at
  %sp_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_SP}
  %sp = load i64, ptr %sp_at
  %block = and i64 %sp, {-layout.STACK_BLOCK_BYTES}
  %context = inttoptr i64 %block to ptr
  %kind_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_KIND}
  store i32 %kind, ptr %kind_at
  %trap_pc_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_PC}
  store i64 %pc, ptr %trap_pc_at
  %fp_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_FP}
  %fp = load i64, ptr %fp_at
  %trap_fp_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_FP}
  store i64 %fp, ptr %trap_fp_at
  %trap_sp_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_SP}
  store i64 %sp, ptr %trap_sp_at
  %host_sp_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_HOST_SP}
  %host_sp = load i64, ptr %host_sp_at
  store i64 %host_sp, ptr %sp_at
  store i64 ptrtoint (ptr @jormun_resume to i64), ptr %pc_at
  %flags_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_FLAGS}
  %flags = load i64, ptr %flags_at
  %kept = and i64 %flags, {x86_64.FLAGS_KEPT}
  store i64 %kept, ptr %flags_at
  ret void
}}
"""

# void jormun_on_interrupt(i32 signal, ptr info, ptr ucontext): the handler of INTERRUPT, on the signal stack.
#
# It acts where the stack pointer is in the range of guest stacks and the instruction is a guest's. There HOST_SP is
# the innermost activation's, and compiled code owns nothing, so that it can be left at any instruction. Everywhere else
# (the glue, which changes contexts; the C library, which may hold locks; Python) it leaves a note at most: who wants
# something sends the signal again. A guest that goes on is diverted to ask Python, where a timer sent the signal
# (native/tick.py), there is room on the stack, and asking takes no more than one _ATTENDING_PARTth of the time or
# _LONGEST_PAUSE has passed. Nothing but a context, stop records, ucontext and free room of the guest's stack is
# touched. A signal that nobody of us sent is for who handled it before.
_ON_INTERRUPT = f"""
define void @jormun_on_interrupt(i32 %signal, ptr %info, ptr %ucontext) nounwind {{
  %value_at = getelementptr i8, ptr %info, i64 {_SIGINFO_VALUE}
  %value = load ptr, ptr %value_at
  %is_ours = icmp eq ptr %value, @jormun_data
{_interrupted(glue_data.GUEST_BASE)}
  br i1 %is_inside, label %inside, label %elsewhere
inside:
  %block = and i64 %sp, {-layout.STACK_BLOCK_BYTES}
  %context = inttoptr i64 %block to ptr
  %is_stopped = call i1 @jormun_is_stopped(ptr %context)
  br i1 %is_stopped, label %stop, label %run
run:
  %code_at = getelementptr i8, ptr %info, i64 8
  %code = load i32, ptr %code_at
  %is_timer = icmp eq i32 %code, {_SI_TIMER}
  %is_tick = and i1 %is_timer, %is_ours
  br i1 %is_tick, label %tick, label %elsewhere
tick:
  %now = call i64 @llvm.readcyclecounter()
  %attended_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_ATTENDED}
  %attended = load i64, ptr %attended_at
  %since = sub i64 %now, %attended
  %attending_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_ATTENDING}
  %attending = load i64, ptr %attending_at
  %share = mul i64 %attending, {_ATTENDING_PART}
  %pause = call i64 @llvm.umin.i64(i64 %share, i64 {_LONGEST_PAUSE})
  %is_due = icmp uge i64 %since, %pause
  %depth = sub i64 %sp, %block
  %has_room = icmp uge i64 %depth, {layout.STACK_LIMIT + x86_64.ASIDE_BYTES}
  %is_asked = and i1 %is_due, %has_room
  br i1 %is_asked, label %ask, label %elsewhere
ask:
  br i1 %is_code, label %divert, label %note
divert:
  %fp_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_FP}
  %fp = load i64, ptr %fp_at
  %flags_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_FLAGS}
  %flags = load i64, ptr %flags_at
  %kept_pc = sub i64 %sp, {x86_64.RED_ZONE_BYTES + 8}
  %kept_pc_at = inttoptr i64 %kept_pc to ptr
  store i64 %pc, ptr %kept_pc_at
  %kept_fp = sub i64 %sp, {x86_64.RED_ZONE_BYTES + 16}
  %kept_fp_at = inttoptr i64 %kept_fp to ptr
  store i64 %fp, ptr %kept_fp_at
  %kept_flags = sub i64 %sp, {x86_64.RED_ZONE_BYTES + 24}
  %kept_flags_at = inttoptr i64 %kept_flags to ptr
  store i64 %flags, ptr %kept_flags_at
  store i64 %kept_flags, ptr %sp_at
  store i64 %kept_fp, ptr %fp_at
  store i64 ptrtoint (ptr @jormun_divert to i64), ptr %pc_at
  ret void
stop:
  br i1 %is_code, label %trap, label %note
note:
  %noted = phi i64 [ {layout.NOTED_ATTENTION}, %ask ], [ {layout.NOTED_STOP}, %stop ]
  %noted_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_NOTED}
  store volatile i64 %noted, ptr %noted_at
  br label %elsewhere
trap:
  call void @jormun_trap_at(ptr %ucontext, i32 {TrapKind.INTERRUPTED.value})
  ret void
elsewhere:
  %previous = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {glue_data.PREVIOUS + 16})
  %is_none = icmp ule i64 %previous, 1
  %is_nothing = or i1 %is_ours, %is_none
  br i1 %is_nothing, label %done, label %call
call:
  %handler = inttoptr i64 %previous to ptr
  call void %handler(i32 %signal, ptr %info, ptr %ucontext)
  ret void
done:
  ret void
}}
"""
