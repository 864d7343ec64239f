"""Running programs as subprocess.run does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from jormun.api.config import Config
from jormun.api.module import Module
from jormun.runtime.limits import Limits
from jormun.runtime.store import Store
from jormun.wasi.given import KeptFiles, ready
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import Directories, run_command

Argument: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class CompletedProcess:
    """A program that has ended, as subprocess.CompletedProcess says it.

    `returncode` is its exit status. `stdout` and `stderr` are None unless they were captured.
    """

    args: Sequence[Argument]
    returncode: int
    stdout: str | bytes | None = None
    stderr: str | bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What the program left in directories that were given as dicts, or changed in overlays, by its own paths."""

    def check_returncode(self) -> None:
        """Raise subprocess.CalledProcessError unless the exit status is 0."""
        if self.returncode:
            from subprocess import CalledProcessError  # costs 10 ms, and programs mostly succeed

            raise CalledProcessError(
                self.returncode, [os.fspath(argument) for argument in self.args], self.stdout, self.stderr
            )


def run(
    args: Sequence[Argument],
    *,
    input: str | bytes | None = None,
    capture_output: bool = False,
    text: bool = False,
    check: bool = False,
    dirs: Directories | None = None,
    env: Mapping[str, str] | None = None,
    memory_limit: int | str | None = None,
    config: Config | None = None,
) -> CompletedProcess:
    r"""Run a WASI program to its end.

    The first of `args` is the file of the program, and its name; the others are its arguments. Standard input is
    `input`, or that of this process. With `capture_output`, standard output and error are in the result, else they are
    those of this process. They and `input` are bytes, or str in UTF-8 with `text`. `check` raises
    subprocess.CalledProcessError when the exit status is not 0.

    The program sees the directories in `dirs`, by the names that it knows them by, and the environment variables in
    `env`; no others. A directory is a path of the host's ({"/data": "./data"}), a dict of files that exist in memory
    alone ({"/data": {"in.txt": "hello"}}, readable afterwards in the result's `files`), or a HostDirectory,
    MemoryDirectory, OverlayDirectory or ScratchDirectory. `memory_limit`, in bytes or like "64MiB", bounds its memory.

    Raises MalformedError, InvalidError or LinkError for what is no program, Trap when it traps, and OSError for files
    that cannot be opened.

    >>> import jormun, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     hello = pathlib.Path(directory, "hello.wat")
    ...     _ = hello.write_text('''(module
    ...       (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    ...       (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
    ...       (func (export "_start")
    ...         (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))''')
    ...     done = jormun.run([hello], capture_output=True, text=True)
    >>> done.returncode, done.stdout
    (0, 'hello\n')
    """
    if not args:
        raise ValueError("args must have the program's file at least")
    arguments = [_argument(argument) for argument in args]
    stdin = None if input is None else MemoryStream(_bytes(input, text))
    stdout, stderr = (MemoryStream(), MemoryStream()) if capture_output else (None, None)
    # Made before the program is read, so that what is wrong with it is said first.
    limits = None if memory_limit is None else Limits(memory=memory_limit)
    directories = ready(dirs or {})
    compiled = Module(Path(args[0]), config=config).compiled
    returncode = run_command(
        compiled,
        arguments,
        environment=env,
        directories=directories,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        store=Store(compiled.engine, limits),
    )
    done = CompletedProcess(args, returncode, _output(stdout, text), _output(stderr, text), KeptFiles(directories))
    if check:
        done.check_returncode()
    return done


def _argument(argument: Argument) -> str:
    path = os.fspath(argument)
    if not isinstance(path, str):
        raise TypeError(f"arguments are str or paths, not {type(argument).__name__}")
    return path


def _bytes(input: str | bytes, text: bool) -> bytes:
    if text:
        if not isinstance(input, str):
            raise TypeError(f"with text=True, input is str, not {type(input).__name__}")
        return input.encode()
    if isinstance(input, str):
        raise TypeError("input is bytes unless text=True")
    return bytes(input)


def _output(stream: MemoryStream | None, text: bool) -> str | bytes | None:
    if stream is None:
        return None
    data = bytes(stream.output)
    # Line ends as subprocess.run gives them.
    return data.decode().replace("\r\n", "\n").replace("\r", "\n") if text else data
