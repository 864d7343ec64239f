"""Structures and arrays of guests, as Python has them (core specification, section 4.2.13)."""

from __future__ import annotations

from _operator import index as to_index  # operator's own, without its Python

from jormun.hints import TYPE_CHECKING, Final, Iterator, NoReturn, SupportsIndex
from jormun.runtime import heap_layout
from jormun.runtime.native import pages
from jormun.runtime.shapes import Shape, shape_at
from jormun.runtime.uncopied import uncopied
from jormun.runtime.values import width_bytes
from jormun.types import F32, F64, I32, I64, ArrayType, FieldType, PackedType, StorageType, StructType

if TYPE_CHECKING:
    from jormun.runtime.store import Store

_PACKED_BITS: Final = {PackedType.I8: 8, PackedType.I16: 16}
_FORMATS: Final[dict[StorageType, str]] = {
    PackedType.I8: "B", PackedType.I16: "H", I32: "i", I64: "q", F32: "f", F64: "d",
}  # fmt: skip


class Object:
    """A structure or an array that a guest has made. It stays alive, and where it is, as long as Python has it.

    The same object of a guest is the same in Python, too, so that `is` and `==` tell objects apart.
    """

    __slots__ = ("__weakref__", "_fields", "address", "shape", "store")

    def __init__(self, store: Store, address: int, shape: Shape) -> None:
        """Made by `object_at`."""
        self.store = store
        self.address = address
        self.shape = shape
        composite = shape.deftype.composite
        assert isinstance(composite, (StructType, ArrayType))
        self._fields: tuple[FieldType, ...] = (
            (composite.field,) if isinstance(composite, ArrayType) else composite.fields
        )

    def __reduce__(self) -> NoReturn:
        raise uncopied("an object of a guest", "what is in it is what can be copied")

    def _read(self, t: StorageType, address: int) -> object:
        """A field or an element of this type: as Python has values, and a packed one unsigned."""
        if isinstance(t, PackedType):
            return int.from_bytes(pages.read_bytes(address, heap_layout.storage_bytes(t)), "little")
        with self.store.reading:
            return self.store.from_bits(t, int.from_bytes(pages.read_bytes(address, width_bytes(t)), "little"))

    def _write(self, field: FieldType, address: int, value: object) -> None:
        t = field.storage
        if not field.is_mutable:
            raise TypeError(
                f"{self._kind} {'elements' if self.shape.is_array else 'fields'} of this type are immutable"
            )
        if not isinstance(t, PackedType):
            pages.write_bytes(address, self.store.to_bits(t, value).to_bytes(width_bytes(t), "little"))
            return
        bits = _PACKED_BITS[t]
        number = to_index(value)  # type: ignore[arg-type]
        if not -1 << bits - 1 <= number < 1 << bits:
            raise OverflowError(f"{number} is out of range for {t}")
        pages.write_bytes(address, (number & (1 << bits) - 1).to_bytes(bits >> 3, "little"))

    @property
    def _kind(self) -> str:
        return "an array's" if self.shape.is_array else "a structure's"

    def _place(self, index: SupportsIndex, count: int) -> int:
        place = to_index(index)
        if place < 0:
            place += count
        if not 0 <= place < count:
            what = f"an array of {count} elements" if self.shape.is_array else f"a structure of {count} fields"
            raise IndexError(f"index {to_index(index)} is outside of {what}")
        return place


class Struct(Object):
    """A structure: a row of fields, by their numbers. Mutable ones may be set.

    Fields have Python values as arguments do: packed ones are unsigned. Raises TypeError for an immutable field or a
    value of another type, OverflowError for a number out of range, IndexError.

    >>> import jormun
    >>> point = jormun.load('''(module (type $point (struct (field (mut i32)) (field f64)))
    ...   (func (export "point") (result anyref) (struct.new $point (i32.const 3) (f64.const 0.5))))''').exports.point()
    >>> point[0] += 1
    >>> list(point)
    [4, 0.5]
    """

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, field: SupportsIndex) -> object:
        place = self._place(field, len(self._fields))
        return self._read(self._fields[place].storage, self.address + self.shape.offsets[place])

    def __setitem__(self, field: SupportsIndex, value: object) -> None:
        place = self._place(field, len(self._fields))
        self._write(self._fields[place], self.address + self.shape.offsets[place], value)

    def __iter__(self) -> Iterator[object]:
        return iter([self[k] for k in range(len(self))])

    def __repr__(self) -> str:
        return f"<Struct of {len(self)} fields: {', '.join(str(each.storage) for each in self._fields)}>"


class Array(Object):
    r"""An array: a row of elements of one type, whose number does not change. If they are mutable they may be set.

    `view` shows numbers without copying them.

    >>> import jormun
    >>> squares = jormun.load('''(module (type $numbers (array (mut i16)))
    ...   (func (export "squares") (result anyref)
    ...     (array.new_fixed $numbers 3 (i32.const 1) (i32.const 4) (i32.const 9))))''').exports.squares()
    >>> squares[-1] = 10
    >>> len(squares), list(squares), bytes(squares.view())
    (3, [1, 4, 10], b'\x01\x00\x04\x00\n\x00')
    """

    __slots__ = ()

    def __len__(self) -> int:
        return pages.read_u32(self.address + heap_layout.OBJECT_LENGTH)

    def __getitem__(self, index: SupportsIndex) -> object:
        return self._read(self._fields[0].storage, self._element(index))

    def __setitem__(self, index: SupportsIndex, value: object) -> None:
        self._write(self._fields[0], self._element(index), value)

    def __iter__(self) -> Iterator[object]:
        return iter([self[k] for k in range(len(self))])

    def view(self) -> memoryview:
        """The elements in the guest's memory, to be read, and written if they are mutable: numbers alone, packed ones
        unsigned, in the order of bytes of the machine. It keeps the array alive. Raises TypeError for references and
        vectors.
        """
        field = self._fields[0]
        if field.storage not in _FORMATS:
            raise TypeError(f"there is no view of elements of type {field.storage}")
        size_bytes = len(self) << self.shape.unit_log2
        data = pages.view(self.address + heap_layout.OBJECT_BYTES, size_bytes, self)
        view: memoryview = data.cast(_FORMATS[field.storage])  # type: ignore[call-overload]
        return view if field.is_mutable else view.toreadonly()

    def __repr__(self) -> str:
        return f"<Array of {len(self)} elements {self._fields[0].storage}>"

    def _element(self, index: SupportsIndex) -> int:
        place = self._place(index, len(self))
        return self.address + heap_layout.OBJECT_BYTES + (place << self.shape.unit_log2)


def object_at(store: Store, address: int) -> Object:
    """The object at an address, to which a guest or somebody else has a reference now."""
    with store.heap.lock:
        found = store.roots.handles.get(address)
        if found is None:
            shape = shape_at(pages.read_u32(address + heap_layout.OBJECT_SHAPE))
            found = (Array if shape.is_array else Struct)(store, address, shape)
            store.roots.handles[address] = found
        return found
