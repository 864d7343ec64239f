"""Compares what a call of WASI costs, in Jormun and in wasmtime from PyPI, in one process and in turn.

    python benchmarks/wasi.py [--seconds S] [--rounds N] [--only NAME,...] [--columns NAME,...]

Prints microseconds of the processor, of the fastest round. Each guest makes one call in a loop, or two where one undoes
the other, and stops when one fails. There is a line for every function of wasi_snapshot_preview1 that can be called so,
with files in a directory of the host's, in memory and in an overlay; and for streams that are files, pipes, and
Python's.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import jormun
from jormun.runtime.function import Function
from jormun.types import I32
from jormun.wasi.filesystem import File
from jormun.wasi.functions import FUNCTIONS
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import open_wasi
from jormun.wasi.streams import open_input

Argument: TypeAlias = "int | str"
Call: TypeAlias = "tuple[str, *tuple[Argument, ...]]"

LOADED = "loaded"
"""The argument that is read from the place of results."""
RESULT, NAME, OTHER, NEW, LINK = 16, 128, 136, 144, 152
DATA = rf"""(data (i32.const 0) "\40\00\00\00\01\00\00\00")
  (data (i32.const {NAME}) "file") (data (i32.const {OTHER}) "out") (data (i32.const {NEW}) "new")
  (data (i32.const {LINK}) "link")"""
"""At address 0, an iovec of one byte at 64; names; at 256, a subscription to the passing of no time at all."""
RIGHTS = (1 << 30) - 1
OPENED = ("path_open", 3, 0, NAME, 4, 0, RIGHTS, 0, 0, RESULT)
READ_ONLY_RIGHTS = 1 << 1 | 1 << 2 | 1 << 5
LINKED = ("path_symlink", NAME, 4, 3, LINK, 4)
"""Made where it is not there: the host's directory is that of all rounds."""
PRELUDE: tuple[Call, ...] = (OPENED, ("path_open", 3, 0, OTHER, 3, 9, RIGHTS, 0, 0, RESULT))
"""Descriptor 3 is a directory, 4 its file `file`, which is large, and 5 `out`, made and empty."""
FILE_BYTES = 1 << 24

