"""jormun.run, which reads like subprocess.run."""

from __future__ import annotations

import io
import os
import socket
import subprocess
from pathlib import Path

import pytest

import jormun

WASI = """(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)"""
ECHO = f"""(module {WASI} (data (i32.const 0) "\\40\\00\\00\\00\\00\\10\\00\\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.load8_u (i32.const 64)))))"""
"""Writes standard input to standard output and its first byte to standard error, and exits with that byte as status."""


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    file = tmp_path / "echo.wat"
    file.write_text(ECHO)
    return file


def test_captured_bytes(echo: Path) -> None:
    """Input and output are bytes, and the exit status is the program's."""
    done = jormun.run([echo], input=b"\x07ab", capture_output=True)
    assert (done.args, done.returncode, done.stderr) == ([echo], 7, b"\x07")
    assert isinstance(done.stdout, bytes) and done.stdout.startswith(b"\x07ab")


def test_captured_text(echo: Path) -> None:
    """With text=True they are str, with line ends as Python has them."""
    done = jormun.run([str(echo)], input="A\r\nb\r", capture_output=True, text=True)
    assert done.returncode == ord("A")
    assert isinstance(done.stdout, str) and done.stdout.startswith("A\nb\n")


def test_check(echo: Path) -> None:
    """As subprocess.run's."""
    with pytest.raises(subprocess.CalledProcessError) as error:
        jormun.run([echo], input=b"\x03", capture_output=True, check=True)
    assert (error.value.returncode, error.value.stderr) == (3, b"\x03")
    assert jormun.run([echo], input=b"\0", capture_output=True, check=True).returncode == 0


