"""Operand and result types of instructions: fixed signatures, and named rules where context decides.

Core specification, chapter 3.4. A rule's meaning lives in validation/rules/.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.enumeration import Enum, auto, unique
from jormun.hints import TypeAlias
from jormun.types import F32, F64, I32, I64, V128, ValType


@unique
class Address(Enum):
    """A type that is i32 or i64 by the memory that the instruction's immediate names."""

    MEMORY = auto()

    def __str__(self) -> str:
        return "address"


OperandType: TypeAlias = ValType | Address


@dataclass(frozen=True, slots=True)
class Signature:
    """Pops `params` (last on top), pushes `results`."""

    params: tuple[OperandType, ...]
    results: tuple[OperandType, ...]


@unique
class Rule(Enum):
    """An instruction whose typing depends on more than its row. One rule may serve several rows."""

    UNREACHABLE = auto()
    BLOCK = auto()
    LOOP = auto()
    IF = auto()
    ELSE = auto()
    END = auto()
    TRY_TABLE = auto()
    THROW = auto()
    THROW_REF = auto()
    BR = auto()
    BR_IF = auto()
    BR_TABLE = auto()
    BR_ON_NULL = auto()
    BR_ON_NON_NULL = auto()
    BR_ON_CAST = auto()
    BR_ON_CAST_FAIL = auto()
    RETURN = auto()
    CALL = auto()
    CALL_INDIRECT = auto()
    CALL_REF = auto()
    RETURN_CALL = auto()
    RETURN_CALL_INDIRECT = auto()
    RETURN_CALL_REF = auto()
    DROP = auto()
    SELECT = auto()
    SELECT_TYPED = auto()
    LOCAL_GET = auto()
    LOCAL_SET = auto()
    LOCAL_TEE = auto()
    GLOBAL_GET = auto()
    GLOBAL_SET = auto()
    TABLE_GET = auto()
    TABLE_SET = auto()
    TABLE_SIZE = auto()
    TABLE_GROW = auto()
    TABLE_FILL = auto()
    TABLE_COPY = auto()
    TABLE_INIT = auto()
    ELEM_DROP = auto()
    MEMORY_SIZE = auto()
    MEMORY_GROW = auto()
    MEMORY_FILL = auto()
    MEMORY_COPY = auto()
    MEMORY_INIT = auto()
    DATA_DROP = auto()
    REF_NULL = auto()
    REF_IS_NULL = auto()
    REF_AS_NON_NULL = auto()
    REF_FUNC = auto()
    REF_EQ = auto()
    REF_TEST = auto()
    REF_CAST = auto()
    REF_I31 = auto()
    I31_GET = auto()
    STRUCT_NEW = auto()
    STRUCT_NEW_DEFAULT = auto()
    STRUCT_GET = auto()
    STRUCT_GET_PACKED = auto()
    STRUCT_SET = auto()
    ARRAY_NEW = auto()
    ARRAY_NEW_DEFAULT = auto()
    ARRAY_NEW_FIXED = auto()
    ARRAY_NEW_DATA = auto()
    ARRAY_NEW_ELEM = auto()
    ARRAY_GET = auto()
    ARRAY_GET_PACKED = auto()
    ARRAY_SET = auto()
    ARRAY_LEN = auto()
    ARRAY_FILL = auto()
    ARRAY_COPY = auto()
    ARRAY_INIT_DATA = auto()
    ARRAY_INIT_ELEM = auto()
    ANY_CONVERT_EXTERN = auto()
    EXTERN_CONVERT_ANY = auto()


def signature(params: tuple[OperandType, ...], results: tuple[OperandType, ...]) -> Signature:
    """The signature with these operands and results."""
    return Signature(params, results)


NOTHING = signature((), ())
UNARY = {t: signature((t,), (t,)) for t in (I32, I64, F32, F64, V128)}
BINARY = {t: signature((t, t), (t,)) for t in (I32, I64, F32, F64, V128)}
TEST = {t: signature((t,), (I32,)) for t in (I32, I64, V128)}
COMPARE = {t: signature((t, t), (I32,)) for t in (I32, I64, F32, F64)}
LOAD = {t: signature((Address.MEMORY,), (t,)) for t in (I32, I64, F32, F64, V128)}
STORE = {t: signature((Address.MEMORY, t), ()) for t in (I32, I64, F32, F64, V128)}


def convert(source: ValType, target: ValType) -> Signature:
    """The signature of a conversion."""
    return signature((source,), (target,))
