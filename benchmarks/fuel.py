"""What fuel costs: every C program of `programs/` in the optimizing tier, with a limit on fuel and without, in turn.

    python benchmarks/fuel.py [--only NAME,...] [--rounds N]

Each row has the processor's seconds of the call of `_start`, the least of all rounds, without fuel and with it, their
ratio, and the fuel used. Fuel is to cost 5 % at most, in the geometric mean. All functions are compiled before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence

from compilation import WASM, build, program_names
from contestants import SOURCE_TREE

sys.path.insert(0, str(SOURCE_TREE))

from jormun import Config, Limits, Module, Store
from jormun.runtime.function import Function
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.process import Exit
from jormun.wasi.run import START, open_wasi

PLENTY = 1 << 62


def execute(module: Module, limits: Limits | None) -> tuple[float, int]:
    """Run a program with its output thrown away: the processor's seconds of `_start`, and the fuel used."""
    wasi = open_wasi(["program"], None, None, (None, HostFile(os.open(os.devnull, os.O_WRONLY)), None))
    store = Store(limits=limits)
    try:
        start = instantiate_with_wasi(module.compiled_for(store), wasi, store=store).exports[START]
        assert isinstance(start, Function)
        began = time.process_time()
        try:
            start.call()
        except Exit:
            pass
        return time.process_time() - began, store.allowance.usage.fuel
    finally:
        wasi.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, print; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compare programs with a limit on fuel and without.")
    parser.add_argument("--only", metavar="NAME,...", help="run these programs only")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each, in turn (default: 5)")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",") if options.only else program_names()
    ratios = []
    print(f"{'program':14}{'plain':>10}{'fuel':>10}{'ratio':>8}  used", flush=True)
    for name in wanted:
        module = Module(build(name, WASM), config=Config(tier="optimizing", cache=False))
        module.compiled.compile_all()
        module.metered.compile_all()
        plain, metered, used = [], [], 0
        for _ in range(options.rounds):
            plain.append(execute(module, None)[0])
            seconds, used = execute(module, Limits(fuel=PLENTY))
            metered.append(seconds)
        ratios.append(min(metered) / min(plain))
        print(f"{name:14}{min(plain):10.3f}{min(metered):10.3f}{ratios[-1]:8.3f}  {used:,}", flush=True)
    print(f"{'geometric mean':14}{statistics.geometric_mean(ratios):28.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
