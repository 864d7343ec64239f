"""`jormun compile`, and what it makes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from jormun.version import VERSION

from .conftest import COMMAND, Command, environment, start, wat

ADD = """(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "trap") (call $deep)) (func $deep unreachable))"""
STEPS = " ".join(
    f"(local.set 0 (i64.rotl (i64.mul (local.get 0) (i64.const {k * 2 + 3})) (local.get 1)))" for k in range(300)
)
LONG = "".join(
    f"""(func (export "f{k}") (param i64 i64) (result i64) (loop $l {STEPS}
    (br_if $l (i64.ne (local.get 0) (local.get 1)))) (local.get 0))"""
    for k in range(30)
)
"""Takes LLVM a while, in several processes."""


@pytest.fixture
def compiled(command: Command, tmp_path: Path) -> Path:
    """A compiled library."""
    out = tmp_path / "calc"
    assert command("compile", wat(tmp_path, ADD), "-o", out).status == 0
    return out


def test_compile_and_run(command: Command, compiled: Path) -> None:
    """The file is run as the module is; nothing is said."""
    assert command("run", "--invoke", "add", compiled, "2", "40").out == "42\n"
    result = command("run", "--invoke", "trap", compiled)
    assert result.status == 134
    assert result.err.startswith(f"jormun: {compiled}: trap: unreachable\n    at ")
    assert "deep" in result.err


def test_baseline(command: Command, tmp_path: Path) -> None:
    """The other tier, without LLVM; it says what it has no code for."""
    module, out = wat(tmp_path, ADD), tmp_path / "calc"
    assert command("compile", "--tier", "baseline", module, "-o", out).err == ""
    assert command("run", "--invoke", "add", out, "2", "40").out == "42\n"
    result = command("compile", "--tier", "baseline", "--target", "aarch64-linux", module, "-o", out)
    assert result.status == 2 and "a target or a CPU is for the optimizing tier" in result.err


def test_default_output(command: Command, tmp_path: Path) -> None:
    """Beside the module, with a name of its own."""
    assert command("compile", wat(tmp_path, ADD, "calc.wat")).err == ""
    assert command("run", "--invoke", "add", tmp_path / "calc.jormun", "1", "2").out == "3\n"
    result = command("compile", "-")
    assert result.status == 2 and "-o OUT" in result.err


def test_standard_streams(tmp_path: Path) -> None:
    """Standard input to standard output, in bytes; a file of it runs when it is marked."""
    done = subprocess.run(
        [*COMMAND, "compile", "-", "-o", "-"], env=environment(), input=ADD.encode(), capture_output=True, check=True
    )
    out = tmp_path / "out"
    out.write_bytes(done.stdout)
    out.chmod(0o755)
    words = [*COMMAND, "run", "--invoke", "add", str(out), "1", "2"]
    assert subprocess.run(words, env=environment(), capture_output=True, check=True).stdout == b"3\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--target", "riscv64-linux"], "code is made for x86_64 and aarch64, not for riscv64"),
        (["--target", "x86_64-pc-windows-msvc"], "no code is made for x86_64 Windows"),
        (["--cpu", "no-such"], "no CPU of x86_64 that code can be made for: 'no-such'; there are x86-64-v2, "),
        (["-o", "x.wasm"], "x.wasm: is how modules are named"),
        (["-o", "/"], "/: is a directory"),
    ],
)
def test_usage_errors(command: Command, tmp_path: Path, options: list[str], expected: str) -> None:
    """One line that says what there is, exit status 2, and nothing is written."""
    result = command("compile", wat(tmp_path, ADD), *options)
    assert result.status == 2
    assert result.err.startswith(f"jormun: {expected}") and result.err.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["module.wat"]


def test_the_module_is_not_written_over(command: Command, tmp_path: Path) -> None:
    """By its name or through a link."""
    source = wat(tmp_path, ADD, "module")
    (tmp_path / "link").symlink_to(source)
    for output in (source, tmp_path / "link"):
        result = command("compile", source, "-o", output)
        assert (result.status, "over the module itself" in result.err) == (2, True)
    assert source.read_text() == ADD


@pytest.mark.parametrize(
    ("text", "expected"),
    [("(module", "malformed: "), ('(module (func (export "f") (i32.const 1)))', "invalid: ")],
)
def test_bad_modules(command: Command, tmp_path: Path, text: str, expected: str) -> None:
    """As every verb says it; what was there stays."""
    out = tmp_path / "out"
    out.write_text("before")
    result = command("compile", wat(tmp_path, text), "-o", out)
    assert result.status == 1 and expected in result.err and result.err.count("\n") == 1
    assert out.read_text() == "before"


def test_places_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    """Are said before the work is done."""
    result = command("compile", wat(tmp_path, ADD), "-o", tmp_path / "none" / "out")
    assert result.status == 1
    assert result.err == f"jormun: {tmp_path}/none: No such file or directory\n"


def test_functions_that_are_left(command: Command, tmp_path: Path) -> None:
    """Are counted in a warning."""
    values, loops = "i64 " * 1000, "(loop (type $many)" * 3000 + ")" * 3000
    text = f"""(module (type $many (func (param {values}) (result {values}))) (func)
      (func {"(i64.const 0)" * 1000} {loops} {"(drop)" * 1000}))"""
    result = command("compile", wat(tmp_path, text), "-o", tmp_path / "out")
    assert result.status == 0
    assert "1 of 2 functions cannot be compiled ahead yet" in result.err and result.err.count("\n") == 1


def test_a_file_for_another_machine(command: Command, tmp_path: Path) -> None:
    """Is written with a warning that nothing runs it yet, and refused with one line."""
    out = tmp_path / "out"
    result = command("compile", wat(tmp_path, ADD), "-o", out, "--target", "aarch64-apple-darwin")
    assert result.status == 0
    assert "compiled for aarch64 macOS, and this version of Jormun runs machine code under x86_64 Linux" in result.err
    result = command("run", out)
    assert (result.status, result.err) == (
        1,
        f"jormun: {out}: is compiled for aarch64 macOS, this machine is x86_64 Linux\n",
    )


@pytest.mark.parametrize("verb", [["validate"], ["print"], ["objdump"], ["parse"], ["compile"], ["run", "-"]])
def test_other_verbs(compiled: Path, verb: list[str]) -> None:
    """Say what the file is, and `run` takes none from standard input."""
    words = [*COMMAND, *verb, *([] if "-" in verb else [str(compiled)])]
    with compiled.open("rb") as file:
        done = subprocess.run(words, env=environment(), stdin=file, capture_output=True, text=True)
    name = "standard input" if "-" in verb else compiled
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"jormun: {name}: is not WebAssembly but machine code for x86_64 Linux, which `jormun compile` made\n"
    )


def test_a_file_that_is_not_trusted(command: Command, compiled: Path) -> None:
    """An artifact under a module's name, or with the mode of a downloaded file, does not run, and a line says why."""
    compiled.chmod(0o644)
    result = command("run", "--invoke", "add", compiled, "1", "2")
    assert (result.status, result.out) == (1, "")
    assert "not run before `chmod +x`" in result.err and result.err.count("\n") == 1
    compiled.chmod(0o755)
    upload = compiled.rename(compiled.with_name("upload.wasm"))
    for words in (["run", upload], ["run", "--preload", f"env={upload}", wat(upload.parent, ADD)]):
        result = command(*words)
        assert result.status == 1 and "named as a WebAssembly module" in result.err and result.err.count("\n") == 1


