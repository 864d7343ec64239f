"""Thunks between the calling convention of guest code and arrays of values, one pair for each signature, as LLVM text.

A value takes a slot of 16 bytes, of which narrower types use the first ones. llvm/convention.py has the
convention of guest code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jormun.llvm.convention import VECTOR, overflow_area, places
from jormun.runtime.layout import STACK_BLOCK_BYTES, STACK_OVERFLOW_AREA, VALUE_SLOT_BYTES
from jormun.types import FuncType, NumType, ValType, VecType

LLVM_TYPES = {"i": "i32", "l": "i64", "f": "float", "d": "double", "v": VECTOR}
_ATTRIBUTES = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'


class Signature(NamedTuple):
    """A function type as native code sees it: a letter (key of LLVM_TYPES) for each value. References are i64."""

    params: str
    results: str

    @classmethod
    def of(cls, t: FuncType) -> Signature:
        """The signature of a function type."""
        return cls("".join(map(_letter, t.params)), "".join(map(_letter, t.results)))

    @property
    def slots(self) -> int:
        """How many values an array for parameters and then results must hold."""
        return max(len(self.params), len(self.results))

    @property
    def overflow_slots(self) -> int:
        """How many parameters are passed in the overflow area."""
        return sum(place < 0 for place in places(parameter_types(self)))


def _letter(t: ValType) -> str:
    match t:
        case NumType.I32:
            return "i"
        case NumType.F32:
            return "f"
        case NumType.F64:
            return "d"
        case VecType.V128:
            return "v"
        case _:
            return "l"  # i64 and all references


def parameter_types(signature: Signature) -> tuple[str, ...]:
    """The LLVM types of all that a guest function is passed."""
    results = ("ptr",) if len(signature.results) > 1 else ()
    return ("ptr", *results, *(LLVM_TYPES[letter] for letter in signature.params))


def _result(signature: Signature) -> str:
    return LLVM_TYPES[signature.results] if len(signature.results) == 1 else "void"


def _slot(name: str, array: str, index: int) -> str:
    return f"  %{name} = getelementptr i8, ptr %{array}, i64 {VALUE_SLOT_BYTES * index}"


def entry_thunk(name: str, signature: Signature) -> str:
    """`void name(ptr code, ptr vm, ptr values)`: call guest code with parameters from the array, put results there.

    The parameters are loaded before the call, so that results may go to the same slots.
    """
    lines = [f"define void @{name}(ptr %code, ptr %vm, ptr %values) {_ATTRIBUTES} {{"]
    values = ["%vm", *(["%values"] if len(signature.results) > 1 else [])]
    for index, letter in enumerate(signature.params):
        lines.append(_slot(f"at{index}", "values", index))
        lines.append(f"  %p{index} = load {LLVM_TYPES[letter]}, ptr %at{index}, align 8")
        values.append(f"%p{index}")
    types = parameter_types(signature)
    lines += _overflow(types)
    arguments = []
    for place, t, value in zip(places(types), types, values, strict=True):
        if place >= 0:
            arguments.append(f"{t} {value}")
        else:
            lines.append(_slot(f"o{~place}", "overflow", ~place))
            lines.append(f"  store {t} {value}, ptr %o{~place}, align 8")
    call = f"call {_result(signature)} %code({', '.join(arguments)})"
    if len(signature.results) == 1:
        lines.append(f"  %result = {call}")
        lines.append(f"  store {_result(signature)} %result, ptr %values, align 8")
    else:
        lines.append(f"  {call}")
    lines.append("  ret void\n}\n")
    return "\n".join(lines)


def _overflow(types: Sequence[str]) -> list[str]:
    """What finds the overflow area, if a parameter is there."""
    if min(places(types)) >= 0:
        return []
    return [f"  {line}" for line in overflow_area("%overflow", STACK_BLOCK_BYTES, STACK_OVERFLOW_AREA)]


def host_thunk(name: str, signature: Signature) -> str:
    """Guest code that puts its parameters into an array on its stack, calls Python, and takes the results from there.

    Its first argument is the address of the host record, where other functions get their vm.
    """
    results = len(signature.results)
    types = parameter_types(signature)
    names = ["%host", *(["%results"] if results > 1 else []), *(f"%p{index}" for index in range(len(signature.params)))]
    passed = list(zip(places(types), types, names, strict=True))
    params = ", ".join(f"{t} {value}" for place, t, value in passed if place >= 0)
    lines = [
        f"define {_result(signature)} @{name}({params}) {_ATTRIBUTES} {{",
        f"  %values = alloca [{VALUE_SLOT_BYTES * max(signature.slots, 1)} x i8], align 16",
        *_overflow(types),
    ]
    for place, t, value in passed:
        if place < 0:
            lines += [_slot(f"o{~place}", "overflow", ~place), f"  {value} = load {t}, ptr %o{~place}, align 8"]
    for index, letter in enumerate(signature.params):
        lines.append(_slot(f"at{index}", "values", index))
        lines.append(f"  store {LLVM_TYPES[letter]} %p{index}, ptr %at{index}, align 16")
    lines.append("  call void @jormun_host_call(ptr %host, ptr %values)")
    if results == 1:
        lines.append(f"  %result = load {_result(signature)}, ptr %values, align 16")
        lines.append(f"  ret {_result(signature)} %result\n}}\n")
        return "\n".join(lines)
    for index in range(results if results > 1 else 0):
        lines.append(_slot(f"from{index}", "values", index))
        lines.append(_slot(f"to{index}", "results", index))
        lines.append(f"  %r{index} = load {VECTOR}, ptr %from{index}, align 16")
        lines.append(f"  store {VECTOR} %r{index}, ptr %to{index}, align 8")
    lines.append("  ret void\n}\n")
    return "\n".join(lines)


def thunks(entries: Sequence[Signature], hosts: Sequence[Signature]) -> str:
    """A module with entry thunks `entry{k}` and host thunks `host{k}` for the k-th signature of each sequence."""
    return "".join(
        [
            "declare dso_local void @jormun_host_call(ptr, ptr)\ndeclare ptr @llvm.frameaddress.p0(i32)\n"
            "declare ptr @llvm.ptrmask.p0.i64(ptr, i64)\n",
            *(entry_thunk(f"entry{index}", signature) for index, signature in enumerate(entries)),
            *(host_thunk(f"host{index}", signature) for index, signature in enumerate(hosts)),
        ]
    )
