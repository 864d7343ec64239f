"""`jormun run`: what programs are given to write to, and how much of it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from jormun.wasi.errno import Errno

from .conftest import Command, environment, start, wat

WRITER = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2) (data (i32.const 100) "file1file2file3") (data (i32.const 200) "in")
  (func $try (param $errno i32) (if (local.get $errno) (then (call $exit (local.get $errno)))))
  (func $make (param $name i32) (param $size i32)
    (call $try (call $open (i32.const 3) (i32.const 0) (local.get $name) (i32.const 5) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (local.get $size))
    (call $try (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 20))))
  (func (export "_start")
    (call $make (i32.const 100) (i32.const 3000))
    (call $make (i32.const 105) (i32.const 3000))
    (call $make (i32.const 110) (i32.const 3000))))"""
"""Writes three files of 3,000 bytes into its first directory, and exits with the errno of what fails."""
ECHO = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 100))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 4) (i32.const 2))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))))"""
"""Writes what it reads to standard output, and the first two bytes of it to standard error."""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder for the program, with one file."""
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "kept").write_text("kept")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("form", ["{box}", "{box}::/data"])
def test_an_overlay_keeps_changes_to_itself(command: Command, tmp_path: Path, box: Path, form: str) -> None:
    """The program writes, and the folder stays as it was."""
    assert command("run", "--overlay", form.format(box=box), wat(tmp_path, WRITER)).status == 0
    assert names(box) == ["kept"]


def test_scratch_space_is_gone_at_the_end(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the system keeps temporary files, while the program runs."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert command("run", "--scratch", "/tmp", wat(tmp_path, WRITER)).status == 0
    assert names(scratch) == []


def test_a_directory_in_memory(command: Command, tmp_path: Path) -> None:
    """The program writes to it, and nothing is left of it."""
    assert command("run", "--memory-dir", "/data", wat(tmp_path, WRITER)).status == 0


KINDS = [["--dir", "{box}"], ["--overlay", "{box}"], ["--scratch", "/x"], ["--memory-dir", "/x"]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
@pytest.mark.parametrize(
    ("quota", "status"),
    [
        (["--quota", "9000"], 0),
        (["--quota", "5000"], Errno.EDQUOT),
        (["--quota", "2KiB"], Errno.EDQUOT),
        (["--quota-files", "2"], Errno.EDQUOT),
        (["--quota-files", "4", "--quota", "1MiB"], 0),
    ],
)
def test_quotas(
    command: Command, tmp_path: Path, box: Path, kind: Sequence[str], quota: Sequence[str], status: int
) -> None:
    """Bound what a program adds to each directory; a write beyond is short, and the next one fails."""
    given = [word.format(box=box) for word in kind]
    assert command("run", *given, *quota, wat(tmp_path, WRITER)).status == status


@pytest.mark.parametrize(
    "words",
    [
        ["--overlay", "none"],
        ["--overlay", "::/x"],
        ["--scratch", "a::b"],
        ["--memory-dir", ""],
        ["--dir", ".", "--quota", "much"],
        ["--dir", ".", "--quota-files", "-1"],
        ["--max-memory", "x"],
        ["--fuel", "much"],
        ["--fuel", "9999999999999999999"],
        ["--stdin", "none"],
        ["--stdout", "no/such/folder"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_said_with_its_option(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """A usage error."""
    monkeypatch.chdir(tmp_path)
    done = command("run", *words, wat(tmp_path, WRITER))
    assert done.status == 2
    assert done.err.startswith(f"jormun: {words[-2]} {words[-1]}: ")


def test_streams_can_be_files(command: Command, tmp_path: Path) -> None:
    """Read from the beginning, written anew."""
    source, out, error = (tmp_path / name for name in ("in", "out", "error"))
    source.write_text("some text")
    out.write_text("what was there before, and is longer")
    done = command("run", "--stdin", source, "--stdout", out, "--stderr", error, wat(tmp_path, ECHO))
    assert (done.status, done.out, done.err) == (0, "", "")
    assert (out.read_text(), error.read_text()) == ("some text", "so")


@pytest.mark.parametrize(("size", "status"), [("128KiB", 0), ("64KiB", 134)])
def test_memory_is_bounded(command: Command, tmp_path: Path, size: str, status: int) -> None:
    """A program that begins with more is not begun."""
    done = command("run", "--memory-dir", "/x", "--max-memory", size, wat(tmp_path, WRITER))
    assert done.status == status


@pytest.mark.parametrize(("words", "status"), [(["1000"], 0), (["2"], 134), (["1000", "--max-memory", "64KiB"], 134)])
def test_fuel_is_bounded(command: Command, tmp_path: Path, words: Sequence[str], status: int) -> None:
    """A program that runs more is ended by a trap; a bound on memory counts beside it."""
    done = command("run", "--memory-dir", "/x", "--fuel", *words, wat(tmp_path, WRITER))
    assert done.status == status
    assert ("out of fuel" in done.err) == (words == ["2"])


def test_standard_input_is_where_the_program_left_it(command: Command, tmp_path: Path) -> None:
    """Though it was read ahead: the next program that has it goes on there."""
    (tmp_path / "in").write_bytes(b"x" * 150)
    fd = os.open(tmp_path / "in", os.O_RDONLY)
    before = os.dup(0)
    os.dup2(fd, 0)
    try:
        assert command("run", wat(tmp_path, ECHO)).status == 0
        assert os.lseek(fd, 0, os.SEEK_CUR) == 100
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(fd)


WAITS = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\\40\\00\\00\\00\\08\\00\\00\\00")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    {}))"""
READS = "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("what", [READS, "(loop (br 0))"], ids=["reads", "computes"])
def test_scratch_space_is_removed_when_a_signal_ends_the_program(tmp_path: Path, number: int, what: str) -> None:
    """And the process ends by the signal, as it would without."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = wat(tmp_path, WAITS.format(what))
    variables = environment(TMPDIR=str(scratch))
    with start("run", "--scratch", "/tmp", path, stdin=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        assert process.stdout.read(8) == bytes(8)
        assert len(names(scratch)) == 1
        process.send_signal(number)
        assert process.wait(60) == -number
    assert names(scratch) == []
