"""The LLVM text of the loop over NumPy's arrays, and of what NumPy calls (see optimizing/ufunc.py)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from jormun.llvm.convention import overflow_area
from jormun.optimizing.shapes import CallShape
from jormun.runtime import layout
from jormun.runtime.native import ufuncs as record

_SIZES = {"i32": 4, "i64": 8, "float": 4, "double": 8}
"""The bytes of an element."""
_GROUP = "!20"
_ALL_FLAGS = 0x3F
"""FE_ALL_EXCEPT of <fenv.h>, or more."""


class Loop:
    """The guest's loop over a function on its way to text.

    Operands are inputs, then outputs: %p3 is the address of the first element of operand 3, %s3 its step in bytes.
    There is a loop for each way in which the inputs may be arrays without gaps ("c") or one number again and again
    ("z"), where outputs have no gaps; one for reductions, whose first input is the output; and one for all else.
    """

    def __init__(self, shape: CallShape, func_index: int, is_specialized: bool) -> None:
        """A loop over `f{func_index}`. Unless it `is_specialized`, there is one way only: all inputs without gaps."""
        self.shape = shape
        self.func_index = func_index
        self.types = [*shape.params, *shape.results]
        self.inputs = range(len(shape.params))
        self.outputs = range(len(shape.params), len(self.types))
        ways = product("cz", repeat=len(shape.params)) if is_specialized else [("c",) * len(shape.params)]
        self.ways = [way for way in ways if "c" in way]
        self.lines: list[str] = []

    def text(self) -> str:
        """The LLVM text that defines `u`."""
        self.lines += [
            "define void @u(ptr nonnull %vm, i64 %args.i, i64 %count, i64 %steps.i) #0 {",
            "%args = inttoptr i64 %args.i to ptr",
            "%steps = inttoptr i64 %steps.i to ptr",
        ]
        if self.shape.has_buffer:
            self.lines.append(f"%buffer = alloca [{len(self.shape.results)} x i128], align 16")
        if any(place < 0 for place in self.shape.places):
            self.lines += overflow_area("%overflow", layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA)
        for k, t in enumerate(self.types):
            self._operand(k, _SIZES[t])
        self.lines += ["%is_any = icmp sgt i64 %count, 0", "br i1 %is_any, label %begin, label %done", "begin:"]
        is_gapless = self._all("gapless", [f"%c{k}" for k in self.outputs])
        self.lines.append(f"br i1 {is_gapless}, label %way0, label %otherwise")
        for number, way in enumerate(self.ways):
            self._way(number, way)
        self.lines += [f"way{len(self.ways)}:", "br label %otherwise", "otherwise:"]
        if len(self.inputs) == 2 and len(self.outputs) == 1 and self.types[0] == self.types[2]:
            self._reduction()
        self._strided()
        self.lines += ["done:", "ret void", "}", f"{_GROUP} = distinct !{{}}"]
        self.lines.append(f'!21 = !{{!"llvm.loop.parallel_accesses", {_GROUP}}}')
        self.lines += [f"!{30 + k} = distinct !{{!{30 + k}, !21}}" for k in range(len(self.ways))]
        return "\n".join([*self.lines, ""])

    def _operand(self, k: int, size_bytes: int) -> None:
        """Read what is known of an operand: %a3 is its address as a number, %c3 and %z3 say that it has no gaps or is
        one number, %ce3 and %ze3 are where it ends then.
        """
        self.lines += [
            f"%p{k}.a = getelementptr ptr, ptr %args, i64 {k}",
            f"%p{k} = load ptr, ptr %p{k}.a",
            f"%s{k}.a = getelementptr i64, ptr %steps, i64 {k}",
            f"%s{k} = load i64, ptr %s{k}.a",
            f"%c{k} = icmp eq i64 %s{k}, {size_bytes}",
            f"%z{k} = icmp eq i64 %s{k}, 0",
            f"%a{k} = ptrtoint ptr %p{k} to i64",
            f"%ce{k}.n = mul i64 %count, {size_bytes}",
            f"%ce{k} = add i64 %a{k}, %ce{k}.n",
            f"%ze{k} = add i64 %a{k}, {size_bytes}",
        ]

    def _way(self, number: int, way: Sequence[str]) -> None:
        """A loop for inputs that come in certain ways, and the question whether they do.

        LLVM is told that its rounds are independent of each other, so that it need not find out. They are if no output
        is where another operand is, or exactly there, in an array of elements as large: NumPy's `accumulate` has them
        one element apart.
        """
        w = f"w{number}"
        self.lines.append(f"way{number}:")
        conditions = [f"%{kind}{k}" for k, kind in enumerate(way)]
        for output in self.outputs:
            for other in range(output):
                conditions.append(self._apart(f"{w}.{output}.{other}", output, other, [*way, *"c" * output][other]))
        is_it = self._all(w, conditions)
        self.lines += [f"br i1 {is_it}, label %{w}.begin, label %way{number + 1}", f"{w}.begin:"]
        values = [f"%{w}.x{k}" for k in self.inputs]
        for k, kind in enumerate(way):
            if kind == "z":
                self.lines.append(f"{values[k]} = load {self.types[k]}, ptr %p{k}")
        self.lines += [f"br label %{w}.loop", f"{w}.loop:", f"%{w}.i = phi i64 [0, %{w}.begin], [%{w}.n, %{w}.next]"]
        for k, kind in enumerate(way):
            if kind == "c":
                at = self._element(w, k)
                self.lines.append(f"{values[k]} = load {self.types[k]}, ptr {at}, !llvm.access.group {_GROUP}")
        for k, value in zip(self.outputs, self._call(w, values), strict=True):
            at = self._element(w, k)
            self.lines.append(f"store {self.types[k]} {value}, ptr {at}, !llvm.access.group {_GROUP}")
        self._next(w, f", !llvm.loop !{30 + number}")

    def _apart(self, name: str, output: int, other: int, kind: str) -> str:
        """Whether an output without gaps and another operand, "c" or "z", do not overlap, or are element by element the
        same.
        """
        conditions = [f"icmp ule i64 %{kind}e{other}, %a{output}", f"icmp ule i64 %ce{output}, %a{other}"]
        is_alike = kind == "c" and _SIZES[self.types[other]] == _SIZES[self.types[output]]
        if is_alike and other in self.inputs:
            conditions.append(f"icmp eq i64 %a{output}, %a{other}")
        result = "0"
        for k, condition in enumerate(conditions):
            self.lines += [f"%{name}.{k} = {condition}", f"%{name}.or{k} = or i1 {result}, %{name}.{k}"]
            result = f"%{name}.or{k}"
        return result

    def _reduction(self) -> None:
        """A loop that keeps what it computes in a register, as `reduce` asks: the first input is the output."""
        is_same = "%r.is_same = icmp eq i64 %a0, %a2"
        self.lines.append(is_same)
        is_it = self._all("r", ["%r.is_same", "%z0", "%z2"])
        self.lines += [f"br i1 {is_it}, label %r.begin, label %strided", "r.begin:"]
        self.lines += [f"%r.first = load {self.types[0]}, ptr %p0", "br label %r.loop", "r.loop:"]
        self.lines.append("%r.i = phi i64 [0, %r.begin], [%r.n, %r.next]")
        self.lines.append(f"%r.x0 = phi {self.types[0]} [%r.first, %r.begin], [%r.y, %r.next]")
        at = self._stepped("r", 1)
        self.lines.append(f"%r.x1 = load {self.types[1]}, ptr {at}")
        self._call("r", ["%r.x0", "%r.x1"])
        self.lines += ["br label %r.next", "r.next:", "%r.n = add nuw nsw i64 %r.i, 1"]
        self.lines.append("%r.is_end = icmp eq i64 %r.n, %count")
        self.lines += ["br i1 %r.is_end, label %r.end, label %r.loop", "r.end:"]
        self.lines += [f"store {self.types[0]} %r.y, ptr %p2", "br label %done"]
        self.lines.append("strided:")

    def _strided(self) -> None:
        """The loop for whatever steps there are."""
        self.lines += ["br label %s.begin", "s.begin:", "br label %s.loop", "s.loop:"]
        self.lines.append("%s.i = phi i64 [0, %s.begin], [%s.n, %s.next]")
        values = [f"%s.x{k}" for k in self.inputs]
        for k in self.inputs:
            at = self._stepped("s", k)
            self.lines.append(f"{values[k]} = load {self.types[k]}, ptr {at}")
        for k, value in zip(self.outputs, self._call("s", values), strict=True):
            at = self._stepped("s", k)
            self.lines.append(f"store {self.types[k]} {value}, ptr {at}")
        self._next("s", "")

    def _next(self, prefix: str, mark: str) -> None:
        """The end of a loop's round."""
        self.lines += [
            f"br label %{prefix}.next",
            f"{prefix}.next:",
            f"%{prefix}.n = add nuw nsw i64 %{prefix}.i, 1",
            f"%{prefix}.is_end = icmp eq i64 %{prefix}.n, %count",
            f"br i1 %{prefix}.is_end, label %done, label %{prefix}.loop{mark}",
        ]

    def _element(self, prefix: str, k: int) -> str:
        """The address of an element of an operand without gaps."""
        self.lines.append(f"%{prefix}.e{k} = getelementptr {self.types[k]}, ptr %p{k}, i64 %{prefix}.i")
        return f"%{prefix}.e{k}"

    def _stepped(self, prefix: str, k: int) -> str:
        """The address of an element of any operand."""
        self.lines += [
            f"%{prefix}.o{k} = mul i64 %s{k}, %{prefix}.i",
            f"%{prefix}.e{k} = getelementptr i8, ptr %p{k}, i64 %{prefix}.o{k}",
        ]
        return f"%{prefix}.e{k}"

    def _call(self, prefix: str, values: Sequence[str]) -> list[str]:
        """Call the function; the names of its results."""
        shape = self.shape
        passed = ["%vm", *(["%buffer"] if shape.has_buffer else []), *values]
        registers = []
        for place, t, value in zip(shape.places, shape.passed, passed, strict=True):
            if place >= 0:
                registers.append(value)
            else:
                at = f"%{prefix}.v{~place}"
                self.lines.append(f"{at} = getelementptr i8, ptr %overflow, i64 {layout.VALUE_SLOT_BYTES * ~place}")
                self.lines.append(f"store {t} {value}, ptr {at}")
        call = f"call {shape.returns} @f{self.func_index}({shape.arguments % tuple(registers)}) alwaysinline"
        if not shape.has_buffer:
            self.lines.append(f"%{prefix}.y = {call}")
            return [f"%{prefix}.y"]
        self.lines.append(call)
        names = [f"%{prefix}.y{k}" for k in range(len(shape.results))]
        for k, (name, t) in enumerate(zip(names, shape.results, strict=True)):
            self.lines.append(f"{name}.a = getelementptr i8, ptr %buffer, i64 {layout.VALUE_SLOT_BYTES * k}")
            self.lines.append(f"{name} = load {t}, ptr {name}.a")
        return names

    def _all(self, name: str, conditions: Sequence[str]) -> str:
        """Whether all conditions hold."""
        result = "1"
        for k, condition in enumerate(conditions):
            self.lines.append(f"%{name}.and{k} = and i1 {result}, {condition}")
            result = f"%{name}.and{k}"
        return result


