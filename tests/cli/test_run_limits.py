"""The options of `jormun run` that bound what a program takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.cli.main import main

RECURSES = '(module (func $f (export "_start") (call $f)))'
SPINS = '(module (func (export "_start") (loop (br 0))))'
TABLE = '(module (table 100 funcref) (func (export "_start")))'


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        (["--max-stack", "64KiB"], RECURSES, "call stack exhausted"),
        (["--cpu-timeout", "0.05"], SPINS, "timed out after 0.05 s of processor time"),
        (["--cpu-timeout", "0.05", "--timeout", "60"], SPINS, "timed out after 0.05 s of processor time"),
        (["--max-table-elements", "99"], TABLE, "all tables of a store may have 99 elements"),
        (["--max-instances", "0"], TABLE, "a store may have 0 instances"),
        (["--max-memory", "64KiB"], '(module (memory 2) (func (export "_start")))', "may have 65,536 bytes"),
    ],
)
def test_what_is_beyond_a_limit_is_a_trap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str, said: str
) -> None:
    """The exit status is that of one, and standard error says which limit it was."""
    program = tmp_path / "program.wat"
    program.write_text(text)
    assert main(["run", *options, str(program)]) == 134
    assert said in capsys.readouterr().err


def test_what_is_within_all_limits(tmp_path: Path) -> None:
    """Runs as ever."""
    program = tmp_path / "program.wat"
    program.write_text(TABLE)
    options = ["--max-stack=1MiB", "--max-table-elements=100", "--max-instances=1", "--cpu-timeout=60", "--fuel=1000"]
    assert main(["run", *options, str(program)]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cpu-timeout", "soon"], "--cpu-timeout soon: a time is a number of seconds, like 2.5"),
        (["--max-stack", "1KiB"], "--max-stack 1KiB: a stack is of 64 KiB to 8 MiB"),
        (["--max-stack", "much"], "--max-stack much: 'much' is no size"),
        (["--max-instances", "few"], "--max-instances few: it is a number"),
        (["--max-table-elements", "1.5"], "--max-table-elements 1.5: it is a number"),
    ],
)
def test_what_is_no_limit_is_a_usage_error(capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    """Said of the option, before anything else."""
    assert main(["run", *options, "app.wasm"]) == 2
    assert said in capsys.readouterr().err


def test_compiled_files_with_fuel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`jormun compile --fuel` makes what `jormun run --fuel` runs, and what runs without."""
    program, compiled = tmp_path / "program.wat", tmp_path / "program"
    program.write_text('(module (func (export "count") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub'
                       ' (local.get 0) (i32.const 1)))))))')  # fmt: skip
    assert main(["compile", "--fuel", "--tier", "baseline", str(program), "-o", str(compiled)]) == 0
    assert main(["run", "--fuel", "1000", "--invoke", "count", str(compiled), "100"]) == 0
    assert main(["run", "--fuel", "1000", "--invoke", "count", str(compiled), "10000"]) == 134
    assert "out of fuel" in capsys.readouterr().err
    assert main(["run", "--invoke", "count", str(compiled), "10000"]) == 0
