"""Functions of the host that are machine code: pointers of ctypes, cffi and numba that say what they take and return.

Guests call them directly, without Python and without the GIL. What they are given as must say their type to the bit;
anything else is called as the Python callable that it is as well. They are as trusted as the pointer: what they do no
sandbox bounds.
"""

from __future__ import annotations

import ctypes
import sys

from jormun.dataclass import dataclass
from jormun.hints import Any
from jormun.runtime.native.calls import Signature

_CTYPES_FUNCTION = ctypes.CFUNCTYPE(None).__mro__[1]
"""What all function pointers of ctypes are instances of."""
_CDECL_ALONE = 1
"""The flags of types that ctypes calls without the GIL, and without keeping errno."""
_INTEGERS = "iIlLqQ"
_LETTERS_BY_SIZE = {4: "i", 8: "l"}
_CFFI_INTEGERS = frozenset({
    "int", "unsigned int", "long", "unsigned long", "long long", "unsigned long long", "int32_t", "uint32_t",
    "int64_t", "uint64_t", "intptr_t", "uintptr_t", "ssize_t", "size_t", "ptrdiff_t",
})  # fmt: skip
_CFFI_REALS = {"float": "f", "double": "d"}
_MOST_INTEGERS, _MOST_REALS = 6, 8
"""How many arguments of a C function are in registers (System V, 3.2.3)."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The address of a C function, and its type as guests see it. Who made it keeps what it was made of."""

    address: int
    signature: Signature

    def fits(self, signature: Signature) -> bool:
        """Whether a guest that wants this type can call it."""
        integers = sum(letter in "il" for letter in signature.params)
        return (
            self.signature == signature
            and len(signature.results) <= 1
            and integers <= _MOST_INTEGERS
            and len(signature.params) - integers <= _MOST_REALS
        )


def pointer_of(function: object) -> Pointer | None:
    """The C function that a callable is, if it is one and says its type."""
    if type(function).__module__.partition(".")[0] == "numba":
        function = getattr(function, "ctypes", None)  # of what @cfunc made
    if isinstance(function, _CTYPES_FUNCTION):
        return _of_ctypes(function)
    cffi: Any = sys.modules.get("_cffi_backend")
    if cffi is not None and isinstance(function, cffi._CDataBase):
        return _of_cffi(function, cffi)
    return None


def _of_ctypes(function: Any) -> Pointer | None:
    if type(function)._flags_ != _CDECL_ALONE or function.argtypes is None or function.errcheck is not None:
        return None
    params = [_ctypes_letter(t) for t in function.argtypes]
    results = [] if function.restype is None else [_ctypes_letter(function.restype)]
    return _pointer(ctypes.cast(function, ctypes.c_void_p).value, params, results)


def _ctypes_letter(t: Any) -> str | None:
    kind = getattr(t, "_type_", None) if isinstance(t, type) and issubclass(t, ctypes._SimpleCData) else None
    if kind in ("f", "d"):
        return str(kind)
    return _LETTERS_BY_SIZE.get(ctypes.sizeof(t)) if kind is not None and kind in _INTEGERS else None


def _of_cffi(function: Any, cffi: Any) -> Pointer | None:
    t = cffi.typeof(function)
    if t.kind != "function" or t.ellipsis:
        return None
    params = [_cffi_letter(each, cffi) for each in t.args]
    results = [] if t.result.kind == "void" else [_cffi_letter(t.result, cffi)]
    return _pointer(int(cffi.cast(cffi.new_primitive_type("uintptr_t"), function)), params, results)


def _cffi_letter(t: Any, cffi: Any) -> str | None:
    if t.kind != "primitive":
        return None
    return _LETTERS_BY_SIZE.get(cffi.sizeof(t)) if t.cname in _CFFI_INTEGERS else _CFFI_REALS.get(t.cname)


def _pointer(address: int | None, params: list[str | None], results: list[str | None]) -> Pointer | None:
    known = [letter for letter in params if letter is not None], [letter for letter in results if letter is not None]
    if not address or len(known[0]) != len(params) or len(known[1]) != len(results):
        return None
    return Pointer(address, Signature("".join(known[0]), "".join(known[1])))
