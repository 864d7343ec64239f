"""A module with something of everything, for an instruction to refer to."""

from __future__ import annotations

from collections.abc import Sequence

from jormun.syntax.data import Data
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function
from jormun.syntax.mode import Passive
from jormun.syntax.module import Element, Export, Global, Module, Table
from jormun.types import (
    EXTERNREF,
    F64,
    FUNCREF,
    I32,
    I64,
    AbsHeapType,
    ArrayType,
    ExternKind,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemoryType,
    NumType,
    PackedType,
    RefType,
    StructType,
    TableType,
    TagType,
    ValType,
)

from .build import Written, code, expr, types

H = AbsHeapType


def ref(heap: HeapType, nullable: bool = True) -> RefType:
    return RefType(nullable, heap)


# What the instructions may refer to, by index.
FUNCTION, STRUCT, ARRAY, BYTES, FIXED, REFS, OTHER = range(7)
TYPES = types(
    FuncType((I32,), (I64,)),
    StructType((FieldType(I32, True), FieldType(PackedType.I8, False), FieldType(F64, False))),
    ArrayType(FieldType(I64, True)),
    ArrayType(FieldType(PackedType.I8, True)),
    ArrayType(FieldType(I64, False)),
    ArrayType(FieldType(ref(H.FUNC, False), True)),
    FuncType((), ()),
)


def push(t: ValType) -> list[Written]:
    """Instructions that push a value of a type."""
    match t:
        case NumType.I32 | NumType.I64 | NumType.F32 | NumType.F64:
            return [(f"{t}.const", 0)]
        case RefType(True, heap):
            return [("ref.null", heap)]
        case RefType(False, heap):
            return [("ref.null", heap), "ref.as_non_null"]
        case _:
            return [("v128.const", bytes(16))]


def surround(body: bytes, results: Sequence[ValType], locals: Sequence[tuple[int, ValType]] = ()) -> Module:
    """The module, with a function of this code, an `end` put behind it."""
    return Module(
        types=TYPES + types(FuncType((), tuple(results))),
        functions=(
            Function(len(TYPES), tuple(locals), Expr(body + code("end"))),
            Function(FUNCTION, (), expr("unreachable")),
        ),
        tables=(
            Table(TableType(FUNCREF, Limits(1))),
            Table(TableType(EXTERNREF, Limits(1), I64)),
            Table(TableType(ref(FUNCTION), Limits(1))),
        ),
        memories=(MemoryType(Limits(1)), MemoryType(Limits(1, 2), I64, is_shared=True)),
        tags=(TagType(OTHER),),
        globals=(
            Global(GlobalType(I32, True), expr(("i32.const", 0))),
            Global(GlobalType(I64, False), expr(("i64.const", 0))),
        ),
        exports=(Export("declared", ExternKind.FUNC, 1),),
        elements=(Element(FUNCREF, (), Passive()), Element(ref(H.FUNC, False), (1,), Passive())),
        datas=(Data(b"", Passive()),),
        has_data_count=True,
    )


def with_operands(params: Sequence[ValType], instruction: bytes, results: Sequence[ValType]) -> Module:
    """The module, with a function that pushes operands and does an instruction."""
    return surround(code(*[written for t in params for written in push(t)]) + instruction, results)