def test_a_damaged_file(command: Command, compiled: Path) -> None:
    """Cut off, altered, or of another version: one line each, exit status 1, and nothing of it runs."""
    data = compiled.read_bytes()
    for bad, expected in (
        (data[:-1], "is damaged: it says that it has"),
        (data[:40], "is cut off"),
        (data[:-1] + b"?", "is damaged: its digest is another one"),
        (data[:20] + b"0.0.9\0\0\0" + data[28:], f"was compiled by Jormun 0.0.9, this is {VERSION}: compile it again"),
    ):
        compiled.write_bytes(bad)
        result = command("run", "--invoke", "add", compiled, "1", "2")
        assert (result.status, result.out) == (1, "")
        assert result.err.startswith(f"jormun: {compiled}: {expected}") and result.err.count("\n") == 1


def test_help_says_what_it_is(command: Command) -> None:
    """That compiled files are native code."""
    for verb in ("compile", "run"):
        assert "no sandbox" in " ".join(command(verb, "--help").out.split())


def _children(pid: int) -> list[int]:
    """The processes that a process has started, whichever of its threads did."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for thread in threads for word in thread.read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_compilation(tmp_path: Path, number: signal.Signals) -> None:
    """Ends at once, by the signal; its workers end too; what was there is as it was, and nothing is beside it."""
    out = tmp_path / "out"
    out.write_text("before")
    with start("compile", wat(tmp_path, f"(module {LONG})"), "-o", out) as process:
        deadline = time.monotonic() + 60
        while len(workers := _children(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(30) == -number
        assert process.stderr is not None and process.stderr.read() == b""
    assert len(workers) == 2 or os.cpu_count() != 2
    while any(map(_is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_running, workers))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["module.wat", "out"]
    assert out.read_text() == "before"


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """A line counts functions while it compiles, and is gone at the end."""
    text = wat(tmp_path, f"(module {LONG})")
    terminal, other = pty.openpty()
    with start("compile", text, "-o", tmp_path / "out", env=environment(TERM="xterm"), stderr=other) as process:
        os.close(other)
        seen = b""
        try:
            while piece := os.read(terminal, 4096):
                seen += piece
        except OSError:
            pass  # the other end is closed
        assert process.wait(60) == 0
    os.close(terminal)
    assert b"/30" in seen and seen.endswith(b"\x1b[K")
