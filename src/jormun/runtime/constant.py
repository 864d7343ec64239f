"""Evaluation of constant expressions (core specification, sections 3.4.13 and 4.7.2).

Validation has shown that the expression is constant and well typed; here it is only run: the semantics of its rows, on
a stack of bits. Objects are made in a store's heap, which is not collected meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from jormun.errors import UnsupportedError
from jormun.hints import TYPE_CHECKING, Final, Sequence, TypeAlias
from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.signatures import Rule, Signature
from jormun.runtime import heap_layout, references
from jormun.runtime.blueprint import FUNCTION, GLOBAL, Constant
from jormun.runtime.native import pages
from jormun.runtime.shapes import shape_of
from jormun.syntax.code import END, instructions, read_immediates, read_row
from jormun.syntax.expression import Expr
from jormun.types import DefType, HeapType, NumType, StorageType, StructType

if TYPE_CHECKING:
    from jormun.runtime.heap import Heap

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


def evaluate(
    expr: Expr,
    read_global: ReadGlobal,
    function_reference: FunctionReference,
    types: Sequence[DefType] = (),
    heap: Callable[[], Heap] | None = None,
) -> int:
    """The bits of the expression's value. `types` are the module's, `heap` gives the heap for objects.

    Raises UnsupportedError for those if there is none, and ExhaustionError.
    """
    op = _BitsOps(read_global, function_reference, types, heap)
    stack: list[int] = []
    for instruction in instructions(expr.code):
        row, signature = instruction.row, instruction.row.signature
        if signature is Rule.END:
            break
        if isinstance(signature, Signature) or signature in _WITHOUT_OPERANDS:
            height = len(stack) - (len(signature.params) if isinstance(signature, Signature) else 0)
            operands = stack[height:]
            stack[height:] = [row.semantics(op, *row.static, *instruction.immediates, *operands)]
        else:
            assert isinstance(signature, Rule)
            height = len(stack) - op.operand_count(signature, instruction.immediates)
            operands = stack[height:]
            stack[height:] = [row.semantics(op, *row.static, *instruction.immediates, *operands)]
    (value,) = stack
    return value


class _BitsOps:
    """Of the primitives (opcodes/ops.py, opcodes/machine.py) those that constant rows are written in: V is bits."""

    def __init__(
        self,
        read_global: ReadGlobal,
        function_reference: FunctionReference,
        types: Sequence[DefType] = (),
        heap: Callable[[], Heap] | None = None,
    ) -> None:
        self.global_get = read_global
        self.ref_func = function_reference
        self._types = types
        self._heap = heap

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

    def ref_i31(self, x: int) -> int:
        """The low 31 bits of an i32, as a reference."""
        return references.i31(x)

    # Objects.

    def operand_count(self, rule: Rule, immediates: Sequence[ImmediateValue]) -> int:
        """How many operands an instruction takes."""
        if rule is Rule.STRUCT_NEW:
            composite = self._types[_index(immediates[0])].composite if self._types else None
            return len(composite.fields) if isinstance(composite, StructType) else 0
        if rule is Rule.ARRAY_NEW_FIXED:
            return _index(immediates[1])
        return _OPERANDS[rule]

    def struct_new(self, type: int, fields: Sequence[int]) -> int:
        """A structure with these fields."""
        address = self.struct_new_default(type)
        shape = shape_of(self._types[type])
        for t, offset, bits in zip(shape.fields, shape.offsets, fields, strict=True):
            _write(t, address + offset, bits)
        return address

    def struct_new_default(self, type: int) -> int:
        """A structure whose fields are zero or null."""
        return self._make(type, 0)

    def array_new(self, type: int, element: int, length: int) -> int:
        """An array of a length, all elements the same value."""
        address = self._make(type, length)
        shape = shape_of(self._types[type])
        if element and length:
            first, written = address + shape.offsets[0], 1 << shape.unit_log2
            end = length << shape.unit_log2
            _write(shape.fields[0], first, element)
            while written < end:  # what has been written, once more
                size_bytes = min(written, end - written)
                pages.copy(first + written, first, size_bytes)
                written += size_bytes
        return address

    def array_new_default(self, type: int, length: int) -> int:
        """An array of a length, all elements zero or null."""
        return self._make(type, length)

    def array_new_fixed(self, type: int, elements: Sequence[int]) -> int:
        """An array of these elements."""
        address = self._make(type, len(elements))
        shape = shape_of(self._types[type])
        size_bytes = 1 << shape.unit_log2
        mask = (1 << 8 * size_bytes) - 1
        data = b"".join([(bits & mask).to_bytes(size_bytes, "little") for bits in elements])
        pages.write_bytes(address + shape.offsets[0], data)
        return address

    def _make(self, type: int, length: int) -> int:
        if self._heap is None:
            raise UnsupportedError("there is no heap yet")
        return self._heap().allocate(shape_of(self._types[type]), length)


def _nothing(index: int) -> int:
    raise AssertionError(index)


_NUMBERS: Final = _BitsOps(_nothing, _nothing)
"""For what asks for nothing."""
_END: Final = bytes([END])
_WITHOUT_OPERANDS: Final = frozenset({Rule.GLOBAL_GET, Rule.REF_NULL, Rule.REF_FUNC})
_OPERANDS: Final = {
    Rule.REF_I31: 1,
    Rule.ANY_CONVERT_EXTERN: 1,
    Rule.EXTERN_CONVERT_ANY: 1,
    Rule.STRUCT_NEW_DEFAULT: 0,
    Rule.ARRAY_NEW: 2,
    Rule.ARRAY_NEW_DEFAULT: 1,
}
"""How many operands other rules take."""


def _index(immediate: ImmediateValue) -> int:
    assert isinstance(immediate, int)
    return immediate


def _write(t: StorageType, address: int, bits: int) -> None:
    size_bytes = heap_layout.storage_bytes(t)
    pages.write_bytes(address, (bits & (1 << 8 * size_bytes) - 1).to_bytes(size_bytes, "little"))
