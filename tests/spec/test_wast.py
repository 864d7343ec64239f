"""The verb `jormun wast`: what it prints, how it compares, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.cli.main import main

GOOD = """
(module $m
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "trap") unreachable)
  (func (export "nan") (param f32) (result f32) (f32.add (local.get 0) (f32.const 1)))
  (func (export "pair") (result i64 v128) (i64.const -1) (v128.const i32x4 1 2 3 4))
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func $loop (export "loop") (call $loop))
  (global (export "g") f64 (f64.const -0)))
(assert_return (invoke "add" (i32.const 1) (i32.const 2)) (i32.const 3))
(assert_return (invoke $m "add" (i32.const -1) (i32.const 0)) (i32.const -1))
(assert_return (invoke "pair") (i64.const -1) (v128.const i64x2 0x2_0000_0001 0x4_0000_0003))
(assert_return (invoke "nan" (f32.const nan)) (f32.const nan:canonical))
(assert_return (invoke "nan" (f32.const nan:0x200000)) (f32.const nan:arithmetic))
(assert_return (invoke "add" (i32.const 1) (i32.const 1)) (either (i32.const 1) (i32.const 2)))
(assert_return (invoke "same" (ref.extern 1)) (ref.extern 1))
(assert_return (invoke "same" (ref.extern 1)) (ref.extern))
(assert_return (invoke "same" (ref.null extern)) (ref.null))
(assert_return (get "g") (f64.const -0))
(assert_trap (invoke "trap") "unreachable")
(assert_exhaustion (invoke "loop") "call stack exhausted")
(assert_malformed (module quote "(func") "unexpected token")
(assert_malformed (module binary "asm") "magic header not detected")
(assert_invalid (module (func (result i32))) "type mismatch")
(assert_unlinkable (module (import "a" "b" (func))) "unknown import")
(assert_trap (module (func $f unreachable) (start $f)) "unreachable")
(register "m" $m)
(module (import "m" "g" (global f64)) (import "spectest" "print_i32" (func $print (param i32)))
  (func (export "print") (call $print (i32.const 1))))
(invoke "print")
(module definition $d (global (export "g") (mut i32) (i32.const 1)))
(module instance $i $d)
(assert_return (get $i "g") (i32.const 1))
"""

BAD = [
    ('(assert_return (invoke "f") (i32.const 2))', "expected (i32.const 2), found (i32.const 1)"),
    ('(assert_return (invoke "f"))', "expected no result, found (i32.const 1)"),
    ('(assert_return (invoke "f") (ref.func))', "expected (ref.func), found"),
    ('(assert_return (invoke "g"))', "expected export $g, found none"),
    ('(assert_return (invoke $x "f"))', "expected instance $x, found none"),
    ('(assert_return (get "f"))', 'expected a global "f", found'),
    ('(assert_trap (invoke "f") "unreachable")', 'expected Trap "unreachable", found success'),
    ('(assert_trap (invoke "t") "integer overflow")', 'expected Trap "integer overflow", found Trap "unreachable"'),
    ('(assert_exhaustion (invoke "t") "x")', 'expected ExhaustionError "x", found Trap "unreachable"'),
    ('(assert_malformed (module quote "") "x")', 'expected MalformedError "x", found success'),
    ('(assert_malformed (module quote "(func br 0 br 9)") "x")', 'expected MalformedError "x", found InvalidError'),
    ('(assert_invalid (module quote "(oops)") "x")', 'expected InvalidError "x", found MalformedError'),
    ('(assert_unlinkable (module) "unknown import")', 'expected LinkError "unknown import", found success'),
    ("(module (func oops))", "expected success, found MalformedError"),
    ('(module (func br 9)) (invoke "f")', "expected success, found InvalidError"),
    ('(invoke "t")', 'expected success, found Trap "unreachable"'),
    ('(module instance $x $y)', "expected module $y, found none"),
    ("(wait $t)", "expected a thread $t, found none"),
]  # fmt: skip
MODULE = '(module (func (export "f") (result i32) i32.const 1) (func (export "t") unreachable))\n'


def test_what_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that is right passes whole: a line for it, and the sum."""
    script = tmp_path / "good.wast"
    script.write_text(GOOD)
    assert main(["wast", str(script)]) == 0
    count = sum(line.startswith("(") for line in GOOD.splitlines())
    summary = f"{count} passed, 0 failed, 0 skipped"
    assert capsys.readouterr().out == f"{script}: {summary}\n{summary}\n"


