"""Rules of a whole module, and what a valid one says of itself."""

from __future__ import annotations

import pickle
import re

import pytest

from jormun.errors import InvalidError, MalformedError
from jormun.features import Features
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import Element, Export, Global, Import, Module, Table
from jormun.syntax.places import Position
from jormun.types import (
    EXTERNREF,
    F32,
    FUNCREF,
    I32,
    I64,
    AbsHeapType,
    ExternKind,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    RefType,
    TableType,
    TagType,
)
from jormun.validation.module import validate

from .build import code, expr, function_module, types, validate_body

ZERO, ZERO_64 = expr(("i32.const", 0)), expr(("i64.const", 0))
TYPES = types(FuncType((), ()), FuncType((I32,), (I32,)))
UNIT = Function(0, (), expr())
TABLE = Table(TableType(FUNCREF, Limits(0)))
TABLE_64 = Table(TableType(FUNCREF, Limits(0), I64))
MEMORY, MEMORY_64 = MemoryType(Limits(0)), MemoryType(Limits(0), I64)
FUNC_REF = RefType(False, AbsHeapType.FUNC)


def test_a_valid_module_describes_itself() -> None:
    """Index spaces count imports first, types are closed, and referenced functions are known."""
    module = Module(
        types=TYPES,
        imports=(
            Import("m", "f", FuncExternType(1)),
            Import("m", "t", TableType(RefType(True, 1), Limits(1))),
            Import("m", "g", GlobalType(RefType(True, 0), False)),
            Import("m", "m", MEMORY_64),
            Import("m", "e", TagType(0)),
        ),
        functions=(UNIT, UNIT, UNIT, UNIT, UNIT),
        tables=(Table(TableType(FUNCREF, Limits(0)), expr(("ref.func", 2))),),
        memories=(MEMORY,),
        tags=(TagType(0),),
        globals=(Global(GlobalType(FUNCREF, True), expr(("ref.func", 1))),),
        exports=(Export("f", ExternKind.FUNC, 3), Export("t", ExternKind.TABLE, 0), Export("e", ExternKind.TAG, 1)),
        start=1,
        elements=(Element(FUNCREF, (4,), Declarative()), Element(FUNCREF, (expr(("ref.func", 0)),), Passive())),
    )
    valid = validate(module)
    unit, unary = valid.types
    assert valid.module is module
    assert valid.function_types == (1, 0, 0, 0, 0, 0)
    assert valid.table_types == (TableType(RefType(True, unary), Limits(1)), TableType(FUNCREF, Limits(0)))
    assert valid.global_types == (GlobalType(RefType(True, unit), False), GlobalType(FUNCREF, True))
    assert valid.memory_types == (MEMORY_64, MEMORY)
    assert valid.tag_types == (unit, unit)
    assert valid.referenced_functions == {0, 1, 2, 3, 4}
    assert valid.import_types == (
        FuncExternType(unary),
        TableType(RefType(True, unary), Limits(1)),
        GlobalType(RefType(True, unit), False),
        MEMORY_64,
        TagType(unit),
    )
    assert pickle.loads(pickle.dumps(valid)) == valid


def memory(minimum: int, maximum: int | None = None, **rest: object) -> Module:
    return Module(memories=(MemoryType(Limits(minimum, maximum), **rest),))  # type: ignore[arg-type]


def table(element: RefType, minimum: int = 0, maximum: int | None = None, init: Expr | None = None) -> Module:
    return Module(types=TYPES, tables=(Table(TableType(element, Limits(minimum, maximum)), init),), functions=(UNIT,))


def variable(t: GlobalType, init: Expr, *before: Global) -> Module:
    return Module(types=TYPES, globals=(*before, Global(t, init)), functions=(UNIT,))


def element(mode: Active | Passive, init: tuple[int, ...] | tuple[Expr, ...], t: RefType = FUNCREF) -> Module:
    return Module(types=TYPES, tables=(TABLE, TABLE_64), elements=(Element(t, init, mode),), functions=(UNIT,))


