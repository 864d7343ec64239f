"""Which stencils there are: the families in which builder and compiler number them.

A stencil is the machine code of an instruction for operands in certain places. An operand, and a result, at height h of
the operand stack that is in a register is in number h modulo 4 of its kind (integers and references, or floats and
vectors). Variants of a family are numbered by places, then by that number.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.markers import STRUCTURAL
from jormun.opcodes.signatures import Address, Signature
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.types import F32, F64, I32, I64, V128, ValType

REGISTER: Final = 0
SLOT: Final = 1
CONSTANT: Final = 2
"""Places: in the register of the operand's height; in the frame; a constant of 32 bits, sign-extended."""
HEIGHTS: Final = 4

# Forms of families, and how many variants each has.
REGISTERS: Final = 0
"""All operands in registers; variants by height, for each lane if the instruction names one."""
UNARY: Final = 1
"""An operand (of a load: the address) in any place."""
BINARY: Final = 2
"""Two operands (of a store: address and value) in any place."""
_PLACE_COUNTS: Final = (1, 3, 9)

# Kinds of families of a row.
VALUE: Final = 0
"""The instruction itself."""
IF: Final = 1
"""A comparison, and a branch that is taken if it holds."""
UNLESS: Final = 2
"""A comparison, and a branch that is taken if it does not hold."""

# What to fill in: an operand's slot offset or constant, or the offset of an access.
HOLE_X: Final = 0
HOLE_Y: Final = 1
HOLE_Z: Final = 2
HOLE_X8: Final = 3
"""The same in one byte: a shift count."""
HOLE_Y8: Final = 4
HOLE_X64: Final = 5
"""The same in eight bytes."""
HOLE_Y64: Final = 6
HOLE_BRANCH: Final = 7
"""The distance to where a branch goes."""
HOLE_TRAP: Final = 8
"""The distance to the code that traps; the argument is the kind of trap."""
HOLE_CONSTANT: Final = 9
"""The distance to a constant of the library: the argument is its number, and in its lowest bit, how many bytes of the
instruction follow the hole."""
HOLE_POOL: Final = 10
"""The distance to a constant of the function, by number: 0 or 1 of those given."""
NO_HOLE: Final = 11
"""In place of a kind, where code ends without a hole."""

# The same for aarch64, where the argument is the instruction that has the hole (aarch64.py).
HOLE_FIELD_X: Final = 12
HOLE_FIELD_Y: Final = 13
HOLE_FIELD_Z: Final = 14
HOLE_JUMP: Final = 15
"""The instruction that branches."""
HOLE_JUMP_TRAP: Final = 16
"""The one that goes to where it traps; the argument is the kind of trap."""
HOLE_LITERAL: Final = 17
"""The distance to a constant of the library, whose number is in the field."""
HOLE_LITERAL_POOL: Final = 18
"""The distance to a constant of the function: number 0 or 1 of those given."""
HOLE_LATE: Final = 19
"""x15, for a number that the compiler fills in later."""

# Classes of value types.
CLASS_I32: Final = 0
CLASS_I64: Final = 1
CLASS_F32: Final = 2
CLASS_F64: Final = 3
CLASS_V128: Final = 4
"""References count as I64."""
CLASS_NAMES: Final = ("i32", "i64", "f32", "f64", "v128")
SLOT_BYTES: Final = (8, 8, 8, 8, 16)
"""What a value of a class takes in a frame."""
_CLASSES: Final[dict[ValType, int]] = {
    I32: CLASS_I32,
    I64: CLASS_I64,
    F32: CLASS_F32,
    F64: CLASS_F64,
    V128: CLASS_V128,
}


def class_of(t: ValType) -> int:
    """The class of a value type."""
    return _CLASSES.get(t, CLASS_I64)


def operand_class(t: ValType | Address) -> int:
    """The class of an operand in a signature; addresses of 32 bits are i64 too, as all of a register counts."""
    return CLASS_I64 if isinstance(t, Address) else class_of(t)


def is_float_class(c: int) -> bool:
    """Whether values of a class are in vector registers."""
    return c >= CLASS_F32


SERVED: Final = frozenset(BY_NAME[name][0].code for name in (
    "memory.atomic.wait32", "memory.atomic.wait64", "memory.atomic.notify", "i8x16.shuffle", "v128.const",
    "i32.const", "i64.const", "f32.const", "f64.const",
))  # fmt: skip
"""Rows with a signature that the compiler puts together from pieces."""


def is_stamped(row: Row) -> bool:
    """Whether a row has a family of stencils, made from its semantics."""
    return isinstance(row.signature, Signature) and row.semantics not in STRUCTURAL and row.code not in SERVED


def form_of(row: Row) -> int:
    """The form of a stamped row's family. One-byte instructions are the frequent ones, and so are vector accesses."""
    assert isinstance(row.signature, Signature)
    is_frequent = row.prefix is None or row.name in ("v128.load", "v128.store")
    if not is_frequent or not row.signature.params:
        return REGISTERS
    return UNARY if len(row.signature.params) == 1 else BINARY


def lanes_of(row: Row) -> int:
    """How many lanes a row has variants for."""
    return row.lane_count if Immediate.LANE in row.immediates else 1


def variant_count(row: Row, form: int) -> int:
    """How many variants the family of a row has, those that are not there counted."""
    return lanes_of(row) * _PLACE_COUNTS[form] * HEIGHTS


def is_comparison(row: Row) -> bool:
    """Whether a row may be fused with a branch: it yields 0 or 1 of numbers."""
    signature = row.signature
    return (
        isinstance(signature, Signature)
        and row.prefix is None
        and signature.results == (I32,)
        and (getattr(row.semantics, "__name__", "") in _COMPARISONS)
    )


_COMPARISONS = frozenset({"eqz", "compare"})


def stamped_rows() -> list[Row]:
    """All rows that have a family, in the order of their codes."""
    return [BY_CODE[code] for code in sorted(BY_CODE) if is_stamped(BY_CODE[code])]


def params_of(row: Row) -> list[int]:
    """The classes of a stamped row's operands."""
    assert isinstance(row.signature, Signature)
    return [operand_class(t) for t in row.signature.params]


def results_of(row: Row) -> list[int]:
    """The classes of a stamped row's results."""
    assert isinstance(row.signature, Signature)
    return [operand_class(t) for t in row.signature.results]
