"""Exceptions that guests throw, in native memory and as Python exceptions (core specification, section 4.2.12).

To a guest, references to exceptions (exnref) are opaque: nothing tells one from another with the same tag and values.
So of numbers there is one for each tag and values, and throwing it again makes no new one. Those live as long as their
store, and are paid from what its memories may take. An exception with a guest's objects is an object of its heap.
"""

from __future__ import annotations

from itertools import count

from jormun.containers import ref
from jormun.errors import ExhaustionError, Frame, TrapKind, WasmError
from jormun.functions import lru_cache
from jormun.hints import TYPE_CHECKING, Sequence
from jormun.locks import RLock
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.owners import owner_of
from jormun.runtime.references import may_be_object
from jormun.runtime.shapes import Shape, shape_of
from jormun.runtime.tag import Tag
from jormun.runtime.values import width_bytes
from jormun.types import V128, DefType, FuncType, ValType

if TYPE_CHECKING:
    from jormun.runtime.budget import Budget
    from jormun.runtime.heap import Heap
    from jormun.runtime.store import Store

_CHUNK_BYTES = 64 << 10
_COST_BYTES, _VALUE_COST_BYTES = 256, 64
"""What an exception, and each of its values, is paid with: all that it takes, here and in dicts of Python's."""
_WORD_MASK = 0xFFFF_FFFF_FFFF_FFFF


class WasmException(WasmError):
    """An exception that a guest threw and none caught; or, raised by a host function, one that guests may catch.

    `tag` is its tag, by which guests tell what they catch, `values` are a tuple of Python values, and `backtrace` lists
    the WebAssembly frames that were running when it was thrown, innermost first. Making one raises TypeError and
    OverflowError for values that are not of the tag's type.

    >>> import jormun
    >>> checked = jormun.load('''(module (tag $negative (export "negative") (param i32))
    ...   (func (export "checked") (param i32) (result i32)
    ...     (if (i32.lt_s (local.get 0) (i32.const 0)) (then (throw $negative (local.get 0))))
    ...     (local.get 0)))''').exports
    >>> try:
    ...     checked.checked(-5)
    ... except jormun.WasmException as error:
    ...     error.tag == checked.negative, error.values
    (True, (-5,))
    """

    def __init__(self, tag: Tag, *values: object) -> None:
        if not isinstance(tag, Tag):
            raise TypeError(f"an exception needs a tag, not {type(tag).__name__}")
        params = _params(tag.deftype)
        if len(values) != len(params):
            raise TypeError(f"an exception of {tag!r} needs {len(params)} values, {len(values)} were given")
        self._fill(tag, tuple(map(tag.store.to_bits, params, values)))

    @classmethod
    def of_bits(cls, tag: Tag, bits: tuple[int, ...]) -> WasmException:
        """The exception with these values as bits."""
        exception = cls.__new__(cls)
        exception._fill(tag, bits)
        return exception

    def _fill(self, tag: Tag, bits: tuple[int, ...]) -> None:
        self.tag = tag
        self.bits = bits
        """The values as guests see them."""
        self.values = tuple(map(tag.store.from_bits, _params(tag.deftype), bits))
        self.backtrace: tuple[Frame, ...] = ()
        self.args = (tag, *self.values)

    def __str__(self) -> str:
        values = ", ".join(map(repr, self.values))
        return "\n".join([f"unhandled exception: {self.tag}({values})", *(f"    at {each}" for each in self.backtrace)])