CONSTANT_I32 = GlobalType(I32, False)
VALID = [
    memory(65536, 65536),
    memory(1 << 48, 1 << 48, address=I64),
    memory((1 << 32) - 1, page_size_log2=0),
    memory((1 << 64) - 1, address=I64, page_size_log2=0),
    memory(1, 2, is_shared=True),
    table(FUNC_REF, 1, init=expr(("ref.func", 0))),
    table(FUNCREF, (1 << 32) - 1, (1 << 32) - 1),
    variable(CONSTANT_I32, expr(("i32.const", 1), ("i32.const", 2), "i32.mul", ("i32.const", 3), "i32.sub")),
    variable(CONSTANT_I32, expr(("global.get", 0)), Global(CONSTANT_I32, ZERO)),
    variable(GlobalType(FUNC_REF, False), expr(("ref.func", 0))),
    variable(GlobalType(RefType(False, AbsHeapType.I31), False), expr(("i32.const", 1), "ref.i31")),
    variable(
        GlobalType(RefType(True, AbsHeapType.ANY), False), expr(("ref.null", AbsHeapType.EXTERN), "any.convert_extern")
    ),
    element(Active(0, ZERO), (0, 0)),
    element(Active(1, ZERO_64), (expr(("ref.func", 0)), expr(("ref.null", AbsHeapType.FUNC)))),
    element(Passive(), (0,), RefType(False, 0)),
    Module(memories=(MEMORY, MEMORY_64), datas=(Data(b"", Active(0, ZERO)), Data(b"", Active(1, ZERO_64)))),
]

INVALID = [
    (memory(65537), "memory size must be at most 65536 pages (4GiB)"),
    (memory(0, 65537), "memory size must be at most 65536 pages (4GiB)"),
    (memory(0, (1 << 48) + 1, address=I64), "memory size must be at most 281474976710656 pages"),
    (memory(1 << 32, page_size_log2=0), "memory size must be at most 4294967295 pages"),
    (memory(2, 1), "size minimum must not be greater than maximum: 2 is greater than 1"),
    (memory(1, page_size_log2=12), "invalid custom page size"),
    (memory(1, is_shared=True), "shared memory must have maximum"),
    (table(FUNCREF, 1 << 32), "table size must be at most 4294967295"),
    (table(FUNCREF, 2, 1), "size minimum must not be greater than maximum"),
    (table(FUNC_REF), "type mismatch: table 0 has no default"),
    (table(RefType(True, 9)), "unknown type 9"),
    (table(FUNCREF, init=ZERO), "type mismatch: instruction requires [(ref null func)] but stack has [i32] (at end)"),
    (variable(CONSTANT_I32, expr()), "type mismatch: instruction requires [i32] but stack has [] (at end)"),
    (
        variable(CONSTANT_I32, expr(("i32.const", 0), ("i32.const", 0))),
        "type mismatch: expected [i32] at the end of the block",
    ),
    (variable(CONSTANT_I32, expr(("i32.const", 0), "i32.ctz")), "constant expression required (at i32.ctz)"),
    (variable(CONSTANT_I32, expr(("block", None), "end")), "constant expression required (at block)"),
    (variable(CONSTANT_I32, expr(("global.get", 0))), "unknown global 0"),
    (
        variable(CONSTANT_I32, expr(("global.get", 0)), Global(GlobalType(I32, True), ZERO)),
        "constant expression required: global 0 is mutable",
    ),
    (variable(GlobalType(FUNCREF, False), expr(("ref.func", 1))), "unknown function 1"),
    (element(Active(2, ZERO), ()), "unknown table 2"),
    (element(Active(0, ZERO_64), ()), "type mismatch: instruction requires [i32] but stack has [i64]"),
    (element(Active(0, ZERO), (), EXTERNREF), "type mismatch: expected (ref null func) as in table 0"),
    (element(Passive(), (1,)), "unknown function 1"),
    (element(Passive(), (0,), RefType(False, 1)), "type mismatch: expected (ref 1), found (ref 0)"),
    (element(Passive(), (ZERO,)), "type mismatch"),
    (Module(datas=(Data(b"", Active(0, ZERO)),)), "unknown memory 0"),
    (Module(memories=(MEMORY,), datas=(Data(b"", Active(0, ZERO_64)),)), "type mismatch"),
    (Module(imports=(Import("", "", FuncExternType(0)),)), "unknown type 0"),
    (Module(imports=(Import("", "", GlobalType(RefType(True, 0), False)),)), "unknown type 0"),
    (Module(types=TYPES, tags=(TagType(1),)), "non-empty tag result type [i32]"),
    (Module(types=TYPES, functions=(Function(2, (), expr()),)), "unknown type 2"),
    (Module(types=TYPES, functions=(Function(1, (), Expr(code("end"))),)), "type mismatch"),
    (Module(types=TYPES, functions=(UNIT,), start=1), "unknown function 1"),
    (
        Module(types=TYPES, imports=(Import("", "", FuncExternType(1)),), start=0),
        "start function 0: expected type [] -> [], found [i32] -> [i32]",
    ),
    (Module(exports=(Export("x", ExternKind.FUNC, 0),)), "unknown function 0"),
    (Module(exports=(Export("x", ExternKind.TABLE, 0),)), "unknown table 0"),
    (Module(exports=(Export("x", ExternKind.MEMORY, 0),)), "unknown memory 0"),
    (Module(exports=(Export("x", ExternKind.GLOBAL, 0),)), "unknown global 0"),
    (Module(exports=(Export("x", ExternKind.TAG, 0),)), "unknown tag 0"),
    (
        Module(memories=(MEMORY,), exports=(Export("x", ExternKind.MEMORY, 0), Export("x", ExternKind.MEMORY, 0))),
        "duplicate export name 'x'",
    ),
    (Module(types=types(FuncType((I32,) * 1001, ()))), "too many parameters: type 0 has 1001, at most 1000"),
    (Module(types=types(FuncType((), (I32,) * 1001))), "too many results"),
]


