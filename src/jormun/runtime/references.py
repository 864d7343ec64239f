"""References as the 64 bits that native code sees (core specification, section 4.2.2), and the objects behind them.

Null is 0. A function is the address of its function record. Bit 0 set is an i31, shifted by one. The low bits 0b010
are an object of the host, shifted by three: an index into its store's `Externals`. What else has three clear low bits
is an address. any.convert_extern and extern.convert_any keep the bits as they are.
"""

from __future__ import annotations

from itertools import count

from jormun.errors import ExhaustionError, TrapKind
from jormun.hints import TYPE_CHECKING, Final
from jormun.types import AbsHeapType, DefType, FuncType, RefType, StorageType

if TYPE_CHECKING:
    from jormun.runtime.budget import Budget

NULL = 0
_I31_MASK = 0x7FFF_FFFF
_I31_SIGN = 0x4000_0000
_EXTERNAL_TAG = 0b010
_TAG_MASK = 0b111
EXTERNAL_BYTES: Final = 256
"""What an object of the host counts as, whatever it is: its handle takes half of it, and a small object the rest."""


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


def may_be_object(t: StorageType) -> bool:
    """Whether a value of a closed type may be a reference to an object, or an exception: all but functions and i31."""
    if not isinstance(t, RefType):
        return False
    if isinstance(t.heap, DefType):
        return not isinstance(t.heap.composite, FuncType)
    return t.heap not in _OTHERS


_OTHERS: Final = frozenset({AbsHeapType.FUNC, AbsHeapType.NOFUNC, AbsHeapType.I31})


class Externals:
    """The host's objects that guests of one store hold references to.

    An object keeps its handle, so that passing it a second time costs nothing and gives equal bits. Objects live as
    long as the store: where a guest keeps its references is not known to the host. So each is paid from the store's
    budget, since a guest may call what makes them for ever.
    """

    __slots__ = ("_budget", "_handles", "_numbers", "_objects")

    def __init__(self, budget: Budget) -> None:
        self._objects: dict[int, object] = {}
        self._handles: dict[int, int] = {}
        self._numbers = count()
        self._budget = budget

    def __del__(self) -> None:
        self._budget.give_back(EXTERNAL_BYTES * len(self._objects))

    def __len__(self) -> int:
        return len(self._objects)

    def handle(self, value: object) -> int:
        """The reference to this very object; that of None is null. Raises ExhaustionError beyond the store's limit."""
        if value is None:
            return NULL
        bits = self._handles.get(id(value))
        if bits is None:
            if not self._budget.take(EXTERNAL_BYTES):
                raise ExhaustionError(
                    TrapKind.RESOURCE_LIMIT,
                    message=f"guests hold {len(self._objects):,} objects of the host already: "
                    f"{self._budget.bytes_reason}",
                )
            number = next(self._numbers)
            self._objects[number] = value
            made = number << 3 | _EXTERNAL_TAG
            bits = self._handles.setdefault(id(value), made)
            if bits != made:  # another thread, or a signal's handler, was faster
                del self._objects[number]
                self._budget.give_back(EXTERNAL_BYTES)
        return bits

    def object(self, bits: int) -> object:
        """The object behind a reference that `handle` gave."""
        assert is_external(bits)
        return self._objects[bits >> 3]