def test_output_that_is_not_captured(echo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It goes where that of this process goes."""
    done = jormun.run([echo], input=b"\0")
    assert (done.stdout, done.stderr) == (None, None)
    assert capfd.readouterr().err == "\0"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"input": "text"}, TypeError),
        ({"input": b"bytes", "text": True}, TypeError),
        ({"memory_limit": "much"}, ValueError),
        ({"memory_limit": 1000, "input": b""}, jormun.ExhaustionError),
        ({"petrol": 1}, TypeError),
        ({"fuel": -1}, ValueError),
        ({"stdin": b"bytes"}, TypeError),
        ({"stdin": 3, "input": b""}, ValueError),
        ({"stdout": 1}, ValueError),
        ({"dirs": {"/d": "/no such directory"}, "input": b""}, FileNotFoundError),
        ({"env": {"A=B": "c"}, "input": b""}, ValueError),
    ],
)
def test_wrong_arguments(echo: Path, options: dict[str, object], error: type[Exception]) -> None:
    """They are refused before the program runs."""
    with pytest.raises(error):
        jormun.run([echo], capture_output=True, **options)  # type: ignore[arg-type]


def test_fuel_bounds_what_a_program_runs(echo: Path) -> None:
    """The result says what was used; one less is too little."""
    done = jormun.run([echo], input=b"x", capture_output=True, fuel=10**6)
    assert done.usage is not None
    used = done.usage.fuel
    assert 0 < used < 10**6
    assert jormun.run([echo], input=b"x", capture_output=True, fuel=used).returncode == done.returncode
    with pytest.raises(jormun.ExhaustionError, match="out of fuel"):
        jormun.run([echo], input=b"x", capture_output=True, fuel=used // 2)


def test_streams_of_every_kind(echo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each as subprocess.run takes it, and functions that get lines."""
    lines: list[str] = []
    done = jormun.run([echo], stdin=io.StringIO("Ab"), stdout=lines.append, stderr=subprocess.DEVNULL, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (ord("A"), None, None)
    assert lines[0].startswith("Ab")
    done = jormun.run([echo], input=b"\2x", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert isinstance(done.stdout, bytes) and done.stdout.startswith(b"\2x") and done.stdout.endswith(b"\2")
    with (tmp_path / "out").open("wb") as file:
        jormun.run([echo], input=b"abc", stdout=file, stderr=subprocess.PIPE)
    assert (tmp_path / "out").stat().st_size == 3
    jormun.run([echo], input=b"z", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    jormun.run([echo], input=b"z", stderr=subprocess.STDOUT)
    assert capfd.readouterr().out.endswith("z")


def test_an_exception_in_a_stream(echo: Path) -> None:
    """Ends the program and comes out."""

    def refuse(line: bytes) -> None:
        raise KeyError(line)

    with pytest.raises(KeyError):
        jormun.run([echo], input=b"\nx", stdout=refuse, stderr=subprocess.DEVNULL)


WAITS = f"""(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  {WASI} (data (i32.const 0) "\\40\\00\\00\\00\\05\\00\\00\\00") (data (i32.const 64) "begin")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    {{}}))"""
SLEEP = """(i64.store (i32.const 1024) (i64.const 100000000000))
    (i64.store (i32.const 1048) (i64.const 100000000000))
    (drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 3000)))"""
READ = "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))"


@pytest.mark.parametrize("wait", [SLEEP, READ])
def test_a_program_that_waits_too_long(tmp_path: Path, wait: str) -> None:
    """subprocess.TimeoutExpired, with what was written before; a program that ends in time is none the wiser."""
    file = tmp_path / "waits.wat"
    file.write_text(WAITS.replace("{}", wait))
    reading, writing = os.pipe()
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        jormun.run([file], timeout=2.0, stdin=reading, stdout=subprocess.PIPE)
    assert (expired.value.timeout, expired.value.cmd, expired.value.stdout) == (2.0, [str(file)], b"begin")
    os.close(writing)
    if wait is READ:
        assert jormun.run([file], timeout=60, stdin=reading, stdout=subprocess.DEVNULL).returncode == 0
    os.close(reading)


SERVER = """(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\05\\00\\00\\00")
  (func (export "_start")
    (if (call $accept (i32.const 3) (i32.const 0) (i32.const 16)) (then (call $exit (i32.const 1))))
    (if (call $receive (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)
      (i32.const 20)) (then (call $exit (i32.const 2))))
    (if (call $send (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 20))
      (then (call $exit (i32.const 3))))))"""
"""Accepts a connection and sends back what it gets first."""


def test_sockets(tmp_path: Path) -> None:
    """A listening socket that is handed over stays the host's too."""
    file = tmp_path / "server.wat"
    file.write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with socket.create_connection(server.getsockname(), timeout=60) as peer:
            peer.sendall(b"hello")
            assert jormun.run([file], sockets=[server]).returncode == 0
            assert peer.recv(5) == b"hello"
        assert server.fileno() >= 0


def test_no_program(tmp_path: Path) -> None:
    """No arguments, no file, a library, a trap."""
    with pytest.raises(ValueError, match="args"):
        jormun.run([])
    with pytest.raises(FileNotFoundError):
        jormun.run([tmp_path / "none.wasm"])
    library = tmp_path / "library.wat"
    library.write_text('(module (func (export "f")))')
    with pytest.raises(jormun.LinkError, match="_start"):
        jormun.run([library])
    library.write_text('(module (func (export "_start") unreachable) (memory (export "memory") 1))')
    with pytest.raises(jormun.Trap, match="unreachable"):
        jormun.run([library])


TOUCH = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 16) "made")
  (func (export "_start")
    (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0)))))"""
"""Makes a file in the first directory, and exits with the errno."""


def test_directories_of_dicts(tmp_path: Path) -> None:
    """They exist in memory, and what is in them afterwards is in the result's `files`."""
    touch = tmp_path / "touch.wat"
    touch.write_text(TOUCH)
    done = jormun.run([touch], dirs={"/data": {"in.txt": "hello", "sub": {"x": b"1"}}}, check=True)
    assert done.files == {"/data/in.txt": b"hello", "/data/sub/x": b"1", "/data/made": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["touch.wat"]
    assert jormun.run([touch], dirs={"/": jormun.MemoryDirectory(is_read_only=True)}).returncode == 69
    assert jormun.run([touch], dirs={"/": tmp_path}).files == {}


def test_directories_that_serve_again(tmp_path: Path) -> None:
    """One object may be given to run after run, and changes of one are there in the next."""
    touch = tmp_path / "touch.wat"
    touch.write_text(TOUCH)
    overlay = jormun.OverlayDirectory(tmp_path)
    for _ in range(2):
        assert jormun.run([touch], dirs={"/": overlay}, check=True).files == {"/made": b""}
    assert not (tmp_path / "made").exists()
    with jormun.ScratchDirectory(quota=jormun.Quota(files=1)) as scratch:
        jormun.run([touch], dirs={"/": scratch}, check=True)
        assert [path.name for path in scratch.path.iterdir()] == ["made"]
