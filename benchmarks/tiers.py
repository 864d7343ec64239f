"""Compares the tiers: how fast their code is, and what whole processes take, compilation included.

    python benchmarks/tiers.py [--only NAME,...] [--rounds N] [--long SECONDS] [--run "WORDS" ...] [--no-code] [--cpu]

First table, for the C programs of `programs/`: seconds of the call of `_start`, everything compiled before, but for
what tier auto optimizes meanwhile; the ratio baseline/optimizing should be 3 at most, in the geometric mean. Second
table: seconds of whole processes `jormun run --no-cache`. For those that take `--long` seconds in the optimizing tier,
auto/optimizing should be 1.1 at most, and auto/baseline 1 at most for all. `--run` adds a row to it: what stands behind
`jormun run`, for example "--dir . quickjs.wasm loop.js"; standard input is a file that `<` names as the last word.
With --cpu, the second table is of processor time, of all threads: what a run takes where no core is idle, and what the
others on the machine pay for.

Tiers take turns (A B C A B C ...), all must print the same, and each time is the median.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from compilation import WASM, BuildError, build, missing_compiler, program_names
from contestants import RUNNERS, SOURCE_TREE, Contestant, RunError, run

TIERS = ("baseline", "optimizing", "auto")
RATIOS = (("baseline", "optimizing"), ("auto", "optimizing"), ("auto", "baseline"))
NAME_WIDTH = 20
CELL_WIDTH = 12
RATIO_WIDTH = 22
TIMEOUT_SECONDS = 300.0

Medians = dict[str, float]


class Program:
    """A row: what stands behind `jormun run`, and the file that is its standard input."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        self.name = name
        self.input: Path | None = None
        if len(words) > 2 and words[-2] == "<":
            self.input = Path(words[-1])
            words = words[:-2]
        self.words = list(words)


def code_seconds(program: str, tier: str) -> tuple[float, bytes]:
    """What the call of a program's `_start` takes in a tier, and what it prints."""
    command = (sys.executable, str(RUNNERS / "run_jormun.py"), "--tier", tier)
    result = run(Contestant(tier, WASM, command, False, lambda: None), WASM.output(program), TIMEOUT_SECONDS)
    return result.seconds, result.output


def process_seconds(
    program: Program, environment: Mapping[str, str], counts_cpu: bool, tier: str
) -> tuple[float, bytes]:
    """What a whole process takes, of the clock or of processors, and what it prints."""
    command = [sys.executable, "-m", "jormun", "run", "--no-cache", "--tier", tier, *program.words]
    data = program.input.read_bytes() if program.input is not None else b""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    try:
        done = subprocess.run(command, input=data, capture_output=True, env=environment, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"did not end within {TIMEOUT_SECONDS:.0f} s") from error
    seconds = time.perf_counter() - began
    if counts_cpu:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode != 0:
        raise RunError(f"exit status {done.returncode}: {done.stderr[-200:].decode(errors='replace')}")
    return seconds, done.stdout


