"""Exceptions of WebAssembly's in the glue, for x86-64: calls that they are caught behind, and how they get there.

A call that is inside of a `try_table` of its function goes through `jormun_try`, which notes on the guest's stack what
the caller wants kept, and in the context, at CONTEXT_HANDLER, where that is. To throw is to jump to the innermost such
note: nothing has to be unwound, since compiled code owns nothing. Behind the call, code looks whether an exception
came, and finds out itself what its clauses do with it. So nothing is noted but while such a call runs: code may be
left, replaced and tail-called away as ever. Each activation begins without a note, and puts that of the one below it
back.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import glue_data

_BLOCK_MASK: Final = -layout.STACK_BLOCK_BYTES
_HANDLER: Final = layout.CONTEXT_HANDLER

# jormun_try(...), with the arguments of a call and the address to call in %r10 (to LLVM: the `nest` argument): call it.
# Results are as it left them, and %rdx, which no result takes, is 0; or, when an exception was thrown, its address.
#
# Safe because: the note is on the stack of the block that the context is found by, and what lies at and above it is not
# touched by anything that is called. Who calls finds the stack pointer and all registers that a function preserves as
# they were, on either way back: the callee keeps them, or they are taken from the note. A push that hits the guard is
# a trap, as in any code on a guest's stack; the note is not yet linked then.
#
# void jormun_raise(ptr exception), noreturn: go on behind the innermost call that exceptions are caught behind; where
# the activation has none, leave it. Called by guest code on the guest stack, or jumped to by jormun_host_call.
#
# Safe because: the handler is 0, or a note of this activation whose call has not returned: `jormun_try` unlinks it
# when it returns, an activation begins with 0, and whatever leaves an activation puts back what it found.
_NOTED: Final = ("rbx", "r12", "r13", "r14", "r15")
GLUE: Final = f"""
.type jormun_try,@function
jormun_try:
    pushq %rbp
    movq %rsp, %rbp
    {"; ".join(f"pushq %{r}" for r in _NOTED)}
    movq %rsp, %rax
    andq ${_BLOCK_MASK}, %rax
    pushq {_HANDLER}(%rax)
    movq %rsp, {_HANDLER}(%rax)
    callq *%r10
    movq %rsp, %rcx
    andq ${_BLOCK_MASK}, %rcx
    popq {_HANDLER}(%rcx)
    movq %rbp, %rsp
    popq %rbp
    xorl %edx, %edx
    retq
.size jormun_try, . - jormun_try
.type jormun_raise,@function
jormun_raise:
    movq %rsp, %rcx
    andq ${_BLOCK_MASK}, %rcx
    movq {_HANDLER}(%rcx), %rax
    testq %rax, %rax
    je 1f
    movq %rax, %rsp
    popq {_HANDLER}(%rcx)
    {"; ".join(f"popq %{r}" for r in reversed(_NOTED))}
    popq %rbp
    movq %rdi, %rdx
    retq
1:  movq %rdi, {layout.CONTEXT_EXCEPTION}(%rcx)
    movl ${TrapKind.UNCAUGHT_EXCEPTION.value}, %edi
    jmp jormun_trap
.size jormun_raise, . - jormun_raise
"""

EXPORTED: Final = ("jormun_try", "jormun_raise")


# i64 jormun_thrown(i64 key): which exception of WebAssembly's the exception of Python's stands for that the host
# function with this key raised: its address; 0, and the exception is still set, or another one, if it stands for none.
# Called with the GIL held. Services, whose key is 0, throw none.
#
# Safe because: the references that PyErr_Fetch gives are given back, or dropped; only a traceback may be missing.
#
# i64 jormun_throw_word(ptr vm, i32 tag, i64 value, i64 identity): jormun_throw, for a tag with one value, an i32, an
# i64 or a reference, that is zero-extended; its identity is given too. Most exceptions are of this kind, and most have
# been thrown before: Python need not look for those.
#
# Safe because: a module that throws has tags, so that its vm has the addresses, which are its store's; they are of
# exceptions that the store keeps as long as itself, and which do not change. A store runs one call at a time.
def text() -> str:
    """The LLVM text."""
    return f"""
define i64 @jormun_throw_word(ptr %vm, i32 %tag, i64 %value, i64 %identity) nounwind "frame-pointer"="all" {{
  %slot = alloca i128, align 16
  %known.at = getelementptr i8, ptr %vm, i64 {layout.VM_EXCEPTIONS}
  %known = load ptr, ptr %known.at
  %high = lshr i64 %value, 4
  %mixed = xor i64 %high, %value
  %hash = xor i64 %mixed, %identity
  %place = and i64 %hash, {layout.EXCEPTIONS_REMEMBERED - 1}
  %at = getelementptr i64, ptr %known, i64 %place
  %found = load i64, ptr %at
  %is.none = icmp eq i64 %found, 0
  br i1 %is.none, label %ask, label %look
look:
  %record = inttoptr i64 %found to ptr
  %tag.at = getelementptr i8, ptr %record, i64 {layout.EXCEPTION_TAG}
  %its.tag = load i64, ptr %tag.at
  %value.at = getelementptr i8, ptr %record, i64 {layout.EXCEPTION_VALUES}
  %its.value = load i64, ptr %value.at
  %is.tag = icmp eq i64 %its.tag, %identity
  %is.value = icmp eq i64 %its.value, %value
  %is.it = and i1 %is.tag, %is.value
  br i1 %is.it, label %done, label %ask
done:
  ret i64 %found
ask:
  store i64 %value, ptr %slot
  %made = call i64 @jormun_throw(ptr %vm, i32 %tag, ptr %slot)
  store i64 %made, ptr %at
  ret i64 %made
}}
define internal i64 @jormun_thrown(i64 %key) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  %is.service = icmp eq i64 %key, 0
  br i1 %is.service, label %none, label %fetch
fetch:
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  call void @PyErr_NormalizeException(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %type = load ptr, ptr %type.at
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  %number = call ptr @PyLong_FromUnsignedLongLong(i64 %key)
  %is.short = icmp eq ptr %number, null
  br i1 %is.short, label %drop, label %ask
ask:
  %function = load ptr, ptr {glue_data.at(glue_data.THROWN)}
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %function, ptr %error, ptr %number, ptr null)
  call void @Py_DecRef(ptr %number)
  %has.raised = icmp eq ptr %answer, null
  br i1 %has.raised, label %drop, label %answered
answered:
  %address = call i64 @PyLong_AsUnsignedLongLong(ptr %answer)
  call void @Py_DecRef(ptr %answer)
  %is.other = icmp eq i64 %address, 0
  br i1 %is.other, label %restore, label %drop
restore:
  call void @PyErr_Restore(ptr %type, ptr %error, ptr %traceback)
  br label %none
drop:
  %result = phi i64 [ 0, %fetch ], [ 0, %ask ], [ %address, %answered ]
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %error)
  call void @Py_DecRef(ptr %traceback)
  ret i64 %result
none:
  ret i64 0
}}
"""
