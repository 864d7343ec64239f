"""Signals, pipes and terminals: a guest under `jormun run` behaves as a native program does."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import COMMAND, environment, start, wat

READY = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 256) "\\08\\01\\00\\00\\06\\00\\00\\00ready\\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 64)))
    BODY))
"""
"""Says so when it runs, and then does what stands for BODY."""
SPIN = READY.replace("BODY", "(loop $again (br $again))")
SLEEP = READY.replace(
    "BODY",
    """
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 60000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
    """,
)
YES = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\02\\00\\00\\00y\\n")
  (func (export "_start")
    (loop $again (br_if $again (i32.eqz (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))))
"""
"""Writes lines until it cannot."""
CAT = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (loop $again
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 65536))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
      (if (i32.load (i32.const 4)) (then
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        (br $again))))))
"""
"""Copies standard input to standard output, a read at a time."""


@contextmanager
def running(path: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process in which a guest of READY's kind runs, has said so, and has had the time to go on."""
    with start("run", path, **options) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.2)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("module", [SPIN, SLEEP], ids=["spin", "sleep"])
def test_interrupt_ends_a_guest_by_the_signal(tmp_path: Path, module: str) -> None:
    """While it computes and while it waits; silently, and the shell sees the signal."""
    with running(wat(tmp_path, module)) as process:
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        assert (out, err) == (b"", b"")


def test_an_interrupt_that_was_ignored_stays_so(tmp_path: Path) -> None:
    """As for a job that a shell started in the background."""

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with running(wat(tmp_path, SLEEP), preexec_fn=ignore) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("verb", ["run", "print"])
def test_a_broken_pipe_is_quiet(tmp_path: Path, verb: str) -> None:
    """The process ends by SIGPIPE, and says nothing."""
    text = YES if verb == "run" else f"(module {'(func)' * 50_000})"
    process = start(verb, wat(tmp_path, text))
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == -signal.SIGPIPE
    assert err == b""


def test_lines_come_as_they_are_typed(tmp_path: Path) -> None:
    """On a terminal, each line is answered before the next is there."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", str(wat(tmp_path, CAT))], env=environment(), stdin=slave, stdout=subprocess.PIPE
    )
    os.close(slave)
    assert process.stdout is not None
    for line in (b"first\n", b"second\n"):
        os.write(master, line)
        assert select.select([process.stdout], [], [], 30)[0]
        assert os.read(process.stdout.fileno(), 100) == line
    os.write(master, b"\x04")
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    os.close(master)


def test_large_input_and_output(tmp_path: Path) -> None:
    """Through pipes, all of it, in order."""
    data = os.urandom(3_000_000)
    done = subprocess.run(
        [*COMMAND, "run", str(wat(tmp_path, CAT))], env=environment(), input=data, capture_output=True, check=True
    )
    assert done.stdout == data


def on_terminal(*arguments: str, **variables: str) -> bytes:
    """What a command writes to standard error when that is a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], env=environment(**variables), stderr=slave) as process:
        os.close(slave)
        pieces = []
        try:
            while piece := os.read(master, 4096):
                pieces.append(piece)
        except OSError:  # how Linux says that the other end is closed
            pass
        process.wait()
    os.close(master)
    return b"".join(pieces)


def test_colours_only_where_they_are_wanted() -> None:
    """On a terminal, unless NO_COLOR is set or the terminal is a dumb one."""
    assert on_terminal("validate", "/none", TERM="xterm").startswith(b"\x1b[1;31mjormun:\x1b[0m")
    assert on_terminal("validate", "/none", TERM="xterm", NO_COLOR="1").startswith(b"jormun:")
    assert on_terminal("validate", "/none", TERM="dumb").startswith(b"jormun:")


def test_progress_is_shown_and_taken_away(tmp_path: Path) -> None:
    """For a large file, on a terminal; the last thing written takes the line away."""
    path = wat(tmp_path, f'(module (data "{"x" * 1_100_000}"))')
    shown = on_terminal("validate", str(path), TERM="xterm")
    assert b"validating" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert (
        b"\x1b"
        not in subprocess.run(
            [*COMMAND, "validate", str(path)], env=environment(), capture_output=True, check=True
        ).stderr
    )


CLOSED = [
    (["run", "-"], "<&-", 1, "standard input is closed"),
    (["print", "MODULE"], ">&-", 1, "standard output is closed"),
    (["run", "--invoke", "f", "MODULE"], ">&-", 0, ""),
    (["validate", "/none"], "2>&-", 1, ""),
    (["run", "--dir", ".", "CAT"], "<&-", 0, ""),
]


@pytest.mark.parametrize(("arguments", "redirection", "status", "message"), CLOSED)
def test_standard_streams_that_are_closed(
    tmp_path: Path, arguments: list[str], redirection: str, status: int, message: str
) -> None:
    """No traceback; and a guest never gets another file in their place."""
    paths = {
        "MODULE": str(wat(tmp_path, '(module (func (export "f")))')),
        "CAT": str(wat(tmp_path, CAT, "cat.wat")),
    }
    line = [*COMMAND, *(paths.get(argument, argument) for argument in arguments)]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *line], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
