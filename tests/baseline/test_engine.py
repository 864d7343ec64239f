"""The baseline engine behind the `Engine` protocol, and functions of unusual shapes."""

from __future__ import annotations

import pytest

import jormun
from jormun.baseline import engine
from jormun.baseline.engine import BaselineEngine
from jormun.runtime.image import BASELINE
from jormun.runtime.layout import Layout
from jormun.text.module import parse_module
from jormun.validation.module import validate

BASELINE_TIER = jormun.Config(tier="baseline", cache=False)


def test_an_image_has_the_functions_that_were_asked_for() -> None:
    """By index, one after another."""
    valid = validate(parse_module("(module (func) (func (result i32) (i32.const 1)) (func))"))
    image = BaselineEngine().compile(valid, Layout(valid), (2, 1))
    assert [(f.kind, f.index) for f in image.functions] == [(BASELINE, 2), (BASELINE, 1)]
    first, second = image.functions
    assert first.offset == 0 and second.offset >= first.size_bytes
    assert second.offset + second.size_bytes <= len(image.code)


def test_a_cpu_that_lacks_instructions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names them."""
    monkeypatch.setattr(engine, "cpu_flags", lambda: engine.NEEDED - {"popcnt", "ssse3"})
    with pytest.raises(jormun.UnsupportedError, match="a CPU with popcnt, ssse3"):
        assert BaselineEngine().library


@pytest.mark.parametrize("count", [1, 100, 4_000, 50_000])
def test_frames_of_many_locals(count: int) -> None:
    """Locals begin as 0, whatever was on the stack; one that is set is read back."""
    exports = jormun.load(
        f"""(module (func (export "last") (param i64) (result i64) (local {"i64 " * (count - 1)})
             (local.set {count - 1} (i64.add (local.get {count - 1}) (local.get 0))) (local.get {count - 1})))""",
        config=BASELINE_TIER,
    ).exports
    expected = 14 if count == 1 else 7
    assert [exports.last(7) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("locals_", [0, 100, 10_000])
def test_endless_recursion_ends_in_exhaustion(locals_: int) -> None:
    """Whatever the size of the frames: those that the guard might not cover are checked."""
    exports = jormun.load(
        f"""(module (func $f (export "f") (param i64) (result i64) (local {"i64 " * locals_})
             (i64.add (call $f (i64.add (local.get 0) (i64.const 1))) (i64.const 1))))""",
        config=BASELINE_TIER,
    ).exports
    for _ in range(2):
        with pytest.raises(jormun.ExhaustionError, match="call stack exhausted"):
            exports.f(0)


def test_operands_beyond_all_registers() -> None:
    """A thousand operands, pushed before any is used."""
    n = 1000
    body = "".join(f"(i64.mul (local.get 0) (i64.const {k}))" for k in range(n)) + "i64.add " * (n - 1)
    exports = jormun.load(f'(module (func (export "f") (param i64) (result i64) {body}))', config=BASELINE_TIER).exports
    assert exports.f(3) == 3 * sum(range(n))


def test_a_local_that_changes_while_it_waits_on_the_stack() -> None:
    """What was pushed is the value of then."""
    exports = jormun.load(
        """(module (func (export "f") (param i32) (result i32)
             (local.get 0) (local.get 0) (local.set 0 (i32.const 100)) (local.get 0) i32.add i32.sub
             (local.tee 0 (i32.add (local.get 0) (i32.const 1))) i32.sub))""",
        config=BASELINE_TIER,
    ).exports
    assert exports.f(5) == 5 - (5 + 100) - 101


def test_a_backtrace_names_baseline_functions() -> None:
    """As it does those of LLVM."""
    exports = jormun.load(
        '(module (func $inner unreachable) (func $outer (export "f") (call $inner)))', config=BASELINE_TIER
    ).exports
    with pytest.raises(jormun.Trap) as caught:
        exports.f()
    assert [frame.function_name for frame in caught.value.backtrace] == ["inner", "outer"]


def test_constants_of_all_lengths() -> None:
    """A constant is what it was, whatever number of bytes it took in LEB128, at both ends of each length."""
    values = sorted({sign * (1 << k) + step for k in range(63) for sign in (1, -1) for step in (-1, 0, 1)})
    values += [-(1 << 63), (1 << 63) - 1]
    functions = "".join(f'(func (export "{k}") (result i64) (i64.const {n}))' for k, n in enumerate(values))
    exports = jormun.load(f"(module {functions})", config=BASELINE_TIER).exports
    assert [exports[str(k)]() for k in range(len(values))] == values
