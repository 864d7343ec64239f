"""Compares what a call of WASI costs, in Jormun and in wasmtime from PyPI, in one process and in turn.

    python benchmarks/wasi.py [--calls N] [--rounds N] [--only NAME,...]

Prints microseconds a call: of the fastest round, by the clock on the wall and by the processor's. Each guest calls one
function in a loop of its own: on standard streams that are files, reading and writing a byte at a time, and, in Jormun,
on streams of Python's; and what does no input or output.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jormun
from jormun.runtime.function import Function
from jormun.wasi.filesystem import File
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import START, open_wasi
from jormun.wasi.streams import open_input

MEMORY = """(memory (export "memory") 1) (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")"""
"""At address 0, an iovec of one byte."""
CALLS: dict[str, tuple[str, tuple[int, ...]]] = {
    "clock_time_get": ("i32 i64 i32", (1, 0, 16)),
    "fd_write": ("i32 i32 i32 i32", (1, 0, 1, 16)),
    "fd_read": ("i32 i32 i32 i32", (0, 0, 1, 16)),
    "fd_pread": ("i32 i32 i32 i64 i32", (0, 0, 1, 5, 16)),
    "fd_pwrite": ("i32 i32 i32 i64 i32", (1, 0, 1, 5, 16)),
    "fd_seek": ("i32 i64 i32 i32", (1, 7, 0, 16)),
    "fd_tell": ("i32 i32", (1, 16)),
    "fd_fdstat_get": ("i32 i32", (1, 16)),
    "fd_filestat_get": ("i32 i32", (1, 16)),
    "fd_prestat_get": ("i32 i32", (3, 16)),
    "fd_prestat_dir_name": ("i32 i32 i32", (3, 16, 1)),
    "args_sizes_get": ("i32 i32", (16, 20)),
    "args_get": ("i32 i32", (16, 64)),
    "environ_sizes_get": ("i32 i32", (16, 20)),
    "environ_get": ("i32 i32", (16, 64)),
    "random_get": ("i32 i32", (16, 8)),
    "clock_res_get": ("i32 i32", (1, 16)),
    "sched_yield": ("", ()),
}
"""What is called, its type, and with what. Descriptor 3 is the directory `/`."""
ON_STREAMS = ("fd_write", "fd_read")

Start = Callable[[], object]


def guest(name: str, calls: int) -> str:
    """A program that makes so many calls, and traps when one fails."""
    parameters, values = CALLS[name]
    given = " ".join(f"({t}.const {value})" for t, value in zip(parameters.split(), values, strict=True))
    return f"""(module
      (import "wasi_snapshot_preview1" "{name}" (func $call (param {parameters}) (result i32))) {MEMORY}
      (func (export "_start") (local $k i32) (loop $again
        (if (call $call {given}) (then unreachable))
        (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const {calls}))))))"""


def jormun_start(text: str, stdin: File, stdout: File) -> Start:
    """The guest's start function in Jormun, compiled before the clock starts."""
    module = jormun.Module(text)
    module.compile()
    wasi = open_wasi(["guest"], {"KEY": "value"}, {"/": MemoryDirectory()}, (stdin, stdout, MemoryStream()))
    start = instantiate_with_wasi(module.compiled, wasi).exports[START]
    assert isinstance(start, Function)
    return start


def wasmtime_start(text: str, stdin: Path, stdout: Path, folder: Path) -> Start:
    """The guest's start function in wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.stdin_file = str(stdin)
    config.stdout_file = str(stdout)
    config.argv = ["guest"]
    config.env = [("KEY", "value")]
    config.preopen_dir(str(folder), "/")
    store.set_wasi(config)
    start = linker.instantiate(store, wasmtime.Module(engine, text)).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    return lambda: start(store)


def contestants(name: str, calls: int, folder: Path) -> Iterator[tuple[str, Callable[[], Start]]]:
    """What runs a guest, by column: makes a fresh start function for each round."""
    text = guest(name, calls)
    source, target = folder / "source", folder / "target"
    source.write_bytes(bytes(calls))

    def jormun_on_files() -> Start:
        # Left open until the process ends, as the guest itself is.
        stdin, stdout = source.open("rb", buffering=0), target.open("wb", buffering=0)
        files.extend((stdin, stdout))
        opened = open_input(stdin).file
        assert opened is not None
        return jormun_start(text, opened, HostFile(stdout.fileno()))

    files: list[object] = []
    yield "jormun", jormun_on_files
    if name in ON_STREAMS:
        yield "jormun, memory", lambda: jormun_start(text, MemoryStream(bytes(calls)), MemoryStream())
    if importlib.util.find_spec("wasmtime") is not None:
        yield "wasmtime", lambda: wasmtime_start(text, source, target, folder)


def measure(make: Callable[[], Start], calls: int) -> tuple[float, float] | None:
    """Seconds of one round: on the wall, and of the processor; nothing where calls fail."""
    start = make()
    wall, processor = time.perf_counter(), time.process_time()
    try:
        start()
    except Exception:
        return None
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> int:
    """Run everything, print one table."""
    parser = argparse.ArgumentParser(description="Compare what a call of WASI costs.")
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls a round (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn (default: 3)")
    parser.add_argument("--only", metavar="NAME,...", default=",".join(CALLS), help="measure these calls only")
    options = parser.parse_args()
    print(f"{options.calls:,} calls, fastest of {options.rounds} rounds; microseconds a call")
    print(f"{'call':21}{'engine':18}{'wall':>8}{'processor':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            engines = dict(contestants(name, options.calls, Path(folder)))
            rounds = [
                {engine: measure(make, options.calls) for engine, make in engines.items()}
                for _ in range(options.rounds)
            ]
            for engine in engines:
                seconds = [measured for each in rounds if (measured := each[engine]) is not None]
                if not seconds:
                    print(f"{name:21}{engine:18}   fails", flush=True)
                    continue
                wall, processor = (min(column) / options.calls * 1e6 for column in zip(*seconds, strict=True))
                print(f"{name:21}{engine:18}{wall:8.2f}{processor:12.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
