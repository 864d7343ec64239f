"""Python values as WebAssembly values and back (API.md, "Values"; core specification, section 4.2.1).

Inside of the run time a value is its bits, an unsigned int: 32, 64 or 128 of them, and 64 for a reference. This is what
native code's 16-byte slots hold, little endian.
"""

from __future__ import annotations

import struct
from _operator import index as to_index  # operator's own, without its Python

from jormun.hints import TYPE_CHECKING, SupportsIndex
from jormun.runtime import references
from jormun.runtime.function import Function
from jormun.types import F32, F64, I32, I64, V128, AbsHeapType, DefType, FuncType, RefType, ValType
from jormun.validation.matching import match_deftype, match_heap

if TYPE_CHECKING:
    from jormun.runtime.store import Store

_F32 = struct.Struct("<f")
_F64 = struct.Struct("<d")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_HOST_TYPES = frozenset({AbsHeapType.EXTERN, AbsHeapType.ANY})
_I31_TYPES = frozenset({AbsHeapType.I31, AbsHeapType.EQ, AbsHeapType.ANY})
_I31_RANGE = range(-(1 << 30), 1 << 30)


def to_bits(store: Store, t: ValType, value: object) -> int:
    """The bits of a Python value as a closed type.

    i32 and i64 take ints (or what has `__index__`), signed or unsigned; f32 and f64 take real numbers; v128 takes 16
    bytes; references take None, functions of this store, exceptions, or, for externref, any object. A number given for
    an anyref that fits 31 bits is an i31. Raises TypeError for another type and OverflowError for a number out of
    range.
    """
    if t is I32:
        return _integer(t, value, 32)
    if t is I64:
        return _integer(t, value, 64)
    if t is F64:
        bits: int = _U64.unpack(_F64.pack(_real(t, value)))[0]
        return bits
    if t is F32:
        try:
            bits = _U32.unpack(_F32.pack(_real(t, value)))[0]
        except OverflowError:
            raise OverflowError(f"{value!r} is out of range for f32") from None
        return bits
    if t is V128:
        return _vector(value)
    assert isinstance(t, RefType)
    return _reference(store, t, value)


def from_bits(store: Store, t: ValType, bits: int) -> object:
    """The Python value of some bits of a closed type: i32 and i64 signed, v128 as 16 bytes, null as None."""
    if t is I32:
        return bits - (bits >> 31 << 32)
    if t is I64:
        return bits - (bits >> 63 << 64)
    if t is F64:
        return _F64.unpack(_U64.pack(bits))[0]
    if t is F32:
        return _F32.unpack(_U32.pack(bits))[0]
    if t is V128:
        return bits.to_bytes(16, "little")
    if bits == references.NULL:
        return None
    if references.is_i31(bits):
        return references.i31_value(bits)
    if references.is_external(bits):
        return store.externals.object(bits)
    assert isinstance(t, RefType)
    if _is_function(t):
        return store.function(bits)
    if t.heap is AbsHeapType.EXN:
        return store.exceptions.exception(bits)
    from jormun.runtime.objects import object_at  # few guests make objects

    return object_at(store, bits)


def width_bytes(t: ValType) -> int:
    """The size of a value of this type as native code keeps it."""
    if t is I32 or t is F32:
        return 4
    return 16 if t is V128 else 8


def _integer(t: ValType, value: object, width: int) -> int:
    try:
        number = to_index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{t} needs an int, not {type(value).__name__}") from None
    if not -1 << (width - 1) <= number < 1 << width:
        raise OverflowError(f"{number} is out of range for {t}")
    return number & ((1 << width) - 1)


def _real(t: ValType, value: object) -> float:
    if isinstance(value, float):
        return value
    kind = type(value)
    if hasattr(kind, "__float__") or hasattr(kind, "__index__"):
        return float(value)  # type: ignore[arg-type]
    raise TypeError(f"{t} needs a float, not {type(value).__name__}")


def _vector(value: object) -> int:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"v128 needs 16 bytes, not {type(value).__name__}")
    data = bytes(value)
    if len(data) != 16:
        raise TypeError(f"v128 needs 16 bytes, not {len(data)}")
    return int.from_bytes(data, "little")


def _is_function(t: RefType) -> bool:
    heap = t.heap
    if isinstance(heap, DefType):
        return isinstance(heap.composite, FuncType)
    return heap is AbsHeapType.FUNC


def _reference(store: Store, t: RefType, value: object) -> int:
    if value is None:
        if not t.nullable:
            raise TypeError(f"{t} cannot be None")
        return references.NULL
    heap = t.heap
    if hasattr(value, "shape") and heap is not AbsHeapType.EXN and not _is_function(t):
        found = _object(store, t, value)
        if found:
            return found
    if heap is AbsHeapType.EXTERN:
        return store.externals.handle(value)
    if _is_function(t):
        if not isinstance(value, Function):
            raise TypeError(f"{t} needs a WebAssembly function or None, not {type(value).__name__}")
        if value.store is not store:
            raise TypeError(f"{t} needs a function of the same store, {value.__name__} belongs to another one")
        if isinstance(heap, DefType) and not match_deftype(value.deftype, heap):
            raise TypeError(f"{t} needs a function of another type than {value.__name__}, which is {value.func_type}")
        return value.address
    if heap is AbsHeapType.EXN:
        from jormun.runtime.exceptions import WasmException  # few guests throw

        if isinstance(value, WasmException):
            return store.exceptions.address(value)
        raise TypeError(f"{t} needs a WasmException or None, not {type(value).__name__}")
    if heap in _I31_TYPES and isinstance(value, SupportsIndex):
        number = to_index(value)
        if number in _I31_RANGE:
            return references.i31(number)
        if heap is not AbsHeapType.ANY:
            raise OverflowError(f"{number} is out of range for an i31")
    if heap in _HOST_TYPES:
        return store.externals.handle(value)
    if heap in _I31_TYPES:
        raise TypeError(f"{t} needs an int or None, not {type(value).__name__}")
    raise TypeError(f"{t} cannot be made from {type(value).__name__}")


def _object(store: Store, t: RefType, value: object) -> int:
    """The bits of an object of a guest's; 0 if it is none of this store, but may be passed as any other of Python's."""
    from jormun.runtime.objects import Object

    if not isinstance(value, Object):
        return 0
    heap, deftype = t.heap, value.shape.deftype
    if value.store is not store:
        if heap in _HOST_TYPES:
            return 0
        raise TypeError(f"{t} needs an object of the same store")
    if heap in _HOST_TYPES or match_heap(deftype, heap):
        return value.address
    raise TypeError(f"{t} needs an object of another type than {value!r}")
