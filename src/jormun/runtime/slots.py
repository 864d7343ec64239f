"""How values travel between Python and guest code: in register records (runtime/layout.py), by their types."""

from __future__ import annotations

from jormun.functions import cache, lru_cache
from jormun.hints import Sequence
from jormun.llvm.convention import REGISTERS, VECTOR, places
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.call_shape import entry
from jormun.runtime.native.calls import Signature, parameter_types
from jormun.types import F32, F64, I32, I64, V128, FuncType, RefType, ValType

_KINDS: dict[ValType, int] = {I32: layout.KIND_I32, I64: layout.KIND_I64, F32: layout.KIND_F32, F64: layout.KIND_F64}
_BITS_KINDS: dict[ValType, int] = {**_KINDS, I32: layout.KIND_U32, I64: layout.KIND_U64}
_FIRST_VECTOR = REGISTERS.index(VECTOR)
_MASKS = {"i": 0xFFFF_FFFF, "f": 0xFFFF_FFFF}
_WORD_MASK = 0xFFFF_FFFF_FFFF_FFFF
_BOTH_WORDS = 0
"""In place of a mask: a v128, which takes two words."""


class CallSlots:
    """Where the values of calls of a function type are in a register record.

    Values are bits, unsigned, as wide as their types; what a register holds beyond that has no meaning.
    """

    __slots__ = (
        "_bits",
        "_many",
        "_params",
        "_record",
        "_result",
        "_results",
        "_type",
        "entry",
        "has_references",
        "overflow_slots",
        "signature",
        "size_bytes",
    )  # fmt: skip

    def __init__(self, func_type: FuncType) -> None:
        signature = Signature.of(func_type)
        passed = places(parameter_types(signature))
        own = passed[len(passed) - len(func_type.params) :]
        self._params = [(_word(place), _mask(letter)) for place, letter in zip(own, signature.params, strict=True)]
        self._many = len(func_type.results) > 1
        """Whether results go through a buffer, whose address is passed behind `vm`."""
        words = range(0, 2 * len(func_type.results), 2) if self._many else map(_result_word, func_type.results)
        self._results = [(word, _mask(letter)) for word, letter in zip(words, signature.results, strict=True)]
        self.overflow_slots = signature.overflow_slots
        """How many parameters are passed in the overflow area."""
        slots = max(self.overflow_slots, len(func_type.results) if self._many else 0)
        self.size_bytes = layout.REGISTERS_OVERFLOW + layout.VALUE_SLOT_BYTES * slots
        """The size of a record for a call from Python."""
        self.signature = self._signature(func_type)
        """The signature record (runtime/layout.py), by which native code converts values, if they are plain."""
        self.entry = entry(func_type.params, func_type.results)
        """The name of what Python calls such functions by, in the glue."""
        self.has_references = any(isinstance(t, RefType) for t in (*func_type.params, *func_type.results))
        """Whether there are references among the values."""
        self._bits: pages.Block | None = None
        self._type = func_type
        self._record = pages.words(self.size_bytes >> 3)
        self._result = pages.words(2 * len(self._results)) if self._many else self._record

    @property
    def is_plain(self) -> bool:
        """Whether native code can convert the values."""
        return pages.read_u32(self.signature.address + layout.SIGNATURE_PARAMS) != layout.NOT_PLAIN

    @property
    def is_small(self) -> bool:
        """Whether native code has room for the values of a call from Python."""
        return self.size_bytes <= layout.REGISTERS_OVERFLOW + layout.VALUE_SLOT_BYTES * layout.MOST_SLOTS

    @property
    def bits(self) -> pages.Block:
        """The signature record for a host function of numbers that takes them as bits."""
        if self._bits is None:
            self._bits = self._signature(self._type, as_bits=True)
        return self._bits

    def _signature(self, func_type: FuncType, as_bits: bool = False) -> pages.Block:
        record = pages.Block(layout.SIGNATURE_VALUES + 4 * (len(self._params) + len(self._results)), 16)
        numbers = record.view().cast("I")
        numbers[layout.SIGNATURE_PARAMS >> 2] = layout.NOT_PLAIN
        if not all(t in _KINDS for t in (*func_type.params, *func_type.results)):
            return record
        numbers[layout.SIGNATURE_PARAMS >> 2] = len(self._params)
        numbers[layout.SIGNATURE_RESULTS >> 2] = len(self._results)
        numbers[layout.SIGNATURE_OVERFLOW_SLOTS >> 2] = self.overflow_slots
        vectors = range(layout.REGISTERS_VECTORS >> 3, layout.REGISTERS_OVERFLOW >> 3)
        numbers[layout.SIGNATURE_VECTORS >> 2] = sum(word in vectors for word, _ in self._params)
        at = layout.SIGNATURE_VALUES >> 2
        for (word, _), t in zip(self._params, func_type.params, strict=True):
            kind = _BITS_KINDS[t] if as_bits else _KINDS[t]
            numbers[at] = kind | 8 * word << layout.SIGNATURE_KIND_BITS
            at += 1
        start = layout.REGISTERS_OVERFLOW if self._many else 0
        for (word, _), t in zip(self._results, func_type.results, strict=True):
            numbers[at] = _KINDS[t] | start + 8 * word << layout.SIGNATURE_KIND_BITS
            at += 1
        return record

    def pack_call(self, address: int, vm: int, bits: Sequence[int], stop: int = 0) -> None:
        """Fill the record of `size_bytes` bytes at `address` for a call from Python. `stop` is the address of a stop
        record, or 0.
        """
        words = self._record(address)
        words[0] = vm
        if self._many:
            words[1] = address + layout.REGISTERS_OVERFLOW
        words[layout.REGISTERS_OVERFLOW_SLOTS >> 3] = self.overflow_slots
        words[layout.REGISTERS_STOP >> 3] = stop
        _put(words, self._params, bits)

    def unpack_returned(self, address: int) -> list[int]:
        """The results in such a record, behind the call."""
        return _get(self._result(address + layout.REGISTERS_OVERFLOW if self._many else address), self._results)

    def unpack_params(self, address: int) -> list[int]:
        """The arguments of a call that a guest makes, in the record at `address`."""
        return _get(self._record(address), self._params)

    def pack_results(self, address: int, bits: Sequence[int]) -> None:
        """Put the results of such a call where the guest will find them."""
        words = self._record(address)
        _put(self._result(words[1]) if self._many else words, self._results, bits)


