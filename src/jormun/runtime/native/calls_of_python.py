"""Calls of Python by guests in machine code, which converts numbers: LLVM text of the glue.

One function for all of them, which reads how a signature record (runtime/layout.py) says that values are converted. It
knows only what is plain: ints, floats and None that fit (native/python_values.py). All else goes to Python, which
converts it, or raises the exception that says what was wrong. Plain values have no code of their own that runs when
they are converted, so that nobody sees it when Python converts them again.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import glue_data

_KIND_MASK: Final = (1 << layout.SIGNATURE_KIND_BITS) - 1
_ARGUMENTS_OFFSET: Final = -1 << 63
"""PY_VECTORCALL_ARGUMENTS_OFFSET: the place in front of the arguments may be used; the rest is their number."""

_DECLARATIONS: Final = """
declare dso_local i32 @PyErr_ExceptionMatches(ptr)
declare dso_local i32 @PyException_SetTraceback(ptr, ptr)
"""


def text() -> str:
    """The LLVM text."""
    return _DECLARATIONS + _CALL_PYTHON + _IS_ALONE


# i32 jormun_call_python(ptr context, ptr host, ptr values): 0 when the callable returned, else the kind of trap: it
# raised, the stacks were switched under us, or the activation is to end. Called on the host's stack, where `values` is
# the register record of the call.
#
# THREAD_STATE is 0 meanwhile, which tells others that no guest runs. It is 0 before in an activation that holds the
# GIL, which is neither taken nor released then. An exception stays where Python keeps it, in the thread's state: the
# activation is left at once, and who called `jormun_enter` finds it. But where a guest may catch it, and it stands for
# an exception of WebAssembly's (native/exceptions.py), that is in CONTEXT_EXCEPTION then, and the answer is
# UNCAUGHT_EXCEPTION. The owner of the callables is held, and what the host record says is read before the call, since
# it might drop the last reference to it.
_CALL_PYTHON: Final = f"""
define i32 @jormun_call_python(ptr %context, ptr %host, ptr %values) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  %state_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_THREAD_STATE}
  %state = load ptr, ptr %state_at
  %is.held = icmp eq ptr %state, null
  br i1 %is.held, label %begun, label %take
take:
  call void @PyEval_RestoreThread(ptr %state)
  store ptr null, ptr %state_at
  br label %begun
begun:
  %activation_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_ACTIVATION}
  %activation = load i64, ptr %activation_at
  %key.at = getelementptr i8, ptr %host, i64 {layout.HOST_KEY}
  %key = load i64, ptr %key.at
  %callable = load ptr, ptr %host
  %owner.at = getelementptr i8, ptr %host, i64 {layout.HOST_OWNER}
  %owner = load ptr, ptr %owner.at
  call void @Py_IncRef(ptr %owner)
  %self.at = getelementptr i8, ptr %host, i64 {layout.HOST_SELF}
  %self = load ptr, ptr %self.at
  %has.self = icmp ne ptr %self, null
  %signature.at = getelementptr i8, ptr %host, i64 {layout.HOST_SIGNATURE}
  %signature = load ptr, ptr %signature.at
  %is.address = icmp eq ptr %signature, null
  br i1 %is.address, label %by.address, label %by.value
by.address:
  %address = call ptr @PyLong_FromVoidPtr(ptr %values)
  %is.short = icmp eq ptr %address, null
  br i1 %is.short, label %leave, label %go
go:
  %go.first = select i1 %has.self, ptr %self, ptr %address
  %go.second = select i1 %has.self, ptr %address, ptr null
  %returned.go = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(
    ptr %callable, ptr %go.first, ptr %go.second, ptr null)
  call void @Py_DecRef(ptr %address)
  %has.raised = icmp eq ptr %returned.go, null
  br i1 %has.raised, label %leave, label %drop
by.value:
  %function.at = getelementptr i8, ptr %host, i64 {layout.HOST_FUNCTION}
  %function = load ptr, ptr %function.at
  %flags.at = getelementptr i8, ptr %host, i64 {layout.HOST_FLAGS}
  %flags = load i32, ptr %flags.at
  %count.32 = load i32, ptr %signature
  %count = zext i32 %count.32 to i64
  %results.at = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_RESULTS}
  %results = load i32, ptr %results.at
  %entries = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_VALUES}
  %result.at = getelementptr i32, ptr %entries, i64 %count
  %result.entry = load i32, ptr %result.at
  ; In front of the arguments is `self`, and in front of what is passed a place that the callee may use.
  %places = add i64 %count, 2
  %before = alloca ptr, i64 %places, align 16
  %self.to = getelementptr ptr, ptr %before, i64 1
  store ptr %self, ptr %self.to
  %arguments = getelementptr ptr, ptr %before, i64 2
  br label %head
head:
  %k = phi i64 [ 0, %by.value ], [ %k.next, %made ]
  %is.complete = icmp eq i64 %k, %count
  br i1 %is.complete, label %call, label %make
