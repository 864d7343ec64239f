"""Evaluation of constant expressions (core specification, sections 3.4.13 and 4.7.2).

Validation has shown that the expression is constant and well typed; here it is only run, on a stack of bits. The
instructions that allocate structures and arrays wait for garbage collection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from jormun.errors import WasmError
from jormun.opcodes.immediates import ImmediateValue
from jormun.runtime import references
from jormun.syntax.code import instructions
from jormun.syntax.instruction import Expr

ReadGlobal: TypeAlias = Callable[[int], int]
"""The bits of the global with this index."""
FunctionReference: TypeAlias = Callable[[int], int]
"""The reference to the function with this index."""

_M32: Final = (1 << 32) - 1
_M64: Final = (1 << 64) - 1


def evaluate(expr: Expr, read_global: ReadGlobal, function_reference: FunctionReference) -> int:
    """The bits of the expression's value."""
    stack: list[int] = []
    for instruction in instructions(expr.code):
        name = instruction.row.name
        if name == "end":
            break
        if name == "global.get":
            stack.append(read_global(_index(instruction.immediates[0])))
        elif name == "ref.func":
            stack.append(function_reference(_index(instruction.immediates[0])))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name](instruction.immediates[0]))
        elif name in _UNARY:
            stack.append(_UNARY[name](stack.pop()))
        elif name in _BINARY:
            y, x = stack.pop(), stack.pop()
            stack.append(_BINARY[name](x, y))
        else:
            raise WasmError(f"{name} in a constant expression is not supported yet")
    (value,) = stack
    return value


def _index(immediate: ImmediateValue) -> int:
    assert isinstance(immediate, int)
    return immediate


def _i32(immediate: ImmediateValue) -> int:
    return _index(immediate) & _M32


def _i64(immediate: ImmediateValue) -> int:
    return _index(immediate) & _M64


def _v128(immediate: ImmediateValue) -> int:
    assert isinstance(immediate, bytes)
    return int.from_bytes(immediate, "little")


def _null(immediate: ImmediateValue) -> int:
    return references.NULL


def _same(bits: int) -> int:
    return bits


_CONSTANTS: Final[dict[str, Callable[[ImmediateValue], int]]] = {
    "i32.const": _i32,
    "i64.const": _i64,
    "f32.const": _index,
    "f64.const": _index,
    "v128.const": _v128,
    "ref.null": _null,
}
_UNARY: Final[dict[str, Callable[[int], int]]] = {
    "ref.i31": references.i31,
    "any.convert_extern": _same,
    "extern.convert_any": _same,
}
_BINARY: Final[dict[str, Callable[[int, int], int]]] = {
    "i32.add": lambda x, y: x + y & _M32,
    "i32.sub": lambda x, y: x - y & _M32,
    "i32.mul": lambda x, y: x * y & _M32,
    "i64.add": lambda x, y: x + y & _M64,
    "i64.sub": lambda x, y: x - y & _M64,
    "i64.mul": lambda x, y: x * y & _M64,
}