@lru_cache(maxsize=4096)
def slots_of(func_type: FuncType) -> CallSlots:
    """The slots of calls of a function type."""
    return CallSlots(func_type)


@cache
def not_plain() -> pages.Block:
    """A signature record that leaves all calls to Python."""
    return CallSlots(FuncType((V128,), ())).signature


def _put(words: pages.Words, slots: Sequence[tuple[int, int]], bits: Sequence[int]) -> None:
    for (k, mask), value in zip(slots, bits, strict=True):
        words[k] = value & _WORD_MASK
        if mask == _BOTH_WORDS:
            words[k + 1] = value >> 64


def _get(words: pages.Words, slots: Sequence[tuple[int, int]]) -> list[int]:
    return [words[k] & mask if mask else words[k] | words[k + 1] << 64 for k, mask in slots]


def _mask(letter: str) -> int:
    return _BOTH_WORDS if letter == "v" else _MASKS.get(letter, _WORD_MASK)


def _word(place: int) -> int:
    """The word of a record in which an argument with this place (llvm/convention.py) begins."""
    if place < 0:
        return (layout.REGISTERS_OVERFLOW + layout.VALUE_SLOT_BYTES * ~place) >> 3
    if place >= _FIRST_VECTOR:
        return (layout.REGISTERS_VECTORS + 16 * (place - _FIRST_VECTOR)) >> 3
    return (layout.REGISTERS_INTEGERS >> 3) + place


def _result_word(t: ValType) -> int:
    """The word in which a single result begins."""
    return (layout.REGISTERS_VECTORS if t in (F32, F64, V128) else layout.REGISTERS_INTEGERS) >> 3
