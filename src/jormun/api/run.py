"""Running programs as subprocess.run does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from jormun.api.config import Config
from jormun.api.module import open_program
from jormun.api.streams import Streams
from jormun.dataclass import dataclass, field, replace
from jormun.errors import TimeoutError
from jormun.hints import TYPE_CHECKING, Any, TypeAlias
from jormun.runtime.allowance import Usage
from jormun.runtime.limits import Limits
from jormun.runtime.store import Store
from jormun.runtime.time_spent import ProcessorTime
from jormun.wasi.given import KeptFiles, ready
from jormun.wasi.run import Directories, require_start, run_command
from jormun.wasi.streams import Input, Output

if TYPE_CHECKING:
    import socket

    from jormun.wasi.filesystem import File

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
    usage: Usage | None = None
    """What it took of its limits, its time included."""

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
    stdin: Input = None,
    input: str | bytes | None = None,
    stdout: Output = None,
    stderr: Output = None,
    capture_output: bool = False,
    text: bool = False,
    check: bool = False,
    timeout: float | None = None,
    dirs: Directories | None = None,
    env: Mapping[str, str] | None = None,
    sockets: Sequence[socket.socket] = (),
    deterministic: bool = False,
    memory_limit: int | str | None = None,
    fuel: int | None = None,
    cpu_timeout: float | None = None,
    output_limit: int | str | None = None,
    limits: Limits | None = None,
    config: Config | None = None,
) -> CompletedProcess:
    r"""Run a WASI program to its end.

    The first of `args` is the file of the program, and its name; the others are its arguments. Standard input is
    `input`, or that of this process. With `capture_output`, standard output and error are in the result, else they are
    those of this process. They and `input` are bytes, or str in UTF-8 with `text`. `check` raises
    subprocess.CalledProcessError when the exit status is not 0.

    `stdin`, `stdout` and `stderr` are what subprocess.run takes: None, subprocess.PIPE (which captures) and DEVNULL, a
    descriptor, a file; `stderr` may be subprocess.STDOUT. Further, any object with `read` or `write`, like io.StringIO;
    and a function: as `stdin` it is called for more until it returns nothing, as `stdout` or `stderr` with each line as
    it comes, without its end (`stdout=print`). It gets str with `text`, else bytes. What it raises ends the program and
    comes out of `run`.

    `timeout`, in seconds, bounds the whole run from its first instruction. Then subprocess.TimeoutExpired is raised,
    with the output so far. A program that sleeps, reads or waits has ended by then, and so have its threads. One that
    computes without calling anything is left behind: it reaches nothing any more, but uses a processor until this
    process ends.

    The program sees the directories in `dirs`, by the names that it knows them by, and the environment variables in
    `env`; no others. A directory is a path of the host's ({"/data": "./data"}), a dict of files that exist in memory
    alone ({"/data": {"in.txt": "hello"}}, readable afterwards in the result's `files`), or a HostDirectory,
    MemoryDirectory, OverlayDirectory or ScratchDirectory.

    `memory_limit`, in bytes or like "64MiB", bounds its memory; the default is that of `Limits`, which protects this
    process. `fuel` bounds how much code it runs, whatever the machine: ExhaustionError is raised then. `cpu_timeout` is
    like `timeout`, in seconds that all its threads together have a processor; a program that sleeps or waits pays
    nothing. `limits` sets all that `Limits` has; what is given beside it goes before. What was used is in the result's
    `usage`.

    `output_limit`, in bytes or like "64MiB", bounds what is kept of captured output, and of a line that a function is
    to get: ExhaustionError is raised then. Without, it is 256 MiB, or an eighth of the memory that this process may use
    where that is less. What files and functions of Python's do with what they are given is theirs.

    `sockets` listen or are connected; their descriptors come behind those of the directories, the first is 3. With
    `deterministic` the program runs alike each time: fixed clocks (a sleep takes no time), random numbers from a
    constant seed, sorted directories.

    The file may also be what `jormun compile` or `Module.save` made, if it is marked as `Module.open` demands: that is
    machine code, which no sandbox bounds.

    Raises MalformedError, InvalidError or LinkError for what is no program, ArtifactError for compiled code that is not
    run here, Trap when it traps, and OSError for files
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
    streams = Streams(
        stdin, stdout, stderr, input=input, capture_output=capture_output, text=text, output_limit=output_limit
    )
    stdin_file, stdout_file, stderr_file = streams.files
    # Made before the program is read, so that what is wrong with it is said first.
    limits = _limits(limits, memory=memory_limit, fuel=fuel, timeout=timeout, cpu_timeout=cpu_timeout)
    timeout, cpu_timeout = limits.timeout, limits.cpu_timeout
    directories = ready(dirs or {})
    # Times bound the whole run, and not each call.
    store = Store(limits=replace(limits, timeout=None, cpu_timeout=None), is_measured=True)
    assert store.bounds is not None
    processor = None if cpu_timeout is None else ProcessorTime(cpu_timeout, store.bounds.spent)
    compiled = open_program(args[0], config).compiled_for(store)
    require_start(compiled)
    try:
        returncode = run_command(
            compiled,
            arguments,
            environment=env,
            directories=directories,
            stdin=stdin_file,
            stdout=stdout_file,
            stderr=stderr_file,
            sockets=handed_over(sockets),
            deterministic=deterministic,
            timeout_s=timeout,
            processor=processor,
            store=store,
        )
    except TimeoutError as error:
        limit = cpu_timeout if timeout is None or (processor is not None and processor.left_s <= 0) else timeout
        if limit is None:
            raise
        from subprocess import TimeoutExpired  # costs 10 ms, and programs mostly end in time

        raise TimeoutExpired(arguments, limit, *streams.captured) from error
    finally:
        streams.finish()
    outputs = streams.output, streams.error
    done = CompletedProcess(args, returncode, *outputs, KeptFiles(directories), store.allowance.usage)
    if check:
        done.check_returncode()
    return done


def _limits(given: Limits | None, **single: Any) -> Limits:
    """The limits, of which single ones are given beside it."""
    limits = Limits() if given is None else given
    return replace(limits, **{name: value for name, value in single.items() if value is not None})


def handed_over(sockets: Sequence[socket.socket]) -> list[File]:
    """Sockets as files of a guest's."""
    if not sockets:
        return []
    from jormun.wasi.socket_file import handed_over as opened  # costs 5 ms, and few programs get any

    return [opened(each) for each in sockets]


def _argument(argument: Argument) -> str:
    path = os.fspath(argument)
    if not isinstance(path, str):
        raise TypeError(f"arguments are str or paths, not {type(argument).__name__}")
    return path
