"""Compares the speed of files: the C programs of `files/`, in Jormun and in wasmtime, side by side.

    python benchmarks/files.py [--only NAME,...] [--rounds N] [--folder FOLDER] [--kinds host,memory,overlay]

Each copies 1 GB, walks a tree of 50,000 entries, or sorts 200 MB through temporary files, in a folder of its own below
FOLDER (the system's for temporary files). They run in turn, and what they print must agree. Compilation is not part of
the time. Of the rounds the fastest counts. The processor's time, in parentheses, is what counts on a machine that is
busy, where one thread that never waits gets its share of it, and several that wake each other get more. With --kinds,
Jormun also runs them with the same files in memory, and on an overlay. The exit status is 1 if a program failed, or
printed something else elsewhere.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from compilation import HERE, WASM, BuildError, build
from contestants import RUNNERS, SOURCE_TREE

PROGRAMS = HERE / "files"
COPY_BYTES = 1_000_000_000
SORT_BYTES = 200_000_000
DIRECTORIES = 100
FILES_IN_EACH = 499
SEED = 20_240_601
KINDS = ("host", "memory", "overlay")


def fill_copy(folder: Path) -> None:
    """The file to copy."""
    block = random.Random(SEED).randbytes(1_000_000)
    with (folder / "in").open("wb") as file:
        for _ in range(COPY_BYTES // len(block)):
            file.write(block)


def fill_walk(folder: Path) -> None:
    """The tree to walk."""
    for k in range(DIRECTORIES):
        directory = folder / "tree" / f"directory{k:03}"
        directory.mkdir(parents=True)
        for j in range(FILES_IN_EACH):
            (directory / f"file{j:05}").write_bytes(b"x" * (j % 7))


def fill_sort(folder: Path) -> None:
    """The records to sort."""
    (folder / "in").write_bytes(random.Random(SEED).randbytes(SORT_BYTES))


FILL: dict[str, Callable[[Path], None]] = {"copy": fill_copy, "walk": fill_walk, "sort": fill_sort}
"""What each program finds in its folder."""


def run(engine: str, program: Path, folder: Path, kind: str) -> tuple[float, float, str]:
    """Runs a program once; its seconds, the processor's, and what it printed."""
    command = [sys.executable, str(RUNNERS / f"run_{engine}.py"), str(program), str(folder)]
    if engine == "jormun":
        command.append(kind)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE_TREE), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{engine}: {done.stderr.strip()}")
    worked, took = done.stderr.strip().splitlines()[-2:]
    return float(took), float(worked), done.stdout


def clean(folder: Path) -> None:
    """Removes what a run has made."""
    for name in ("out", "sorted"):
        (folder / name).unlink(missing_ok=True)


def compare(name: str, folder: Path, rounds: int, kinds: Sequence[str]) -> bool:
    """Runs one program everywhere and prints a line; whether all was well."""
    program = build(name, WASM, PROGRAMS)
    columns = [("wasmtime", ""), *(("jormun", kind) for kind in kinds)]
    seconds: dict[tuple[str, str], list[float]] = {column: [] for column in columns}
    processor: dict[tuple[str, str], list[float]] = {column: [] for column in columns}
    printed: set[str] = set()
    for _ in range(rounds):
        for engine, kind in columns:
            clean(folder)
            took, worked, text = run(engine, program, folder, kind)
            seconds[engine, kind].append(took)
            processor[engine, kind].append(worked)
            printed.add(text)
    cells = [
        f"{' '.join(column).strip():>16} {min(seconds[column]):7.3f} s ({min(processor[column]):.3f} s)"
        for column in columns
    ]
    print(f"{name:6}", *cells, flush=True)
    if len(printed) != 1:
        print(f"{name}: the results differ: {sorted(printed)}", file=sys.stderr)
    return len(printed) == 1


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="Compare the speed of files in Jormun and wasmtime.")
    parser.add_argument("--only", metavar="NAME,...", default=",".join(FILL), help="run these programs only")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each, in turn (default: 3)")
    parser.add_argument("--folder", type=Path, help="where to keep the files; default: the system's temporary folder")
    parser.add_argument("--kinds", default="host", help="what Jormun keeps the files in: " + ", ".join(KINDS))
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - set(KINDS) | set(options.only.split(",")) - set(FILL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    is_well = True
    for name in options.only.split(","):
        folder = Path(tempfile.mkdtemp(prefix=f"jormun-{name}-", dir=options.folder))
        try:
            FILL[name](folder)
            is_well = compare(name, folder, options.rounds, kinds) and is_well
        except (BuildError, RuntimeError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            is_well = False
        finally:
            shutil.rmtree(folder)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
