"""The glue between Python and guest code: what its data holds, and its LLVM text, from which it is built ahead.

What runs on the host's stack or the signal stack is LLVM text here; what switches stacks is in the architecture's file.
The machine code holds no address: it lies right behind its data, at the start of the code region, and reaches
everything outside of the region through addresses there.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.errors import TrapKind
from jormun.llvm.convention import overflow_area
from jormun.runtime import layout
from jormun.runtime.native import bulk, exceptions, x86_64

# The glue's data.
DATA_CODE_BASE = 0
DATA_CODE_END = 8
DATA_STACK_BASE = 16
DATA_STACK_END = 24
DATA_PREVIOUS = 32
"""The handlers before ours of HANDLED: whom to ask about signals that are not for a guest."""
DATA_GUEST_BASE = 56
"""Where the glue ends: from here to DATA_CODE_END is code of guests."""
DATA_COUNT = 64
"""The address of the count of activations, a u64 that is written with the GIL held."""
DATA_TABLE = 72
"""The addresses of layout.SERVICES: what VM_SERVICES of each instance points to."""
DATA_SERVICES = DATA_TABLE + layout.POINTER_BYTES * len(layout.SERVICES)
"""A host record for each of SERVICES."""

SIGSEGV, SIGBUS, INTERRUPT = 11, 7, 23
"""The last is SIGURG, by which a guest is interrupted: it is ignored unless somebody wants it, and hardly anybody does
(Go takes it for the same purpose)."""
HANDLED = (SIGSEGV, SIGBUS, INTERRUPT)
SIGINFO_VALUE = 24
"""Where siginfo_t of <signal.h> keeps what was sent with the signal (si_value): the address of the glue's data, if we
did."""
_SI_TIMER = -2
_OVERFLOW_BYTES = 1000 * layout.VALUE_SLOT_BYTES
_ATTENDING_PART = 64
_LONGEST_PAUSE = 1 << 28
"""In cycles, some 0.1 s: who waits for a handler does not care that asking is slow."""


@dataclass(frozen=True, slots=True)
class Service:
    """A function that guest code calls and Python answers, given by LLVM types. Each argument and the result fill 8
    bytes.
    """

    name: str
    params: tuple[str, ...]
    result: str


SERVICES = (
    Service("jormun_compile", ("ptr", "i32"), "i64"),
    Service("jormun_memory_grow", ("ptr", "i32", "i64"), "i64"),
    Service("jormun_table_grow", ("ptr", "i32", "i64", "i64"), "i64"),
    Service("jormun_memory_wait32", ("ptr", "i32", "i64", "i32", "i64"), "i32"),
    Service("jormun_memory_wait64", ("ptr", "i32", "i64", "i64", "i64"), "i32"),
    Service("jormun_memory_notify", ("ptr", "i32", "i64", "i32"), "i32"),
    Service("jormun_is_subtype", ("i64", "i64"), "i32"),
    Service("jormun_tier_up", ("ptr", "i32", "i32"), "i64"),
    Service("jormun_refuel", ("ptr", "i64"), "i64"),
    Service("jormun_throw", ("ptr", "i32", "ptr"), "i64"),
    Service("jormun_attention", ("i32",), "i32"),
)
PYTHON_FUNCTIONS = (
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyLong_FromVoidPtr",
    "PyObject_CallFunctionObjArgs",
    "Py_IncRef",
    "Py_DecRef",
    "PyErr_Clear",
    "PyErr_ExceptionMatches",
    "PyErr_Fetch",
    "PyErr_NormalizeException",
    "PyErr_Occurred",
    "PyErr_Restore",
    "PyException_SetTraceback",
    "PyFloat_AsDouble",
    "PyFloat_FromDouble",
    "PyLong_AsDouble",
    "PyLong_AsLongLongAndOverflow",
    "PyLong_AsUnsignedLongLong",
    "PyLong_FromLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyMethod_New",
    "PyObject_Vectorcall",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyType_IsSubtype",
)
PYTHON_OBJECTS = ("PyLong_Type", "PyFloat_Type", "_Py_NoneStruct")
"""Objects of Python's whose addresses native code knows."""
LIBC_FUNCTIONS = ("memmove", "memset", "sigaction", "raise", "clock_gettime", "pthread_getspecific")


OUTSIDE = (*PYTHON_FUNCTIONS, *LIBC_FUNCTIONS)
DATA_OUTSIDE = DATA_SERVICES + layout.HOST_RECORD_BYTES * len(SERVICES)
"""The addresses of OUTSIDE."""
DATA_PYTHON_OBJECTS = DATA_OUTSIDE + layout.POINTER_BYTES * len(OUTSIDE)
"""The addresses of PYTHON_OBJECTS."""
DATA_STACK_KEY = DATA_PYTHON_OBJECTS + layout.POINTER_BYTES * len(PYTHON_OBJECTS)
"""The key of pthread_getspecific(3) by which a thread has the address of its context, u32."""
DATA_FAILED = DATA_STACK_KEY + 8
"""What Python calls when an activation failed: with the kind of the trap, and, if there is one, the exception."""
DATA_WAKE = DATA_FAILED + 8
"""What Python calls with the address of a stop record, when nobody has its store's turn any more and somebody waits."""
DATA_EXCEPTION = DATA_WAKE + 8
"""The class Exception."""
DATA_THROWN = DATA_EXCEPTION + 8
"""What Python calls to learn which exception of WebAssembly's one of its own stands for (native/exceptions.py)."""
DATA_BYTES = DATA_THROWN + 8


