"""Compares what a fresh instance costs, in Jormun and in wasmtime from PyPI, in one process and in turn.

    python benchmarks/instances.py [--rounds N] [--churn N]

Prints microseconds of processor time for an instance that is made and dropped, of the fastest round: of a module
without a memory, and of one with 1 MiB of initialised memory, which nobody touches, of which a function reads a page,
and writes one, or whose function calls two of the host's that it was given. Then what many live instances take beyond
the pages that they touch, and how many ranges of addresses the process has before and after `--churn` instances were
made and dropped one after the other.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import jormun

DATA_BYTES = 1 << 20
TEXT = r"""(module (memory (export "memory") 16) (data (i32.const 0) "%s")
  (func (export "read") (result i32) (i32.load (i32.const 65536)))
  (func (export "write") (i32.store (i32.const 65536) (i32.const 1))))"""
SERVICE = r"""(module (import "env" "get" (func $get (param i32) (result i32)))
  (import "env" "put" (func $put (param i32))) (memory (export "memory") 16) (data (i32.const 0) "%s")
  (func (export "handle") (param i32) (result i32) (call $put (local.get 0)) (call $get (local.get 0))))"""
WITHOUT = '(module (func (export "read") (result i32) (i32.const 1)))'
SMALL = '(module (memory (export "memory") 1) (data (i32.const 0) "x") (func (export "read")))'
LIVE = {"with a memory": (SMALL, 10_000), "without": (WITHOUT, 100_000)}
CALLS = 200

Make = Callable[[], object]


def text(module: str = TEXT) -> str:
    """The module with 1 MiB of initialised memory."""
    return module % "".join(f"\\{(7 * k + 1) % 256:02x}" for k in range(DATA_BYTES))


def get(x: int) -> int:
    """What a host gives its guest."""
    return x


def put(x: int) -> None:
    """What it takes from it."""


def jormun_makers() -> dict[str, Make]:
    """What makes an instance, by the row of the table."""
    without = jormun.Module(WITHOUT)
    idle, read, write = (jormun.Module(text()) for _ in range(3))  # what one row leaves is no other one's
    service, given = jormun.Module(text(SERVICE)), {"env": {"get": get, "put": put}}
    return {
        "no memory": lambda: jormun.Instance(without),
        "1 MiB": lambda: jormun.Instance(idle),
        "1 MiB, call that reads": lambda: jormun.Instance(read).exports.read(),
        "1 MiB, call that writes": lambda: jormun.Instance(write).exports.write(),
        "1 MiB, calls of the host": lambda: jormun.Instance(service, given).exports.handle(1),
    }


def wasmtime_makers() -> dict[str, Make]:
    """The same in wasmtime, each instance in a store of its own."""
    import wasmtime

    engine = wasmtime.Engine()
    module, without = wasmtime.Module(engine, text()), wasmtime.Module(engine, WITHOUT)

    def make(module: wasmtime.Module, name: str = "") -> None:
        store = wasmtime.Store(engine)
        instance = wasmtime.Instance(store, module, [])
        if name:
            function = instance.exports(store)[name]
            assert isinstance(function, wasmtime.Func)
            function(store)

    service, i32 = wasmtime.Module(engine, text(SERVICE)), wasmtime.ValType.i32()
    types = wasmtime.FuncType([i32], [i32]), wasmtime.FuncType([i32], [])

    def serve() -> None:
        store = wasmtime.Store(engine)
        functions = [wasmtime.Func(store, t, function) for t, function in zip(types, (get, put), strict=True)]
        handle = wasmtime.Instance(store, service, functions).exports(store)["handle"]
        assert isinstance(handle, wasmtime.Func)
        handle(store, 1)

    return {
        "no memory": lambda: make(without),
        "1 MiB": lambda: make(module),
        "1 MiB, call that reads": lambda: make(module, "read"),
        "1 MiB, call that writes": lambda: make(module, "write"),
        "1 MiB, calls of the host": serve,
    }


def cost_us(make: Make) -> float:
    """Microseconds of processor time for one of CALLS, system time included."""
    begin_ns = time.process_time_ns()
    for _ in range(CALLS):
        make()
    return (time.process_time_ns() - begin_ns) / CALLS / 1000


def resident_bytes() -> int:
    """The memory that the process has, its page tables included."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return sum(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmPTE"))


def mappings() -> int:
    """How many ranges of addresses the process has."""
    return Path("/proc/self/maps").read_bytes().count(b"\n")


def live(name: str, wat: str, count: int) -> None:
    """Print what `count` live instances take, each of which was called."""
    module = jormun.Module(wat)
    gc.collect()
    memory, ranges = resident_bytes(), mappings()
    instances = [jormun.Instance(module) for _ in range(count)]
    each = (resident_bytes() - memory) / count
    print(f"{count:,} live instances {name}: {each / 1024:.1f} KiB and {(mappings() - ranges) / count:.1f} ranges each")
    for instance in instances[:: count // 100]:
        instance.exports.read()


def churn(count: int) -> None:
    """Print what is left of `count` instances."""
    module = jormun.Module(SMALL)
    for _ in range(1000):
        jormun.Instance(module).exports.read()
    memory, ranges = resident_bytes(), mappings()
    begin_s = time.process_time()
    for _ in range(count):
        jormun.Instance(module)
    took_s = time.process_time() - begin_s
    print(
        f"{count:,} instances one after the other: {took_s:.1f} s, {mappings() - ranges:+,} ranges of addresses, "
        f"{(resident_bytes() - memory) >> 10:+,} KiB"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--churn", type=int, default=1_000_000)
    options = parser.parse_args()
    contestants = {"jormun": jormun_makers()}
    if importlib.util.find_spec("wasmtime") is not None:
        contestants["wasmtime"] = wasmtime_makers()
    best: dict[tuple[str, str], float] = {}
    for _ in range(options.rounds + 1):  # the first one warms up
        for column, makers in contestants.items():
            for row, make in makers.items():
                took = cost_us(make)
                best[row, column] = min(took, best.get((row, column), took))
    print(f"{'us an instance':<26}" + "".join(f"{column:>10}" for column in contestants))
    for row in contestants["jormun"]:
        print(f"{row:<26}" + "".join(f"{best[row, column]:>10.1f}" for column in contestants))
    for name, (wat, count) in LIVE.items():
        live(name, wat, count)
    churn(options.churn)


if __name__ == "__main__":
    main()