make:
  %entry.at = getelementptr i32, ptr %entries, i64 %k
  %entry = load i32, ptr %entry.at
  %kind = and i32 %entry, {_KIND_MASK}
  %offset = lshr i32 %entry, {layout.SIGNATURE_KIND_BITS}
  %offset.64 = zext i32 %offset to i64
  %value.at = getelementptr i8, ptr %values, i64 %offset.64
  %value = call ptr @jormun_from_bits(ptr %value.at, i32 %kind)
  %is.missing = icmp eq ptr %value, null
  br i1 %is.missing, label %clean, label %made
made:
  %place = getelementptr ptr, ptr %arguments, i64 %k
  store ptr %value, ptr %place
  %k.next = add i64 %k, 1
  br label %head
call:
  %takes.bit = and i32 %flags, {layout.HOST_TAKES_SELF}
  %takes.self = icmp ne i32 %takes.bit, 0
  %with.self = add i64 %count, 1
  %passed.count = select i1 %takes.self, i64 %with.self, i64 %count
  %passed = select i1 %takes.self, ptr %self.to, ptr %arguments
  %number = or i64 %passed.count, {_ARGUMENTS_OFFSET}
  %returned.call = call ptr @PyObject_Vectorcall(ptr %function, ptr %passed, i64 %number, ptr null)
  br label %clean
clean:
  %returned = phi ptr [ null, %make ], [ %returned.call, %call ]
  br label %clean.head
clean.head:
  %remaining = phi i64 [ %k, %clean ], [ %remaining.next, %clean.one ]
  %is.clean = icmp eq i64 %remaining, 0
  br i1 %is.clean, label %called, label %clean.one
clean.one:
  %remaining.next = sub i64 %remaining, 1
  %old.at = getelementptr ptr, ptr %arguments, i64 %remaining.next
  %old = load ptr, ptr %old.at
  call void @Py_DecRef(ptr %old)
  br label %clean.head
called:
  %is.error = icmp eq ptr %returned, null
  br i1 %is.error, label %raised, label %results.look
results.look:
  %is.none.due = icmp eq i32 %results, 0
  br i1 %is.none.due, label %no.result, label %some.result
no.result:
  %none = load ptr, ptr {glue_data.at(glue_data.python_object("_Py_NoneStruct"))}
  %is.none = icmp eq ptr %returned, %none
  br i1 %is.none, label %drop, label %odd
some.result:
  %is.one = icmp eq i32 %results, 1
  br i1 %is.one, label %one.result, label %odd
one.result:
  %result.kind = and i32 %result.entry, {_KIND_MASK}
  %result.offset = lshr i32 %result.entry, {layout.SIGNATURE_KIND_BITS}
  %result.offset.64 = zext i32 %result.offset to i64
  %result.to = getelementptr i8, ptr %values, i64 %result.offset.64
  %is.put = call i1 @jormun_to_bits(ptr %returned, i32 %result.kind, ptr %result.to)
  br i1 %is.put, label %drop, label %odd
raised:
  %handles = and i32 %flags, {layout.HOST_HANDLES}
  %is.handled = icmp ne i32 %handles, 0
  br i1 %is.handled, label %maybe.handled, label %leave
maybe.handled:
  %exception = load ptr, ptr {glue_data.at(glue_data.EXCEPTION)}
  %is.ordinary = call i32 @PyErr_ExceptionMatches(ptr %exception)
  %is.theirs = icmp ne i32 %is.ordinary, 0
  br i1 %is.theirs, label %handle, label %leave