@pytest.mark.parametrize("module", VALID, ids=str)
def test_modules_that_are_valid(module: Module) -> None:
    """At the very bounds too."""
    validate(module)


@pytest.mark.parametrize(("module", "message"), INVALID, ids=str)
def test_modules_that_are_not_valid(module: Module, message: str) -> None:
    """Each rule has the standard's wording."""
    with pytest.raises(InvalidError, match=re.escape(message)):
        validate(module)


def test_tables_do_not_see_the_globals_of_the_module() -> None:
    """A table's initial value may read imported globals only."""
    init = expr(("global.get", 0))
    tables = (Table(TableType(FUNCREF, Limits(1)), init),)
    validate(Module(imports=(Import("", "", GlobalType(FUNCREF, False)),), tables=tables))
    own = Global(GlobalType(FUNCREF, False), expr(("ref.null", AbsHeapType.FUNC)))
    with pytest.raises(InvalidError, match="unknown global 0"):
        validate(Module(tables=tables, globals=(own,)))


@pytest.mark.parametrize(
    ("features", "module"),
    [
        (Features(threads=False), memory(1, 2, is_shared=True)),
        (Features(custom_page_sizes=False), memory(1, page_size_log2=0)),
    ],
)
def test_features_that_are_off(features: Features, module: Module) -> None:
    """What a proposal adds is not valid without it."""
    validate(module)
    with pytest.raises(InvalidError, match="proposal is off"):
        validate(module, features)


def test_errors_in_code_say_where() -> None:
    """The function's index, and the offset of the instruction in the file."""
    with pytest.raises(InvalidError) as caught:
        validate_body("nop", ("f32.const", 0), ("i32.const", 1), "i32.add", results=[I32])
    assert (caught.value.function, caught.value.offset) == (0, 1000 + 1 + 5 + 2)
    assert str(caught.value).startswith("function 0, offset 0x3f0: type mismatch: instruction requires [i32]")
    with pytest.raises(MalformedError) as malformed:
        validate(function_module(b"\x01\x41\xff\xff\xff\xff\x4f\x1a\x0b"))
    assert malformed.value.offset == 1000 + 6


def test_errors_in_text_say_line_and_column() -> None:
    """Code that was parsed has no offset in any file; its place is that of the instruction."""
    positions = ((0, Position(3, 5)), (1, Position(4, 7)), (2, Position(9, 1)))
    body = Function(0, (), expr("nop", "i32.eqz", "drop"), Source(None, positions))
    with pytest.raises(InvalidError) as caught:
        validate(Module(types=TYPES, functions=(body,)))
    assert (caught.value.line, caught.value.column, caught.value.offset) == (4, 7, None)
    init = Global(GlobalType(F32, False), ZERO, Source(None, ((0, Position(2, 2)), (2, Position(2, 9)))))
    with pytest.raises(InvalidError, match=r"^line 2, column 9: type mismatch"):
        validate(Module(globals=(init,)))