class Exceptions:
    """The exceptions of one store, to which it refers weakly: while a guest runs, its caller holds the store."""

    __slots__ = (
        "__weakref__",
        "_addresses",
        "_budget",
        "_chunks",
        "_foreign",
        "_key",
        "_lock",
        "_rests",
        "_shapes",
        "_store",
        "_tags",
        "_taken_bytes",
        "remembered",
    )  # fmt: skip

    def __init__(self, store: Store) -> None:
        self._store = ref(store)
        self._budget: Budget = store.budget
        self._addresses: dict[tuple[int, ...], int] = {}
        """By the identity of the tag, and the values as bits."""
        self._tags: dict[int, tuple[DefType, str]] = {}
        """Their types and names by identity."""
        self._shapes: dict[int, Shape] = {}
        """Of exceptions that are objects, by the identities of their tags."""
        self._foreign: dict[int, WasmException] = {}
        """Those of other stores' tags, by address. No guest of this one can tell what they hold."""
        self._chunks: list[pages.Block] = []
        self._rests: list[tuple[int, int]] = []
        """Where what is left of chunks begins and ends: of the last, for the most part."""
        self._taken_bytes = 0
        # Reentrant: a signal's handler, or a garbage collection, may call a guest that throws.
        self._lock = RLock()
        self.remembered = pages.Block(layout.POINTER_BYTES * layout.EXCEPTIONS_REMEMBERED)
        """See layout.VM_EXCEPTIONS."""
        self._key = next(_keys)
        _all[self._key] = ref(self)

    def __del__(self) -> None:
        if hasattr(self, "_key"):
            _all.pop(self._key, None)
            self._budget.give_back(self._taken_bytes)

    def throw(self, identity: int, deftype: DefType, name: str, values: int) -> int:
        """The address of the exception with that tag, whose values are in slots from address `values` on.

        Raises ExhaustionError.
        """
        # FAST: once for each exception that is thrown; most have one value, a number or an address.
        if _may_have_objects(deftype):
            store = self._store()
            if store is not None and store.has_heap:
                return self._object(store.heap, identity, deftype, name, values)
        key = (identity, *_bits(deftype, values))
        return self._addresses.get(key) or self._made(key, deftype, name)

    def _object(self, heap: Heap, identity: int, deftype: DefType, name: str, values: int) -> int:
        """A new exception in the heap. Its values are where a collection finds them."""
        shape = self._shapes.get(identity)
        if shape is None:
            shape = self._shapes[identity] = shape_of(deftype)
            self._tags.setdefault(identity, (deftype, name))
        address = heap.allocate(shape)
        pages.write_u64(address + layout.EXCEPTION_TAG, identity)
        pages.write_u64(address + layout.EXCEPTION_KEY, self._key)
        size_bytes = shape.size_bytes - layout.EXCEPTION_VALUES
        pages.copy(address + layout.EXCEPTION_VALUES, values, size_bytes)
        return address

    def forget(self) -> None:
        """Objects are being collected: those that machine code remembers may be among them."""
        pages.zero(self.remembered.address, self.remembered.size_bytes)

    def address(self, exception: WasmException) -> int:
        """The address of what guests of this store see of an exception. Raises ExhaustionError."""
        tag = exception.tag
        if tag.store is self._store():
            key = (tag.identity, *exception.bits)
            return self._addresses.get(key) or self._made(key, tag.deftype, tag.name)
        address = self._made((tag.identity, id(exception)), None, tag.name)
        self._foreign[address] = exception  # which keeps its id
        return address

    def ranges(self) -> list[tuple[int, int]]:
        """Where values of exceptions are, among others."""
        return [(each.address, each.address + each.size_bytes) for each in self._chunks]

    def exception(self, address: int) -> WasmException:
        """The exception at this address."""
        found = self._foreign.get(address)
        if found is not None:
            return found
        identity = pages.read_u64(address + layout.EXCEPTION_TAG)
        deftype, name = self._tags[identity]
        store = self._store()
        if store is None:
            raise WasmError("the store is gone")
        bits = _bits(deftype, address + layout.EXCEPTION_VALUES)
        return WasmException.of_bits(Tag.at(store, deftype, identity, name), bits)

    def _made(self, key: tuple[int, ...], deftype: DefType | None, name: str) -> int:
        """The address of the exception with this key, which is new unless another thread was faster. One of another
        store's has no type here, and no values.
        """
        identity, *bits = key
        size_bytes = layout.EXCEPTION_VALUES + layout.VALUE_SLOT_BYTES * len(bits)
        cost_bytes = size_bytes + _COST_BYTES + _VALUE_COST_BYTES * len(bits)
        with self._lock:
            address = self._addresses.get(key)
            if address is not None:
                return address
            if not self._budget.take(cost_bytes):
                most = f"{self._budget.size_bytes:,} bytes"
                message = f"all memories, tables and exceptions of a store may have {most}"
                raise ExhaustionError(TrapKind.RESOURCE_LIMIT, message=message)
            self._taken_bytes += cost_bytes
            address = self._room(size_bytes)
            pages.write_u64(address + layout.EXCEPTION_TAG, identity)
            pages.write_u64(address + layout.EXCEPTION_KEY, self._key)
            at = address + layout.EXCEPTION_VALUES
            for value in bits if deftype is not None else ():
                pages.write_u64(at, value & _WORD_MASK)
                pages.write_u64(at + 8, value >> 64)
                at += layout.VALUE_SLOT_BYTES
            if deftype is not None:
                self._tags.setdefault(identity, (deftype, name))
            return self._addresses.setdefault(key, address)

    def _room(self, size_bytes: int) -> int:
        """The address of so many bytes that are nobody's, a multiple of 16. Who interrupts this gets others."""
        try:
            address, end = self._rests.pop()
        except IndexError:
            address = end = 0
        if address + size_bytes > end:
            chunk = pages.Block(_CHUNK_BYTES, 16)
            self._chunks.append(chunk)
            address, end = chunk.address, chunk.address + _CHUNK_BYTES
        self._rests.append((address + size_bytes, end))
        return address


_keys = count(1)
_all: dict[int, ref[Exceptions]] = {}
"""By key. Keeps none alive."""


def exception_at(address: int) -> WasmException:
    """The exception at an address, of whatever store; that must be in use."""
    exceptions = _all[pages.read_u64(address + layout.EXCEPTION_KEY)]()
    if exceptions is None:
        raise WasmError("the store is gone")
    return exceptions.exception(address)


def address_of(error: WasmError, key: int) -> int:
    """The address of what a guest sees of an exception that the host function with this key raised; 0 if it sees
    nothing, since it is no exception of WebAssembly's. Raises ExhaustionError.
    """
    if not isinstance(error, WasmException):
        return 0
    exceptions = owner_of(key).exceptions
    return 0 if exceptions is None else exceptions.address(error)


def _params(deftype: DefType) -> Sequence[ValType]:
    composite = deftype.composite
    assert isinstance(composite, FuncType)
    return composite.params


def _bits(deftype: DefType, slots: int) -> tuple[int, ...]:
    """The values in slots from an address on, as bits."""
    bits = []
    for mask in _masks(deftype):
        if mask:
            bits.append(pages.read_u64(slots) & mask)
        else:
            bits.append(pages.read_u64(slots) | pages.read_u64(slots + 8) << 64)
        slots += layout.VALUE_SLOT_BYTES
    return tuple(bits)


@lru_cache(maxsize=1024)
def _may_have_objects(deftype: DefType) -> bool:
    return any(may_be_object(t) for t in _params(deftype))


@lru_cache(maxsize=1024)
def _masks(deftype: DefType) -> tuple[int, ...]:
    """Of each value of a tag's type, what of the first word of its slot counts; 0 if two words do."""
    return tuple(0 if t is V128 else (1 << 8 * width_bytes(t)) - 1 for t in _params(deftype))
