"""Calls between Python and guests in machine code, which converts numbers: LLVM text of the glue.

One function for all calls from Python, one for all calls of Python, which read how a signature record
(runtime/layout.py) says that values are converted. They know only what is plain: the number of arguments, ints, floats
and None that fit (native/python_values.py). All else goes to Python, which converts it, or raises the exception that
says what was wrong. Plain values have no code of their own that runs when they are converted, so that nobody sees it
when Python converts them again.

Of Python's objects it is known that they begin with the count of their references and that their type is at
OBJECT_TYPE, which extension modules of the stable ABI rely on too; all else is asked of functions of Python's C
interface, which are in every release from 3.11 on.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.hints import Final, Mapping
from jormun.runtime import layout
from jormun.runtime.native import python_values

_RECORD_BYTES: Final = layout.REGISTERS_OVERFLOW + layout.VALUE_SLOT_BYTES * layout.MOST_SLOTS
_KIND_MASK: Final = (1 << layout.SIGNATURE_KIND_BITS) - 1
_ARGUMENTS_OFFSET: Final = -1 << 63
"""PY_VECTORCALL_ARGUMENTS_OFFSET: the place in front of the arguments may be used; the rest is their number."""

_DECLARATIONS: Final = """
declare dso_local i32 @jormun_enter(ptr, ptr, ptr)
declare dso_local i32 @jormun_enter_short(ptr, ptr, ptr)
declare dso_local ptr @pthread_getspecific(i32)
declare dso_local i32 @PyErr_ExceptionMatches(ptr)
declare dso_local void @PyErr_Fetch(ptr, ptr, ptr)
declare dso_local void @PyErr_NormalizeException(ptr, ptr, ptr)
declare dso_local void @PyErr_Restore(ptr, ptr, ptr)
declare dso_local i32 @PyException_SetTraceback(ptr, ptr)
declare dso_local ptr @PyMethod_New(ptr, ptr)
declare dso_local ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare dso_local ptr @PyTuple_New(i64)
declare dso_local i32 @PyTuple_SetItem(ptr, i64, ptr)
"""


def text(objects: Mapping[str, int], key: int, failed: int, wake: int, exception: int) -> str:
    """The LLVM text. Where in the glue's data these are: the addresses of objects of Python's, by name; the key by
    which a thread's context is found; what is called when an activation failed, and when a store's turn is free and
    somebody waits for it; and the class Exception.
    """
    at = {name: _data(offset) for name, offset in objects.items()}
    values = python_values.text(at["PyLong_Type"], at["PyFloat_Type"])
    call_python = _call_python(at["_Py_NoneStruct"], _data(exception))
    call_function = _call_function(at["_Py_NoneStruct"], at["PyLong_Type"], key, failed, wake)
    return _DECLARATIONS + values + call_python + call_function


def _data(offset: int) -> str:
    """The address of a field of the glue's data."""
    return f"getelementptr (i8, ptr @jormun_data, i64 {offset})"


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
def _call_python(none_at: str, exception_at: str) -> str:
    return f"""
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
  %none = load ptr, ptr {none_at}
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
  %exception = load ptr, ptr {exception_at}
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
  br i1 %is.held, label %given, label %give
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
  br i1 %is.held, label %caught.given, label %caught.give
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


# ptr jormun_call_function(ptr self, ptr args, i64 nargsf, ptr kwnames): what Python calls a function object by
# (`vectorcallfunc`): a new reference to what the guest returned, or null and an exception.
#
# Python does it where the number of arguments or one of them is not plain, where the store says so, where the thread
# has no stack for guests yet, and where somebody else has the store's turn (runtime/turn.py), which is taken and given
# back here otherwise, with the GIL held. Safe because: `self` is a Function, which Python holds meanwhile, and which
# holds its store and with it the function record and the stop record; the list of what the store owns is held here, so
# that it may be closed meanwhile. The register record is in this frame, with room for all that a signature record
# names.
def _call_function(none_at: str, int_at: str, key: int, failed: int, wake: int) -> str:
    return f"""
