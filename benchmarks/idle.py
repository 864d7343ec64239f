"""Measures what an idle instance of a compiled module costs in memory.

    python benchmarks/idle.py [--instances N] [--quickjs FILE]

Columns, in KiB for one of N instances that are alive at once, in a store each: what the process's own memory grew by
(RssAnon of /proc/self/status); the pages of it that are of linear memories, written by segments or by the guest; and
the rest, which is to be 16 at most. Rows: an empty module, one with a memory and a table, and hello world and QuickJS
with a world of WASI each, instantiated and not run. Linux alone.
"""

from __future__ import annotations

import argparse
import gc
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path

import jormun
from jormun.runtime.instance import Instance
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.run import open_wasi

HERE = Path(__file__).parent
CORPUS = Path(os.environ.get("JORMUN_SHARED", HERE.parent.parent / "shared")) / "corpus" / "languages"
SMALL = """(module (memory (export "memory") 1) (table 10 funcref) (global (mut i32) (i32.const 0))
  (data (i32.const 0) "a page is touched") (elem (i32.const 0) $f)
  (func $f (export "f") (result i32) (i32.load (i32.const 0))))"""


def own_kib() -> int:
    """What this process has for itself."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0])


def memory_kib(instances: Sequence[Instance]) -> int:
    """The part of it that is in linear memories."""
    ranges: list[tuple[int, int]] = []
    sizes: list[int] = []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, _, rest = line.partition(" ")
        if "-" in first:
            start, _, end = first.partition("-")
            ranges.append((int(start, 16), int(end, 16)))
        elif first == "Anonymous:":
            sizes.append(int(rest.split()[0]))
    found = set()
    for instance in instances:
        memory = instance.exports.get("memory")
        if isinstance(memory, jormun.Memory) and memory.size_pages:
            at = bisect_right(ranges, (memory.base, 1 << 64)) - 1
            assert ranges[at][0] <= memory.base < ranges[at][1]
            found.add(at)
    return sum(sizes[at] for at in found)


def in_a_store(module: jormun.Module) -> Callable[[], Instance]:
    """Makes instances that import nothing."""
    return lambda: jormun.Instance(module).exports._instance


def in_a_world(module: jormun.Module) -> Callable[[], Instance]:
    """Makes instances of a program, with WASI."""
    return lambda: instantiate_with_wasi(module.compiled, open_wasi(["program"]))


def measure(name: str, make: Callable[[], Instance], count: int) -> None:
    """Print a row."""
    kept = [make() for _ in range(3)]  # what the first ones need is not what the others cost
    gc.collect()
    own, memory = own_kib(), memory_kib(kept)
    kept += [make() for _ in range(count)]
    gc.collect()
    own, memory = own_kib() - own, memory_kib(kept) - memory
    print(f"{name:12}{own / count:>10.1f}{memory / count:>10.1f}{(own - memory) / count:>10.1f}", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure what idle instances cost in memory.")
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--quickjs", type=Path, default=CORPUS / "quickjs.wasm")
    options = parser.parse_args()
    rows = {
        "empty": in_a_store(jormun.Module("(module)")),
        "small": in_a_store(jormun.Module(SMALL)),
        "hello": in_a_world(jormun.Module(HERE.parent / "examples" / "hello.wasm")),
    }
    if options.quickjs.exists():
        rows["quickjs"] = in_a_world(jormun.Module(options.quickjs))
    else:
        print(f"skipped: quickjs: there is no {options.quickjs}")
    print(f"{'KiB':12}{'own':>10}{'memories':>10}{'rest':>10}")
    for name, make in rows.items():
        measure(name, make, options.instances)


if __name__ == "__main__":
    main()
