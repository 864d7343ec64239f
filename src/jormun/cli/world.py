"""The options of `jormun run` that say what a program may use: directories, variables, sockets, clocks."""

from __future__ import annotations

import os
import sys

from jormun.hints import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from jormun.wasi.host_directory import HostDirectory
    from jormun.wasi.socket_file import SocketFile
    from jormun.wasi.wasi import Wasi


def add_world(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--dir",
        dest="directories",
        metavar="HOST[::GUEST[:ro]]",
        action="append",
        default=[],
        help="let the program use a directory, under its own or another name; ro: for reading only",
    )
    parser.add_argument(
        "--env",
        dest="environment",
        metavar="K[=V]",
        action="append",
        default=[],
        help="set an environment variable; without a value, to what it is here. There are no others",
    )
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


def make_world(arguments: argparse.Namespace) -> Wasi:
    """What the options give to the program; its `close` is to be called at the end. Raises UsageError."""
    from jormun.wasi.run import open_wasi

    environment = dict(_variable(text) for text in arguments.environment if _is_set(text))
    trace = None
    if arguments.trace_wasi:
        from jormun.wasi.trace import Trace

        trace = Trace(_write_trace)
    directories = _directories(arguments.directories)
    try:
        sockets = _listeners(arguments.listeners)
    except BaseException:
        for directory in directories.values():
            directory.close()
        raise
    return open_wasi(
        [arguments.file, *arguments.arguments],
        environment,
        directories,
        sockets=sockets,
        deterministic=arguments.deterministic,
        trace=trace,
    )


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


def _directories(texts: list[str]) -> dict[str, HostDirectory]:
    """The directories of all --dir, by the guest's names."""
    from jormun.cli.report import UsageError

    directories: dict[str, HostDirectory] = {}
    try:
        for text in texts:
            name, host, is_read_only = _directory(text)
            if name in directories:
                raise UsageError(f"--dir {text}: there is another directory called {name}")
            directories[name] = _open(text, host, is_read_only)
    except BaseException:
        for directory in directories.values():
            directory.close()
        raise
    return directories


def _directory(text: str) -> tuple[str, str, bool]:
    """The guest's name of a --dir, the host's, and whether it is for reading only."""
    from jormun.cli.report import UsageError

    host, separator, guest = text.partition("::")
    name = guest.removesuffix(":ro") if separator else host
    if not host or not name:
        raise UsageError(f"--dir {text}: a directory is written HOST, HOST::GUEST or HOST::GUEST:ro")
    return name, host, guest.endswith(":ro")


def _open(text: str, host: str, is_read_only: bool) -> HostDirectory:
    from jormun.cli.report import UsageError, os_message
    from jormun.wasi.host_directory import HostDirectory

    try:
        return HostDirectory.at(host, is_read_only=is_read_only)
    except OSError as error:
        hint = "; for reading only is written HOST::GUEST:ro" if host.endswith(":ro") else ""
        raise UsageError(f"--dir {text}: {os_message(error)}{hint}") from error
