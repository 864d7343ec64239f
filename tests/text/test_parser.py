"""Modules in text: every abbreviation means what it stands for, and identifiers become indices and names."""

from __future__ import annotations

import pytest

from jormun.dataclass import replace
from jormun.syntax.mode import Active, Passive
from jormun.syntax.module import Custom, Element, Module
from jormun.syntax.names import NAME_SECTION, Names, Subsection, decode_names
from jormun.syntax.places import Position
from jormun.text.module import parse_module
from jormun.types import (
    FUNCREF,
    I32,
    I64,
    AbsHeapType,
    ArrayType,
    FieldType,
    FuncExternType,
    FuncType,
    Limits,
    MemoryType,
    PackedType,
    RecType,
    RefType,
    StructType,
    SubType,
)


def without_names(text: str) -> Module:
    """A text's module, its name section dropped."""
    module = parse_module(text)
    customs = tuple(custom for custom in module.customs if custom.name != NAME_SECTION)
    return replace(module, customs=customs)


def code_of(text: str) -> bytes:
    """The code of a text's first function."""
    return parse_module(text).functions[0].body.code


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("", "(module)"),
        ("(func)", "(module (type (func)) (func (type 0)))"),
        ("(func (param i32 i64))", "(type (func (param i32) (param i64))) (func (type 0))"),
        ('(func (export "a") (export "b"))', '(func) (export "a" (func 0)) (export "b" (func 0))'),
        ('(func (import "m" "n") (param i32))', '(import "m" "n" (func (param i32)))'),
        ('(memory (export "a") (import "m" "n") 1 2)', '(import "m" "n" (memory 1 2)) (export "a" (memory 0))'),
        ('(table (import "m" "n") i64 1 funcref)', '(import "m" "n" (table i64 1 funcref))'),
        ('(global (import "m" "n") (mut i32))', '(import "m" "n" (global (mut i32)))'),
        ('(tag (import "m" "n") (param i32))', '(import "m" "n" (tag (param i32)))'),
        ('(memory (data "ab" "c"))', '(memory 1 1) (data (i32.const 0) "abc")'),
        ('(memory i64 (data ""))', '(memory i64 0 0) (data (i64.const 0) "")'),
        ('(memory (pagesize 1) (data "abc"))', '(memory 3 3 (pagesize 1)) (data (i32.const 0) "abc")'),
        ("(func $f) (table funcref (elem $f 0))", "(func) (table 2 2 funcref) (elem (i32.const 0) func 0 0)"),
        (
            "(func $f) (table i64 funcref (elem (ref.func $f) (item ref.func 0)))",
            "(func) (table i64 2 2 funcref) (elem (i64.const 0) funcref (ref.func 0) (ref.func 0))",
        ),
        ("(table 1 funcref) (elem (i32.const 0))", "(table 1 funcref) (elem (table 0) (offset i32.const 0) func)"),
        ("(table 1 funcref) (elem 0 (i32.const 0) 7)", "(table 1 funcref) (elem (i32.const 0) func 7)"),
        ('(memory 1) (data (i32.const 0) "a")', '(memory 1) (data (memory 0) (offset i32.const 0) "a")'),
        ("(rec (type (func)))", "(type (sub final (func)))"),
        ("(type (struct (field i32 i64)))", "(type (struct (field i32) (field i64)))"),
        ("(func (local i32 i32 i64))", "(func (local i32) (local $x i32) (local i64))"),
        ("(func i32.const 1 i32.const 2 i32.add drop)", "(func (drop (i32.add (i32.const 1) (i32.const 2))))"),
        ("(func block nop end loop nop end)", "(func (block (nop)) (loop (nop)))"),
        ("(func (local i32) local.get 0 if nop else end)", "(func (local i32) (if (local.get 0) (then nop) (else)))"),
        ("(func i32.const 1 if end)", "(func (i32.const 1) (if (then)))"),
        ("(func block $l br $l end $l)", "(func block br 0 end)"),
        ("(func block $l block $l br $l br 1 end end)", "(func block block br 0 br 1 end end)"),
        ("(func (block (result i32) i32.const 1) drop)", "(func block (result i32) i32.const 1 end drop)"),
        ("(memory 1) (func i32.load)", "(memory 1) (func i32.load 0 offset=0 align=4)"),
        ("(memory 1) (func (memory.copy))", "(memory 1) (func memory.copy 0 0)"),
        ('(memory 1) (data $d "") (func memory.init $d)', '(memory 1) (data "") (func memory.init 0 0)'),
        ("(table 0 funcref) (elem $e func) (func table.init $e)", "(table 0 funcref) (elem func) (func table.init 0)"),
        ("(table 1 funcref) (func call_indirect)", "(table 1 funcref) (func (call_indirect 0 (type 0)))"),
        ("(func (param $x i32) (drop (local.get $x)))", "(func (param i32) local.get 0 drop)"),
        ('(func $"a b" call $"a b") (func call $"\\61 b")', "(func call 0) (func call 0)"),
        ("(func $a) (func call $\"a\")", "(func) (func call 0)"),
        ("(@unknown (annotation)) (func (@x) nop)", "(func nop)"),
    ],
)  # fmt: skip
def test_abbreviations(short: str, long: str) -> None:
    """Both texts say the same module."""
    assert without_names(short) == without_names(long)


