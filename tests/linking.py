"""Guests that tests write by hand: objects linked with the glue by name, and calls with values in slots of 16 bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from jormun.errors import WasmError
from jormun.llvm.object import read_object
from jormun.optimizing.code_image import functions_in
from jormun.runtime import layout
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from jormun.runtime.slots import CallSlots
from jormun.types import F32, F64, I32, I64, V128, FuncType, ValType

_TYPES: dict[str, ValType] = {"i": I32, "l": I64, "f": F32, "d": F64, "v": V128}
_WIDTHS = {"i": 4, "l": 8, "f": 4, "d": 8, "v": 16}
SLOT_BYTES = 16


class LinkedCode:
    """An object in the code region."""

    def __init__(self, native: Native, data: bytes, owner: object = None) -> None:
        image = read_object(data)

        def resolve(name: str) -> int:
            if name not in native.symbols:
                raise WasmError(f"undefined symbol {name}")
            return native.symbols[name]

        self._code = native.code.place(
            len(image.data), lambda address: image.place(address, resolve), functions_in(image), owner
        )
        self.symbols = {name: self._code.address + symbol.offset for name, symbol in image.symbols.items()}
        self.free = self._code.free


def slots_of(signature: Signature) -> CallSlots:
    """The slots of a signature."""
    return CallSlots(FuncType(tuple(_TYPES[x] for x in signature.params), tuple(_TYPES[x] for x in signature.results)))


def count(signature: Signature) -> int:
    """How many slots parameters and then results need."""
    return max(len(signature.params), len(signature.results), 1)


def call(native: Native, code: int, vm: int, signature: Signature, values: int) -> None:
    """Call guest code with parameters from the slots at `values`, which the results replace."""
    slots = slots_of(signature)
    record = Block(slots.size_bytes, 16)
    slots.pack_call(record.address, vm, _read(values, signature.params))
    native.call(code, record.address)
    _write(values, signature.results, slots.unpack_returned(record.address))


class HostFunction:
    """A host record for what gets the address of a register record, and the code that is called with it."""

    def __init__(self, native: Native, overflow_slots: int, callback: Callable[[int], object]) -> None:
        self.code = native.symbols["jormun_host_function"]
        self._held = _Held(callback)
        self._record = Block(layout.HOST_RECORD_BYTES, 16)
        self.vm = self._record.address
        self._record.write_u64(layout.HOST_CALLABLE, id(callback))
        self._record.write_u64(layout.HOST_OVERFLOW_SLOTS, overflow_slots)
        self._record.write_u64(layout.HOST_OWNER, id(self._held))


class _Held:
    """What a call holds."""

    def __init__(self, callback: object) -> None:
        self.callback = callback


def host_function(native: Native, signature: Signature, callback: object) -> HostFunction:
    """A Python function for guests that gets the address of such slots."""
    slots = slots_of(signature)
    assert callable(callback)

    def call(record: int) -> None:
        values = Block(SLOT_BYTES * count(signature), 16)
        _write(values.address, signature.params, slots.unpack_params(record))
        callback(values.address)
        slots.pack_results(record, _read(values.address, signature.results))

    return HostFunction(native, slots.overflow_slots, call)


def _read(values: int, letters: str) -> list[int]:
    return [
        int.from_bytes(ctypes.string_at(values + SLOT_BYTES * k, _WIDTHS[x]), "little") for k, x in enumerate(letters)
    ]


def _write(values: int, letters: str, bits: Sequence[int]) -> None:
    for k, (x, value) in enumerate(zip(letters, bits, strict=True)):
        ctypes.memmove(values + SLOT_BYTES * k, value.to_bytes(_WIDTHS[x], "little"), _WIDTHS[x])
