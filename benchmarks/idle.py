"""Measures what an idle instance of a compiled module costs in memory.

    python benchmarks/idle.py [--instances N] [--quickjs FILE]

Columns, in KiB for one of N instances that are alive at once, in a store each: what the process's own memory and page
tables grew by (RssAnon and VmPTE of /proc/self/status) from N to 2 N instances that were made and not used, and, in a
process of its own, of instances whose exports were all looked at, as they are before calls. Nobody writes to linear
memories, whose pages are then of a file. Rows: an empty module, one with a memory and a table, one with a table that
can grow too, and hello world and QuickJS with a world of WASI each. Linux alone.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable
from pathlib import Path

import jormun
from jormun.runtime.instance import Instance
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.run import open_wasi

HERE = Path(__file__).parent
CORPUS = Path(os.environ.get("JORMUN_SHARED", HERE.parent.parent / "shared")) / "corpus" / "languages"
SMALL = """(module (memory (export "memory") 1) (table 10 %s funcref) (global (mut i32) (i32.const 0))
  (data (i32.const 0) "a page is touched") (elem (i32.const 0) $f)
  (func $f (export "f") (result i32) (i32.load (i32.const 0))))"""


def own_kib() -> int:
    """What this process has for itself, and its page tables."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmPTE"))


def in_a_store(module: jormun.Module) -> Callable[[], Instance]:
    """Makes instances that import nothing."""
    return lambda: jormun.Instance(module).exports._instance


def in_a_world(module: jormun.Module) -> Callable[[], Instance]:
    """Makes instances of a program, with WASI."""
    return lambda: instantiate_with_wasi(module.compiled, open_wasi(["program"]))


def growth_kib(make: Callable[[], Instance], count: int, is_looked_at: bool) -> float:
    """What one of `count` instances adds to as many."""
    kept: list[Instance] = []
    sizes: list[int] = []
    for _ in range(2):
        for _ in range(count):
            kept.append(make())
            if is_looked_at:
                assert kept[-1].exports is not None
        gc.collect()
        sizes.append(own_kib())
    return (sizes[1] - sizes[0]) / count


def alone(measure: Callable[[], float]) -> float:
    """The result of a function that is called in a child of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, f"{measure()}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        told = file.read()
    os.waitpid(child, 0)
    return float(told)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure what idle instances cost in memory.")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--quickjs", type=Path, default=CORPUS / "quickjs.wasm")
    options = parser.parse_args()
    rows = {
        "empty": in_a_store(jormun.Module("(module)")),
        "small": in_a_store(jormun.Module(SMALL % "10")),
        "growing": in_a_store(jormun.Module(SMALL % "")),
        "hello": in_a_world(jormun.Module(HERE.parent / "examples" / "hello.wasm")),
    }
    if options.quickjs.exists():
        rows["quickjs"] = in_a_world(jormun.Module(options.quickjs))
    else:
        print(f"skipped: quickjs: there is no {options.quickjs}")
    print(f"{'KiB':12}{'idle':>10}{'looked at':>12}")
    for name, make in rows.items():
        make()
        idle, seen = (
            alone(lambda make=make, seen=seen: growth_kib(make, options.instances, seen))  # type: ignore[misc]
            for seen in (False, True)
        )
        print(f"{name:12}{idle:>10.1f}{seen:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
