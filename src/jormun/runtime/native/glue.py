"""The glue between Python and guest code: all of its LLVM text, from which it is built ahead.

What runs on the host's stack or the signal stack is LLVM text; what switches stacks is in the architecture's file. The
machine code holds no address: it lies right behind its data (native/glue_data.py), at the start of the code region, and
reaches everything outside of the region through addresses there.
"""

from __future__ import annotations

from jormun.runtime.native import (
    arrays,
    built_in,
    bulk,
    call_end,
    calls_from_python,
    calls_of_python,
    cleaning,
    collector,
    exceptions,
    glue_data,
    heap,
    python_values,
    signal_handlers,
    stopping,
    straight_calls,
    trace,
    wasi,
    x86_64,
)
from jormun.runtime.native.service import SERVICES, Service

_DECLARATIONS = """
@jormun_data = external dso_local constant i8
declare dso_local void @jormun_resume()
declare dso_local void @jormun_divert()
declare dso_local void @jormun_host_call(ptr, ptr)
declare dso_local void @PyEval_RestoreThread(ptr)
declare dso_local ptr @PyEval_SaveThread()
declare dso_local ptr @PyInterpreterState_ThreadHead(ptr)
declare dso_local ptr @PyLong_FromVoidPtr(ptr)
declare dso_local ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare dso_local ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare dso_local ptr @PyThreadState_Next(ptr)
declare dso_local void @Py_IncRef(ptr)
declare dso_local void @Py_DecRef(ptr)
declare dso_local void @PyErr_Fetch(ptr, ptr, ptr)
declare dso_local void @PyErr_NormalizeException(ptr, ptr, ptr)
declare dso_local void @PyErr_Restore(ptr, ptr, ptr)
declare dso_local i32 @sigaction(i32, ptr, ptr)
declare dso_local i32 @raise(i32)
declare dso_local void @jormun_trap(i32) noreturn
declare dso_local ptr @memmove(ptr, ptr, i64)
declare dso_local ptr @memset(ptr, i32, i64)
"""


def text() -> str:
    """The module's LLVM text."""
    islands = {name: glue_data.function(name) for name in glue_data.FUNCTIONS}
    assembly = [f'module asm "{line}"\n' for line in x86_64.glue(islands, glue_data.PROCESS).splitlines()]
    services = map(_service, SERVICES)
    chapters = (
        python_values, calls_of_python, calls_from_python, call_end, straight_calls, stopping, signal_handlers, bulk,
        wasi, exceptions, heap, arrays, collector, trace, built_in, cleaning,
    )  # fmt: skip
    return "".join([*assembly, _DECLARATIONS, *services, *(chapter.text() for chapter in chapters)])


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
    record = glue_data.at(glue_data.service_record(service.name))
    lines.append(f"  call void @jormun_host_call(ptr {record}, ptr %values)")
    lines.append(f"  %result = load {service.result}, ptr %values, align 8")
    lines.append(f"  ret {service.result} %result")
    lines.append("}\n")
    return "\n".join(lines)