ON_FILES: dict[str, tuple[Call, ...]] = {
    "fd_read": (("fd_read", 4, 0, 1, RESULT),),
    "fd_write": (("fd_write", 5, 0, 1, RESULT),),
    "fd_pread": (("fd_pread", 4, 0, 1, 5, RESULT),),
    "fd_pwrite": (("fd_pwrite", 5, 0, 1, 5, RESULT),),
    "fd_seek": (("fd_seek", 4, 7, 0, RESULT),),
    "fd_tell": (("fd_tell", 4, RESULT),),
    "fd_filestat_get": (("fd_filestat_get", 4, 64),),
    "fd_filestat_set_size": (("fd_filestat_set_size", 5, 100),),
    "fd_filestat_set_times": (("fd_filestat_set_times", 5, 7, 7, 5),),
    "fd_allocate": (("fd_allocate", 5, 0, 100),),
    "fd_advise": (("fd_advise", 4, 0, 0, 0),),
    "fd_readdir": (("fd_readdir", 3, 1024, 4096, 0, RESULT),),
    "fd_fdstat_get": (("fd_fdstat_get", 4, 64),),
    "fd_fdstat_set_flags": (("fd_fdstat_set_flags", 4, 0),),
    "fd_fdstat_set_flags, changing": (("fd_fdstat_set_flags", 5, 1), ("fd_fdstat_set_flags", 5, 0)),
    "fd_fdstat_set_rights": (("fd_fdstat_set_rights", 4, 2, 0),),
    "fd_sync": (("fd_sync", 5),),
    "fd_datasync": (("fd_datasync", 5),),
    "path_filestat_get": (("path_filestat_get", 3, 0, NAME, 4, 64),),
    "path_filestat_set_times": (("path_filestat_set_times", 3, 0, OTHER, 3, 7, 7, 5),),
    "path_open, fd_close": (OPENED, ("fd_close", LOADED)),
    "path_open, fd_close, to read": (
        ("path_open", 3, 0, NAME, 4, 0, READ_ONLY_RIGHTS, 0, 0, RESULT), ("fd_close", LOADED),
    ),
    "path_open, fd_renumber": (OPENED, ("fd_renumber", LOADED, 4)),
    "path_create_directory, path_remove_directory": (
        ("path_create_directory", 3, NEW, 3), ("path_remove_directory", 3, NEW, 3),
    ),
    "path_link, path_unlink_file": (
        ("path_link", 3, 0, NAME, 4, 3, NEW, 3), ("path_unlink_file", 3, NEW, 3),
    ),
    "path_symlink, path_readlink, path_unlink_file": (
        ("path_symlink", NAME, 4, 3, NEW, 3), ("path_readlink", 3, NEW, 3, 64, 8, RESULT),
        ("path_unlink_file", 3, NEW, 3),
    ),
    "path_readlink": (("path_readlink", 3, LINK, 4, 64, 8, RESULT),),
    "path_rename, there and back": (
        ("path_rename", 3, NAME, 4, 3, NEW, 3), ("path_rename", 3, NEW, 3, 3, NAME, 4),
    ),
}  # fmt: skip
"""What is called on files and directories, by the name of the line."""
ON_NONE: dict[str, tuple[Call, ...]] = {
    "args_get": (("args_get", RESULT, 64),),
    "args_sizes_get": (("args_sizes_get", RESULT, 64),),
    "environ_get": (("environ_get", RESULT, 64),),
    "environ_sizes_get": (("environ_sizes_get", RESULT, 64),),
    "clock_time_get": (("clock_time_get", 1, 0, RESULT),),
    "clock_res_get": (("clock_res_get", 1, RESULT),),
    "random_get": (("random_get", RESULT, 8),),
    "sched_yield": (("sched_yield",),),
    "proc_raise of no signal": (("proc_raise", 0),),
    "fd_prestat_get": (("fd_prestat_get", 3, RESULT),),
    "fd_prestat_dir_name": (("fd_prestat_dir_name", 3, RESULT, 1),),
    "poll_oneoff": (("poll_oneoff", 256, 512, 1, RESULT),),
}
"""And what has nothing to do with files."""
ON_STREAMS: dict[str, tuple[Call, ...]] = {
    "fd_read of stdin": (("fd_read", 0, 0, 1, RESULT),),
    "fd_write of stdout": (("fd_write", 1, 0, 1, RESULT),),
    "fd_filestat_get of stdout": (("fd_filestat_get", 1, 64),),
    "fd_fdstat_get of stdout": (("fd_fdstat_get", 1, 64),),
}
"""And on standard streams, which are files, pipes, or Python's."""
LINES = ON_NONE | ON_FILES | ON_STREAMS
COLUMNS = ("host", "memory", "overlay", "pipes", "wasmtime", "wasmtime, pipes")

Loop: TypeAlias = Callable[[int], object]
"""Makes as many calls. It traps when one fails."""


def guest(calls: Sequence[Call]) -> str:
    """A program whose function `loop` makes calls, as often as it is told."""
    names = dict.fromkeys(name for name, *_ in (*PRELUDE, LINKED, *calls))
    imports = "".join(
        f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {_types(name)}) (result i32)))'
        for name in names
    )
    return f"""(module {imports} (memory (export "memory") 1) {DATA}
      (func (export "open") {_text(PRELUDE)} (drop {_called(LINKED)}))
      (func (export "loop") (param $count i32) (loop $again {_text(calls)}
        (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))"""


def _types(name: str) -> str:
    return " ".join("i32" if t == I32 else "i64" for t in FUNCTIONS[name].type.params)


def _text(calls: Sequence[Call]) -> str:
    return "".join(f"(if {_called(call)} (then unreachable))" for call in calls)


def _called(call: Call) -> str:
    name, *values = call
    given = " ".join(
        f"(i32.load (i32.const {RESULT}))" if value == LOADED else f"({t}.const {value})"
        for t, value in zip(_types(name).split(), values, strict=True)
    )
    return f"(call ${name} {given})"


