"""Prints the least CPU seconds that wasmtime takes to compile each module, in one thread: ROUNDS FILE ..."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import wasmtime


def main(rounds: int, files: list[str]) -> None:
    """A line for each file."""
    config = wasmtime.Config()
    config.parallel_compilation = False
    engine = wasmtime.Engine(config)
    for file in files:
        data = Path(file).read_bytes()
        least = float("inf")
        for _ in range(rounds):
            began = time.process_time()
            wasmtime.Module(engine, data)
            least = min(least, time.process_time() - began)
        print(least)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
