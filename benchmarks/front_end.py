"""Measures what comes before LLVM: decoding, validating, and writing LLVM text, compiled by mypyc and in plain Python.

    python benchmarks/front_end.py FILE.wasm ... [--rounds N]

For each module: MB of the file decoded a second, MB of function bodies validated a second, and microseconds of LLVM
text an instruction, each the best of N rounds in CPU time. The plain figures are those of ../src, the others those of
the jormun that Python finds; where that is plain too, there is one column.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from builds import best, measured

from jormun.binary.decode import decode
from jormun.errors import UnsupportedError
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.shapes import ModuleShape
from jormun.runtime.layout import Layout
from jormun.syntax.code import instructions
from jormun.validation.module import ValidModule, validate
from jormun.version import build_kind


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


@dataclass(frozen=True, slots=True)
class Figures:
    """What one build of Jormun does with one module, in CPU seconds."""

    instructions: int
    file_bytes: int
    code_bytes: int
    decoding: float
    validating: float
    lowering: float


def measure(path: Path, rounds: int) -> Figures:
    """The figures of this process's build."""
    data = path.read_bytes()
    module, decoding = best(rounds, lambda: decode(data))
    valid, validating = best(rounds, lambda: validate(module))
    _, lowering = best(rounds, lambda: lower_all(valid))
    bodies = [function.body.code for function in module.functions]
    count = sum(1 for body in bodies for _ in instructions(body))
    return Figures(count, len(data), sum(map(len, bodies)), decoding, validating, lowering)


def main() -> None:
    """Print a line for each module."""
    parser = argparse.ArgumentParser(description="Measure decoding, validation and the writing of LLVM text.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        figures = [asdict(measure(path, options.rounds)) for path in options.files]
        print(json.dumps({"kind": build_kind(), "figures": figures}))
        return
    builds = {
        kind: [Figures(**figures) for figures in each]
        for kind, each in measured(
            __file__, ["--measure", "--rounds", str(options.rounds), *map(str, options.files)]
        ).items()
    }
    heads = [f"{kind} {what}" for what in ("decode", "validate", "LLVM text") for kind in sorted(builds)]
    print(f"{'module':24} {'instructions':>12}" + "".join(f"{head:>20}" for head in heads))
    for k, path in enumerate(options.files):
        each = [builds[kind][k] for kind in sorted(builds)]
        cells = [f"{f.file_bytes / f.decoding / 1e6:.0f} MB/s" for f in each]
        cells += [f"{f.code_bytes / f.validating / 1e6:.1f} MB/s" for f in each]
        cells += [f"{f.lowering / f.instructions * 1e6:.2f} us/instr" for f in each]
        print(f"{path.name[-24:]:24} {each[0].instructions:12,}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
