"""The calling convention of guest code: the machine's C convention, with no argument on the stack.

A function takes `vm`, then, for two results and more, the address where they go, then its parameters. Parameters that
find no register go through the overflow area, memory of the running thread with a slot for each: the caller writes it
right before the call, and the callee reads it at its entry, before it calls anything.

So a tail call is a jump, whatever the two functions take. LLVM promises it (`musttail`) where both have the same
prototype: a function that makes tail calls is therefore defined with all registers as its parameters, `REGISTERS`,
and calls others so. To the machine this is the same as the prototype that they are defined with. LLVM must not see
both at once, since to it they differ: a tail call goes through a pointer, or to the function itself.
"""

from __future__ import annotations

from jormun.hints import Final, Sequence

VECTOR: Final = "<16 x i8>"
"""What every v128 is between instructions."""
REGISTERS: Final = ("ptr", *("i64",) * 5, *(VECTOR,) * 8)
"""What arguments are passed in: integer registers, the first of which has `vm`, and vector registers."""
OVERFLOW_SLOT_BYTES: Final = 16
REF: Final = "%ref"
"""What every reference is in the text of functions: another name of i64, by which they are known."""
_INTEGERS: Final = ("i32", "i64", "ptr", REF)
_FIRST_VECTOR: Final = REGISTERS.index(VECTOR)


def places(params: Sequence[str]) -> list[int]:
    """Where each parameter is, `vm` and the address for results included: its index in REGISTERS, or ~k for slot k of
    the overflow area. `params` are LLVM types.
    """
    found: list[int] = []
    integer, vector, slot = 0, _FIRST_VECTOR, 0
    for t in params:
        if t in _INTEGERS and integer < _FIRST_VECTOR:
            found.append(integer)
            integer += 1
        elif t not in _INTEGERS and vector < len(REGISTERS):
            found.append(vector)
            vector += 1
        else:
            found.append(~slot)
            slot += 1
    return found


def overflow_area(name: str, block_bytes: int, offset: int) -> list[str]:
    """LLVM text that defines `name` as the address of the overflow area: `offset` bytes into the block of `block_bytes`
    bytes, aligned to its size, that the running stack is in. The function must have a frame pointer.
    """
    return [
        f"{name}.f = call ptr @llvm.frameaddress.p0(i32 0)",
        f"{name}.b = call ptr @llvm.ptrmask.p0.i64(ptr {name}.f, i64 {-block_bytes})",
        f"{name} = getelementptr i8, ptr {name}.b, i64 {offset}",
    ]


def to_register(name: str, t: str, value: str, register: str) -> list[str]:
    """LLVM text that defines `name` as what a register of type `register` holds to pass `value`; what it does not fill
    of the register has no meaning.
    """
    if t in (register, REF):
        return [f"{name} = freeze {t} {value}"]
    if t == "i32":
        return [f"{name} = zext i32 {value} to i64"]
    if t == "ptr":
        return [f"{name} = ptrtoint ptr {value} to i64"]
    lanes = _lanes(t)
    return [
        f"{name}.v = insertelement {lanes} poison, {t} {value}, i32 0",
        f"{name} = bitcast {lanes} {name}.v to {VECTOR}",
    ]


def from_register(name: str, t: str, value: str, register: str) -> list[str]:
    """LLVM text that defines `name` as the argument of type `t` in `value`, a register's content."""
    if t in (register, REF):
        return [f"{name} = freeze {t} {value}"]
    if t == "i32":
        return [f"{name} = trunc i64 {value} to i32"]
    if t == "ptr":
        return [f"{name} = inttoptr i64 {value} to ptr"]
    lanes = _lanes(t)
    return [
        f"{name}.v = bitcast {VECTOR} {value} to {lanes}",
        f"{name} = extractelement {lanes} {name}.v, i32 0",
    ]


def _lanes(t: str) -> str:
    return {"float": "<4 x float>", "double": "<2 x double>"}[t]
