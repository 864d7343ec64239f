"""Builds the C programs of `programs/` with PyPI's ziglang, for WebAssembly and for this machine, into `build/`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "programs"
BUILD = HERE / "build"

# The same optimization everywhere, so that only the machine differs.
FLAGS = (
    "-std=c11",
    "-O3",
    *("-Xclang", "-O3"),  # zig makes of -O3 an -O2; this one reaches clang
    "-fno-sanitize=all",  # zig's default in debug builds; never in ours
    "-fomit-frame-pointer",  # zig's default keeps it; that of clang does not
    "-fno-math-errno",  # sqrt is one instruction on every target
    "-ffp-contract=off",  # WebAssembly has no fused multiply-add; without it every build gives the same bits
    "-Wall",
    "-Wextra",
    "-s",
)
LIBRARIES = ("-lm",)


class BuildError(Exception):
    """A program does not compile, or the compiler does not do what we measure; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A way to build: a folder below `build/`, and what selects the machine."""

    name: str
    machine: tuple[str, ...]
    suffix: str = ""

    def output(self, program: str) -> Path:
        """Where the built program is."""
        return BUILD / self.name / (program + self.suffix)


def missing_compiler() -> str | None:
    """Why nothing can be built here, or None."""
    if importlib.util.find_spec("ziglang") is None:
        return "the package ziglang is not installed (pip install ziglang)"
    return None


def _native_triple() -> str:
    """Architecture and system as zig names them."""
    machine = platform.machine().lower()
    architecture = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    system = {"Linux": "linux-gnu", "Darwin": "macos", "Windows": "windows-gnu"}.get(platform.system())
    if system is None:
        raise BuildError(f"no native target is known for {platform.system()}")
    if system == "linux-gnu" and platform.libc_ver()[0] != "glibc":
        system = "linux-musl"
    return f"{architecture}-{system}"


WASM = Target("wasm", ("-target", "wasm32-wasi", "-mcpu=generic+simd128"), ".wasm")
_TRIPLE = _native_triple()
_PLAIN_CPU = {"x86_64": "x86_64"}.get(_TRIPLE.split("-")[0], "generic")
_EXECUTABLE = ".exe" if "windows" in _TRIPLE else ""
NATIVE_PLAIN = Target("native-plain", ("-target", _TRIPLE, f"-mcpu={_PLAIN_CPU}"), _EXECUTABLE)
NATIVE_CPU = Target("native-cpu", ("-target", _TRIPLE, "-mcpu=native"), _EXECUTABLE)


def program_names() -> list[str]:
    """The programs there are, in alphabetical order."""
    return sorted(path.stem for path in SOURCES.glob("*.c"))


def _zig(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`zig cc`, with its caches in our folder."""
    environment = os.environ | {
        "ZIG_GLOBAL_CACHE_DIR": str(BUILD / "zig-global"),
        "ZIG_LOCAL_CACHE_DIR": str(BUILD / "zig-local"),
    }
    command = [sys.executable, "-m", "ziglang", "cc", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=HERE)


@cache
def checked_cpu(target: Target) -> str:
    """The CPU that clang is told to build for; BuildError if it would sanitize, or not optimize and vectorize."""
    BUILD.mkdir(exist_ok=True)
    example = str(SOURCES / f"{program_names()[0]}.c")
    shown = _zig(*target.machine, *FLAGS, "-c", example, "-o", str(BUILD / "shown.o"), "-###").stderr
    levels = re.findall(r'"(-O\w)"', shown)
    cpus = re.findall(r'"-target-cpu" "([^"]+)"', shown)
    if not levels or levels[-1] != "-O3" or not cpus:
        raise BuildError(f"zig cc does not pass -O3 to clang for {target.name}")
    if '"-vectorize-loops"' not in shown or '"-vectorize-slp"' not in shown:
        raise BuildError(f"zig cc turns vectorization off for {target.name}")
    if '"-fsanitize=' in shown:
        raise BuildError(f"zig cc adds a sanitizer for {target.name}")
    return str(cpus[-1])


def build(program: str, target: Target, sources: Path = SOURCES) -> Path:
    """The program built for the target; does nothing if source, flags, compiler and CPU are those of the last build."""
    source = sources / f"{program}.c"
    output = target.output(program)
    cpu = checked_cpu(target)
    # zig tunes for no CPU in particular even with -mcpu=native; clang's -march=native does not.
    flags = (*target.machine, *FLAGS, *(("-Xclang", "-tune-cpu", "-Xclang", cpu) if target is NATIVE_CPU else ()))
    parts = (source.read_text(), importlib.metadata.version("ziglang"), cpu, *flags, *LIBRARIES)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    stamp = output.with_name(output.name + ".key")
    if output.exists() and stamp.exists() and stamp.read_text() == key:
        return output
    output.parent.mkdir(parents=True, exist_ok=True)
    done = _zig(*flags, str(source), "-o", str(output), *LIBRARIES)
    if done.returncode != 0 or "warning:" in done.stderr:
        raise BuildError(f"{program} for {target.name}:\n{done.stderr}")
    stamp.write_text(key)
    return output
