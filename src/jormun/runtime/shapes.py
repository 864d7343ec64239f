"""Shapes: what native code knows of structure and array types, by numbers that stand for them (section 4.2.13).

There is one for each type while anybody needs it. All records are in one range of addresses, so that 32 bits in an
object's head say where its own is.
"""

from __future__ import annotations

from array import array

from jormun.containers import WeakValueDictionary
from jormun.errors import ExhaustionError, TrapKind
from jormun.hints import Final, Iterable
from jormun.locks import RLock
from jormun.runtime import heap_layout, layout
from jormun.runtime.native import pages
from jormun.runtime.references import may_be_object
from jormun.types import ArrayType, DefType, FuncType, StorageType, StructType

_MOST_BYTES: Final = 1 << 30
_CHUNK_BYTES: Final = 1 << 16


class Shape:
    """The shape of one structure or array type, and its record, which is given back with this object.

    That of a function type is the shape of exceptions whose tag has it (layout.EXCEPTION_VALUES).
    """

    __slots__ = (
        "__weakref__", "_above", "_region", "_size_bytes", "deftype", "fields", "is_array", "number", "offsets",
        "size_bytes", "unit_log2",
    )  # fmt: skip

    def __init__(self, region: _Region, deftype: DefType) -> None:
        composite = deftype.composite
        self.deftype = deftype
        self._above: Shape | None
        self.is_array = isinstance(composite, ArrayType)
        self.fields: tuple[StorageType, ...]
        """What the fields hold; of an array, what its elements do."""
        self.offsets: tuple[int, ...]
        """Where the fields are in an object; of an array, where the first element is."""
        self.size_bytes: int
        """Of a structure: the size of an object."""
        if isinstance(composite, FuncType):
            self.fields = tuple(composite.params)
            size = layout.EXCEPTION_VALUES + layout.VALUE_SLOT_BYTES * len(self.fields)
            self.offsets = tuple(range(layout.EXCEPTION_VALUES, size, layout.VALUE_SLOT_BYTES))
        else:
            declared = (composite.field,) if isinstance(composite, ArrayType) else composite.fields
            self.fields = tuple([each.storage for each in declared])
            self.offsets, size = heap_layout.offsets_of(self.fields)
        self.size_bytes = size
        self.unit_log2 = heap_layout.storage_bytes(self.fields[0]).bit_length() - 1 if self.is_array else 0
        """Of an array: the power of two that the size of an element is."""
        references = [at for at, t in zip(self.offsets, self.fields, strict=True) if may_be_object(t)]
        supertypes = [0] * max(heap_layout.SHALLOW, deftype.depth + 1)
        fields_at = heap_layout.SHAPE_SUPERTYPES + 4 * len(supertypes)
        self._region = region
        self._size_bytes = pages.round_up(fields_at + 4 * len(references), heap_layout.SHAPE_ALIGNMENT)
        self.number = region.take(self._size_bytes)
        """What stands for it in machine code and objects, below 2**32."""
        supertypes[deftype.depth] = self.number
        supertype = None if isinstance(composite, FuncType) else deftype.supertype
        self._above = above = None if supertype is None else shape_of(supertype)
        while above is not None:
            supertypes[above.deftype.depth] = above.number
            above = above._above
        words = [
            self.unit_log2 if self.is_array else size,
            *(int(self.is_array), len(references), fields_at),
            *supertypes,
            *references,
        ]
        pages.write_bytes(region.base + self.number, array("I", words).tobytes())

    def __del__(self) -> None:
        if hasattr(self, "number"):
            self._region.give(self.number, self._size_bytes)


class _Region:
    """The range of addresses in which records are."""

    def __init__(self) -> None:
        self.base, self._size_bytes = pages.reserve_most(_MOST_BYTES, 1 << 24)
        self._committed_bytes = 0
        self._end = heap_layout.SHAPE_ALIGNMENT  # 0 is nobody's number
        self._free: dict[int, list[int]] = {}

    def take(self, size_bytes: int) -> int:
        """The number of a record of so many bytes that is nobody's."""
        with _lock:
            free = self._free.get(size_bytes)
            if free:
                return free.pop()
            number = self._end
            end = number + size_bytes
            if end > self._size_bytes:
                raise ExhaustionError(TrapKind.RESOURCE_LIMIT, message="there are too many types of objects")
            if end > self._committed_bytes:
                more = pages.round_up(end - self._committed_bytes, _CHUNK_BYTES)
                pages.protect(self.base + self._committed_bytes, more, pages.READ_WRITE)
                self._committed_bytes += more
            self._end = end
            return number

    def give(self, number: int, size_bytes: int) -> None:
        """Nobody has this record any more. Called at any place: appending needs no lock."""
        self._free.setdefault(size_bytes, []).append(number)


_lock = RLock()
_region: _Region | None = None
_shapes: WeakValueDictionary[DefType, Shape] = WeakValueDictionary()
_numbered: WeakValueDictionary[int, Shape] = WeakValueDictionary()


def shape_of(deftype: DefType) -> Shape:
    """The shape of a structure or array type, or of exceptions."""
    global _region
    with _lock:
        shape = _shapes.get(deftype)
        if shape is None:
            if _region is None:
                _region = _Region()
            shape = _shapes[deftype] = Shape(_region, deftype)
            _numbered[shape.number] = shape
        return shape


def shape_at(number: int) -> Shape:
    """The shape that has this number, which somebody keeps."""
    return _numbered[number]


def shapes_base() -> int:
    """Where numbers of shapes are counted from. There is a shape."""
    assert _region is not None
    return _region.base


def native_type(deftype: DefType) -> int:
    """What native code knows a type by (Layout.type_id_offset). Who asks keeps the shape."""
    if isinstance(deftype.composite, (StructType, ArrayType)):
        return shape_of(deftype).number
    return deftype.id


def keep_shapes(deftypes: Iterable[DefType]) -> tuple[Shape, ...]:
    """What to keep so that the numbers of these types stay theirs."""
    return tuple([shape_of(each) for each in deftypes if isinstance(each.composite, (StructType, ArrayType))])