def entry(unattended: int) -> str:
    """The LLVM text that defines `ufunc`, a "PyUFuncGenericFunction" for NumPy, and needs `u`.

    `unattended` is how many elements may be computed right here, on the host's stack, before Python is asked to run the
    loop as a guest, 0 for none: for a function that is plain.

    Safe because: NumPy gives addresses of as many operands as the ufunc was made with, and elements of their types that
    are aligned, `count` of them at the steps that it says. The ufunc keeps `data` (runtime/native/ufuncs.py), and who
    calls it keeps the ufunc. An exception that is set in Python's thread by then is left alone, and nothing more is
    computed. Exceptions stay set, where NumPy looks for them when the loop is done, as it does for its `power`. Flags
    of floating-point operations are cleared then: NumPy would warn of those first, with the exception in its way.
    """
    lines = ["define void @ufunc(ptr %args, ptr %dimensions, ptr %steps, ptr nonnull %data) #0 {"]
    lines += [
        "%asked = alloca [3 x i64]",
        "%args.i = ptrtoint ptr %args to i64",
        "%steps.i = ptrtoint ptr %steps to i64",
        "%count = load i64, ptr %dimensions",
        f"%spent.a = getelementptr i8, ptr %data, i64 {record.SPENT}",
    ]
    if unattended:
        lines += [
            f"%closed.a = getelementptr i8, ptr %data, i64 {record.IS_CLOSED}",
            "%closed = load atomic i64, ptr %closed.a monotonic, align 8",
            "%is_open = icmp eq i64 %closed, 0",
            "%before = load atomic i64, ptr %spent.a monotonic, align 8",
            "%spent = add i64 %before, %count",
            f"%is_little = icmp ult i64 %spent, {unattended}",
            "%is_fast = and i1 %is_open, %is_little",
            "br i1 %is_fast, label %fast, label %slow",
            "fast:",
            "store atomic i64 %spent, ptr %spent.a monotonic, align 8",
            "call void @u(ptr %data, i64 %args.i, i64 %count, i64 %steps.i)",
            "ret void",
        ]
    else:
        lines.append("br label %slow")
    lines += ["slow:", "store atomic i64 0, ptr %spent.a monotonic, align 8"]
    for k, name in enumerate(record.OUTSIDE):
        offset = record.FUNCTIONS + layout.POINTER_BYTES * k
        lines += [f"%{name}.a = getelementptr i8, ptr %data, i64 {offset}", f"%{name} = load ptr, ptr %{name}.a"]
    for k, value in enumerate(("%args.i", "%count", "%steps.i")):
        lines += [f"%asked{k} = getelementptr i64, ptr %asked, i64 {k}", f"store i64 {value}, ptr %asked{k}"]
    lines += [
        "%state = call i32 %PyGILState_Ensure()",
        "%error = call ptr %PyErr_Occurred()",
        "%is_fine = icmp eq ptr %error, null",
        "br i1 %is_fine, label %ask, label %leave",
        "ask:",
        "%address = call ptr %PyLong_FromVoidPtr(ptr %asked)",
        "%is_short = icmp eq ptr %address, null",
        "br i1 %is_short, label %leave, label %go",
        "go:",
        f"%callable.a = getelementptr i8, ptr %data, i64 {record.CALLABLE}",
        "%callable = load ptr, ptr %callable.a",
        "call void %Py_IncRef(ptr %callable)",
        "%result = call ptr (ptr, ...) %PyObject_CallFunctionObjArgs(ptr %callable, ptr %address, ptr null)",
        "call void %Py_DecRef(ptr %callable)",
        "call void %Py_DecRef(ptr %address)",
        "call void %Py_DecRef(ptr %result)",
        "br label %leave",
        "leave:",
        "%now = call ptr %PyErr_Occurred()",
        "%is_good = icmp eq ptr %now, null",
        "br i1 %is_good, label %done, label %clear",
        "clear:",
        f"%cleared = call i32 %feclearexcept(i32 {_ALL_FLAGS})",
        "br label %done",
        "done:",
        "call void %PyGILState_Release(i32 %state)",
        "ret void",
        "}",
    ]
    return "\n".join([*lines, ""])