class Folder:
    """The host's files that guests find, and the pipes of one round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path / "directory"
        self.directory.mkdir()
        (self.directory / "file").write_bytes(bytes(FILE_BYTES))
        (path / "source").write_bytes(bytes(FILE_BYTES))

    def pipes(self) -> tuple[int, int]:
        """A pipe that does not end, and one that is read, by processes that end with their pipes."""
        (source, feed), (sink, target) = os.pipe(), os.pipe()
        subprocess.Popen(["cat", "/dev/zero"], stdout=feed, stderr=subprocess.DEVNULL)
        subprocess.Popen(["cat"], stdin=sink, stdout=subprocess.DEVNULL)
        os.close(feed)
        os.close(sink)
        return source, target


def jormun_loop(text: str, kind: str, folder: Folder) -> Loop:
    """The guest's loop in Jormun, compiled before the clock starts. What it has open stays so until the process
    ends.
    """
    module = jormun.Module(text)
    module.compile()
    stdin: File
    stdout: File
    if kind == "memory":
        stdin, stdout = MemoryStream(bytes(FILE_BYTES)), MemoryStream()
    elif kind == "pipes":
        stdin, stdout = map(HostFile, folder.pipes())
    else:
        opened = open_input(os.open(folder.path / "source", os.O_RDONLY)).file
        assert opened is not None
        stdin, stdout = opened, HostFile(os.open(folder.path / "target", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    directory = {
        "host": lambda: jormun.HostDirectory(folder.directory),
        "pipes": lambda: jormun.HostDirectory(folder.directory),
        "memory": lambda: jormun.MemoryDirectory({"file": bytes(FILE_BYTES)}),
        "overlay": lambda: jormun.OverlayDirectory(folder.directory),
    }[kind]()
    wasi = open_wasi(["guest"], {"KEY": "value"}, {"/": directory.reopened()}, (stdin, stdout, MemoryStream()))
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    start, loop = exports["open"], exports["loop"]
    assert isinstance(start, Function) and isinstance(loop, Function)
    start()
    return loop


def wasmtime_loop(text: str, kind: str, folder: Folder) -> Loop:
    """The guest's loop in wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    if kind == "wasmtime":
        config.stdin_file = str(folder.path / "source")
        config.stdout_file = str(folder.path / "target")
    else:
        for fd, mine in enumerate(folder.pipes()):
            os.dup2(mine, fd)
        config.inherit_stdin()
        config.inherit_stdout()
    config.argv = ["guest"]
    config.env = [("KEY", "value")]
    config.preopen_dir(str(folder.directory), "/")
    store.set_wasi(config)
    exports = linker.instantiate(store, wasmtime.Module(engine, text)).exports(store)
    start, loop = exports["open"], exports["loop"]
    assert isinstance(start, wasmtime.Func) and isinstance(loop, wasmtime.Func)
    start(store)
    return lambda count: loop(store, count)


def measure(make: Callable[[], Loop], seconds: float, rounds: int) -> float | None:
    """Microseconds of one call; none where calls fail."""
    best, count = None, 500
    for _ in range(rounds + 1):
        loop = make()
        processor = time.process_time()
        try:
            loop(count)
        except Exception:
            return None
        took = (time.process_time() - processor) / count
        best = took if best is None or count == 500 else min(best, took)
        count = max(501, min(int(seconds / took), FILE_BYTES // 2))
    assert best is not None
    return best * 1e6


def main() -> int:
    """Run everything, print one table."""
    parser = argparse.ArgumentParser(description="Compare what a call of WASI costs.")
    parser.add_argument("--seconds", type=float, default=0.1, help="how long a round takes, about (default: 0.1)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (default: 3)")
    parser.add_argument("--only", metavar="NAME,...", help="lines whose names begin so")
    parser.add_argument("--columns", metavar="NAME,...", help="; ".join(COLUMNS) + " (default: all)")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else [""]
    columns = options.columns.split(",") if options.columns else list(COLUMNS)
    if importlib.util.find_spec("wasmtime") is None:
        columns = [column for column in columns if not column.startswith("wasmtime")]
    table = os.fdopen(os.dup(1), "w")  # wasmtime gets another standard output
    print(f"microseconds of the processor\n{'':46}", *(f"{column:>9}" for column in columns), file=table, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        for line, calls in LINES.items():
            if not line.startswith(tuple(only)):
                continue
            text = guest(calls)
            cells = []
            for column in columns:
                makes = wasmtime_loop if column.startswith("wasmtime") else jormun_loop
                is_told = column in ("host", "wasmtime") or (
                    line in ON_STREAMS if "pipes" in column else line in ON_FILES or (column, line) in _BOTH
                )

                def make(makes: Callable[[str, str, Folder], Loop] = makes, column: str = column) -> Loop:
                    return makes(text, column, folder)  # noqa: B023 - used before `text` is another

                took = measure(make, options.seconds, options.rounds) if is_told else None
                cells.append(f"{'' if took is None else f'{took:.2f}':>9}")
            print(f"{line:46}", *cells, file=table, flush=True)
    return 0


_BOTH = {("memory", line) for line in ON_STREAMS}

if __name__ == "__main__":
    sys.exit(main())
