"""Measures what comes before LLVM: decoding, validating, and writing LLVM text, in plain Python.

    python benchmarks/front_end.py FILE.wasm ... [--rounds N]

For each module: MB of the file decoded a second, MB of function bodies validated a second, and microseconds of LLVM
text an instruction, each the best of N rounds in CPU time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jormun.binary.decode import decode
from jormun.errors import UnsupportedError
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.shapes import ModuleShape
from jormun.runtime.layout import Layout
from jormun.syntax.code import instructions
from jormun.validation.module import ValidModule, validate

T = TypeVar("T")


def best(rounds: int, work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and its least CPU seconds."""
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        result = work()
        least = min(least, time.process_time() - began)
    return result, least


def lower_all(valid: ValidModule) -> int:
    """Write the LLVM text of every function that can be compiled: how many instructions those have."""
    shape = ModuleShape(valid, Layout(valid), "x86_64")
    count = 0
    for k, function in enumerate(valid.module.functions):
        try:
            FunctionLowering(shape, shape.imported_function_count + k, ()).text()
        except UnsupportedError:
            continue
        count += len(function.body.code)
    return count


def main() -> None:
    """Print a line for each module."""
    parser = argparse.ArgumentParser(description="Measure decoding, validation and the writing of LLVM text.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'module':32} {'instructions':>12} {'decode':>12} {'validate':>12} {'LLVM text':>18}")
    for path in options.files:
        data = path.read_bytes()
        module, decoding = best(options.rounds, lambda data=data: decode(data))  # type: ignore[misc]
        valid, validating = best(options.rounds, lambda module=module: validate(module))  # type: ignore[misc]
        _, lowering = best(options.rounds, lambda valid=valid: lower_all(valid))  # type: ignore[misc]
        count = sum(1 for function in module.functions for _ in instructions(function.body.code))
        code_bytes = sum(len(function.body.code) for function in module.functions)
        print(
            f"{path.name[-32:]:32} {count:12,} {len(data) / decoding / 1e6:7.0f} MB/s"
            f" {code_bytes / validating / 1e6:7.1f} MB/s {lowering / count * 1e6:6.2f} us/instruction"
        )


if __name__ == "__main__":
    main()
