"""Calls of guests from Python in machine code, which converts numbers: LLVM text of the glue.

One function for calls of any type, which reads how a signature record (runtime/layout.py) says that values are
converted. It knows only what is plain: the number of arguments, ints, floats and None that fit
(native/python_values.py). All else goes to Python, which converts it, or raises the exception that says what was wrong.
Plain values have no code of their own that runs when they are converted, so that nobody sees it when Python converts
them again.

Of Python's objects it is known that they begin with the count of their references and that their type is at
OBJECT_TYPE, which extension modules of the stable ABI rely on too, and of ints and floats what was learned from some
(native/number_layout.py); all else is asked of functions of Python's C interface, which are in every release from 3.11
on.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import glue_data

_RECORD_BYTES: Final = layout.REGISTERS_OVERFLOW + layout.VALUE_SLOT_BYTES * layout.MOST_SLOTS
_KIND_MASK: Final = (1 << layout.SIGNATURE_KIND_BITS) - 1
_ARGUMENTS_OFFSET: Final = -1 << 63
"""PY_VECTORCALL_ARGUMENTS_OFFSET: the place in front of the arguments may be used; the rest is their number."""

_DECLARATIONS: Final = """
declare dso_local preserve_nonecc {i64, i32, <2 x double>} @jormun_activate_held(ptr, ptr, ptr, ptr)
declare dso_local preserve_nonecc {i64, i32, <2 x double>} @jormun_activate_record(ptr, ptr, ptr, ptr, i64)
declare dso_local preserve_nonecc {i64, i32, <2 x double>} @jormun_activate_record_held(ptr, ptr, ptr, ptr, i64)
declare dso_local ptr @pthread_getspecific(i32)
declare dso_local ptr @PyMethod_New(ptr, ptr)
declare dso_local ptr @PyTuple_New(i64)
declare dso_local i32 @PyTuple_SetItem(ptr, i64, ptr)
"""


def text() -> str:
    """The LLVM text."""
    return _DECLARATIONS + _CALL_FUNCTION + _RESULT


# ptr jormun_call_function(ptr self, ptr args, i64 nargsf, ptr kwnames): what Python calls a function object by
# (`vectorcallfunc`): a new reference to what the guest returned, or null and an exception.
#
# Python does it where the number of arguments or one of them is not plain, where the store says so, where the thread
# has no stack for guests yet, and where somebody else has the store's turn (runtime/turn.py), which is taken and given
# back here otherwise, with the GIL held. Safe because: `self` is a Function, which Python holds meanwhile, and which
# holds its store and with it the function record and the stop record; the list of what the store owns is held here, so
# that it may be closed meanwhile. The register record is in this frame, with room for all that a signature record
# names.
_CALL_FUNCTION: Final = f"""
define ptr @jormun_call_function(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) nounwind {{
  %registers = alloca [{_RECORD_BYTES} x i8], align 16
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
  %has.no.store = icmp eq ptr %kept, null
  br i1 %has.no.store, label %python, label %find
find:
  %thread = load ptr, ptr addrspace(257) null
  %process = load ptr, ptr {glue_data.at(glue_data.PROCESS)}
  %last.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_THREAD}
  %last = load ptr, ptr %last.at
  %last.context.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_CONTEXT}
  %last.context = load ptr, ptr %last.context.at
  %is.last = icmp eq ptr %last, %thread
  br i1 %is.last, label %turn, label %look
look:
  %key = load i32, ptr {glue_data.at(glue_data.STACK_KEY)}
  %found = call ptr @pthread_getspecific(i32 %key)
  %has.no.stack = icmp eq ptr %found, null
  br i1 %has.no.stack, label %python, label %note
note:
  store ptr %found, ptr %last.context.at
  store ptr %thread, ptr %last.at
  br label %turn
turn:
  %context = phi ptr [ %last.context, %find ], [ %found, %note ]
  %owner.at = getelementptr i8, ptr %stop, i64 {layout.STOP_OWNER}
  %owner = load ptr, ptr %owner.at
  %is.free = icmp eq ptr %owner, null
  %is.ours = icmp eq ptr %owner, %context
  %is.turn = or i1 %is.free, %is.ours
  br i1 %is.turn, label %convert, label %python
convert:
  %entries = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_VALUES}
  %int.type = load ptr, ptr {glue_data.at(glue_data.python_object("PyLong_Type"))}
  %float.type = load ptr, ptr {glue_data.at(glue_data.PLAIN_FLOAT)}
  %bias = load i64, ptr {glue_data.at(glue_data.INT_BIAS)}
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
  %is.integer = icmp ule i32 %kind, {layout.KIND_I64}
  %is.usual = and i1 %is.int, %is.integer
  br i1 %is.usual, label %usual, label %maybe.double
