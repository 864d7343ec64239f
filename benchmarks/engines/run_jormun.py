"""Runs a WASI program in Jormun's optimizing tier; the last line on standard error is the time of its `_start`, the one
before that what it took of the processor's, in seconds. `--tier NAME` before the program is another tier.

A folder behind the program is given to it as `/`; behind that, in what its files are kept: host, memory or overlay.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from jormun import Config, Module
from jormun.api.tier import TIERS, Tier
from jormun.runtime.function import Function
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.process import Exit
from jormun.wasi.run import START, open_wasi


def compiled(path: str, tier: Tier) -> Module:
    """The module at the path, with every function compiled ahead."""
    module = Module(path, config=Config(tier=tier, cache=False))
    module.compile()
    return module


def in_memory(folder: Path) -> dict[str, object]:
    """A folder's files as a dict."""
    return {path.name: in_memory(path) if path.is_dir() else path.read_bytes() for path in folder.iterdir()}


def directories(folder: str | None, kind: str) -> dict[str, object]:
    """What the program is given."""
    if folder is None:
        return {}
    if kind == "memory":
        from jormun import MemoryDirectory, Quota

        return {"/": MemoryDirectory(in_memory(Path(folder)), quota=Quota())}
    if kind == "overlay":
        from jormun import OverlayDirectory, Quota

        return {"/": OverlayDirectory(folder, quota=Quota())}
    return {"/": folder}


def execute(module: Module, path: str, given: dict[str, object]) -> tuple[int, float, float]:
    """Instantiate with WASI and our standard streams, then call `_start`; exit status, seconds, processor's seconds."""
    wasi = open_wasi([path], directories=given)
    try:
        start = instantiate_with_wasi(module.compiled, wasi).exports[START]
        assert isinstance(start, Function)
        status = 0
        began, worked = time.perf_counter(), time.process_time()
        try:
            start.call()
        except Exit as end:
            status = end.status
        return status, time.perf_counter() - began, time.process_time() - worked
    finally:
        wasi.close()


def main(path: str, folder: str | None = None, kind: str = "host", tier: Tier = "optimizing") -> int:
    """Compile, then run; with `--check` in place of a path, only see whether all of this can be imported."""
    if path == "--check":
        return 0
    status, seconds, worked = execute(compiled(path, tier), path, directories(folder, kind))
    print(f"{worked:.6f}\n{seconds:.6f}", file=sys.stderr)
    return status


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "--tier":
        sys.exit(main(*words[2:], tier=next(tier for tier in TIERS if tier == words[1])))
    sys.exit(main(*words))
