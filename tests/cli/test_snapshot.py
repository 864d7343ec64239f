"""`jormun snapshot`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import jormun
from jormun.cli.main import main

COUNTER = """(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 100))))
  (func (export "boot") (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.store (i32.const 8) (i32.const 7)))
  (func (export "state") (result i32) (i32.add (global.get $n) (i32.load (i32.const 8))))
  (func (export "spin") (loop (br 0)))
  (func (export "exit") (call $exit (i32.const 0))) (func (export "fail") (call $exit (i32.const 3))))"""


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[..., tuple[int, Path]]:
    """Runs the command on COUNTER; its status, and where it writes."""
    path, to = tmp_path / "counter.wat", tmp_path / "out.wasm"
    path.write_text(COUNTER)
    return lambda *options: (main(["snapshot", *options, str(path), "-o", str(to)]), to)


def test_a_snapshot_goes_on(snapshot: Callable[..., tuple[int, Path]]) -> None:
    """Behind `_initialize`, which it has no more, and what was called; it is an ordinary module."""
    status, path = snapshot("--invoke", "boot", "--invoke", "boot", "--timeout", "60")
    assert status == 0
    module = jormun.Module(path)
    assert "_initialize" not in [each.name for each in module.exports]
    for _ in range(2):
        assert jormun.Instance(module, wasi=jormun.Wasi()).exports.state() == 109


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--invoke", "spin", "--cpu-timeout", "0.05"], 134, "processor time"),
        (["--invoke", "spin", "--fuel", "1000"], 134, "out of fuel"),
        (["--invoke", "none"], 1, "there is no export 'none'"),
        (["--invoke", "exit"], 1, "ended itself"),
        (["--invoke", "fail"], 3, ""),
        (["--max-stack", "1"], 2, "a stack is of 64 KiB to 8 MiB"),
    ],
)
def test_what_does_not_end_well_writes_nothing(
    snapshot: Callable[..., tuple[int, Path]],
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    status: int,
    said: str,
) -> None:
    """And says why."""
    found, path = snapshot(*options)
    assert (found, path.exists()) == (status, False)
    assert said in capsys.readouterr().err