usual:
  %tag.at = getelementptr i8, ptr %argument, i64 {layout.INT_TAG}
  %tag = load i64, ptr %tag.at
  %sign.index = add i64 %tag, %bias
  %is.sign = icmp ult i64 %sign.index, {layout.INT_SIGNS}
  br i1 %is.sign, label %signed, label %unusual
signed:
  %sign.at = getelementptr i8, ptr {glue_data.at(glue_data.INT_SIGNS)}, i64 %sign.index
  %sign = load i8, ptr %sign.at
  %is.compact = icmp ne i8 %sign, {layout.INT_UNKNOWN}
  br i1 %is.compact, label %compact, label %unusual
compact:
  %digit.at = getelementptr i8, ptr %argument, i64 {layout.INT_DIGIT}
  %digit = load i32, ptr %digit.at
  %digit.64 = zext i32 %digit to i64
  %sign.64 = sext i8 %sign to i64
  %word = mul i64 %digit.64, %sign.64
  store i64 %word, ptr %to
  br label %converted
maybe.double:
  %is.float = icmp eq ptr %type.of, %float.type
  %is.f64 = icmp eq i32 %kind, {layout.KIND_F64}
  %is.double = and i1 %is.float, %is.f64
  br i1 %is.double, label %double, label %unusual
double:
  %double.at = getelementptr i8, ptr %argument, i64 {layout.FLOAT_VALUE}
  %double.value = load double, ptr %double.at
  %double.vector = insertelement <2 x double> zeroinitializer, double %double.value, i32 0
  store <2 x double> %double.vector, ptr %to
  br label %converted
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
  %vectors.at = getelementptr i8, ptr %signature, i64 {layout.SIGNATURE_VECTORS}
  %vectors.32 = load i32, ptr %vectors.at
  %vectors = zext i32 %vectors.32 to i64
  %short.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_IS_SHORT}
  %short = load i64, ptr %short.at
  %is.long = icmp eq i64 %short, 0
  br i1 %is.long, label %long, label %held
long:
  %is.alone = call i1 @jormun_is_alone(ptr %context)
  br i1 %is.alone, label %held, label %released
released:
  %returned.released = call preserve_nonecc {{i64, i32, <2 x double>}} @jormun_activate_record(
    ptr %context, ptr %code, ptr %registers, ptr %stop, i64 %vectors)
  br label %entered
held:
  %returned.held = call preserve_nonecc {{i64, i32, <2 x double>}} @jormun_activate_record_held(
    ptr %context, ptr %code, ptr %registers, ptr %stop, i64 %vectors)
  br label %entered
entered:
  %results.both = phi {{i64, i32, <2 x double>}} [ %returned.released, %released ], [ %returned.held, %held ]
  %trap = extractvalue {{i64, i32, <2 x double>}} %results.both, 1
  %has.trapped = icmp ne i32 %trap, 0
  br i1 %has.trapped, label %fail, label %returned
returned:
  %result.integer = extractvalue {{i64, i32, <2 x double>}} %results.both, 0
  %result.vector = extractvalue {{i64, i32, <2 x double>}} %results.both, 2
  store i64 %result.integer, ptr %registers
  %vector.to = getelementptr i8, ptr %registers, i64 {layout.REGISTERS_VECTORS}
  store <2 x double> %result.vector, ptr %vector.to
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
  %none = load ptr, ptr {glue_data.at(glue_data.python_object("_Py_NoneStruct"))}
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
  %is.unheld = icmp eq i64 %references.less, 0
  br i1 %is.unheld, label %free, label %kept.on
kept.on:
  store i64 %references.less, ptr %kept
  ret ptr %outcome
free:
  call void @Py_DecRef(ptr %kept)
  ret ptr %outcome
fail:
  call void @jormun_failed(ptr %context, i32 %trap)
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
"""

# A new reference to the value in a register record that an entry of a signature record names.
_RESULT: Final = f"""
define internal ptr @jormun_result(ptr %registers, i32 %entry) nounwind {{
  %kind = and i32 %entry, {_KIND_MASK}
  %offset = lshr i32 %entry, {layout.SIGNATURE_KIND_BITS}
  %offset.64 = zext i32 %offset to i64
  %at = getelementptr i8, ptr %registers, i64 %offset.64
  %value = call ptr @jormun_from_bits(ptr %at, i32 %kind)
  ret ptr %value
}}
"""