define ptr @jormun_call_function(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) nounwind {{
  %registers = alloca [{_RECORD_BYTES} x i8], align 16
  %overflow.at = alloca i32
  %signature.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_SIGNATURE}
  %signature = load ptr, ptr %signature.at
  %count.32 = load i32, ptr %signature
  %count = zext i32 %count.32 to i64
  %given = and i64 %nargsf, {~_ARGUMENTS_OFFSET}
  %is.right = icmp eq i64 %given, %count
  %is.positional = icmp eq ptr %kwnames, null
  %is.plain = and i1 %is.right, %is.positional
  br i1 %is.plain, label %plain, label %python
plain:
  %stop.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_STOP}
  %stop = load ptr, ptr %stop.at
  %kept.at = getelementptr i8, ptr %stop, i64 {layout.STOP_KEPT}
  %kept = load ptr, ptr %kept.at
  %key = load i32, ptr {_data(key)}
  %context = call ptr @pthread_getspecific(i32 %key)
  %has.no.store = icmp eq ptr %kept, null
  %has.no.stack = icmp eq ptr %context, null
  %is.unable = or i1 %has.no.store, %has.no.stack
  br i1 %is.unable, label %python, label %turn
turn:
  %owner.at = getelementptr i8, ptr %stop, i64 {layout.STOP_OWNER}
  %owner = load ptr, ptr %owner.at
  %is.free = icmp eq ptr %owner, null
  %is.ours = icmp eq ptr %owner, %context
  %is.turn = or i1 %is.free, %is.ours
  br i1 %is.turn, label %convert, label %python
convert:
  %entries = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_VALUES}
  %int.type = load ptr, ptr {int_at}
  br label %head
head:
  %k = phi i64 [ 0, %convert ], [ %k.next, %converted ]
  %is.complete = icmp eq i64 %k, %count
  br i1 %is.complete, label %enter, label %one
one:
  %argument.at = getelementptr ptr, ptr %args, i64 %k
  %argument = load ptr, ptr %argument.at
  %entry.at = getelementptr i32, ptr %entries, i64 %k
  %entry = load i32, ptr %entry.at
  %kind = and i32 %entry, {_KIND_MASK}
  %offset = lshr i32 %entry, {layout.SIGNATURE_KIND_BITS}
  %offset.64 = zext i32 %offset to i64
  %to = getelementptr i8, ptr %registers, i64 %offset.64
  %type.of.at = getelementptr i8, ptr %argument, i64 {layout.OBJECT_TYPE}
  %type.of = load ptr, ptr %type.of.at
  %is.int = icmp eq ptr %type.of, %int.type
  %is.i64 = icmp eq i32 %kind, {layout.KIND_I64}
  %is.usual = and i1 %is.int, %is.i64
  br i1 %is.usual, label %usual, label %unusual
usual:
  %word = call i64 @PyLong_AsLongLongAndOverflow(ptr %argument, ptr %overflow.at)
  store i64 %word, ptr %to
  %overflow = load i32, ptr %overflow.at
  %is.whole = icmp eq i32 %overflow, 0
  br i1 %is.whole, label %converted, label %unusual
unusual:
  %is.put = call i1 @jormun_to_bits(ptr %argument, i32 %kind, ptr %to)
  br i1 %is.put, label %converted, label %python
converted:
  %k.next = add i64 %k, 1
  br label %head
enter:
  store ptr %context, ptr %owner.at
  %references = load i64, ptr %kept
  %references.more = add i64 %references, 1
  store i64 %references.more, ptr %kept
  %record.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_RECORD}
  %record = load ptr, ptr %record.at
  %code.at = getelementptr i8, ptr %record, i64 {layout.FUNCTION_CODE}
  %code = load ptr, ptr %code.at
  %vm.at = getelementptr i8, ptr %record, i64 {layout.FUNCTION_VM}
  %vm = load ptr, ptr %vm.at
  store ptr %vm, ptr %registers
  %stop.to = getelementptr i8, ptr %registers, i64 {layout.REGISTERS_STOP}
  store ptr %stop, ptr %stop.to
  %slots.at = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_OVERFLOW_SLOTS}
  %slots.32 = load i32, ptr %slots.at
  %slots = zext i32 %slots.32 to i64
  %slots.to = getelementptr i8, ptr %registers, i64 {layout.REGISTERS_OVERFLOW_SLOTS}
  store i64 %slots, ptr %slots.to
  %results.at = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_RESULTS}
  %results = load i32, ptr %results.at
  %is.many = icmp ugt i32 %results, 1
  br i1 %is.many, label %buffer, label %buffered