handle:
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  call void @PyErr_NormalizeException(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %error.type = load ptr, ptr %type.at
  call void @Py_DecRef(ptr %error.type)
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  %has.none = icmp eq ptr %traceback, null
  br i1 %has.none, label %odd, label %trace
trace:
  %traced = call i32 @PyException_SetTraceback(ptr %error, ptr %traceback)
  call void @Py_DecRef(ptr %traceback)
  br label %odd
odd:
  %shown = phi ptr [ %returned, %no.result ], [ %returned, %some.result ], [ %returned, %one.result ],
                   [ %error, %handle ], [ %error, %trace ]
  %odd.address = call ptr @PyLong_FromVoidPtr(ptr %values)
  %is.odd.short = icmp eq ptr %odd.address, null
  br i1 %is.odd.short, label %odd.drop, label %odd.go
odd.go:
  %odd.first = select i1 %has.self, ptr %self, ptr %odd.address
  %odd.second = select i1 %has.self, ptr %odd.address, ptr %shown
  %odd.third = select i1 %has.self, ptr %shown, ptr null
  %answered = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(
    ptr %callable, ptr %odd.first, ptr %odd.second, ptr %odd.third, ptr null)
  call void @Py_DecRef(ptr %odd.address)
  br label %odd.drop
odd.drop:
  %answer = phi ptr [ null, %odd ], [ %answered, %odd.go ]
  call void @Py_DecRef(ptr %shown)
  %has.failed = icmp eq ptr %answer, null
  br i1 %has.failed, label %leave, label %drop
drop:
  %dropped = phi ptr [ %returned.go, %go ], [ %returned, %no.result ], [ %returned, %one.result ],
                     [ %answer, %odd.drop ]
  call void @Py_DecRef(ptr %dropped)
  call void @Py_DecRef(ptr %owner)
  %now = load volatile i64, ptr %activation_at
  %is_other = icmp ne i64 %now, %activation
  br i1 %is_other, label %left, label %back
back:
  br i1 %is.held, label %back.held, label %give
back.held:
  %is.alone = call i1 @jormun_is_alone(ptr %context)
  br i1 %is.alone, label %given, label %give
give:
  %state_kept = call ptr @PyEval_SaveThread()
  store ptr %state_kept, ptr %state_at
  br label %given
given:
  %is_stopped = call i1 @jormun_is_stopped(ptr %context)
  %stopped = select i1 %is_stopped, i32 {TrapKind.INTERRUPTED.value}, i32 0
  ret i32 %stopped
leave:
  call void @Py_DecRef(ptr %owner)
  %handler_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_HANDLER}
  %handler = load volatile i64, ptr %handler_at
  %has.handler = icmp ne i64 %handler, 0
  %at.leave = load volatile i64, ptr %activation_at
  %is.this = icmp eq i64 %at.leave, %activation
  %is.catching = and i1 %has.handler, %is.this
  br i1 %is.catching, label %catching, label %left
catching:
  %exception.thrown = call i64 @jormun_thrown(i64 %key)
  %is.thrown = icmp ne i64 %exception.thrown, 0
  %at.throw = load volatile i64, ptr %activation_at
  %is.still.this = icmp eq i64 %at.throw, %activation
  %is.caught = and i1 %is.thrown, %is.still.this
  br i1 %is.caught, label %caught, label %left
caught:
  %exception_at = getelementptr i8, ptr %context, i64 {layout.CONTEXT_EXCEPTION}
  store i64 %exception.thrown, ptr %exception_at
  br i1 %is.held, label %caught.held, label %caught.give
caught.held:
  %is.alone.still = call i1 @jormun_is_alone(ptr %context)
  br i1 %is.alone.still, label %caught.given, label %caught.give
caught.give:
  %state_caught = call ptr @PyEval_SaveThread()
  store ptr %state_caught, ptr %state_at
  br label %caught.given
caught.given:
  %is_stopped_there = call i1 @jormun_is_stopped(ptr %context)
  %how = select i1 %is_stopped_there, i32 {TrapKind.INTERRUPTED.value}, i32 {TrapKind.UNCAUGHT_EXCEPTION.value}
  ret i32 %how
left:
  br i1 %is.held, label %gone, label %release
release:
  %saved = call ptr @PyEval_SaveThread()
  store ptr %saved, ptr %state_at
  br label %gone
gone:
  ret i32 {TrapKind.HOST_EXCEPTION.value}
}}
"""


# i1 jormun_is_alone(ptr context): whether an activation on this stack may keep the GIL however long it runs: no other
# thread of Python's is there to wait for it, but for some of ours that have nothing to do, and the thread ticks
# (native/tick.py), so that it asks again soon.
#
# A thread of ours may be given something to do at any moment, and a thread that Python has not made may come to be one
# of Python's. They wait for the GIL until the next tick at most. Called with the GIL held: threads are taken out of the
# list with it held, so that what is read here is not freed meanwhile; a new one is in the list when it is complete.
_IS_ALONE: Final = f"""
define internal i1 @jormun_is_alone(ptr %context) nounwind {{
  %process = load ptr, ptr {glue_data.at(glue_data.PROCESS)}
  %ticking.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_TICKING}
  %ticking = load ptr, ptr %ticking.at
  %is.ticking = icmp eq ptr %ticking, %context
  br i1 %is.ticking, label %look, label %no
look:
  %interpreter = load ptr, ptr {glue_data.at(glue_data.INTERPRETER)}
  %first = call ptr @PyInterpreterState_ThreadHead(ptr %interpreter)
  %resting.at = load ptr, ptr {glue_data.at(glue_data.RESTING)}
  %resting = load i64, ptr %resting.at
  br label %head
head:
  %thread = phi ptr [ %first, %look ], [ %next, %another ]
  %left = phi i64 [ %resting, %look ], [ %left.next, %another ]
  %next = call ptr @PyThreadState_Next(ptr %thread)
  %is.last = icmp eq ptr %next, null
  br i1 %is.last, label %yes, label %more
more:
  %is.none.left = icmp eq i64 %left, 0
  br i1 %is.none.left, label %no, label %another
another:
  %left.next = sub i64 %left, 1
  br label %head
yes:
  ret i1 1
no:
  ret i1 0
}}
"""