def test_implicit_types() -> None:
    """A signature stands for the first final type that is it, else for a new one behind all explicit ones."""
    module = parse_module("""
        (func (param i64) block (param i32) drop end)
        (type (sub (func (param i64))))
        (rec (type (func (param i32))) (type (func)))
        (func (param i32))
        (type (func (param i64)))
    """)
    assert [f.type_index for f in module.functions] == [3, 4]
    assert module.functions[0].body.code[:2] == bytes([0x02, 4])
    assert module.types[3:] == (RecType((SubType(True, (), FuncType((I32,), ())),)),)


def test_recursive_types() -> None:
    """Definitions may refer to each other, also to later ones."""
    module = parse_module("""
        (rec
          (type $list (sub (struct (field $head (mut i8)) (field $tail (ref null $list)))))
          (type $array (sub final $list (array (mut (ref $f))))))
        (type $f (func (param (ref $array) i31ref)))
    """)
    fields = (FieldType(PackedType.I8, True), FieldType(RefType(True, 0), False))
    assert module.types == (
        RecType(
            (
                SubType(False, (), StructType(fields)),
                SubType(True, (0,), ArrayType(FieldType(RefType(False, 2), True))),
            )
        ),
        RecType((SubType(True, (), FuncType((RefType(False, 1), RefType(True, AbsHeapType.I31)), ())),)),
    )


def test_segments() -> None:
    """Segments by index and by expression, of all modes."""
    module = parse_module("""
        (table $t 1 externref) (table 1 funcref) (func $f)
        (elem $e (table 1) (i32.const 0) func $f)
        (elem declare funcref (ref.func $f))
        (elem externref)
        (memory 0) (memory $m 1 2 shared)
        (data (memory $m) (i32.const 0) "a\\00")
        (data "passive")
    """)
    assert [(e.type, type(e.mode).__name__) for e in module.elements] == [
        (RefType(False, AbsHeapType.FUNC), "Active"),
        (FUNCREF, "Declarative"),
        (RefType(True, AbsHeapType.EXTERN), "Passive"),
    ]
    assert module.elements[0].init == (0,)
    assert module.memories[1] == MemoryType(Limits(1, 2), I32, True)
    assert isinstance(module.datas[0].mode, Active) and module.datas[0].mode.index == 1
    assert [(d.init, type(d.mode)) for d in module.datas] == [(b"a\0", Active), (b"passive", Passive)]


