"""The class of functions, made so that Python calls machine code (PEP 590, "Vectorcall").

A class statement has no word for that, PyType_FromSpecWithBases has: what it makes of the class behaves like it, but
for calls, and for what native code reads behind the references in its instances (runtime/layout.py). All that is used
is documented and the same in every release from 3.11 on.
"""

from __future__ import annotations

from array import array

from jormun.hints import Any, Protocol, TypeVar
from jormun.runtime import layout
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import pages
from jormun.runtime.native.support import has_plain_objects

T = TypeVar("T")
_TP_CALL, _TP_GETSET, _TP_MEMBERS = 50, 73, 72
"""Numbers of slots (<typeslots.h>)."""
_HAVE_VECTORCALL = 1 << 11
_SIZE, _READ_ONLY = 19, 1
"""T_PYSSIZET and READONLY (<structmember.h>)."""
_kept: list[object] = []
"""What classes refer to as long as the process lives."""


class _Documented(Protocol):
    def doc(self) -> str:
        """The docstring of an instance."""


class _Doc:
    """The docstring of a class, and those of its instances."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def __get__(self, instance: _Documented | None, cls: type[_Documented]) -> str | None:
        return self._text if instance is None else instance.doc()


def called_natively(cls: type[T]) -> type[T]:
    """A subclass of `cls`, to stand for it, whose instances are called by the machine code at FUNCTION_OBJECT_CALL.

    `cls` has FUNCTION_OBJECT_REFERENCES slots, none for attributes and weak references, which the subclass adds, and a
    method `doc` for the docstrings of instances. Where native execution is not supported there are no instances, and
    `cls` will do.
    """
    if not has_plain_objects():
        return cls
    assert cls.__basicsize__ == layout.FUNCTION_OBJECT_CALL
    # PyMemberDef: name, type, offset, flags, docstring.
    members = _words(
        *(_text(b"__vectorcalloffset__"), _SIZE, layout.FUNCTION_OBJECT_CALL, _READ_ONLY, 0),
        *(_text(b"__dictoffset__"), _SIZE, layout.FUNCTION_OBJECT_DICT, _READ_ONLY, 0),
        *(_text(b"__weaklistoffset__"), _SIZE, layout.FUNCTION_OBJECT_WEAK, _READ_ONLY, 0),
        *(0, 0, 0, 0, 0),
    )
    # PyGetSetDef: name, getter, setter, docstring, closure.
    get, set_ = (pages.python_address(f"PyObject_Generic{verb}Dict") for verb in ("Get", "Set"))
    getset = _words(_text(b"__dict__"), get, set_, 0, 0, 0, 0, 0, 0, 0)
    # PyType_Slot: number, value.
    call = pages.python_address("PyVectorcall_Call")
    slots = _words(_TP_MEMBERS, members, _TP_GETSET, getset, _TP_CALL, call, 0, 0)
    # PyType_Spec: name, size (and none for items, in the upper half), flags, slots.
    name = _text(f"{cls.__module__}.{cls.__qualname__}".encode())
    spec = _words(name, layout.FUNCTION_OBJECT_BYTES, _HAVE_VECTORCALL, slots)
    from_spec = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object)(
        pages.python_address("PyType_FromSpecWithBases")
    )
    made: Any = from_spec(spec, (cls,))
    made.__doc__ = _Doc(cls.__doc__)
    return made  # type: ignore[no-any-return]


def set_fields(
    function: object, call: int, signature: int, record: int, stop: int, python: object, is_short: bool
) -> None:
    """Fill what native code reads of such an object, which is new and holds all of it; the class holds `python`."""
    at = id(function) + layout.FUNCTION_OBJECT_CALL
    pages.write_u64s(at, call, signature, record, stop, id(python), is_short)


def _words(*values: int) -> int:
    """The address of 64-bit words that are never given back."""
    block = pages.Block(8 * len(values), 16)
    _kept.append(block)
    block.view().cast("Q")[:] = memoryview(array("Q", values))
    return block.address


def _text(text: bytes) -> int:
    """The address of a text of C that is never given back."""
    _kept.append(text)
    return pages.address_of(text)
