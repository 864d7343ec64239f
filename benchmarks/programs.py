"""Compares peak speed: every C program of `programs/`, natively and in WebAssembly engines, side by side.

    python benchmarks/programs.py [--only NAME,...] [--rounds N] [--engines NAME,...]

Builds what is not built yet, checks that all contestants print the same, runs them in turn (A B C A B C ...) and
prints one table of median seconds and of ratios. Compilation is not part of an engine's time; see contestants.py.
Below the table it names the times that were disturbed: those are no basis for a claim.
The exit status is 1 if a program failed or printed something else than its native build.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from compilation import NATIVE_CPU, NATIVE_PLAIN, WASM, BuildError, build, checked_cpu, missing_compiler, program_names
from contestants import CONTESTANTS, Contestant, RunError, run

# Numerator and denominator of each ratio column.
RATIOS = (
    ("jormun", "native-plain"),
    ("jormun", "native-cpu"),
    ("wasmtime", "native-plain"),
    ("node", "native-plain"),
)
NAME_WIDTH = 14
TIME_WIDTH = 13
RATIO_WIDTH = 23
# A contestant whose slowest run took this many times its fastest one was disturbed; the table then says so.
NOISY = 1.25

Medians = dict[str, float]


@dataclass(slots=True)
class Remarks:
    """What a reader of the table must know: failures, and times that are not to be trusted."""

    failed: list[str] = field(default_factory=list)
    noisy: list[str] = field(default_factory=list)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, with names checked."""
    parser = argparse.ArgumentParser(description="Compare the peak speed of WebAssembly engines with native code.")
    parser.add_argument("--only", metavar="NAME,...", help="run these programs only")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each, in turn (default: 3)")
    parser.add_argument("--engines", metavar="NAME,...", help="of: " + ", ".join(c.name for c in CONTESTANTS))
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for one run (default: 120)")
    options = parser.parse_args(arguments)
    options.only = _names(parser, "program", options.only, program_names())
    options.engines = _names(parser, "engine", options.engines, [c.name for c in CONTESTANTS])
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def _names(parser: argparse.ArgumentParser, what: str, given: str | None, known: list[str]) -> list[str]:
    """The names in a list with commas, in our order; all of them if none is given."""
    if given is None:
        return known
    wanted = [name.strip() for name in given.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            parser.error(f"no {what} is called {name!r}; there are: {', '.join(known)}")
    return [name for name in known if name in wanted]


def present(names: Iterable[str]) -> list[Contestant]:
    """The contestants that can run here; a line is printed for each that cannot."""
    able = []
    for contestant in CONTESTANTS:
        if contestant.name not in names:
            continue
        reason = contestant.missing()
        if reason is None:
            able.append(contestant)
        else:
            print(f"skipped: {contestant.name}: {reason}")
    return able


def measure(program: str, contestants: Sequence[Contestant], rounds: int, timeout: float, remarks: Remarks) -> Medians:
    """Median seconds of each contestant that ran the program rightly; what went wrong with others goes to `remarks`."""
    # The reference is checked even when it is not among the contestants.
    reference = run(CONTESTANTS[0], build(program, NATIVE_PLAIN), timeout).output
    seconds: dict[str, list[float]] = {}
    for contestant in contestants:
        build(program, contestant.target)
        seconds[contestant.name] = []
    for _ in range(rounds):
        for contestant in contestants:
            if contestant.name not in seconds:
                continue
            try:
                result = run(contestant, contestant.target.output(program), timeout)
                if result.output != reference:
                    raise RunError(f"printed {result.output[:80]!r} but native code {reference[:80]!r}")
            except RunError as error:
                remarks.failed.append(f"{program}: {contestant.name}: {error}")
                del seconds[contestant.name]
                continue
            seconds[contestant.name].append(result.seconds)
    for name, times in seconds.items():
        if max(times) > NOISY * min(times):
            remarks.noisy.append(f"{program} {name} {min(times):.3f}..{max(times):.3f}")
    return {name: statistics.median(times) for name, times in seconds.items()}


def ratios_of(medians: Medians) -> list[float | None]:
    """One ratio a column of RATIOS; None where either side is missing."""
    return [
        medians[over] / medians[under] if over in medians and medians.get(under, 0.0) > 0.0 else None
        for over, under in RATIOS
    ]


def row(name: str, contestants: Sequence[Contestant], medians: Medians, ratios: Sequence[float | None]) -> str:
    """A line of the table."""
    times = [f"{medians[c.name]:.3f}" if c.name in medians else "-" for c in contestants]
    shares = [f"{ratio:.2f}" if ratio is not None else "-" for ratio in ratios]
    return (
        name.ljust(NAME_WIDTH)
        + "".join(time.rjust(TIME_WIDTH) for time in times)
        + "".join(share.rjust(RATIO_WIDTH) for share in shares)
    )


def heading(contestants: Sequence[Contestant]) -> str:
    """The first line of the table."""
    return (
        "program".ljust(NAME_WIDTH)
        + "".join(contestant.name.rjust(TIME_WIDTH) for contestant in contestants)
        + "".join(f"{over}/{under}".rjust(RATIO_WIDTH) for over, under in RATIOS)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, print; returns the exit status."""
    options = parse_arguments(arguments)
    reason = missing_compiler()
    if reason is not None:
        print(f"cannot build: {reason}")
        return 1
    contestants = present(options.engines)
    remarks = Remarks()
    columns: list[list[float]] = [[] for _ in RATIOS]
    try:
        cpus = ", ".join(f"{target.name}: {checked_cpu(target)}" for target in (NATIVE_PLAIN, NATIVE_CPU, WASM))
        print(f"{platform.system()} {platform.machine()}; {cpus}; medians of {options.rounds}, in seconds")
        print(heading(contestants), flush=True)
        for program in options.only:
            try:
                medians = measure(program, contestants, options.rounds, options.timeout, remarks)
            except RunError as error:
                medians = {}
                remarks.failed.append(f"{program}: native-plain: {error}")
            ratios = ratios_of(medians)
            for column, ratio in zip(columns, ratios, strict=True):
                if ratio is not None:
                    column.append(ratio)
            print(row(program, contestants, medians, ratios), flush=True)
    except BuildError as error:
        print(f"cannot build: {error}")
        return 1
    means = [statistics.geometric_mean(column) if column else None for column in columns]
    print(row("geometric mean", contestants, {}, means))
    for noise in remarks.noisy:
        print(f"noisy: {noise}")
    for failure in remarks.failed:
        print(f"failed: {failure}")
    return 1 if remarks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