def test_inline_segments_count() -> None:
    """Segments within tables and memories have their place among the others."""
    module = parse_module("""
        (elem func) (table funcref (elem $f)) (elem $e func) (data "0") (memory (data "1")) (data $d "2")
        (func $f elem.drop $e data.drop $d)
    """)
    assert [len(e.init) for e in module.elements] == [0, 1, 0]
    assert [d.init for d in module.datas] == [b"0", b"1", b"2"]
    assert module.functions[0].body.code == b"\xfc\x0d\x02\xfc\x09\x02\x0b"
    assert module.has_data_count


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ("i32.const -1", "417f"),
        ("i32.const 0xffff_ffff", "417f"),
        ("i64.const 0x8000_0000_0000_0000", "428080808080808080807f"),
        ("f32.const -nan:0x1", "43010080ff"),
        ("f64.const 0x1p-1074", "440100000000000000"),
        ("v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 -1", "fd0c000102030405060708090a0b0c0d0eff"),
        ("v128.const i16x8 1 2 3 4 5 6 7 0xffff", "fd0c0100020003000400050006000700ffff"),
        ("v128.const i32x4 1 2 3 -1", "fd0c010000000200000003000000ffffffff"),
        ("v128.const i64x2 1 -1", "fd0c0100000000000000ffffffffffffffff"),
        ("v128.const f32x4 1 -1 inf nan", "fd0c0000803f000080bf0000807f0000c07f"),
        ("v128.const f64x2 1 -0", "fd0c000000000000f03f0000000000000080"),
        ("i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31", "fd0d000102030405060708090a0b0c0d0e1f"),
        ("i8x16.extract_lane_s 15", "fd150f"),
        ("i64.load32_u offset=0x10 align=1", "350010"),
        ("i32.load $m", "28420100"),
        ("i32.load 1 offset=4", "28420104"),
        ("v128.load8_lane 3", "fd54000003"),
        ("v128.load64_lane 1 3", "fd5743010003"),
        ("v128.load8_lane offset=9 3", "fd54000903"),
        ("v128.load8_lane $m align=1 3", "fd5440010003"),
        ("v128.load32x2_s", "fd050300"),
        ("i64.atomic.rmw8.add_u", "fe220000"),
        ("memory.atomic.notify", "fe000200"),
        ("atomic.fence", "fe0300"),
        ("memory.size $m", "3f01"),
        ("memory.copy $m 0", "fc0a0100"),
        ("memory.init $m $d", "fc080001"),
        ("table.init $t $e", "fc0c0001"),
        ("table.copy", "fc0e0000"),
        ("table.get $t", "2501"),
        ("call_indirect $t (param i32) (result i32)", "110301"),
        ("return_call_indirect (type $s)", "130000"),
        ("call_ref $s", "1400"),
        ("select", "1b"),
        ("select (result i32)", "1c017f"),
        ("select (result)", "1c00"),
        ("ref.null func", "d070"),
        ("ref.null $s", "d000"),
        ("ref.test (ref $s)", "fb1400"),
        ("ref.test funcref", "fb1570"),
        ("ref.cast (ref null i31)", "fb176c"),
        ("br_on_cast 1 anyref (ref $r)", "fb1801016e01"),
        ("br_on_cast_fail 0 (ref null $r) (ref null none)", "fb190300" + "0171"),
        ("struct.get_u $r $field", "fb040101"),
        ("array.new_fixed $a 2", "fb080202"),
        ("array.new_data $a $d", "fb090200"),
        ("array.copy $a 2", "fb110202"),
        ("br_table 0 0 0", "0e02000000"),
        ("throw $e", "0800"),
        ("try_table (catch $e 0) (catch_all_ref 0) end", "1f40020000000300" + "0b"),
    ],
)
def test_instructions(instruction: str, code: str) -> None:
    """Immediates in the text's order become bytes in the binary's."""
    text = f"""
        (type $s (func)) (type $r (struct (field i32) (field $field i8))) (type $a (array i8))
        (memory 0) (memory $m 0) (table 0 funcref) (table $t 0 funcref) (data $d "") (elem $e func) (tag $e)
        (func {instruction})
    """
    assert code_of(text).hex() == code + "0b"