buffer:
  %buffer.at = getelementptr i8, ptr %registers, i64 {layout.REGISTERS_OVERFLOW}
  %buffer.to = getelementptr i8, ptr %registers, i64 {layout.REGISTERS_INTEGERS + 8}
  store ptr %buffer.at, ptr %buffer.to
  br label %buffered
buffered:
  %short.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_IS_SHORT}
  %short = load i64, ptr %short.at
  %is.long = icmp eq i64 %short, 0
  br i1 %is.long, label %enter.long, label %enter.short
enter.long:
  %kind.long = call i32 @jormun_enter(ptr %context, ptr %code, ptr %registers)
  br label %entered
enter.short:
  %kind.short = call i32 @jormun_enter_short(ptr %context, ptr %code, ptr %registers)
  br label %entered
entered:
  %trap = phi i32 [ %kind.long, %enter.long ], [ %kind.short, %enter.short ]
  %has.trapped = icmp ne i32 %trap, 0
  br i1 %has.trapped, label %fail, label %returned
returned:
  %result.entries = getelementptr i32, ptr %entries, i64 %count
  %is.one = icmp eq i32 %results, 1
  br i1 %is.one, label %result.one, label %not.one
result.one:
  %result.one.entry = load i32, ptr %result.entries
  %result.one.value = call ptr @jormun_result(ptr %registers, i32 %result.one.entry)
  br label %done
not.one:
  br i1 %is.many, label %tuple, label %nothing
nothing:
  %none = load ptr, ptr {none_at}
  call void @Py_IncRef(ptr %none)
  br label %done
tuple:
  %results.64 = zext i32 %results to i64
  %items = call ptr @PyTuple_New(i64 %results.64)
  %is.short.of = icmp eq ptr %items, null
  br i1 %is.short.of, label %done, label %tuple.head
tuple.head:
  %n = phi i64 [ 0, %tuple ], [ %n.next, %tuple.next ]
  %is.tuple.complete = icmp eq i64 %n, %results.64
  br i1 %is.tuple.complete, label %done, label %tuple.one
tuple.one:
  %item.entry.at = getelementptr i32, ptr %result.entries, i64 %n
  %item.entry = load i32, ptr %item.entry.at
  %item = call ptr @jormun_result(ptr %registers, i32 %item.entry)
  %is.item.missing = icmp eq ptr %item, null
  br i1 %is.item.missing, label %tuple.drop, label %tuple.next
tuple.next:
  %set = call i32 @PyTuple_SetItem(ptr %items, i64 %n, ptr %item)
  %n.next = add i64 %n, 1
  br label %tuple.head
tuple.drop:
  call void @Py_DecRef(ptr %items)
  br label %done
done:
  %value = phi ptr [ %result.one.value, %result.one ], [ %none, %nothing ], [ null, %tuple ], [ %items, %tuple.head ],
                   [ null, %tuple.drop ]
  %is.passed = call i1 @jormun_give_turn(ptr %stop, ptr %owner)
  br i1 %is.passed, label %passed, label %interrupted
interrupted:
  call void @Py_DecRef(ptr %value)
  br label %passed
passed:
  %outcome = phi ptr [ %value, %done ], [ null, %interrupted ]
  %references.now = load i64, ptr %kept
  %references.less = sub i64 %references.now, 1
  %is.last = icmp eq i64 %references.less, 0
  br i1 %is.last, label %free, label %kept.on
