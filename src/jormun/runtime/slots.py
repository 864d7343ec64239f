"""Arrays of 16-byte slots, in which values go to native code and come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct

from jormun.runtime.native import pages
from jormun.runtime.native.calls import Signature
from jormun.types import F32, I32, V128, FuncType, ValType

_FORMATS: dict[ValType, str] = {I32: "I12x", F32: "I12x", V128: "QQ"}
_OTHER_FORMAT = "Q8x"
_LOW_HALF = (1 << 64) - 1


class Slots:
    """How values of some types lie in slots. Values are bits, unsigned, as wide as their types."""

    __slots__ = ("_struct", "_vectors", "size_bytes")

    def __init__(self, types: tuple[ValType, ...]) -> None:
        self._struct = Struct("<" + "".join(_FORMATS.get(t, _OTHER_FORMAT) for t in types))
        self._vectors = tuple(k for k, t in enumerate(types) if t is V128)
        self.size_bytes = self._struct.size

    @property
    def unpack_from(self) -> Callable[[memoryview, int], tuple[int, ...]]:
        """Takes a view and an offset in it: the values in the slots there. For types without vectors."""
        assert not self._vectors
        return self._struct.unpack_from

    @property
    def pack_into(self) -> Callable[..., None]:
        """Takes a view, an offset in it and values, and puts these into the slots there. For types without vectors."""
        assert not self._vectors
        return self._struct.pack_into

    def pack(self, address: int, bits: Sequence[int]) -> None:
        """Put values into the slots at `address`."""
        if self._vectors:
            halves = list(bits)
            for k in reversed(self._vectors):
                halves[k : k + 1] = (bits[k] & _LOW_HALF, bits[k] >> 64)
            bits = halves
        pages.write_bytes(address, self._struct.pack(*bits))

    def unpack(self, address: int) -> list[int]:
        """The values in the slots at `address`."""
        bits = list(self._struct.unpack(pages.read_bytes(address, self.size_bytes)))
        for k in self._vectors:
            low, high = bits[k : k + 2]
            bits[k : k + 2] = (high << 64 | low,)
        return bits


class CallSlots:
    """What a call of a function type looks like to native code."""

    __slots__ = ("params", "results", "signature", "size_bytes")

    def __init__(self, func_type: FuncType) -> None:
        self.params = Slots(func_type.params)
        self.results = Slots(func_type.results)
        self.signature = Signature.of(func_type)
        self.size_bytes = max(self.params.size_bytes, self.results.size_bytes)
        """The slots of both: results take the place of parameters."""


@lru_cache(maxsize=4096)
def slots_of(func_type: FuncType) -> CallSlots:
    """The slots of calls of a function type."""
    return CallSlots(func_type)
