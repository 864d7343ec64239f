"""Runs random programs for a given time, and saves those on which the engines disagree, made smaller, as text.

python -m tests.differential --minutes 10 --save failures
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tests.differential import kinds, tree
from tests.differential.judge import Verdict, judge, judge_apart
from tests.differential.programs import Program, generate
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
    parser.add_argument("--apart", action="store_true", help="each program in a process of its own: some may crash")
    options = parser.parse_args()
    seed = time.time_ns() // 1_000_000 if options.seed is None else options.seed
    end = time.monotonic() + 60 * options.minutes
    programs = functions = calls = failures = 0
    while time.monotonic() < end and programs != options.count:
        program = generate(random.Random(seed), options.functions, options.size)
        verdict = judge_apart(program) if options.apart else judge(program)
        calls += verdict.calls
        if verdict.what is not None:
            failures += 1
            print(f"seed {seed}: {verdict.what}: {verdict.message}", flush=True)
            save(program, verdict, options.save / str(seed), options.reduce)
        programs += 1
        functions += program.functions
        seed += 1
    print(f"{programs} programs, {functions} functions, {calls} calls, {failures} failures")
    return 1 if failures else 0


def save(program: Program, verdict: Verdict, folder: Path, seconds: float) -> None:
    """Write the two modules of a failing program, before and after they are made smaller."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, root in (("library", program.library), ("main", program.main)):
        (folder / f"{name}-whole.wat").write_text(root.text())
    last = shrink(program, verdict, seconds)
    for name, root in (("library", program.library), ("main", program.main)):
        (folder / f"{name}.wat").write_text(root.text())
    calls = "\n".join(f"{entry.name} {entry.arguments}" for entry in program.entries)
    (folder / "calls.txt").write_text(f"{last.what}: {last.message}\n{calls}\n")


def shrink(program: Program, verdict: Verdict, seconds: float) -> Verdict:
    """Make a failing program smaller in place, for so long; returns what is found of it then."""
    ways = (False, True) if verdict.what in ("crash", "hang") else (verdict.together,)
    last = verdict
    end = time.monotonic() + seconds

    def still_fails() -> bool:
        nonlocal last
        if time.monotonic() > end:
            return False
        found = judge_apart(program, ways, timeout_seconds=20)
        if found.is_like(verdict):
            last = found
            return True
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
