"""Runs a WASI program in Jormun's optimizing tier; the last line on standard error is the time of its `_start`."""

from __future__ import annotations

import sys
import time

from jormun import Config, Module
from jormun.runtime.function import Function
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.process import Exit
from jormun.wasi.run import START, open_wasi


def compiled(path: str) -> Module:
    """The module at the path, with every function compiled ahead."""
    module = Module(path, config=Config(tier="optimizing"))
    module.compile()
    return module


def execute(module: Module, path: str) -> tuple[int, float]:
    """Instantiate with WASI and our standard streams, then call `_start`; its exit status, and its seconds."""
    wasi = open_wasi([path])
    try:
        start = instantiate_with_wasi(module.compiled, wasi).exports[START]
        assert isinstance(start, Function)
        status = 0
        began = time.perf_counter()
        try:
            start.call()
        except Exit as end:
            status = end.status
        return status, time.perf_counter() - began
    finally:
        wasi.close()


def main(path: str) -> int:
    """Compile, then run; with `--check` in place of a path, only see whether all of this can be imported."""
    if path == "--check":
        return 0
    status, seconds = execute(compiled(path), path)
    print(f"{seconds:.6f}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