@pytest.mark.parametrize(("command", "message"), BAD)
def test_what_fails(command: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure says its place, what was expected and what was found."""
    script = tmp_path / "bad.wast"
    script.write_text(MODULE + command)
    assert main(["wast", str(script)]) == 1
    assert f"{script}:2: {message}" in capsys.readouterr().out


def test_scripts_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that does not parse is one failure; the others are run."""
    (tmp_path / "a.wast").write_text("\n(module) (oops)")
    (tmp_path / "b.wast").write_text("(module)")
    assert main(["wast", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "a.wast:2: expected a script, found line 2, column 11: unknown operator oops" in out
    assert out.endswith("1 passed, 1 failed, 0 skipped\n")


def test_check_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without running anything, modules are read and validated all the same."""
    script = tmp_path / "bad.wast"
    script.write_text(MODULE + '(invoke "f")\n(assert_malformed (module quote "") "x")\n(module (func br 9))')
    assert main(["wast", "--check-only", str(script)]) == 1
    assert capsys.readouterr().out.endswith("1 passed, 2 failed, 1 skipped\n")


def test_known_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap that fails is skipped, one that passes is a failure."""
    script = tmp_path / "core" / "bad.wast"
    script.parent.mkdir()
    script.write_text(MODULE + '(invoke "t")\n(invoke "f")\n(invoke "t")')
    gaps = tmp_path / "gaps.txt"
    gaps.write_text("# why\ncore/bad.wast 2 4-5\nother/bad.wast 3\n")
    assert main(["wast", "--known-gaps", str(gaps), str(script)]) == 0
    assert capsys.readouterr().out.endswith("2 passed, 0 failed, 2 skipped\n")
    gaps.write_text("core/bad.wast 2-4\n")
    assert main(["wast", "--known-gaps", str(gaps), str(script)]) == 1
    assert f"{script}:3: a known gap that passes" in capsys.readouterr().out
    gaps.write_text("core/bad.wast x\n")
    assert main(["wast", "--known-gaps", str(gaps), str(script)]) == 1
    assert "line 1 of the known gaps: expected PATH LINE..." in capsys.readouterr().err


def test_threads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Threads share the instance that they name; their failures are reported with their lines."""
    script = tmp_path / "threads.wast"
    script.write_text("""(module $mem (memory (export "shared") 1 1 shared))
(thread $t1 (shared (module $mem))
  (register "mem" $mem)
  (module (memory (import "mem" "shared") 1 1 shared)
    (func (export "store") (i32.atomic.store (i32.const 0) (i32.const 42))))
  (invoke "store"))
(wait $t1)
(thread $t2 (shared (module $mem))
  (register "mem" $mem)
  (module (memory (import "mem" "shared") 1 1 shared)
    (func (export "load") (result i32) (i32.atomic.load (i32.const 0))))
  (assert_return (invoke "load") (i32.const 42))
  (assert_return (invoke "load") (i32.const 43)))
(wait $t2)
""")
    assert main(["wast", str(script)]) == 1
    out = capsys.readouterr().out
    assert f"{script}:13: expected (i32.const 43), found (i32.const 42)" in out
    assert out.endswith("9 passed, 1 failed, 0 skipped\n")


def test_paths_that_are_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that does not exist, or has no scripts, is said before anything runs."""
    assert main(["wast", str(tmp_path / "none.wast")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["wast", str(tmp_path)]) == 1
    assert "no scripts" in capsys.readouterr().err


def test_a_script_that_is_too_large_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its size is enough to say so."""
    path = tmp_path / "large.wast"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    assert main(["wast", str(path)]) == 1
    assert "expected a script of at most 1073741824 bytes, found 2147483648" in capsys.readouterr().out
