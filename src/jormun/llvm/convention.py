"""The calling convention of guest code, tailcc on x86-64, and what it takes to get right code for it from LLVM 22.1.0.

Parameters are given by their LLVM types, the vm and the pointer to results included.
"""

from __future__ import annotations

from collections.abc import Sequence

VECTOR = "<16 x i8>"
"""What every v128 is between instructions."""
_INTEGERS = ("i32", "i64", "ptr")
_INTEGER_REGISTERS = 6
_VECTOR_REGISTERS = 8


def padding(params: Sequence[str]) -> tuple[str, ...]:
    """The types of the parameters that must follow `params`, whose values do not matter: `double` or none.

    The callee removes its arguments from the stack, and LLVM rounds their size up in two ways: the caller to the
    alignment of the widest argument, the callee not. They differ, and the stack pointer is lost, when a vector is on
    the stack and the sum is an odd multiple of 8. A double then fills it up: with a vector on the stack, no vector
    register is left that it could go to.
    """
    size_bytes, has_vector = _on_stack(params)
    return ("double",) if has_vector and size_bytes % 16 else ()


def tail_call_marker(caller: Sequence[str], callee: Sequence[str]) -> str:
    """What to write before `call tailcc` in tail position: "musttail" or "tail".

    tailcc makes a tail call of every call marked `tail` that its `ret` follows, and `musttail` promises it through all
    of LLVM's passes. But LLVM 22.1.0 compiles `musttail` wrong as soon as either function has an argument on the
    stack: arguments are not stored there, the return address is not moved (LLVM issue 199224).
    """
    return "tail" if _on_stack(caller)[0] or _on_stack(callee)[0] else "musttail"


def _on_stack(params: Sequence[str]) -> tuple[int, bool]:
    """How many bytes of the arguments are on the stack, and whether a vector is among them."""
    integers = vectors = size_bytes = 0
    has_vector = False
    for t in params:
        if t in _INTEGERS:
            integers += 1
            size_bytes += 8 if integers > _INTEGER_REGISTERS else 0
            continue
        vectors += 1
        if vectors <= _VECTOR_REGISTERS:
            continue
        if t == VECTOR:
            has_vector = True
            size_bytes = (size_bytes + 15) // 16 * 16 + 16
        else:
            size_bytes += 8
    return size_bytes, has_vector