kept.on:
  store i64 %references.less, ptr %kept
  ret ptr %outcome
free:
  call void @Py_DecRef(ptr %kept)
  ret ptr %outcome
fail:
  call void @jormun_failed(i32 %trap)
  %is.passed.on = call i1 @jormun_give_turn(ptr %stop, ptr %owner)
  call void @Py_DecRef(ptr %kept)
  ret ptr null
python:
  %python.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_PYTHON}
  %python.function = load ptr, ptr %python.at
  %method = call ptr @PyMethod_New(ptr %python.function, ptr %self)
  %is.no.method = icmp eq ptr %method, null
  br i1 %is.no.method, label %nowhere, label %call.python
call.python:
  %from.python = call ptr @PyObject_Vectorcall(ptr %method, ptr %args, i64 %nargsf, ptr %kwnames)
  call void @Py_DecRef(ptr %method)
  ret ptr %from.python
nowhere:
  ret ptr null
}}

; Give the store's turn back to who had it; 0 if Python, which wakes those who wait, raised. An exception stays.
define internal i1 @jormun_give_turn(ptr %stop, ptr %owner) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  %owner.at = getelementptr i8, ptr %stop, i64 {layout.STOP_OWNER}
  store ptr %owner, ptr %owner.at
  %waiting.at = getelementptr i8, ptr %stop, i64 {layout.STOP_WAITING}
  %waiting = load i64, ptr %waiting.at
  %is.nobody.waiting = icmp eq i64 %waiting, 0
  %is.nested = icmp ne ptr %owner, null
  %is.done = or i1 %is.nobody.waiting, %is.nested
  br i1 %is.done, label %given, label %wake
given:
  ret i1 1
wake:
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %waker = load ptr, ptr {_data(wake)}
  %address = call ptr @PyLong_FromVoidPtr(ptr %stop)
  %is.short = icmp eq ptr %address, null
  br i1 %is.short, label %raised, label %go
go:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %waker, ptr %address, ptr null)
  call void @Py_DecRef(ptr %address)
  %is.raised = icmp eq ptr %answer, null
  br i1 %is.raised, label %raised, label %woken
woken:
  call void @Py_DecRef(ptr %answer)
  %type = load ptr, ptr %type.at
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  call void @PyErr_Restore(ptr %type, ptr %error, ptr %traceback)
  ret i1 1
raised:
  %old.type = load ptr, ptr %type.at
  call void @Py_DecRef(ptr %old.type)
  %old.error = load ptr, ptr %error.at
  call void @Py_DecRef(ptr %old.error)
  %old.traceback = load ptr, ptr %traceback.at
  call void @Py_DecRef(ptr %old.traceback)
  ret i1 0
}}

define internal ptr @jormun_result(ptr %registers, i32 %entry) nounwind {{
  %kind = and i32 %entry, {_KIND_MASK}
  %offset = lshr i32 %entry, {layout.SIGNATURE_KIND_BITS}
  %offset.64 = zext i32 %offset to i64
  %at = getelementptr i8, ptr %registers, i64 %offset.64
  %value = call ptr @jormun_from_bits(ptr %at, i32 %kind)
  ret ptr %value
}}

define internal void @jormun_failed(i32 %trap) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  call void @PyErr_NormalizeException(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %type = load ptr, ptr %type.at
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  %failed = load ptr, ptr {_data(failed)}
  %trap.64 = sext i32 %trap to i64
  %number = call ptr @PyLong_FromLongLong(i64 %trap.64)
  %is.no.number = icmp eq ptr %number, null
  br i1 %is.no.number, label %instead, label %go
go:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %failed, ptr %number, ptr %error, ptr null)
  call void @Py_DecRef(ptr %number)
  %is.instead = icmp eq ptr %answer, null
  br i1 %is.instead, label %instead, label %same
same:
  call void @Py_DecRef(ptr %answer)
  call void @PyErr_Restore(ptr %type, ptr %error, ptr %traceback)
  ret void
instead:
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %error)
  call void @Py_DecRef(ptr %traceback)
  ret void
}}
"""