# i1 jormun_is_stopped(ptr context): whether a stop record says that the innermost activation is to end. Safe because
# records are never unmapped, and those that a context leads to belong to who called the guest.
# void jormun_heed(ptr context): leave it then, or ask Python; for code of the glue, on the guest's stack, that finds a
# note in the context. There was room when the note was made, but that may have been long ago, higher up.
_IS_STOPPED = f"""
define i1 @jormun_is_stopped(ptr %context) nounwind {{
  %activation_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_ACTIVATION}
  %activation = load volatile i64, ptr %activation_at
  %stop_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_STOP}
  %stop = load volatile ptr, ptr %stop_at
  %by_store = call i1 @jormun_stops(ptr %stop, i64 %activation)
  %scope_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_SCOPE}
  %scope = load volatile ptr, ptr %scope_at
  %by_scope = call i1 @jormun_stops(ptr %scope, i64 %activation)
  %is_stopped = or i1 %by_store, %by_scope
  ret i1 %is_stopped
}}
define void @jormun_heed(ptr %context) nounwind "frame-pointer"="all" {{
  %noted_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_NOTED}
  %noted = load volatile i64, ptr %noted_at
  store volatile i64 0, ptr %noted_at
  %is_stopped = call i1 @jormun_is_stopped(ptr %context)
  br i1 %is_stopped, label %trap, label %run
run:
  %is_wanted = icmp eq i64 %noted, {layout.NOTED_ATTENTION}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %frame_at = ptrtoint ptr %frame to i64
  %context_at = ptrtoint ptr %context to i64
  %depth = sub i64 %frame_at, %context_at
  %has_room = icmp uge i64 %depth, {layout.STACK_LIMIT + x86_64.ASIDE_BYTES}
  %is_asked = and i1 %is_wanted, %has_room
  br i1 %is_asked, label %attend, label %done
attend:
  call void @jormun_attend()
  ret void
trap:
  call void @jormun_trap(i32 {TrapKind.INTERRUPTED.value})
  unreachable
done:
  ret void
}}
define internal i1 @jormun_stops(ptr %record, i64 %activation) nounwind {{
  br label %head
head:
  %r = phi ptr [ %record, %0 ], [ %outer, %next ]
  %is_end = icmp eq ptr %r, null
  br i1 %is_end, label %done, label %look
look:
  %up_to_at = getelementptr i8, ptr %r, i64 {layout.STOP_UP_TO}
  %up_to = load volatile i64, ptr %up_to_at
  %is_it = icmp ule i64 %activation, %up_to
  br i1 %is_it, label %done, label %next
next:
  %outer_at = getelementptr i8, ptr %r, i64 {layout.STOP_OUTER}
  %outer = load volatile ptr, ptr %outer_at
  br label %head
done:
  %is_stopped = phi i1 [ 0, %head ], [ 1, %look ]
  ret i1 %is_stopped
}}
"""