def test_folded_positions() -> None:
    """Each instruction has the place of its word, in the order of the code."""
    module = parse_module("(func (result i32)\n  (i32.add\n    (i32.const 1)\n    (i32.const 2)))")
    assert module.functions[0].source.positions == (
        (0, Position(3, 6)),
        (2, Position(4, 6)),
        (4, Position(2, 4)),
        (5, Position(4, 19)),
    )


def names_of(text: str) -> Names:
    """The names in the section made from a text's identifiers."""
    (custom,) = parse_module(text).customs
    assert custom.name == NAME_SECTION
    return decode_names(custom.data)


def test_names() -> None:
    """Identifiers and @name annotations become names; an annotation comes first."""
    names = names_of("""
        (module $m
          (type $s (struct (field $x i32) (field (@name "y z") i32)))
          (import "" "" (func $i (param $p i32)))
          (func $f (@name "g") (param i32) (param $q i32) (local $l i32)
            block nop end
            block $b nop end)
          (table $t 0 funcref) (memory $y 0) (global $g i32 i32.const 0) (elem $e func) (data $d "") (tag $a))
    """)
    assert names.module == "m"
    assert names.direct == {
        Subsection.FUNCTION: {0: "i", 1: "g"},
        Subsection.TYPE: {0: "s"},
        Subsection.TABLE: {0: "t"},
        Subsection.MEMORY: {0: "y"},
        Subsection.GLOBAL: {0: "g"},
        Subsection.ELEMENT: {0: "e"},
        Subsection.DATA: {0: "d"},
        Subsection.TAG: {0: "a"},
    }
    assert names.indirect == {
        Subsection.LOCAL: {0: {0: "p"}, 1: {1: "q", 2: "l"}},
        Subsection.LABEL: {1: {1: "b"}},
        Subsection.FIELD: {0: {0: "x", 1: "y z"}},
    }


def test_explicit_name_section() -> None:
    """A @custom annotation for the name section is taken as it is."""
    assert parse_module('(func $f) (@custom "name" "\\00\\01\\00")').customs == (Custom("name", b"\0\1\0", 10),)


def test_custom_sections() -> None:
    """Custom sections stand where they are placed, in the order of the text at each place."""
    module = parse_module("""
        (@custom "last" "1" "2")
        (@custom "before" (before global) "3")
        (@custom "first" (before first))
        (type (func)) (global i32 i32.const 0)
        (@custom "after" (after type))
        (@custom "last" (after last))
    """)
    assert module.customs == (
        Custom("first", b"", 0),
        Custom("after", b"", 1),
        Custom("before", b"3", 1),
        Custom("last", b"12", 6),
        Custom("last", b"", 6),
    )


def test_branch_hints() -> None:
    """Hints become a custom section before the code, with offsets from the start of the body."""
    module = parse_module("""
        (func)
        (func (param i32) (local i64 i64)
          local.get 0
          (@metadata.code.branch_hint "\\01") if end
          (@metadata.code.branch_hint "\\00") (br_if 0 (local.get 0)))
    """)
    assert module.customs == (Custom("metadata.code.branch_hint", bytes([1, 1, 2, 5, 1, 1, 10, 1, 0]), 3),)


def test_element_types() -> None:
    """An inline segment of a table that is not of funcref has the table's type."""
    module = parse_module("(type $t (func)) (func $f (type $t)) (table (ref null $t) (elem $f))")
    assert module.elements == (
        Element(RefType(True, 0), module.elements[0].init, Active(0, module.elements[0].mode.offset)),  # type: ignore[union-attr]
    )
    assert module.imports == () and module.tables[0].type.limits == Limits(1, 1)


def test_tables_with_values() -> None:
    """A table's elements may start as something else than null."""
    module = parse_module("(func $f) (table i64 3 (ref func) (ref.func $f)) (global i64 (i64.const 1))")
    assert module.tables[0].init is not None and module.tables[0].init.code == b"\xd2\x00\x0b"
    assert module.tables[0].type.address is I64
    assert parse_module('(import "" "" (func (type 3)))').imports[0].type == FuncExternType(3)
