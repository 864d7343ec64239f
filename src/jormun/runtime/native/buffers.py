"""Python classes whose objects are buffers, in Python 3.11, where a class cannot say so by `__buffer__` (PEP 688)."""

from __future__ import annotations

import sys

from jormun.hints import Any, Callable
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import pages

_AS_BUFFER = 8 + 17 * 8
"""Where behind its header a PyTypeObject of CPython 3.11 has `tp_as_buffer` (Include/cpython/object.h)."""
_GetBuffer = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
_slots: list[Any] = []
"""What types hold the addresses of: classes are not freed before they are."""


def let_be_buffers(cls: type, view: Callable[[Any], memoryview]) -> None:
    """Let memoryview(x), and whatever else takes buffers, take `view(x)` where x is a `cls`. Does nothing from Python
    3.12 on, where the method `__buffer__` does it.

    Safe because: a class made by Python has its PyBufferProcs in its own type object, which is checked, and they are
    empty. Whoever asks for a buffer is given one of the memoryview, which it holds and releases: the object itself is
    no part of it.
    """
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return
    type_bytes = type.__dict__["__basicsize__"].__get__(type)  # of the class of classes, not of a class
    procs = pages.read_u64(id(cls) + object.__basicsize__ + _AS_BUFFER)
    assert id(cls) < procs < id(cls) + type_bytes and pages.read_u64(procs) == 0
    get = ctypes.pythonapi.PyObject_GetBuffer

    def get_buffer(of: object, buffer: int, flags: int) -> int:
        return int(get(ctypes.py_object(view(of)), ctypes.c_void_p(buffer), flags))

    slot = _GetBuffer(get_buffer)
    _slots.append(slot)
    pages.write_u64(procs, ctypes.cast(slot, ctypes.c_void_p).value or 0)
