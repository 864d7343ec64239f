"""Values cross between Python and guest code unchanged, for every type and any number of them."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from jormun.runtime.native.calls import LLVM_TYPES, Signature, parameter_types
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from jormun.types import EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, FuncType
from tests import linking
from tests.passing import DECLARATIONS, give, take

SIGNATURES = [
    "",
    "i",
    "l",
    "f",
    "d",
    "v",
    "ilfdv",
    "iiiii",
    "iiiiii",
    "iiiiiii",
    "llllllllllll",
    "ffffffff",
    "fffffffff",
    "dddddddddd",
    "vvvvvvvvvv",
    "vivlvfvdvivlvfvdvi",
    "ifldv" * 12,
    "i" * 1000,
]


def _random(letter: str, source: random.Random) -> object:
    match letter:
        case "i":
            return source.randrange(-(1 << 31), 1 << 31)
        case "l":
            return source.randrange(-(1 << 63), 1 << 63)
        case "v":
            return source.randbytes(16)
        case _:
            return struct.unpack("<f", struct.pack("<f", source.random()))[0]


def _names(letters: str, vm: str = "%vm") -> list[str]:
    """What is passed to a function that returns its parameters in reverse order."""
    return [vm, *(["%results"] if len(letters) > 1 else []), *(f"%p{k}" for k in range(len(letters)))]


def _reversing(name: str, letters: str) -> str:
    """A guest function that returns its parameters in reverse order."""
    params, entry = take(parameter_types(Signature(letters, letters[::-1])), _names(letters))
    if len(letters) == 1:
        return f"fn {LLVM_TYPES[letters]} @{name}({params}) {{\n  ret {LLVM_TYPES[letters]} %p0\n}}\n"
    lines = [DECLARATIONS, f"fn void @{name}({params}) {{", *entry]
    for k, letter in enumerate(letters):
        lines.append(f"  %at{k} = getelementptr i8, ptr %results, i64 {16 * (len(letters) - 1 - k)}")
        lines.append(f"  store {LLVM_TYPES[letter]} %p{k}, ptr %at{k}, align 8")
    return "\n".join([*lines, "  ret void", "}\n"])


@pytest.mark.parametrize("letters", SIGNATURES)
def test_guest_returns_parameters_reversed(load: Any, letters: str) -> None:
    """Parameters reach the guest in order, in registers and on the stack, and so do any number of results."""
    source = random.Random(letters)
    values = tuple(_random(letter, source) for letter in letters)
    guest = load(_reversing("f0", letters))
    assert guest.call("f0", letters, letters[::-1], *values) == values[::-1]


@pytest.mark.parametrize("letters", SIGNATURES)
def test_host_function_sees_and_returns_values(load: Any, native: Native, letters: str) -> None:
    """A Python function gets what the guest passes, and the guest gets what it leaves in the slots."""
    source = random.Random(letters)
    arguments = tuple(_random(letter, source) for letter in letters)
    results = tuple(_random(letter, source) for letter in letters[::-1])
    seen = []

    def callback(address: int) -> None:
        seen.append(load.read_values(address, letters))
        load.write_values(address, letters[::-1], results)

    signature = Signature(letters, letters[::-1])
    host = linking.host_function(native, signature, callback)
    assert load.call(native, host.code, host.vm, signature, *arguments) == results
    assert seen == [arguments]


@pytest.mark.parametrize("letters", [letters for letters in SIGNATURES if len(letters) < 100])
def test_guest_calls_host(load: Any, native: Native, letters: str) -> None:
    """A guest's own indirect call of a host function passes everything, with the overflow area used on both sides."""
    source = random.Random(letters)
    values = tuple(_random(letter, source) for letter in letters)

    def callback(address: int) -> None:
        load.write_values(address, letters[::-1], load.read_values(address, letters)[::-1])

    host = linking.host_function(native, Signature(letters, letters[::-1]), callback)
    types = parameter_types(Signature(letters, letters[::-1]))
    result = LLVM_TYPES[letters] if len(letters) == 1 else "void"
    params, entry = take(types, _names(letters))
    arguments, stores = give(types, _names(letters, "%host"))
    assign, ret = ("%r = ", f"{result} %r") if result != "void" else ("", "void")
    lines = [DECLARATIONS, f"fn {result} @f0({params}) {{", *entry]
    lines += ["%code = load ptr, ptr %vm", "%at = getelementptr i8, ptr %vm, i64 8", "%host = load ptr, ptr %at"]
    lines += ["call void @f1(ptr %vm)", *stores, f"{assign}call {result} %code({arguments})", "call void @f1(ptr %vm)"]
    lines += [f"ret {ret}", "}", "fn void @f1(ptr %vm) noinline {", "ret void", "}"]
    guest = load("\n".join(lines))
    record = native_record(host.code, host.vm)
    for _ in range(3):
        got = guest.call("f0", letters, letters[::-1], *values, vm=record.address)
        assert got == values[::-1]


def native_record(code: int, vm: int) -> Block:
    """A function record."""
    record = Block(32, 32)
    record.write_u64(0, code)
    record.write_u64(8, vm)
    return record


def test_signature_of_function_type() -> None:
    """References travel as 64-bit integers."""
    signature = Signature.of(FuncType((I32, I64, F32, F64, V128, FUNCREF), (EXTERNREF,)))
    assert signature == Signature("ilfdvl", "l")
    assert signature.overflow_slots == 0
    assert Signature("i" * 8, "").overflow_slots == 3


def test_nan_payloads_survive(load: Any, native: Native) -> None:
    """Floats cross as bits: a signalling NaN stays one."""
    guest = load(_reversing("f0", "fd"))
    values = Block(32, 16)
    view = values.view()
    view[0:4] = bytes.fromhex("0100a07f")
    view[16:24] = bytes.fromhex("010000000000f47f")
    linking.call(native, guest["f0"], 0, Signature("fd", "df"), values.address)
    assert view[0:8] == bytes.fromhex("010000000000f47f")
    assert view[16:20] == bytes.fromhex("0100a07f")