def _interrupted(code_base: int) -> str:
    """Lines of a signal's handler that define what was interrupted: %sp, at %sp_at, and whether that %is_inside of
    guest stacks; %pc, at %pc_at, and whether that %is_code, which begins where the glue's data say at `code_base`.
    """
    return f"""
  %sp_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_SP}
  %sp = load i64, ptr %sp_at
  %stack_base = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {DATA_STACK_BASE})
  %stack_end = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {DATA_STACK_END})
  %is_above = icmp uge i64 %sp, %stack_base
  %is_below = icmp ult i64 %sp, %stack_end
  %is_inside = and i1 %is_above, %is_below
  %pc_at = getelementptr i8, ptr %ucontext, i64 {x86_64.UCONTEXT_PC}
  %pc = load i64, ptr %pc_at
  %code_base = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {code_base})
  %code_end = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {DATA_CODE_END})
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
{_interrupted(DATA_CODE_BASE)}
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
  %offset = select i1 %is_bus, i64 {DATA_PREVIOUS + 8}, i64 {DATA_PREVIOUS}
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

# void jormun_attend(): give Python's main thread the opportunity to run handlers of signals, in the middle of a guest.
# They may call guests, so that the overflow area is kept. How long it took bounds how soon it is done again: another
# thread may have the GIL, for milliseconds. It does not where Python says so.
_ATTEND = f"""
declare ptr @llvm.frameaddress.p0(i32)
declare ptr @llvm.ptrmask.p0.i64(ptr, i64)
declare i64 @llvm.readcyclecounter()
declare i64 @llvm.umin.i64(i64, i64)
define void @jormun_attend() nounwind "frame-pointer"="all" "probe-stack"="inline-asm" {{
  %kept = alloca [{_OVERFLOW_BYTES} x i8], align 16
  %before = call i64 @llvm.readcyclecounter()
{chr(10).join(overflow_area("%area", layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA))}
  %unused = call ptr @memmove(ptr %kept, ptr %area, i64 {_OVERFLOW_BYTES})
  %soon = call i32 @jormun_attention(i32 0)
  %unused3 = call ptr @memmove(ptr %area, ptr %kept, i64 {_OVERFLOW_BYTES})
  %after = call i64 @llvm.readcyclecounter()
  %taken = sub i64 %after, %before
  %is_soon = icmp ne i32 %soon, 0
  %counted = select i1 %is_soon, i64 0, i64 %taken
  %attended_at = getelementptr i8, ptr %area.b, i64 {layout.CONTEXT_ATTENDED}
  store i64 %after, ptr %attended_at
  %attending_at = getelementptr i8, ptr %area.b, i64 {layout.CONTEXT_ATTENDING}
  store i64 %counted, ptr %attending_at
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
  %value_at = getelementptr i8, ptr %info, i64 {SIGINFO_VALUE}
  %value = load ptr, ptr %value_at
  %is_ours = icmp eq ptr %value, @jormun_data
{_interrupted(DATA_GUEST_BASE)}
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
  %previous = load i64, ptr getelementptr (i8, ptr @jormun_data, i64 {DATA_PREVIOUS + 16})
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

_DECLARATIONS = """
@jormun_data = external dso_local constant i8
declare dso_local void @jormun_resume()
declare dso_local void @jormun_divert()
declare dso_local void @jormun_host_call(ptr, ptr)
declare dso_local void @PyEval_RestoreThread(ptr)
declare dso_local ptr @PyEval_SaveThread()
declare dso_local ptr @PyLong_FromVoidPtr(ptr)
declare dso_local ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare dso_local void @Py_IncRef(ptr)
declare dso_local void @Py_DecRef(ptr)
declare dso_local i32 @sigaction(i32, ptr, ptr)
declare dso_local i32 @raise(i32)
declare dso_local void @jormun_trap(i32) noreturn
declare dso_local ptr @memmove(ptr, ptr, i64)
declare dso_local ptr @memset(ptr, i32, i64)
"""


def text() -> str:
    """The module's LLVM text."""
    from jormun.runtime.native import python_calls, wasi  # a start needs none of it

    islands = {name: DATA_OUTSIDE + layout.POINTER_BYTES * k for k, name in enumerate(OUTSIDE)}
    assembly = [f'module asm "{line}"\n' for line in x86_64.glue(islands, DATA_COUNT).splitlines()]
    handlers = (_TRAP_AT, _ON_FAULT, _ATTEND, _ON_INTERRUPT)
    objects = {name: DATA_PYTHON_OBJECTS + layout.POINTER_BYTES * k for k, name in enumerate(PYTHON_OBJECTS)}
    calls = python_calls.text(objects, DATA_STACK_KEY, DATA_FAILED, DATA_WAKE, DATA_EXCEPTION)
    parts = [_DECLARATIONS, *map(_service, SERVICES), calls, _IS_STOPPED, *handlers, bulk.text(), wasi.text()]
    return "".join([*assembly, *parts, exceptions.text(DATA_THROWN)])


def service_record(name: str) -> int:
    """The offset in the glue's data of the host record of a service."""
    for index, service in enumerate(SERVICES):
        if service.name == name:
            return DATA_SERVICES + layout.HOST_RECORD_BYTES * index
    raise KeyError(name)


def _service(service: Service) -> str:
    """A function with the C convention that writes its arguments to memory, calls Python, and reads the result
    there.
    """
    arguments = ", ".join(f"{t} %a{index}" for index, t in enumerate(service.params))
    lines = [
        f"define {service.result} @{service.name}({arguments}) nounwind "
        '"frame-pointer"="all" "probe-stack"="inline-asm" {',
        f"  %values = alloca [{len(service.params)} x i64], align 16",
    ]
    for index, t in enumerate(service.params):
        lines.append(f"  %at{index} = getelementptr i64, ptr %values, i64 {index}")
        lines.append(f"  store {t} %a{index}, ptr %at{index}, align 8")
    record = f"getelementptr (i8, ptr @jormun_data, i64 {service_record(service.name)})"
    lines.append(f"  call void @jormun_host_call(ptr {record}, ptr %values)")
    lines.append(f"  %result = load {service.result}, ptr %values, align 8")
    lines.append(f"  ret {service.result} %result")
    lines.append("}\n")
    return "\n".join(lines)
