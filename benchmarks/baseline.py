"""Measures how fast baseline compilation is, by mypyc and in plain Python, beside wasmtime and V8's first tier.

    python benchmarks/baseline.py FILE.wasm ... [--rounds N]

For each module, MB of its code section a second, in CPU time, the best of N rounds:

- *stamp*: machine code of every function of a module that is validated;
- *whole*: decoding, validating, and then stamping every function: from the file's bytes to machine code;
- *wasmtime*: `Module(engine, bytes)` of the package from PyPI, which decodes, validates and compiles with Cranelift, in
  one thread. That package does not offer Winch, wasmtime's own baseline compiler;
- *liftoff*: `new WebAssembly.Module(bytes)` in Node.js with V8's first tier only, every function compiled, in one
  thread: it decodes, validates and compiles too.

So *whole* is what wasmtime's and V8's figures are to be compared with. The plain figures are those of ../src, the
others those of the jormun that Python finds; where that is plain too, there is one column. An engine that is not there
has no column.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from builds import best, measured

ENGINES = Path(__file__).resolve().parent / "engines"
WASMTIME = (sys.executable, str(ENGINES / "compile_wasmtime.py"))
NODE_FLAGS = ("--liftoff-only", "--no-wasm-tier-up", "--no-wasm-lazy-compilation", "--single-threaded")
LIFTOFF = ("node", *NODE_FLAGS, str(ENGINES / "compile_node.mjs"))


@dataclass(frozen=True, slots=True)
class Figures:
    """What one build of Jormun does with one module: sizes in bytes, times in CPU seconds."""

    code_bytes: int
    machine_bytes: int
    stamping: float
    whole: float


def measure(path: Path, rounds: int) -> Figures:
    """The figures of this process's build."""
    from jormun.baseline.engine import BaselineEngine
    from jormun.binary.decode import decode
    from jormun.runtime.layout import Layout
    from jormun.validation.module import ValidModule, validate

    data = path.read_bytes()
    engine = BaselineEngine()

    def stamp(valid: ValidModule) -> int:
        return sum(len(image.code) for image in engine.compile_all(valid, Layout(valid)))

    valid = validate(decode(data))
    machine_bytes, stamping = best(rounds, lambda: stamp(valid))
    _, whole = best(rounds, lambda: stamp(validate(decode(data))))
    return Figures(sum(len(f.body.code) for f in valid.module.functions), machine_bytes, stamping, whole)


def seconds_of(command: Sequence[str], files: Sequence[Path], rounds: int) -> list[float] | None:
    """The CPU seconds that another engine's compilation takes, by module; None if it cannot."""
    done = subprocess.run([*command, str(rounds), *map(str, files)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        return None
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Print a line for each module."""
    parser = argparse.ArgumentParser(description="Measure baseline compilation.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files, rounds = options.files, options.rounds
    if options.measure:
        from jormun.version import build_kind

        print(json.dumps({"kind": build_kind(), "figures": [asdict(measure(path, rounds)) for path in files]}))
        return
    columns: dict[str, list[float]] = {}
    words = ["--measure", "--rounds", str(rounds), *map(str, files)]
    for kind, each in sorted(measured(__file__, words).items()):
        figures = [Figures(**one) for one in each]
        columns[f"{kind} stamp"] = [f.stamping for f in figures]
        columns[f"{kind} whole"] = [f.whole for f in figures]
    if importlib.util.find_spec("wasmtime") and (seconds := seconds_of(WASMTIME, files, rounds)):
        columns["wasmtime"] = seconds
    if shutil.which("node") and (seconds := seconds_of(LIFTOFF, files, rounds)):
        columns["liftoff"] = seconds
    print(f"{'module':24} {'code':>9} {'machine':>9}" + "".join(f"{head:>16}" for head in columns))
    for k, path in enumerate(files):
        f = figures[k]
        cells = [f"{f.code_bytes / seconds[k] / 1e6:.2f} MB/s" for seconds in columns.values()]
        sizes = f"{f.code_bytes:9,} {f.machine_bytes:9,}"
        print(f"{path.name[-24:]:24} {sizes}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
