"""CPUs by LLVM's names, and what instructions each of them has: `python -m jormun.llvm.cpus TRIPLE CPU FEATURE ...`.

LLVM's C interface tells neither. It prints a list of names to standard error when asked to generate code for the CPU
"help", takes a CPU that it does not know for one without extensions, and ends the process for a 32-bit one. So it is
asked in a process of its own. Which extensions a CPU has, its inliner knows: it puts a function into another only if
that one's CPU has all instructions that the first may be made of.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from jormun.errors import WasmError
from jormun.llvm.target import binding

_NOT_64_BIT = (
    "athlon", "athlon-4", "athlon-mp", "athlon-tbird", "athlon-xp", "c3", "c3-2", "geode", "i386", "i486", "i586",
    "i686", "k6", "k6-2", "k6-3", "lakemont", "pentium", "pentium-m", "pentium-mmx", "pentium2", "pentium3",
    "pentium3m", "pentium4", "pentium4m", "pentiumpro", "prescott", "winchip-c6", "winchip2", "yonah",
)  # fmt: skip
"""Names that end a process which generates 64-bit code."""
_LEAST = {"x86_64": "sse4.1", "aarch64": "neon"}
"""What guest code cannot be made without (Target.lacking), by architecture."""


@dataclass(frozen=True, slots=True)
class Cpus:
    """What LLVM knows of an architecture's CPUs."""

    names: tuple[str, ...]
    """Those that guest code can be made for."""
    features: tuple[str, ...]
    """Those that were asked for, and that the CPU in question has."""


def ask(triple: str, cpu: str, features: Sequence[str]) -> Cpus:
    """The CPUs of a target triple's architecture, and which of `features` the one named `cpu` has: none, if it is not
    one of them. Takes 0.3 s. Raises WasmError when LLVM fails.
    """
    words = [sys.executable, "-m", "jormun.llvm.cpus", triple, cpu, *features]
    done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        raise WasmError(f"LLVM does not tell what CPUs there are for {triple}: {done.stderr.strip() or 'it crashed'}")
    names, found = done.stdout.split("\n")[:2]
    return Cpus(tuple(names.split()), tuple(found.split()))


def _main(triple: str, cpu: str, *features: str) -> None:
    """Print the names in a line, and the features of `cpu` in another."""
    architecture = triple.partition("-")[0]
    least = _LEAST[architecture]
    listed = [name for name in _listed(triple) if name not in _NOT_64_BIT]
    names = [name for name, found in _features(triple, listed, (least,)).items() if found]
    print(*names)
    print(*(_features(triple, [cpu], features)[cpu] if cpu in names else ()))


def _listed(triple: str) -> list[str]:
    """The names that LLVM prints, without those with underscores, which are further names for the same CPUs."""
    import tempfile

    llvm = binding()
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            llvm.Target.from_triple(triple).create_target_machine(cpu="help")
        finally:
            os.dup2(before, 2)
        file.seek(0)
        text = file.read().decode()
    found = text.partition("Available CPUs")[2].partition("Available features")[0]
    return sorted({line.split()[0] for line in found.splitlines() if " - Select the " in line and "_" not in line})


def _features(triple: str, cpus: Sequence[str], features: Sequence[str]) -> dict[str, list[str]]:
    """Which of the features each of the CPUs has."""
    llvm = binding()
    lines = []
    for c, cpu in enumerate(cpus):
        for k, feature in enumerate(features):
            lines.append(
                f'define internal i32 @f{c}_{k}(i32 %x) "target-cpu"="{cpu}" "target-features"="+{feature}" {{'
            )
            lines.append(f"%y = add i32 %x, {c + k + 1}\nret i32 %y\n}}")
            lines.append(f'define i32 @c{c}_{k}(i32 %x) "target-cpu"="{cpu}" {{')
            lines.append(f"%y = call i32 @f{c}_{k}(i32 %x)\nret i32 %y\n}}")
    machine = llvm.Target.from_triple(triple).create_target_machine()
    module = llvm.parse_assembly("\n".join(lines))
    module.triple = triple
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    found: dict[str, list[str]] = {cpu: [] for cpu in cpus}
    for function in module.functions:
        if function.name.startswith("c") and "call " not in str(function):
            c, _, k = function.name[1:].partition("_")
            found[cpus[int(c)]].append(features[int(k)])
    return found


if __name__ == "__main__":
    _main(*sys.argv[1:])
