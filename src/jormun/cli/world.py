"""The options of `jormun run` that say what a program may use: directories, variables, streams, sockets, clocks."""

from __future__ import annotations

import os
import sys

from jormun.cli.directories import GivenDirectories, add_directories, open_directories
from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from jormun.wasi.filesystem import File
    from jormun.wasi.socket_file import SocketFile
    from jormun.wasi.wasi import Wasi

_STREAMS: Final = {
    "stdin": "read standard input from a file",
    "stdout": "write standard output to a new file",
    "stderr": "write standard error to a new file",
}
"""The options for standard streams, without their dashes, and what they do."""
_FILE_MODE: Final = 0o666


def add_world(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_directories(parser)
    parser.add_argument(
        "--env",
        dest="environment",
        metavar="K[=V]",
        action="append",
        default=[],
        help="set an environment variable; without a value, to what it is here. There are no others",
    )
    for name, help in _STREAMS.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=help)
    parser.add_argument(
        "--listen",
        dest="listeners",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="let the program accept connections at an address of this machine, or at a path (with a slash) for a Unix "
        "socket; its descriptors come behind those of the directories, the first is 3. Port 0 is any that is free, "
        "which standard error then tells",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same in each run: fixed clocks, random numbers from a constant seed, sorted directories",
    )
    parser.add_argument(
        "--trace-wasi", action="store_true", help="write each call of WASI to standard error, as strace does"
    )


@dataclass(frozen=True, slots=True)
class World:
    """What the options give to the program."""

    wasi: Wasi
    directories: GivenDirectories

    def close(self) -> None:
        """Gives back what it has of the host, when the program has ended."""
        self.wasi.close()
        self.directories.close()


def make_world(arguments: argparse.Namespace) -> World:
    """What the options give to the program; its `close` is to be called at the end. Raises UsageError."""
    from jormun.wasi.run import open_wasi

    environment = dict(_variable(text) for text in arguments.environment if _is_set(text))
    trace = None
    if arguments.trace_wasi:
        from jormun.wasi.trace import Trace

        trace = Trace(_write_trace)
    directories = open_directories(arguments)
    streams: list[File | None] = []
    try:
        streams.extend(_stream(name, getattr(arguments, name)) for name in _STREAMS)
        wasi = open_wasi(
            [arguments.file, *arguments.arguments],
            environment,
            directories.by_name,
            streams,
            _listeners(arguments.listeners),
            deterministic=arguments.deterministic,
            trace=trace,
        )
    except BaseException:
        for stream in streams:
            if stream is not None:
                stream.close()
        directories.close()
        raise
    return World(wasi, directories)


def _stream(name: str, path: str | None) -> File | None:
    """The file of a --stdin, --stdout or --stderr, opened; None for what the program inherits."""
    if path is None:
        return None
    from jormun.cli.report import UsageError, os_message
    from jormun.wasi.host_file import HostFile

    try:
        if name == "stdin":
            return HostFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC), reads_ahead=True)
        return HostFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE))
    except OSError as error:
        raise UsageError(f"--{name} {path}: {os_message(error)}") from error


def _write_trace(line: str) -> None:
    """At once, as the program's own output is."""
    data = line.encode(errors="backslashreplace")
    while data:
        data = data[os.write(2, data) :]


def _listeners(texts: list[str]) -> list[SocketFile]:
    """The sockets of all --listen."""
    sockets: list[SocketFile] = []
    if not texts:
        return sockets
    from jormun.cli.report import UsageError, os_message
    from jormun.wasi.socket_file import listen  # costs 5 ms, and few programs get any

    try:
        for text in texts:
            try:
                sockets.append(listen(text))
                if text.endswith(":0"):
                    print(f"jormun: listening at {sockets[-1].address}", file=sys.stderr, flush=True)
            except ValueError as error:
                raise UsageError(f"--listen {text}: {error}") from error
            except OSError as error:
                raise UsageError(f"--listen {text}: {os_message(error, is_named=False)}") from error
    except BaseException:
        for socket in sockets:
            socket.close()
        raise
    return sockets


def _is_set(text: str) -> bool:
    """Whether --env names a value: a variable that is not set here is not set there either."""
    return not text or "=" in text or text in os.environ


def _variable(text: str) -> tuple[str, str]:
    """The name and value of an --env."""
    from jormun.cli.report import UsageError

    key, equals, value = text.partition("=")
    if not key:
        raise UsageError(f"--env {text}: a variable needs a name")
    return key, value if equals else os.environ[key]
