"""How a guest that is out of its own code finds that it is to stop, and lets Python run: LLVM text of the glue."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.convention import overflow_area
from jormun.runtime import layout
from jormun.runtime.native import x86_64

_OVERFLOW_BYTES = 1000 * layout.VALUE_SLOT_BYTES


def text() -> str:
    """The LLVM text."""
    return _IS_STOPPED + _ATTEND


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