def environment_of(folder: Path) -> dict[str, str]:
    """Ours, with this checkout's sources; Python keeps their bytecode, as it does for users."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE_TREE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.setdefault("PYTHONPYCACHEPREFIX", str(folder))
    return environment


def heading() -> str:
    """The first line of a table."""
    cells = "".join(tier.rjust(CELL_WIDTH) for tier in TIERS)
    return " " * NAME_WIDTH + cells + "".join(f"{over}/{under}".rjust(RATIO_WIDTH) for over, under in RATIOS)


def row(name: str, medians: Medians) -> str:
    """A line of a table."""
    cells = "".join(f"{medians[tier]:.3f}".rjust(CELL_WIDTH) for tier in TIERS)
    ratios = "".join(f"{medians[over] / medians[under]:.2f}".rjust(RATIO_WIDTH) for over, under in RATIOS)
    return name[: NAME_WIDTH - 1].ljust(NAME_WIDTH) + cells + ratios


def means(label: str, rows: Sequence[Medians]) -> str:
    """The line of geometric means of the ratios, and their worst."""
    lines = []
    for name, reading in ((f"{label}: mean", statistics.geometric_mean), (f"{label}: worst", max)):
        ratios = [reading([medians[over] / medians[under] for medians in rows]) for over, under in RATIOS]
        cells = "".join(f"{ratio:.2f}".rjust(RATIO_WIDTH) for ratio in ratios)
        lines.append(name.ljust(NAME_WIDTH) + " " * CELL_WIDTH * len(TIERS) + cells)
    return "\n".join(lines)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the tiers: baseline, optimizing, auto.")
    parser.add_argument("--only", metavar="NAME,...", help="these of the programs; an empty name for none")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each, in turn (default: 3)")
    parser.add_argument("--long", type=float, default=2.0, metavar="SECONDS", help="what a long run takes (default: 2)")
    parser.add_argument("--run", action="append", default=[], metavar="WORDS", help="behind `jormun run`; repeatable")
    parser.add_argument("--cpu", action="store_true", help="processor time of whole processes, not that of the clock")
    parser.add_argument("--no-code", action="store_true", help="whole processes alone")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    names = program_names() if options.only is None else [name for name in options.only.split(",") if name]
    for name in names:
        if name not in program_names():
            parser.error(f"no program is called {name!r}; there are: {', '.join(program_names())}")
    options.only = names
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, print; the exit status."""
    options = parse_arguments(arguments)
    reason = missing_compiler() if options.only else None
    if reason is not None:
        print(f"cannot build: {reason}")
        return 1
    programs = []
    try:
        for name in options.only:
            programs.append(Program(name, [str(build(name, WASM))]))
    except BuildError as error:
        print(f"cannot build: {error}")
        return 1
    failed: list[str] = []
    if options.only and not options.no_code:
        print(f"calls of _start, medians of {options.rounds}, in seconds\n{heading()}", flush=True)
        rows = []
        for name in options.only:
            rows += measured(name, options.rounds, partial(code_seconds, name), failed)
        if rows:
            print(means("all", rows), end="\n\n", flush=True)
    environment = environment_of(SOURCE_TREE.parent / "benchmarks" / "build" / "bytecode")
    for words in map(shlex.split, options.run):
        file = next((word for word in words if word.endswith(".wasm")), words[-1])
        programs.append(Program(f"{Path(file).parent.name}/{Path(file).stem}", words))
    what = "processor time" if options.cpu else "time"
    print(f"whole processes, {what}, medians of {options.rounds}, in seconds\n{heading()}", flush=True)
    rows = []
    for program in programs:
        rows += measured(
            program.name, options.rounds, partial(process_seconds, program, environment, options.cpu), failed
        )
    long = [medians for medians in rows if medians["optimizing"] >= options.long]
    for label, some in (("all", rows), (f"{options.long:g} s or more", long)):
        if some:
            print(means(label, some))
    for failure in failed:
        print(f"failed: {failure}")
    return 1 if failed else 0


def measured(
    name: str, rounds: int, seconds_in: Callable[[str], tuple[float, bytes]], failed: list[str]
) -> list[Medians]:
    """One row, printed; none if a tier fails or prints something else than another."""
    seconds: dict[str, list[float]] = {tier: [] for tier in TIERS}
    output = None
    for _ in range(rounds):
        for tier in TIERS:
            try:
                took, printed = seconds_in(tier)
                if output is not None and printed != output:
                    raise RunError(f"printed {printed[:80]!r}, and another tier {output[:80]!r}")
            except RunError as error:
                failed.append(f"{name}: {tier}: {error}")
                return []
            output = printed
            seconds[tier].append(took)
    medians = {tier: statistics.median(times) for tier, times in seconds.items()}
    print(row(name, medians), flush=True)
    return [medians]


if __name__ == "__main__":
    sys.exit(main())
