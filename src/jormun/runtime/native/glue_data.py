"""What the glue's data holds, and where: the addresses of all that the glue uses outside of the code region.

It lies right in front of the glue, and is only read once it has been filled (native/machine.py). Offsets are in bytes.
"""

from __future__ import annotations

from jormun.runtime import layout
from jormun.runtime.native.service import SERVICES

PYTHON_FUNCTIONS = (
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyInterpreterState_ThreadHead",
    "PyLong_FromVoidPtr",
    "PyObject_CallFunctionObjArgs",
    "Py_IncRef",
    "Py_DecRef",
    "PyBytes_FromStringAndSize",
    "PyErr_Clear",
    "PyErr_ExceptionMatches",
    "PyErr_Fetch",
    "PyErr_NormalizeException",
    "PyErr_Occurred",
    "PyErr_Restore",
    "PyException_SetTraceback",
    "PyFloat_AsDouble",
    "PyFloat_FromDouble",
    "PyLong_AsDouble",
    "PyLong_AsLongLongAndOverflow",
    "PyLong_AsUnsignedLongLong",
    "PyLong_AsUnsignedLongLongMask",
    "PyLong_FromLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyMethod_New",
    "PyObject_GC_UnTrack",
    "PyObject_Vectorcall",
    "PyThreadState_Next",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyType_IsSubtype",
)
LIBC_FUNCTIONS = (
    "memmove",
    "memset",
    "sigaction",
    "raise",
    "clock_gettime",
    "ioctl",
    "pthread_getspecific",
    "pthread_setspecific",
)
FUNCTIONS = (*PYTHON_FUNCTIONS, *LIBC_FUNCTIONS)
PYTHON_OBJECTS = ("PyLong_Type", "PyFloat_Type", "_Py_NoneStruct")
"""Objects of Python's whose addresses native code knows."""
_WORD = layout.POINTER_BYTES

CODE_BASE = 0
CODE_END = 8
STACK_BASE = 16
STACK_END = 24
PREVIOUS = 32
"""The handlers before ours of signal_handlers.HANDLED: whom to ask about signals that are not for a guest."""
GUEST_BASE = 56
"""Where the glue ends: from here to CODE_END is code of guests."""
PROCESS = 64
"""The address of the process record."""
SERVICE_TABLE = 72
"""The addresses of layout.SERVICES: what VM_SERVICES of each instance points to."""
_SERVICE_RECORDS = SERVICE_TABLE + _WORD * len(layout.SERVICES)
"""A host record for each of SERVICES."""
_FUNCTIONS = _SERVICE_RECORDS + layout.HOST_RECORD_BYTES * len(SERVICES)
"""The addresses of FUNCTIONS."""
_OBJECTS = _FUNCTIONS + _WORD * len(FUNCTIONS)
"""The addresses of PYTHON_OBJECTS."""
STACK_KEY = _OBJECTS + _WORD * len(PYTHON_OBJECTS)
"""The key of pthread_getspecific(3) by which a thread has the address of its context, u32."""
FAILED = STACK_KEY + 8
"""What Python calls when an activation failed: with its trace (trace.py), and, if there is one, the exception."""
WAKE = FAILED + 8
"""What Python calls with the address of a stop record, when nobody has its store's turn any more and somebody waits."""
EXCEPTION = WAKE + 8
"""The class Exception."""
THROWN = EXCEPTION + 8
"""What Python calls to learn which exception of WebAssembly's one of its own stands for (native/exceptions.py)."""
INTERPRETER = THROWN + 8
"""The address of the interpreter's state."""
RESTING = INTERPRETER + 8
"""The address of how many threads of our own have nothing to do (resting.py)."""
PLAIN_FLOAT = RESTING + 8
"""The address of PyFloat_Type, or 0 where floats are not as layout.FLOAT_VALUE says."""
INT_BIAS = PLAIN_FLOAT + 8
"""i64: what is added to the tag of an int, to find its sign"""
INT_SIGNS = INT_BIAS + 8
"""in this table (layout.INT_SIGNS)."""
BYTES = INT_SIGNS + layout.INT_SIGNS


def at(offset: int) -> str:
    """LLVM text: the address of what is at an offset."""
    return f"getelementptr (i8, ptr @jormun_data, i64 {offset})"


def function(name: str) -> int:
    """The offset of the address of one of FUNCTIONS."""
    return _FUNCTIONS + _WORD * FUNCTIONS.index(name)


def python_object(name: str) -> int:
    """The offset of the address of one of PYTHON_OBJECTS."""
    return _OBJECTS + _WORD * PYTHON_OBJECTS.index(name)


def service_record(name: str) -> int:
    """The offset of the host record of a service."""
    return _SERVICE_RECORDS + layout.HOST_RECORD_BYTES * [service.name for service in SERVICES].index(name)
