"""`jormun parse` and `jormun print`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .conftest import COMMAND, Command, environment, wat

TEXT = '(module $m (func $f (export "f") (param $x i32) (result i32) local.get $x))'


def test_there_and_back(command: Command, tmp_path: Path) -> None:
    """Text to binary beside it, and to text again, which gives the same binary."""
    source = wat(tmp_path, TEXT)
    assert command("parse", source).status == 0
    binary = (tmp_path / "module.wasm").read_bytes()
    assert binary.startswith(b"\0asm")
    printed = command("print", tmp_path / "module.wasm")
    assert printed.status == 0
    assert printed.out.startswith("(module $m")
    assert printed.out.endswith(")\n")
    again = wat(tmp_path, printed.out, "again.wat")
    assert command("parse", again, "-o", tmp_path / "again.wasm").status == 0
    assert (tmp_path / "again.wasm").read_bytes() == binary


def test_output_files(command: Command, tmp_path: Path) -> None:
    """-o names the file; a place that cannot be written is an error."""
    source = wat(tmp_path, TEXT)
    assert command("print", source, "-o", tmp_path / "out.wat").out == ""
    assert (tmp_path / "out.wat").read_text().startswith("(module")
    result = command("parse", source, "-o", tmp_path / "none" / "x.wasm")
    assert result.status == 1
    assert result.err == f"jormun: {tmp_path}/none/x.wasm: No such file or directory\n"


def test_pipes() -> None:
    """Standard input to standard output."""
    done = subprocess.run(
        [*COMMAND, "parse", "-", "-o", "-"], env=environment(), input=b"(module)", capture_output=True, check=True
    )
    assert done.stdout == b"\0asm\1\0\0\0"


def test_standard_input_needs_an_output(command: Command) -> None:
    """There is no name to derive one from."""
    result = command("parse", "-")
    assert result.status == 2
    assert "-o" in result.err


def test_a_binary_is_not_parsed(command: Command, tmp_path: Path) -> None:
    """The message says what to do."""
    path = tmp_path / "app.wasm"
    path.write_bytes(b"\0asm\1\0\0\0")
    result = command("parse", path)
    assert result.status == 1
    assert "jormun print" in result.err
