"""Runs random programs for a given time, and saves those on which the engines disagree, made smaller, as text.

python -m tests.differential --minutes 10 --save failures
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import time
from pathlib import Path

import wasmtime

import jormun
from tests.differential import kinds, tree
from tests.differential.programs import Program, generate
from tests.differential.runs import Disagreement, compare
from tests.differential.tree import Tree


def main() -> int:
    """Returns 1 if the engines disagreed."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long to go on (default: 1)")
    parser.add_argument("--seed", type=int, help="the first seed (default: from the time)")
    parser.add_argument("--count", type=int, help="stop after so many programs")
    parser.add_argument("--functions", type=int, default=12, help="functions in a program (default: 12)")
    parser.add_argument("--size", type=int, default=60, help="instructions in a function, about (default: 60)")
    parser.add_argument("--save", type=Path, default=Path("failures"), help="where failures go (default: failures)")
    parser.add_argument("--reduce", type=float, default=120, help="seconds spent on making a failure smaller")
    parser.add_argument("--verbose", action="store_true", help="print each seed, to find one that crashes")
    options = parser.parse_args()
    faulthandler.enable()
    seed = time.time_ns() // 1_000_000 if options.seed is None else options.seed
    end = time.monotonic() + 60 * options.minutes
    programs = functions = calls = failures = 0
    while time.monotonic() < end and programs != options.count:
        if options.verbose:
            print(f"seed {seed}", flush=True)
        program = generate(random.Random(seed), options.functions, options.size)
        try:
            calls += compare(program)
        except Disagreement as error:
            failures += 1
            print(f"seed {seed}: {error}", flush=True)
            save(program, error, options.save / str(seed), options.reduce)
        programs += 1
        functions += program.functions
        seed += 1
    print(f"{programs} programs, {functions} functions, {calls} calls, {failures} disagreements")
    return 1 if failures else 0


def save(program: Program, error: Disagreement, folder: Path, seconds: float) -> None:
    """Write the two modules of a failing program, before and after they are made smaller."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, root in (("library", program.library), ("main", program.main)):
        (folder / f"{name}-whole.wat").write_text(root.text())
    smaller = shrink(program, error, seconds)
    for name, root in (("library", program.library), ("main", program.main)):
        (folder / f"{name}.wat").write_text(root.text())
    calls = "\n".join(f"{entry.name} {entry.arguments}" for entry in program.entries)
    (folder / "calls.txt").write_text(f"{smaller}\n{calls}\n")


def shrink(program: Program, error: Disagreement, seconds: float) -> Disagreement:
    """Make a failing program smaller in place, for so long; returns what it then fails with."""
    ways = [error.together]
    last = error
    end = time.monotonic() + seconds

    def still_fails() -> bool:
        nonlocal last
        if time.monotonic() > end:
            return False
        try:
            compare(program, ways)
        except Disagreement as found:
            if (found.together, found.what) == (error.together, error.what):
                last = found
                return True
        except (wasmtime.WasmtimeError, jormun.WasmError, AssertionError, KeyError):
            pass  # not a program any more
        return False

    if not still_fails():
        return last
    for entry in list(program.entries):
        before = program.entries
        program.entries = [each for each in before if each is not entry]
        if not still_fails():
            program.entries = before
    for root in (program.main, program.library):
        tree.reduce(root, still_fails, simplest)
    return last


def simplest(kind: str) -> Tree | None:
    """The simplest code that leaves a value of a kind."""
    return tree.leaf(kind, kinds.zero(kind))


if __name__ == "__main__":
    sys.exit(main())
