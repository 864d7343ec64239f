"""References as the 64 bits that native code sees (core specification, section 4.2.2), and the objects behind them.

Null is 0. A function is the address of its function record. Bit 0 set is an i31, shifted by one. The low bits 0b010
are an object of the host, shifted by three: an index into its store's `Externals`. What else has three clear low bits
is an address. any.convert_extern and extern.convert_any keep the bits as they are.
"""

from __future__ import annotations

from jormun.locks import Lock

NULL = 0
_I31_MASK = 0x7FFF_FFFF
_I31_SIGN = 0x4000_0000
_EXTERNAL_TAG = 0b010
_TAG_MASK = 0b111


def i31(value: int) -> int:
    """The reference for the low 31 bits of `value`."""
    return (value & _I31_MASK) << 1 | 1


def is_i31(bits: int) -> bool:
    """Whether the reference is an i31."""
    return bits & 1 == 1


def i31_value(bits: int) -> int:
    """The signed number in an i31 reference."""
    value = bits >> 1 & _I31_MASK
    return value - (value & _I31_SIGN) * 2


def is_external(bits: int) -> bool:
    """Whether the reference is an object of the host."""
    return bits & _TAG_MASK == _EXTERNAL_TAG


class Externals:
    """The host's objects that guests of one store hold references to.

    An object keeps its handle, so that passing it a second time costs nothing and gives equal bits. Objects live as
    long as the store: where a guest keeps its references is not known to the host.
    """

    __slots__ = ("_handles", "_lock", "_objects")

    def __init__(self) -> None:
        self._objects: list[object] = []
        self._handles: dict[int, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._objects)

    def handle(self, value: object) -> int:
        """The reference to this very object; that of None is null."""
        if value is None:
            return NULL
        with self._lock:
            bits = self._handles.get(id(value))
            if bits is None:
                bits = len(self._objects) << 3 | _EXTERNAL_TAG
                self._objects.append(value)
                self._handles[id(value)] = bits
            return bits

    def object(self, bits: int) -> object:
        """The object behind a reference that `handle` gave."""
        assert is_external(bits)
        return self._objects[bits >> 3]
