"""Calls of guests from Python whose values go straight into registers: a function of the glue for each shape.

Most calls pass a few ints or a few floats, and give back one or nothing. These functions know how many there are, and
need no register record. They do what is usual, in as few instructions as it takes: ints, floats that are floats, a
guest that may keep the GIL, in a thread that was the last to call. All else they leave, as it came, to
`jormun_call_function` (native/calls_from_python.py), which does the same for any function type, and says why it is
safe. What they have looked at before has no effects.
"""

from __future__ import annotations

from jormun.runtime import layout
from jormun.runtime.native import glue_data
from jormun.runtime.native.call_shape import ANY, SHAPES, symbol


def text() -> str:
    """The LLVM text of all of them."""
    return "".join(_function(params, result) for params, result in SHAPES)


def _function(params: str, result: str) -> str:
    convert = "".join(_integer(k) if letter == "i" else _double(k) for k, letter in enumerate(params))
    arguments = "".join(f", i64 %word{k}" if letter == "i" else f", double %word{k}" for k, letter in enumerate(params))
    return f"""
define ptr @{symbol(params, result)}(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) nounwind {{
  %large.at = alloca i64
  %given = shl i64 %nargsf, 1
  %is.right = icmp eq i64 %given, {2 * len(params)}
  %is.positional = icmp eq ptr %kwnames, null
  %is.plain = and i1 %is.right, %is.positional
  br i1 %is.plain, label %plain, label %any
plain:
  %stop.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_STOP}
  %stop = load ptr, ptr %stop.at
  %kept.at = getelementptr i8, ptr %stop, i64 {layout.STOP_KEPT}
  %kept = load ptr, ptr %kept.at
  %has.no.store = icmp eq ptr %kept, null
  br i1 %has.no.store, label %any, label %find
find:
  %thread = load ptr, ptr addrspace(257) null
  %process = load ptr, ptr {glue_data.at(glue_data.PROCESS)}
  %last.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_THREAD}
  %last = load ptr, ptr %last.at
  %context.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_CONTEXT}
  %context = load ptr, ptr %context.at
  %is.last = icmp eq ptr %last, %thread
  br i1 %is.last, label %turn, label %any
turn:
  %owner.at = getelementptr i8, ptr %stop, i64 {layout.STOP_OWNER}
  %owner = load ptr, ptr %owner.at
  %is.free = icmp eq ptr %owner, null
  br i1 %is.free, label %free, label %taken
taken:
  %is.ours = icmp eq ptr %owner, %context
  br i1 %is.ours, label %free, label %any
free:
  %short.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_IS_SHORT}
  %short = load i64, ptr %short.at
  %is.long = icmp eq i64 %short, 0
  br i1 %is.long, label %long, label %convert0
long:
  %is.alone = call i1 @jormun_is_alone(ptr %context)
  br i1 %is.alone, label %convert0, label %any
{convert}
convert{len(params)}:
  store ptr %context, ptr %owner.at
  %references = load i64, ptr %kept
  %references.more = add i64 %references, 1
  store i64 %references.more, ptr %kept
  %record.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_RECORD}
  %record = load ptr, ptr %record.at
  %code = load ptr, ptr %record
  %vm.at = getelementptr i8, ptr %record, i64 {layout.FUNCTION_VM}
  %vm = load ptr, ptr %vm.at
  %returned = call preserve_nonecc {{i64, i32, <2 x double>}} @jormun_activate_held(
    ptr %context, ptr %code, ptr poison, ptr %stop, ptr %vm{arguments})
  %trap = extractvalue {{i64, i32, <2 x double>}} %returned, 1
  %has.trapped = icmp ne i32 %trap, 0
  br i1 %has.trapped, label %fail, label %give
give:
  store ptr %owner, ptr %owner.at
  %waiting.at = getelementptr i8, ptr %stop, i64 {layout.STOP_WAITING}
  %waiting = load i64, ptr %waiting.at
  %is.nobody.waiting = icmp eq i64 %waiting, 0
  br i1 %is.nobody.waiting, label %drop, label %wake
wake:
  %is.passed = call i1 @jormun_give_turn(ptr %stop, ptr %owner)
  br i1 %is.passed, label %drop, label %interrupted
drop:
  %references.now = load i64, ptr %kept
  %references.less = sub i64 %references.now, 1
  %is.unheld = icmp eq i64 %references.less, 0
  br i1 %is.unheld, label %unheld, label %held
unheld:
  call void @Py_DecRef(ptr %kept)
  br label %result
held:
  store i64 %references.less, ptr %kept
  br label %result
result:
{_result(result, layout.SIGNATURE_VALUES + 4 * len(params))}
fail:
  call void @jormun_failed(ptr %context, i32 %trap)
  %is.passed.on = call i1 @jormun_give_turn(ptr %stop, ptr %owner)
  br label %interrupted
interrupted:
  call void @Py_DecRef(ptr %kept)
  ret ptr null
any:
  %from.any = musttail call ptr @{ANY}(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames)
  ret ptr %from.any
}}
"""


