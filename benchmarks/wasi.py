"""Compares what a call of WASI costs, in Jormun and in wasmtime from PyPI, in one process and in turn.

    python benchmarks/wasi.py [--calls N] [--rounds N]

Prints microseconds a call: of the fastest round, by the clock on the wall and by the processor's. Each guest calls one
function in a loop of its own: `clock_time_get`; `fd_write` and `fd_read` of a byte at a time, on files and, in Jormun,
on streams of Python's.
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
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.run import START, open_wasi

IMPORTS = """
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")"""
"""At address 0, an iovec of one byte."""
BODIES = {
    "clock_time_get": "(call $clock (i32.const 1) (i64.const 0) (i32.const 16))",
    "fd_write": "(call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))",
    "fd_read": "(call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16))",
}

Start = Callable[[], object]


def guest(body: str, calls: int) -> str:
    """A program that makes so many calls, and traps when one fails."""
    return f"""(module {IMPORTS} (func (export "_start") (local $k i32)
      (loop $again
        (if {body} (then unreachable))
        (br_if $again (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const {calls}))))))"""


def jormun_start(text: str, stdin: File, stdout: File) -> Start:
    """The guest's start function in Jormun, compiled before the clock starts."""
    module = jormun.Module(text)
    module.compile()
    wasi = open_wasi(["guest"], streams=(stdin, stdout, MemoryStream()))
    start = instantiate_with_wasi(module.compiled, wasi).exports[START]
    assert isinstance(start, Function)
    return start


def wasmtime_start(text: str, stdin: Path, stdout: Path) -> Start:
    """The guest's start function in wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.stdin_file = str(stdin)
    config.stdout_file = str(stdout)
    store.set_wasi(config)
    start = linker.instantiate(store, wasmtime.Module(engine, text)).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    return lambda: start(store)


def contestants(name: str, calls: int, folder: Path) -> Iterator[tuple[str, Callable[[], Start]]]:
    """What runs a guest, by column: makes a fresh start function for each round."""
    text = guest(BODIES[name], calls)
    source, target = folder / "source", folder / "target"
    source.write_bytes(bytes(calls))

    def jormun_on_files() -> Start:
        # Left open until the process ends, as the guest itself is.
        stdin, stdout = source.open("rb", buffering=0), target.open("wb", buffering=0)
        files.extend((stdin, stdout))
        return jormun_start(text, HostFile(stdin.fileno()), HostFile(stdout.fileno()))

    files: list[object] = []
    yield "jormun", jormun_on_files
    if name != "clock_time_get":
        yield "jormun, memory", lambda: jormun_start(text, MemoryStream(bytes(calls)), MemoryStream())
    if importlib.util.find_spec("wasmtime") is not None:
        yield "wasmtime", lambda: wasmtime_start(text, source, target)


def measure(make: Callable[[], Start], calls: int) -> tuple[float, float]:
    """Seconds of one round: on the wall, and of the processor."""
    start = make()
    wall, processor = time.perf_counter(), time.process_time()
    start()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> int:
    """Run everything, print one table."""
    parser = argparse.ArgumentParser(description="Compare what a call of WASI costs.")
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls a round (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn (default: 3)")
    options = parser.parse_args()
    print(f"{options.calls:,} calls, fastest of {options.rounds} rounds; microseconds a call")
    print(f"{'call':16}{'engine':18}{'wall':>8}{'processor':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name in BODIES:
            engines = dict(contestants(name, options.calls, Path(folder)))
            rounds = [
                {engine: measure(make, options.calls) for engine, make in engines.items()}
                for _ in range(options.rounds)
            ]
            for engine in engines:
                wall = min(each[engine][0] for each in rounds) / options.calls * 1e6
                processor = min(each[engine][1] for each in rounds) / options.calls * 1e6
                print(f"{name:16}{engine:18}{wall:8.2f}{processor:12.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
