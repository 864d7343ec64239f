"""Bad files: one clear line that names the file and the place, exit status 1, and never a traceback."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from .conftest import Command, wat

VERBS = ["run", "validate", "print"]
BAD_FILES: list[tuple[bytes, str]] = [
    (b"", "is empty"),
    (b"hello\n", "offset 0x0: magic header not detected"),
    (b"\0asn\1\0\0\0", "offset 0x0: magic header not detected"),
    (b"\x7fELF\2\1\1", "a native program or library (ELF)"),
    (b"PK\3\4rest", "a ZIP archive"),
    (b"\x1f\x8b\x08", "gzip data; decompress it first"),
    (b"#!/bin/sh\n", "a script"),
    (b"\xef\xbb\xbf(module)", "byte order mark"),
    (b"\0asm\x0d\0\1\0", "is a component"),
    (b"\0asm", "unexpected end"),
    (b"\0asm\2\0\0\0", "unknown binary version"),
    (b"\0asm\1\0\0\0\x01", "unexpected end"),
    (b"\0asm\1\0\0\0\x01\xff\xff\xff\xff\x0f", "offset 0x"),
    (b"\0asm\1\0\0\0\x01\x05\xff\xff\xff\xff\x0f", "offset 0x"),
    (b"\0asm\1\0\0\0\x63\x00", "malformed section id"),
    (b"(module", "line 1"),
    (b"(module\n  (func (i32.const)))", "line 2, column"),
    (b"(modul)", "line 1, column"),
    (b"(module \xff)", "malformed UTF-8 encoding"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("data", "message"), BAD_FILES)
def test_bad_files(command: Command, tmp_path: Path, verb: str, data: bytes, message: str) -> None:
    """The message says what is wrong, and where."""
    path = tmp_path / "app.wasm"
    path.write_bytes(data)
    result = command(verb, path)
    assert (result.status, result.out) == (1, "")
    assert message in result.err
    assert result.err.startswith(f"jormun: {path}: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("verb", [*VERBS, "parse"])
def test_files_that_are_not_there(command: Command, tmp_path: Path, verb: str) -> None:
    """A missing file, a directory, a file without permission to read: the host's reason."""
    missing = command(verb, tmp_path / "none.wasm")
    assert (missing.status, missing.err) == (1, f"jormun: {tmp_path}/none.wasm: No such file or directory\n")
    directory = command(verb, tmp_path)
    assert (directory.status, directory.err) == (1, f"jormun: {tmp_path}: is a directory, not a WebAssembly file\n")


def test_a_forgotten_suffix(command: Command, tmp_path: Path) -> None:
    """The file that was meant is named."""
    wat(tmp_path, "(module)", "app.wasm")
    assert "did you mean" in command("run", tmp_path / "app").err


def test_a_device_without_end(command: Command) -> None:
    """Not read to its end before it is found to be no module."""
    assert "magic header not detected" in command("validate", "/dev/zero").err


def test_names_that_would_garble_the_terminal(command: Command, tmp_path: Path) -> None:
    """Are spelled out: a file's name may hold anything."""
    result = command("validate", tmp_path / "a\x1b[31m\nb.wasm")
    assert "\\x1b[31m\\nb.wasm" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("data", [b"\0asm\1\0\0\0", b"(module)"])
def test_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """`-`, binary or text."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    result = command("validate", "-")
    assert (result.status, result.out, result.err) == (0, "", "")


def test_invalid(command: Command, tmp_path: Path) -> None:
    """A module that decodes and breaks a rule: 'invalid', not 'malformed'."""
    result = command("validate", wat(tmp_path, "(module\n  (func (result i32)\n    i64.const 1))"))
    assert result.status == 1
    assert ": invalid: " in result.err
    assert "type mismatch" in result.err


def test_a_file_that_is_too_large(command: Command, tmp_path: Path) -> None:
    """Is not read to be refused."""
    path = tmp_path / "app.wasm"
    with path.open("wb") as file:
        file.write(b"\0asm\1\0\0\0")
        file.truncate(1 << 40)
    result = command("validate", path)
    assert result.status == 1
    assert result.err == f"jormun: {path}: is larger than 1073741824 bytes, the most that a module may have\n"