def _argument(k: int, type_at: int) -> str:
    """Lines that define %argument{k}, if it is of this very type."""
    return f"""
convert{k}:
  %argument.at{k} = getelementptr ptr, ptr %args, i64 {k}
  %argument{k} = load ptr, ptr %argument.at{k}
  %type.at{k} = getelementptr i8, ptr %argument{k}, i64 {layout.OBJECT_TYPE}
  %type{k} = load ptr, ptr %type.at{k}
  %expected{k} = load ptr, ptr {glue_data.at(type_at)}
  %is.type{k} = icmp eq ptr %type{k}, %expected{k}
  br i1 %is.type{k}, label %look{k}, label %any
look{k}:
"""


def _integer(k: int) -> str:
    # Whatever has one digit fits an i32 too.
    return f"""{_argument(k, glue_data.python_object("PyLong_Type"))}
  %tag.at{k} = getelementptr i8, ptr %argument{k}, i64 {layout.INT_TAG}
  %tag{k} = load i64, ptr %tag.at{k}
  %bias{k} = load i64, ptr {glue_data.at(glue_data.INT_BIAS)}
  %index{k} = add i64 %tag{k}, %bias{k}
  %is.index{k} = icmp ult i64 %index{k}, {layout.INT_SIGNS}
  br i1 %is.index{k}, label %index{k}.known, label %large{k}
index{k}.known:
  %sign.at{k} = getelementptr i8, ptr {glue_data.at(glue_data.INT_SIGNS)}, i64 %index{k}
  %sign.8.{k} = load i8, ptr %sign.at{k}
  %sign{k} = sext i8 %sign.8.{k} to i64
  %is.sign{k} = icmp ne i64 %sign{k}, {layout.INT_UNKNOWN}
  br i1 %is.sign{k}, label %sign{k}.known, label %large{k}
sign{k}.known:
  %digit.at{k} = getelementptr i8, ptr %argument{k}, i64 {layout.INT_DIGIT}
  %digit.32.{k} = load i32, ptr %digit.at{k}
  %digit{k} = zext i32 %digit.32.{k} to i64
  %compact{k} = mul i64 %digit{k}, %sign{k}
  br label %word{k}.known
large{k}:
  %signature.at{k} = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_SIGNATURE}
  %signature{k} = load ptr, ptr %signature.at{k}
  %kind.at{k} = getelementptr i8, ptr %signature{k}, i64 {layout.SIGNATURE_VALUES + 4 * k}
  %kind.8.{k} = load i8, ptr %kind.at{k}
  %kind{k} = zext i8 %kind.8.{k} to i32
  %is.put{k} = call i1 @jormun_to_bits(ptr %argument{k}, i32 %kind{k}, ptr %large.at)
  %from.large{k} = load i64, ptr %large.at
  br i1 %is.put{k}, label %word{k}.known, label %any
word{k}.known:
  %word{k} = phi i64 [ %compact{k}, %sign{k}.known ], [ %from.large{k}, %large{k} ]
  br label %convert{k + 1}
"""


def _double(k: int) -> str:
    return f"""{_argument(k, glue_data.PLAIN_FLOAT)}
  %value.at{k} = getelementptr i8, ptr %argument{k}, i64 {layout.FLOAT_VALUE}
  %word{k} = load double, ptr %value.at{k}
  br label %convert{k + 1}
"""


def _result(result: str, place: int) -> str:
    """Lines that return the result, of a letter, whose entry is at a place in the signature record."""
    if result == "":
        return f"""
  %none = load ptr, ptr {glue_data.at(glue_data.python_object("_Py_NoneStruct"))}
  call void @Py_IncRef(ptr %none)
  ret ptr %none
"""
    if result == "d":
        return """
  %vector = extractvalue {i64, i32, <2 x double>} %returned, 2
  %double = extractelement <2 x double> %vector, i32 0
  %float = tail call ptr @PyFloat_FromDouble(double %double)
  ret ptr %float
"""
    return f"""
  %bits = extractvalue {{i64, i32, <2 x double>}} %returned, 0
  %signature.at = getelementptr i8, ptr %self, i64 {layout.FUNCTION_OBJECT_SIGNATURE}
  %signature = load ptr, ptr %signature.at
  %result.at = getelementptr i8, ptr %signature, i64 {place}
  %kind = load i8, ptr %result.at
  %is.narrow = icmp eq i8 %kind, {layout.KIND_I32}
  %low = trunc i64 %bits to i32
  %extended = sext i32 %low to i64
  %word = select i1 %is.narrow, i64 %extended, i64 %bits
  %int = tail call ptr @PyLong_FromLongLong(i64 %word)
  ret ptr %int
"""
