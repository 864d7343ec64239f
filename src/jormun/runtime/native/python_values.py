"""Python's numbers as WebAssembly's and back, in machine code: LLVM text of the glue.

They know only what is plain: ints and floats that fit, which become what runtime/values.py says, to the bit.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import glue_data

_I32, _I64, _F32, _F64 = layout.KIND_I32, layout.KIND_I64, layout.KIND_F32, layout.KIND_F64
_U32 = layout.KIND_U32

_DECLARATIONS: Final = """
declare dso_local void @PyErr_Clear()
declare dso_local ptr @PyErr_Occurred()
declare dso_local double @PyFloat_AsDouble(ptr)
declare dso_local ptr @PyFloat_FromDouble(double)
declare dso_local double @PyLong_AsDouble(ptr)
declare dso_local i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare dso_local i64 @PyLong_AsUnsignedLongLong(ptr)
declare dso_local ptr @PyLong_FromLongLong(i64)
declare dso_local ptr @PyLong_FromUnsignedLongLong(i64)
declare dso_local i32 @PyType_IsSubtype(ptr, ptr)
declare double @llvm.fabs.f64(double)
declare float @llvm.fabs.f32(float)
"""


def text() -> str:
    """The LLVM text."""
    return _DECLARATIONS + _TO_BITS + _FROM_BITS


# i1 jormun_to_bits(ptr object, i32 kind, ptr to): converts what is plain; whether it is. Called with the GIL held and
# no exception set, and leaves none. `to` has 8 bytes for integers and 16 for others, of which a value fills the first.
# Safe because: only instances of int and float are looked into, by functions of Python's.
_TO_BITS: Final = f"""
define internal i1 @jormun_to_bits(ptr %object, i32 %kind, ptr %to) nounwind {{
  %overflow.at = alloca i32
  %type.at = getelementptr i8, ptr %object, i64 {layout.OBJECT_TYPE}
  %type = load ptr, ptr %type.at
  %int.type = load ptr, ptr {glue_data.at(glue_data.python_object("PyLong_Type"))}
  %is.int = icmp eq ptr %type, %int.type
  %is.wide = icmp eq i32 %kind, {_I64}
  %is.narrow = icmp eq i32 %kind, {_I32}
  %is.integer = or i1 %is.wide, %is.narrow
  br i1 %is.integer, label %integer, label %real
integer:
  br i1 %is.int, label %int, label %maybe.int
maybe.int:
  %int.like = call i32 @PyType_IsSubtype(ptr %type, ptr %int.type)
  %is.int.like = icmp ne i32 %int.like, 0
  br i1 %is.int.like, label %int, label %other
int:
  %signed = call i64 @PyLong_AsLongLongAndOverflow(ptr %object, ptr %overflow.at)
  %overflow = load i32, ptr %overflow.at
  %is.small = icmp eq i32 %overflow, 0
  br i1 %is.small, label %small, label %large
small:
  %shifted = add i64 %signed, {1 << 31}
  %is.in.range = icmp ult i64 %shifted, {3 << 31}
  %is.fit = or i1 %is.in.range, %is.wide
  br i1 %is.fit, label %put.integer, label %other
large:
  %is.above = icmp eq i32 %overflow, 1
  %is.maybe = and i1 %is.above, %is.wide
  br i1 %is.maybe, label %above, label %other
above:
  %unsigned = call i64 @PyLong_AsUnsignedLongLong(ptr %object)
  %is.all = icmp eq i64 %unsigned, -1
  br i1 %is.all, label %check.above, label %put.integer
check.above:
  %error.above = call ptr @PyErr_Occurred()
  %is.right.above = icmp eq ptr %error.above, null
  br i1 %is.right.above, label %put.integer, label %wrong
put.integer:
  %word = phi i64 [ %signed, %small ], [ %unsigned, %above ], [ %unsigned, %check.above ]
  store i64 %word, ptr %to
  ret i1 1
real:
  %float.type = load ptr, ptr {glue_data.at(glue_data.python_object("PyFloat_Type"))}
  %is.float = icmp eq ptr %type, %float.type
  br i1 %is.float, label %float, label %maybe.whole
maybe.whole:
  br i1 %is.int, label %whole, label %maybe.float
maybe.float:
  %float.like = call i32 @PyType_IsSubtype(ptr %type, ptr %float.type)
  %is.float.like = icmp ne i32 %float.like, 0
  br i1 %is.float.like, label %float, label %other
whole:
  %from.int = call double @PyLong_AsDouble(ptr %object)
  %is.minus.one = fcmp oeq double %from.int, -1.0
  br i1 %is.minus.one, label %check.whole, label %number
check.whole:
  %error.whole = call ptr @PyErr_Occurred()
  %is.right.whole = icmp eq ptr %error.whole, null
  br i1 %is.right.whole, label %number, label %wrong
float:
  %from.float = call double @PyFloat_AsDouble(ptr %object)
  br label %number
number:
  %double = phi double [ %from.float, %float ], [ %from.int, %whole ], [ %from.int, %check.whole ]
  %is.double = icmp eq i32 %kind, {_F64}
  br i1 %is.double, label %put.double, label %single
put.double:
  %doubles = insertelement <2 x double> zeroinitializer, double %double, i32 0
  store <2 x double> %doubles, ptr %to
  ret i1 1
single:
  %float.value = fptrunc double %double to float
  %size = call float @llvm.fabs.f32(float %float.value)
  %size.before = call double @llvm.fabs.f64(double %double)
  %is.infinite = fcmp oeq float %size, 0x7FF0000000000000
  %was.finite = fcmp one double %size.before, 0x7FF0000000000000
  %is.lost = and i1 %is.infinite, %was.finite
  br i1 %is.lost, label %other, label %put.single
put.single:
  %singles = insertelement <4 x float> zeroinitializer, float %float.value, i32 0
  store <4 x float> %singles, ptr %to
  ret i1 1
wrong:
  call void @PyErr_Clear()
  ret i1 0
other:
  ret i1 0
}}
"""


# ptr jormun_from_bits(ptr at, i32 kind): a new reference to the Python value, or null and an exception.
_FROM_BITS: Final = f"""
define internal ptr @jormun_from_bits(ptr %at, i32 %kind) nounwind {{
  %is.i64 = icmp eq i32 %kind, {_I64}
  br i1 %is.i64, label %i64, label %not.i64
i64:
  %wide = load i64, ptr %at
  %from.i64 = call ptr @PyLong_FromLongLong(i64 %wide)
  ret ptr %from.i64
not.i64:
  %is.i32 = icmp eq i32 %kind, {_I32}
  br i1 %is.i32, label %i32, label %not.i32
i32:
  %narrow = load i32, ptr %at
  %extended = sext i32 %narrow to i64
  %from.i32 = call ptr @PyLong_FromLongLong(i64 %extended)
  ret ptr %from.i32
not.i32:
  %is.f64 = icmp eq i32 %kind, {_F64}
  br i1 %is.f64, label %f64, label %not.f64
f64:
  %double = load double, ptr %at
  %from.f64 = call ptr @PyFloat_FromDouble(double %double)
  ret ptr %from.f64
not.f64:
  %is.f32 = icmp eq i32 %kind, {_F32}
  br i1 %is.f32, label %f32, label %bits
f32:
  %single = load float, ptr %at
  %extended.float = fpext float %single to double
  %from.f32 = call ptr @PyFloat_FromDouble(double %extended.float)
  ret ptr %from.f32
bits:
  %is.u32 = icmp eq i32 %kind, {_U32}
  br i1 %is.u32, label %u32, label %u64
u32:
  %word = load i32, ptr %at
  %extended.word = zext i32 %word to i64
  %from.u32 = call ptr @PyLong_FromLongLong(i64 %extended.word)
  ret ptr %from.u32
u64:
  %words = load i64, ptr %at
  %from.u64 = call ptr @PyLong_FromUnsignedLongLong(i64 %words)
  ret ptr %from.u64
}}
"""
