"""As much of `ctypes` as the run time uses, from the C module that it is made of: importing ctypes itself takes 2 ms.

Type checkers see ctypes. Its types are its own, and meet those of no other user of ctypes. A Python whose C module has
other names gets ctypes as it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL as CDLL
    from ctypes import POINTER as POINTER
    from ctypes import PYFUNCTYPE as PYFUNCTYPE
    from ctypes import ArgumentError as ArgumentError
    from ctypes import Array as Array
    from ctypes import Structure as Structure
    from ctypes import addressof as addressof
    from ctypes import byref as byref
    from ctypes import c_char as c_char
    from ctypes import c_char_p as c_char_p
    from ctypes import c_int as c_int
    from ctypes import c_long as c_long
    from ctypes import c_size_t as c_size_t
    from ctypes import c_uint32 as c_uint32
    from ctypes import c_uint64 as c_uint64
    from ctypes import c_void_p as c_void_p
    from ctypes import cast as cast
    from ctypes import get_errno as get_errno
    from ctypes import memmove as memmove
    from ctypes import memset as memset
    from ctypes import py_object as py_object
    from ctypes import pythonapi as pythonapi
    from ctypes import sizeof as sizeof
    from ctypes import string_at as string_at
else:
    try:
        from _ctypes import (  # noqa: F401, they are for others
            FUNCFLAG_CDECL,
            FUNCFLAG_PYTHONAPI,
            FUNCFLAG_USE_ERRNO,
            POINTER,
            ArgumentError,
            Array,
            CFuncPtr,
            Structure,
            _cast_addr,
            _memmove_addr,
            _memset_addr,
            _SimpleCData,
            _string_at_addr,
            addressof,
            byref,
            dlopen,
            get_errno,
            sizeof,
        )
    except ImportError:
        from ctypes import *  # noqa: F403
        from ctypes import pythonapi
    else:

        class c_int(_SimpleCData):
            _type_ = "i"

        class c_uint32(_SimpleCData):
            _type_ = "I"

        class c_long(_SimpleCData):
            _type_ = "l"

        class c_uint64(_SimpleCData):
            _type_ = "L" if sizeof(c_long) == 8 else "Q"

        class c_char(_SimpleCData):
            _type_ = "c"

        class c_char_p(_SimpleCData):
            _type_ = "z"

        class c_void_p(_SimpleCData):
            _type_ = "P"

        class py_object(_SimpleCData):
            _type_ = "O"

        c_size_t = c_uint64 if sizeof(c_void_p) == 8 else c_uint32

        def PYFUNCTYPE(result, *arguments):
            """The type of functions that are called with the GIL, and that may raise."""
            return type(CFuncPtr)(
                "_PythonFunction",
                (CFuncPtr,),
                {"_argtypes_": arguments, "_restype_": result, "_flags_": FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI},
            )

        class _Function(CFuncPtr):
            _flags_ = FUNCFLAG_CDECL
            _restype_ = c_int

        class _FunctionWithErrno(CFuncPtr):
            _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
            _restype_ = c_int

        class _PythonFunction(CFuncPtr):
            _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
            _restype_ = c_int

        class CDLL:
            """The functions of a shared library, each of them one object, as attributes."""

            def __init__(self, name, use_errno=False):
                self._handle = dlopen(name, 0)
                self._type = _FunctionWithErrno if use_errno else _Function

            def __getattr__(self, name):
                function = self._type((name, self))
                setattr(self, name, function)
                return function

        pythonapi = CDLL(None)
        pythonapi._type = _PythonFunction  # with the GIL, and they may raise

        _cast = PYFUNCTYPE(py_object, c_void_p, py_object, py_object)(_cast_addr)

        def cast(value, t):
            """The value as one of another type."""
            return _cast(value, value, t)

        def _copying(address, *arguments):
            return type(CFuncPtr)(
                "_Copying", (CFuncPtr,), {"_argtypes_": arguments, "_restype_": c_void_p, "_flags_": FUNCFLAG_CDECL}
            )(address)

        memmove = _copying(_memmove_addr, c_void_p, c_void_p, c_size_t)
        memset = _copying(_memset_addr, c_void_p, c_int, c_size_t)
        string_at = PYFUNCTYPE(py_object, c_void_p, c_int)(_string_at_addr)
