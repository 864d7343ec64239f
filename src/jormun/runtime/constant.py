"""Evaluation of constant expressions (core specification, sections 3.4.13 and 4.7.2).

Validation has shown that the expression is constant and well typed; here it is only run: the semantics of its rows, on
a stack of bits. The instructions that allocate structures and arrays wait for garbage collection.
"""

from __future__ import annotations

from collections.abc import Callable

from jormun.errors import UnsupportedError
from jormun.hints import Final, TypeAlias
from jormun.opcodes.signatures import Rule, Signature
from jormun.runtime import references
from jormun.runtime.blueprint import FUNCTION, GLOBAL, Constant
from jormun.syntax.code import END, instructions, read_immediates, read_row
from jormun.syntax.expression import Expr
from jormun.types import HeapType, NumType

ReadGlobal: TypeAlias = Callable[[int], int]
"""The bits of the global with this index."""
FunctionReference: TypeAlias = Callable[[int], int]
"""The reference to the function with this index."""


def reduce(code: bytes) -> Constant:
    """What an expression's bytes, none for 0, come to without an instance, as far as they do."""
    asked: list[Constant] = []

    def note(kind: str) -> Callable[[int], int]:
        def ask(index: int) -> int:
            asked.append((kind, index))
            return 0

        return ask

    if not code:
        return 0
    # FAST: offsets of segments, of which a program may have 40,000, are mostly one number; 3 times as fast as below.
    row, at = read_row(code, 0)
    if row.is_constant and isinstance(row.signature, Signature) and not row.signature.params:
        immediates, at = read_immediates(code, at, row)
        if code[at:] == _END:
            bits: int = row.semantics(_NUMBERS, *row.static, *immediates)
            return bits
    try:
        value = evaluate(Expr(code), note(GLOBAL), note(FUNCTION))
    except UnsupportedError:
        return code  # instantiation says so
    if not asked:
        return value
    # A single instruction, which asked, and `end`: its value is what it asked for.
    return asked[0] if len(list(instructions(code))) == 2 else code


def evaluate(expr: Expr, read_global: ReadGlobal, function_reference: FunctionReference) -> int:
    """The bits of the expression's value. Raises UnsupportedError for what allocates."""
    op = _BitsOps(read_global, function_reference)
    stack: list[int] = []
    for instruction in instructions(expr.code):
        row, signature = instruction.row, instruction.row.signature
        if signature is Rule.END:
            break
        if isinstance(signature, Signature) or signature in _WITHOUT_OPERANDS:
            height = len(stack) - (len(signature.params) if isinstance(signature, Signature) else 0)
            operands = stack[height:]
            stack[height:] = [row.semantics(op, *row.static, *instruction.immediates, *operands)]
        elif signature in _ON_REFERENCES:
            stack.append(_ON_REFERENCES[signature](stack.pop()))
        else:
            raise UnsupportedError(f"{row.name} in a constant expression is not supported yet")
    (value,) = stack
    return value


class _BitsOps:
    """Of the primitives (opcodes/ops.py, opcodes/machine.py) those that constant rows are written in: V is bits."""

    def __init__(self, read_global: ReadGlobal, function_reference: FunctionReference) -> None:
        self.global_get = read_global
        self.ref_func = function_reference

    def const(self, t: NumType, bits: int) -> int:
        """A number."""
        return bits

    def vector(self, value: bytes) -> int:
        """A v128."""
        return int.from_bytes(value, "little")

    def add(self, t: NumType, x: int, y: int) -> int:
        """The sum of integers."""
        return x + y & (1 << t.bits) - 1

    def sub(self, t: NumType, x: int, y: int) -> int:
        """The difference of integers."""
        return x - y & (1 << t.bits) - 1

    def mul(self, t: NumType, x: int, y: int) -> int:
        """The product of integers."""
        return x * y & (1 << t.bits) - 1

    def ref_null(self, heap: HeapType) -> int:
        """The null reference."""
        return references.NULL


def _nothing(index: int) -> int:
    raise AssertionError(index)


_NUMBERS: Final = _BitsOps(_nothing, _nothing)
"""For what asks for nothing."""
_END: Final = bytes([END])


def _same(bits: int) -> int:
    return bits


_WITHOUT_OPERANDS: Final = frozenset({Rule.GLOBAL_GET, Rule.REF_NULL, Rule.REF_FUNC})
_ON_REFERENCES: Final[dict[Rule, Callable[[int], int]]] = {
    Rule.REF_I31: references.i31,
    Rule.ANY_CONVERT_EXTERN: _same,
    Rule.EXTERN_CONVERT_ANY: _same,
}
"""What becomes of an operand under rows whose semantics are still to be written (opcodes/markers.py)."""
