"""Scripts: each command with its line, modules that are parsed when asked, values and patterns."""

from __future__ import annotations

import pytest

from jormun.errors import MalformedError
from jormun.text.script import (
    AssertException,
    AssertExhaustion,
    AssertInvalid,
    AssertMalformed,
    AssertReturn,
    AssertTrap,
    AssertUnlinkable,
    BinaryModule,
    Command,
    DefineModule,
    Either,
    ExternReference,
    Get,
    HostReference,
    Instantiate,
    Invoke,
    NanKind,
    NanPattern,
    Null,
    Number,
    Perform,
    QuoteModule,
    ReferencePattern,
    Register,
    Result,
    TextModule,
    Thread,
    Vector,
    Wait,
)
from jormun.text.script_parser import parse_script
from jormun.types import F32, F64, I32, I64, AbsHeapType
from tests.shared import name_of, needs_shared, scripts

CALL = Invoke(None, "f", ())


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('(module binary "\\00" "asm")', DefineModule(1, BinaryModule(None, b"\0asm"))),
        ('(module $m quote "(a" ")")', DefineModule(1, QuoteModule("m", b"(a)"))),
        ('(module definition $m binary "a")', DefineModule(1, BinaryModule("m", b"a"), True)),
        ("(module instance)", Instantiate(1, None, None)),
        ("(module instance $i $m)", Instantiate(1, "i", "m")),
        ('(register "a" $m)', Register(1, "a", "m")),
        ('(invoke "f")', Perform(1, CALL)),
        ('(get $m "g")', Perform(1, Get("m", "g"))),
        ('\n (assert_return (invoke "f"))', AssertReturn(2, CALL, ())),
        ('(assert_trap (invoke "f") "why")', AssertTrap(1, CALL, "why")),
        ('(assert_trap (module binary "") "why")', AssertTrap(1, BinaryModule(None, b""), "why")),
        ('(assert_exhaustion (invoke "f") "why")', AssertExhaustion(1, CALL, "why")),
        ('(assert_exception (invoke "f"))', AssertException(1, CALL)),
        ('(assert_malformed (module quote "") "why")', AssertMalformed(1, QuoteModule(None, b""), "why")),
        ('(assert_malformed_custom (module quote "") "why")', AssertMalformed(1, QuoteModule(None, b""), "why", True)),
        ('(assert_invalid (module quote "") "why")', AssertInvalid(1, QuoteModule(None, b""), "why")),
        ('(assert_invalid_custom (module quote "") "why")', AssertInvalid(1, QuoteModule(None, b""), "why", True)),
        ('(assert_unlinkable (module quote "") "why")', AssertUnlinkable(1, QuoteModule(None, b""), "why")),
        ('(thread $t (shared (module $m)) (invoke "f"))', Thread(1, "t", "m", (Perform(1, CALL),))),
        ("(thread $t)", Thread(1, "t", None, ())),
        ("(wait $t)", Wait(1, "t")),
    ],
)
def test_commands(text: str, command: Command) -> None:
    """Each command is a value, with the line on which it stands."""
    assert parse_script(text) == (command,)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("(i32.const -1)", Number(I32, 0xFFFF_FFFF)),
        ("(i64.const 1)", Number(I64, 1)),
        ("(f32.const 1)", Number(F32, 0x3F80_0000)),
        ("(f64.const -0)", Number(F64, 1 << 63)),
        ("(f32.const nan:canonical)", NanPattern(F32, NanKind.CANONICAL)),
        ("(f64.const nan:arithmetic)", NanPattern(F64, NanKind.ARITHMETIC)),
        ("(v128.const i64x2 1 -1)", Vector("i64x2", (1, 2**64 - 1))),
        (
            "(v128.const f32x4 0 nan:canonical 1 nan)",
            Vector("f32x4", (0, NanKind.CANONICAL, 0x3F80_0000, 0x7FC0_0000)),
        ),
        ("(ref.null)", Null()),
        ("(ref.null func)", Null(AbsHeapType.FUNC)),
        ("(ref.extern 7)", ExternReference(7)),
        ("(ref.host 7)", HostReference(7)),
        ("(ref.extern)", ReferencePattern(AbsHeapType.EXTERN)),
        ("(ref.func)", ReferencePattern(AbsHeapType.FUNC)),
        ("(ref.struct)", ReferencePattern(AbsHeapType.STRUCT)),
        ("(either (i32.const 1) (i32.const 2))", Either((Number(I32, 1), Number(I32, 2)))),
    ],
)
def test_results(text: str, result: Result) -> None:
    """Values and patterns."""
    (command,) = parse_script(f'(assert_return (invoke "f") {text})')
    assert command == AssertReturn(1, CALL, (result,))


def test_vector_bits() -> None:
    """Lane 0 is lowest."""
    assert Vector("i32x4", (1, 2, 3, 4)).bits == 0x4_00000003_00000002_00000001


def test_text_modules() -> None:
    """A module in text is parsed when asked for, with the lines of its script; its errors are its own."""
    good, bad = parse_script("(module $m (func nop))\n(module definition\n  (func oops))")
    assert isinstance(good, DefineModule) and isinstance(good.module, TextModule)
    assert good.module.name == "m" and good.module.text == "(module $m (func nop))"
    assert len(good.module.parse().functions) == 1
    assert isinstance(bad, DefineModule) and isinstance(bad.module, TextModule) and bad.is_definition_only
    with pytest.raises(MalformedError, match="line 3, column 9: unknown operator oops"):
        bad.module.parse()


def test_fields_alone() -> None:
    """A script may be the fields of one module."""
    (command,) = parse_script("(func) (memory 0)")
    assert isinstance(command, DefineModule) and isinstance(command.module, TextModule)
    assert len(command.module.parse().memories) == 1


@pytest.mark.parametrize(
    "text",
    [
        "(oops)",
        "module",
        "(invoke f)",
        '(invoke "f" (f32.const nan:canonical))',
        "(assert_return (module))",
        '(assert_return (invoke "f") (i32.const))',
        "(thread (thread))",
        "(module",
        "(wait $t",
    ],
)
def test_no_scripts(text: str) -> None:
    """What is no script is MalformedError, with its place."""
    with pytest.raises(MalformedError) as caught:
        for command in parse_script(text):
            assert isinstance(command, DefineModule) and isinstance(command.module, TextModule)
            command.module.parse()
    assert caught.value.line is not None


@needs_shared
@pytest.mark.parametrize("path", scripts(), ids=name_of)
def test_scripts_of_the_standard(path) -> None:  # type: ignore[no-untyped-def]
    """All scripts parse, the modules in them apart."""
    assert parse_script(path.read_bytes().decode())
