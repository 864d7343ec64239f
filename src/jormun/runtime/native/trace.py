"""Where in its code a guest is that was left: LLVM text of the glue.

It is read from the guest's stack before anything of Python runs, which may be a signal's handler that calls guests:
they leave nothing of what is on the stack below the innermost activation, nor of what the context says of a trap.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.hints import Final
from jormun.runtime import layout


def text() -> str:
    """The LLVM text."""
    return "declare dso_local ptr @PyBytes_FromStringAndSize(ptr, i64)\n" + _STACK_WORD + _TRACE + _LEFT


# i64 jormun_stack_word(ptr context, i64 address): the word at an address; 0 where that is outside of the block's stack.
_STACK_WORD: Final = f"""
define internal i64 @jormun_stack_word(ptr %context, i64 %address) nounwind {{
  %block = ptrtoint ptr %context to i64
  %offset = sub i64 %address, %block
  %low = and i64 %offset, 7
  %is.aligned = icmp eq i64 %low, 0
  %is.above = icmp uge i64 %offset, {layout.STACK_LIMIT}
  %is.below = icmp ule i64 %offset, {layout.STACK_BLOCK_BYTES - 8}
  %is.between = and i1 %is.above, %is.below
  %is.inside = and i1 %is.aligned, %is.between
  br i1 %is.inside, label %inside, label %outside
inside:
  %at = getelementptr i8, ptr %context, i64 %offset
  %word = load i64, ptr %at
  ret i64 %word
outside:
  ret i64 0
}}
"""

# ptr jormun_trace(ptr context, i32 kind, i64 exception, i64 pc, i64 fp, i64 sp): the trace of a guest on this stack, as
# bytes; null if Python has no memory, which it says. Safe because nothing outside of the stack is read, however damaged
# the chain of frames is, and no more than TRACE_MOST_WORDS are written.
_TRACE: Final = f"""
define internal ptr @jormun_trace(ptr %context, i32 %kind, i64 %exception, i64 %pc, i64 %fp, i64 %sp) nounwind {{
  %words = alloca [{layout.TRACE_MOST_WORDS} x i64], align 16
  %kind.64 = zext i32 %kind to i64
  store i64 %kind.64, ptr %words
  %exception.at = getelementptr i64, ptr %words, i64 {layout.TRACE_EXCEPTION}
  store i64 %exception, ptr %exception.at
  %pc.at = getelementptr i64, ptr %words, i64 {layout.TRACE_PC}
  store i64 %pc, ptr %pc.at
  %top = call i64 @jormun_stack_word(ptr %context, i64 %sp)
  %top.at = getelementptr i64, ptr %words, i64 {layout.TRACE_ON_TOP}
  store i64 %top, ptr %top.at
  br label %head
head:
  %k = phi i64 [ {layout.TRACE_RETURNS}, %0 ], [ %k.next, %next ]
  %frame = phi i64 [ %fp, %0 ], [ %outer, %next ]
  %is.full = icmp eq i64 %k, {layout.TRACE_MOST_WORDS}
  br i1 %is.full, label %done, label %look
look:
  %outer = call i64 @jormun_stack_word(ptr %context, i64 %frame)
  %return.at = add i64 %frame, 8
  %return = call i64 @jormun_stack_word(ptr %context, i64 %return.at)
  %place = getelementptr i64, ptr %words, i64 %k
  store i64 %return, ptr %place
  %k.next = add i64 %k, 1
  %is.higher = icmp ugt i64 %outer, %frame
  br i1 %is.higher, label %next, label %done
next:
  br label %head
done:
  %count = phi i64 [ %k, %head ], [ %k.next, %look ]
  %size = mul i64 %count, 8
  %trace = call ptr @PyBytes_FromStringAndSize(ptr %words, i64 %size)
  ret ptr %trace
}}
"""

# ptr jormun_left(ptr context, i32 kind): the trace of the activation that was just left, which takes the exception that
# it was left with.
_LEFT: Final = f"""
define internal ptr @jormun_left(ptr %context, i32 %kind) nounwind {{
  %pc.at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_PC}
  %pc = load i64, ptr %pc.at
  %fp.at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_FP}
  %fp = load i64, ptr %fp.at
  %sp.at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_TRAP_SP}
  %sp = load i64, ptr %sp.at
  %is.thrown = icmp eq i32 %kind, {TrapKind.UNCAUGHT_EXCEPTION.value}
  br i1 %is.thrown, label %thrown, label %trace
thrown:
  %exception.at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_EXCEPTION}
  %taken = load i64, ptr %exception.at
  store i64 0, ptr %exception.at
  br label %trace
trace:
  %exception = phi i64 [ 0, %0 ], [ %taken, %thrown ]
  %found = tail call ptr @jormun_trace(ptr %context, i32 %kind, i64 %exception, i64 %pc, i64 %fp, i64 %sp)
  ret ptr %found
}}
"""
