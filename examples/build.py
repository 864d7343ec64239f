"""Builds the .wasm files of this folder from their C sources: python examples/build.py [NAME ...]

Needs PyPI's ziglang (pip install ziglang), which brings clang, a C library for WASI and a linker.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = ("-target", "wasm32-wasi", "-std=c11", "-Oz", "-Wall", "-Wextra", "-s")
# What a single example needs besides.
EXTRA = {"stats": ("-mexec-model=reactor",)}


def build(name: str) -> int:
    """Compile one example; returns the compiler's exit status."""
    output = HERE / f"{name}.wasm"
    # Relative names, so that no path of this machine gets into the result.
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *EXTRA.get(name, ()), f"{name}.c", "-o", output.name]
    status = subprocess.run(command, cwd=HERE).returncode
    if status == 0:
        output.chmod(0o644)
        print(f"{output.name}: {output.stat().st_size:,} bytes")
    return status


def main(names: list[str]) -> int:
    """Build the named examples, or all; returns 0 if all of them compile."""
    known = sorted(path.stem for path in HERE.glob("*.c"))
    for name in names:
        if name not in known:
            print(f"there is no {name}.c; there are: {', '.join(known)}", file=sys.stderr)
            return 2
    return max([build(name) for name in names or known])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
