"""Globals (core specification, section 4.2.10)."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, NoReturn
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.references import may_be_object
from jormun.runtime.uncopied import uncopied
from jormun.runtime.values import width_bytes
from jormun.types import GlobalType

if TYPE_CHECKING:
    from jormun.runtime.store import Store


class Global:
    """A global of WebAssembly; `value` reads it and, when it is mutable, sets it.

    >>> import jormun
    >>> counter = jormun.load('(module (global (export "counter") (mut i32) (i32.const 7)))').exports.counter
    >>> counter.value += 1
    >>> counter.value
    8
    """

    __slots__ = ("__weakref__", "_owner", "address", "store", "type")

    def __init__(self, store: Store, type: GlobalType, value: object) -> None:
        """A global for instances of `store` to import. Raises TypeError or OverflowError when `value` does not fit."""
        bits = store.to_bits(type.value, value)
        cell = pages.Block(layout.GLOBAL_CELL_BYTES, layout.GLOBAL_CELL_BYTES)
        self._set(store, type, cell.address, store.keep(cell))
        self.write_bits(bits)
        if may_be_object(type.value):
            store.roots.add_global(cell.address)

    @classmethod
    def at(cls, store: Store, type: GlobalType, address: int, owner: object) -> Global:
        """The global whose cell is at `address`, inside of what `owner` keeps alive."""
        handle = cls.__new__(cls)
        handle._set(store, type, address, owner)
        return handle

    def _set(self, store: Store, type: GlobalType, address: int, owner: object) -> None:
        self.store = store
        self.type = type
        self.address = address
        """The address of the cell."""
        self._owner = owner

    @property
    def value(self) -> object:
        """The present value.

        Setting it raises TypeError for an immutable global or a value of another type, and OverflowError for a number
        out of range.
        """
        with self.store.reading:
            return self.store.from_bits(self.type.value, self.read_bits())

    @value.setter
    def value(self, value: object) -> None:
        if not self.type.is_mutable:
            raise TypeError(f"a global of type {self.type.value} is immutable")
        self.write_bits(self.store.to_bits(self.type.value, value))

    def read_bits(self) -> int:
        """The value as bits, as wide as its type."""
        return read_cell(self.address, self.type)

    def write_bits(self, bits: int) -> None:
        """Set the value to bits of its type."""
        write_cell(self.address, self.type, bits)

    def __reduce__(self) -> NoReturn:
        raise uncopied("a global", "its value is what can be copied")

    def __repr__(self) -> str:
        return f"<Global {'mut ' if self.type.is_mutable else ''}{self.type.value}: {self.value!r}>"


def read_cell(address: int, type: GlobalType) -> int:
    """The bits in the cell of a global of this type."""
    return int.from_bytes(pages.read_bytes(address, width_bytes(type.value)), "little")


def write_cell(address: int, type: GlobalType, bits: int) -> None:
    """Set the bits in the cell of a global of this type."""
    pages.write_bytes(address, bits.to_bytes(width_bytes(type.value), "little"))
