"""Guest code's calling convention as LLVM compiles it: chains of calls and tail calls with arguments of all kinds.

Each seed makes functions with random parameters, each of which calls the next, directly or through a pointer, as a
call, a tail call or in a loop, with frames of many sizes; the last one hashes what arrives.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

import pytest

from jormun.llvm.convention import REGISTERS, from_register, places, to_register
from jormun.llvm.target import Target, binding, host
from jormun.runtime.native.calls import Signature, parameter_types
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from tests import linking
from tests.passing import DECLARATIONS, give, take

ATTRIBUTES = 'nounwind noinline "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'
MULTIPLIER = 6364136223846793005
MASK = (1 << 64) - 1
TIMES = 50

Argument = int | bytes
"""The index of the caller's parameter that is passed on, or the value's bytes."""


@dataclass
class Chain:
    """LLVM text and what its functions compute."""

    signatures: list[Signature] = field(default_factory=list)
    arguments: list[list[Argument]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def _names(signature: Signature, is_void: bool) -> list[str]:
    return ["%vm", *(["%results"] if is_void else []), *(f"%p{k}" for k in range(len(signature.params)))]


def _head(index: int, signature: Signature, is_void: bool, returns: str, has_all_registers: bool) -> list[str]:
    """The start of a function: as one of its own prototype, or as one that makes tail calls."""
    types, names = parameter_types(signature), _names(signature, is_void)
    params, entry = take(types, names)
    if has_all_registers:
        params = ", ".join(f"{t} %r{k}" for k, t in enumerate(REGISTERS))
        for place, t, name in zip(places(types), types, names, strict=True):
            if place >= 0:
                entry += from_register(name, t, f"%r{place}", REGISTERS[place])
    return [f"define dso_local {returns} @f{index}({params}) {ATTRIBUTES} {{", *entry]


def _all_registers(types: tuple[str, ...], values: list[str], label: str) -> tuple[str, list[str]]:
    """The arguments of a tail call, and the lines before it."""
    _, lines = give(types, values, label)
    passed = ["poison"] * len(REGISTERS)
    for place, t, value in zip(places(types), types, values, strict=True):
        if place >= 0:
            passed[place] = f"%{label}r{place}"
            lines += to_register(passed[place], t, value, REGISTERS[place])
    return ", ".join(f"{t} {value}" for t, value in zip(REGISTERS, passed, strict=True)), lines


def _hash_function(index: int, signature: Signature, is_void: bool, returns: str) -> str:
    lines = _head(index, signature, is_void, returns, has_all_registers=False)
    lines.append("  %h0 = add i64 0, 12345")
    count = 0
    for k, letter in enumerate(signature.params):
        words = [f"%w{k}"]
        match letter:
            case "i":
                lines.append(f"  %w{k} = zext i32 %p{k} to i64")
            case "l":
                words = [f"%p{k}"]
            case "f":
                lines += [f"  %b{k} = bitcast float %p{k} to i32", f"  %w{k} = zext i32 %b{k} to i64"]
            case "d":
                lines.append(f"  %w{k} = bitcast double %p{k} to i64")
            case _:
                lines.append(f"  %b{k} = bitcast <16 x i8> %p{k} to <2 x i64>")
                lines.append(f"  %w{k} = extractelement <2 x i64> %b{k}, i32 0")
                lines.append(f"  %x{k} = extractelement <2 x i64> %b{k}, i32 1")
                words.append(f"%x{k}")
        for word in words:
            lines.append(f"  %m{count} = mul i64 %h{count}, {MULTIPLIER}")
            lines.append(f"  %h{count + 1} = add i64 %m{count}, {word}")
            count += 1
    lines += [f"  store i64 %h{count}, ptr %results", "  ret void"] if is_void else [f"  ret i64 %h{count}"]
    return "\n".join([*lines, "}\n"])


def _argument(letter: str, caller: Signature, source: random.Random) -> tuple[str, Argument]:
    """An argument as text, and what it is."""
    own = [k for k, other in enumerate(caller.params) if other == letter]
    if own and source.random() < 0.7:
        k = source.choice(own)
        return f"%p{k}", k
    n = source.randrange(1, 1 << 20)
    match letter:
        case "i" | "l":
            return str(n), struct.pack("<q", n)
        case "f":
            return str(float(n)), struct.pack("<f", n)
        case "d":
            return str(float(n)), struct.pack("<d", n)
        case _:
            data = source.randbytes(16)
            return f"<{', '.join(f'i8 {byte}' for byte in data)}>", data


def _chain(seed: int) -> Chain:
    source = random.Random(seed)
    chain = Chain()
    is_void = source.random() < 0.3
    returns, assign, give_back = ("void", "", "void") if is_void else ("i64", "%r = ", "i64 %r")
    for _ in range(source.randint(2, 6)):
        letters = "ilfdv" if source.random() < 0.7 else "v"
        params = "".join(source.choice(letters) for _ in range(source.choice([0, 2, 5, 8, 12, 18, 25])))
        chain.signatures.append(Signature(params, "ll" if is_void else "l"))
    kinds = [source.choice(["tail", "call", "branch", "loop"]) for _ in chain.signatures[1:]]
    makes_tail_calls = [kind in ("tail", "branch") for kind in kinds] + [False]
    for k, (signature, callee) in enumerate(zip(chain.signatures, chain.signatures[1:], strict=False)):
        lines = _head(k, signature, is_void, returns, makes_tail_calls[k])
        if source.random() < 0.3:
            size_bytes, alignment = source.choice([40, 3000, 9000, 100_000]), source.choice([1, 16, 32])
            lines.append(f"  %frame = alloca [{size_bytes} x i8], align {alignment}")
            lines.append("  store volatile i8 7, ptr %frame")
        passed = [_argument(letter, signature, source) for letter in callee.params]
        chain.arguments.append([value for _, value in passed])
        types = parameter_types(callee)
        values = ["%vm", *(["%results"] if is_void else []), *(text for text, _ in passed)]
        target = f"@f{k + 1}"
        if makes_tail_calls[k] or makes_tail_calls[k + 1] or source.random() < 0.4:
            lines += [f"  %at = getelementptr i8, ptr %vm, i64 {8 * (k + 1)}", "  %code = load ptr, ptr %at"]
            target = "%code"
        arguments, stores = give(types, values)
        call = f"call {returns} {target}({arguments})"
        match kinds[k]:
            case "tail":
                arguments, stores = _all_registers(types, values, "given")
                lines += [*stores, f"  {assign}musttail call {returns} {target}({arguments})", f"  ret {give_back}"]
            case "call":
                lines += [*stores, f"  {assign}{call}", "  fence seq_cst", f"  ret {give_back}"]
            case "branch":
                lines += ["  %v = load volatile i64, ptr %vm", "  %c = icmp eq i64 %v, 77"]
                lines += ["  br i1 %c, label %a, label %b"]
                for label, result in (("a", "%r"), ("b", "%s")):
                    arguments, stores = _all_registers(types, values, f"{label}.")
                    tail_call = f"musttail call {returns} {target}({arguments})"
                    lines += [f"{label}:", *stores, f"  {assign.replace('%r', result)}{tail_call}"]
                    lines += [f"  ret {give_back.replace('%r', result)}"]
            case _:
                lines += ["  br label %again", "again:", "  %n = phi i64 [0, %start], [%m, %again]"]
                lines += [*stores, f"  {assign}{call}"]
                lines += ["  %m = add i64 %n, 1", f"  %c = icmp eq i64 %m, {source.choice([1, 2, 7])}"]
                lines += ["  br i1 %c, label %out, label %again", "out:", f"  ret {give_back}"]
                lines.insert(1, "start:")
        chain.text.append("\n".join([*lines, "}\n"]))
    chain.text.append(_hash_function(len(chain.signatures) - 1, chain.signatures[-1], is_void, returns))
    # Many times from one frame: a stack pointer that drifts by a word at each call does not go unnoticed.
    first = chain.signatures[0]
    arguments, stores = give(parameter_types(first), _names(first, is_void))
    lines = _head(99, first, is_void, returns, has_all_registers=False)
    lines.insert(1, "start:")
    lines += ["  br label %again", "again:", "  %n = phi i64 [0, %start], [%m, %again]", *stores]
    lines += ["  %code = load volatile ptr, ptr %vm", f"  {assign}call {returns} %code({arguments})"]
    lines += [f"  %m = add i64 %n, 1\n  %c = icmp eq i64 %m, {TIMES}\n  br i1 %c, label %out, label %again"]
    lines += [f"out:\n  ret {give_back}\n}}\n"]
    chain.text.append("\n".join(lines))
    return chain


def _value(letter: str, source: random.Random) -> bytes:
    match letter:
        case "i" | "l":
            return struct.pack("<q", source.randrange(1 << 31))
        case "f":
            return struct.pack("<f", source.random())
        case "d":
            return struct.pack("<d", source.random())
        case _:
            return source.randbytes(16)


def _expected(chain: Chain, values: list[bytes]) -> int:
    for arguments in chain.arguments:
        values = [values[x] if isinstance(x, int) else x for x in arguments]
    total = 12345
    for letter, value in zip(chain.signatures[-1].params, values, strict=True):
        size_bytes = {"i": 4, "f": 4, "v": 16}.get(letter, 8)
        for at in range(0, size_bytes, 8):
            word = int.from_bytes(value[at : min(at + 8, size_bytes)], "little")
            total = (total * MULTIPLIER + word) & MASK
    return total


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("seed", range(40))
def test_chains_of_calls(seed: int, level: int) -> None:
    """What reaches the end of the chain is what was passed at its start, at any level of optimization, and the
    stack pointer comes back.
    """
    chain = _chain(seed)
    source = random.Random(seed)
    values = [_value(letter, source) for letter in chain.signatures[0].params]
    llvm = binding()
    target = host() if seed % 2 else Target(host().triple, "x86-64")
    machine = target.machine(level)
    module = llvm.parse_assembly(DECLARATIONS + "".join(chain.text))
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
        builder.getModulePassManager().run(module, builder)
    native = Native.get()
    loaded = linking.LinkedCode(native, bytes(machine.emit_object(module)))
    vm = Block(8 * len(chain.signatures) + 8)
    for k in range(len(chain.signatures)):
        vm.write_u64(8 * k, loaded.symbols[f"f{k}"])
    slots = Block(16 * linking.count(chain.signatures[0]), 16)
    for k, value in enumerate(values):
        slots.view()[16 * k : 16 * k + len(value)] = value
    linking.call(native, loaded.symbols["f99"], vm.address, chain.signatures[0], slots.address)
    assert slots.read_u64(0) == _expected(chain, values)
    loaded.free()


@pytest.mark.parametrize(
    ("params", "overflow"),
    [("", 0), ("iiiii", 0), ("llllll", 1), ("vfdvfdvf", 0), ("v" * 9, 1), ("i" * 7 + "d" * 10, 4)],
)
def test_places(params: str, overflow: int) -> None:
    """Five integers and eight others find registers; the slots of what is left are used in order."""
    found = places(parameter_types(Signature(params, "")))
    assert [~place for place in found if place < 0] == list(range(overflow))
    assert len({place for place in found if place >= 0}) == 1 + len(params) - overflow
