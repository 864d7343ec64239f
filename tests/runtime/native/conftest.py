"""Guests written by hand in LLVM text, which stand in for the compiler's."""

from __future__ import annotations

import ctypes
import gc
import struct
from collections.abc import Iterator

import pytest

from jormun.llvm.target import assemble
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from tests import linking

ATTRIBUTES = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'
FORMATS = {"i": "<i", "l": "<q", "f": "<f", "d": "<d", "v": "16s"}

PRELUDE = """
declare dso_local void @jormun_trap(i32) cold noreturn
declare dso_local i64 @jormun_memory_grow(ptr, i32, i64)
declare dso_local i64 @jormun_table_grow(ptr, i32, i64, i64)
declare dso_local i32 @jormun_memory_wait32(ptr, i32, i64, i32, i64)
declare dso_local i32 @jormun_memory_notify(ptr, i32, i64, i32)
declare dso_local i32 @jormun_is_subtype(i64, i64)
declare dso_local ptr @memmove(ptr, ptr, i64)
"""


def call(native: Native, code: int, vm: int, signature: Signature, *arguments: object) -> tuple[object, ...]:
    """Call guest code with Python values."""
    values = Block(16 * linking.count(signature), 16)
    view = values.view()
    for index, (letter, argument) in enumerate(zip(signature.params, arguments, strict=True)):
        struct.pack_into(FORMATS[letter], view, 16 * index, argument)
    linking.call(native, code, vm, signature, values.address)
    return read_values(values.address, signature.results)


def read_values(address: int, letters: str) -> tuple[object, ...]:
    """The values in slots."""
    data = ctypes.string_at(address, 16 * len(letters))
    return tuple(struct.unpack_from(FORMATS[letter], data, 16 * k)[0] for k, letter in enumerate(letters))


def write_values(address: int, letters: str, values: tuple[object, ...]) -> None:
    """Put values into slots."""
    for k, (letter, value) in enumerate(zip(letters, values, strict=True)):
        data = struct.pack(FORMATS[letter], value)
        ctypes.memmove(address + 16 * k, data, len(data))


class Guest:
    """Loaded LLVM text. `@f` starts a function with the usual attributes: "define @f0 i32 (ptr %vm) {...}"."""

    def __init__(self, native: Native, text: str, owner: object = None, optimization: int = 2) -> None:
        self.native = native
        lines = []
        for line in text.splitlines():
            if line.startswith("fn "):
                head = line[3:].rsplit("{", 1)[0]
                line = f"define dso_local {head} {ATTRIBUTES} {{"
            lines.append(line)
        used = [line for line in PRELUDE.splitlines() if line.split("@")[-1].split("(")[0] + "(" in text]
        text = "\n".join([*used, *lines])
        self.loaded = linking.LinkedCode(native, assemble(text, optimization=optimization), owner)

    def __getitem__(self, name: str) -> int:
        return self.loaded.symbols[name]

    def call(self, name: str, params: str, results: str, *arguments: object, vm: int = 0) -> tuple[object, ...]:
        """Call a function by name, with the letters of its signature."""
        return call(self.native, self[name], vm, Signature(params, results), *arguments)


class LoadGuest:
    """Loads guests and frees them after the test; carries the helpers of this file to the tests."""

    call = staticmethod(call)
    read_values = staticmethod(read_values)
    write_values = staticmethod(write_values)

    def __init__(self, native: Native) -> None:
        self.native = native
        self.guests: list[Guest] = []

    def __call__(self, text: str, owner: object = None, optimization: int = 2) -> Guest:
        guest = Guest(self.native, text, owner, optimization)
        self.guests.append(guest)
        return guest


@pytest.fixture
def native() -> Native:
    """The machinery of this process."""
    return Native.get()


@pytest.fixture
def load(native: Native) -> Iterator[LoadGuest]:
    """Loads LLVM text."""
    loader = LoadGuest(native)
    yield loader
    gc.collect()
    for guest in loader.guests:
        guest.loaded.free()
