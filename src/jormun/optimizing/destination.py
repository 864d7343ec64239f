"""Machines that code is compiled ahead for: target triples and CPUs, by the names that people know them by."""

from __future__ import annotations

from dataclasses import dataclass

from jormun.errors import UnsupportedError
from jormun.llvm.cpus import ask
from jormun.llvm.target import Target, host
from jormun.runtime.native.support import cpu_flags
from jormun.runtime.requirements import KERNEL_FLAGS, Requirements, architecture_named, this_machine

NATIVE = "native"
"""The CPU that we run on."""
_LEAST_CPU = {"x86_64": "x86-64-v2", "aarch64": "generic"}
"""What code is made for when a target is given and no CPU: those since 2009, and all."""
_UNUSED = {
    "x86_64": (
        "avx10.1", "avx10.2", "avxneconvert", "avxvnniint16", "avxvnniint8", "ccmp", "cf", "cmpccxadd", "egpr", "ndd",
        "nf", "ppx", "push2pop2", "raoint", "zu",
    ),
    "aarch64": ("cssc", "lse128", "mops", "rcpc3", "sme", "sve"),
}  # fmt: skip
"""Extensions that LLVM would use where a CPU has them, and whose names in the kernel are not in KERNEL_FLAGS, or whose
vectors have no fixed size, which the optimizer's marks (llvm/keep.py) have no forms for."""
_SYSTEMS = {"linux": "linux", "darwin": "macos", "macos": "macos", "macosx": "macos", "windows": "windows"}
_RESERVING = ("macos", "windows")
"""Systems under which code on aarch64 leaves x18 alone."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A machine to compile for: what LLVM is told of it, and what it must have to run the code."""

    target: Target
    requirements: Requirements


def destination(triple: str | None, cpu: str | None) -> Destination:
    """The machine with this target triple and CPU.

    Without a triple, it is this machine, and its CPU if none is named; with one, the least CPU of its architecture.
    Objects are of ELF for every system: only their code is taken, which is the same in other formats. Raises
    UnsupportedError for what code cannot be made for.
    """
    machine = this_machine() if triple is None else _parse(triple)
    architecture = machine.architecture
    checked = KERNEL_FLAGS.get(architecture)
    if checked is None:
        architectures = " and ".join(KERNEL_FLAGS)
        raise UnsupportedError(
            f"code is made for {architectures}, not for {architecture or 'a machine without a name'}"
        )
    if (architecture, machine.system) == ("x86_64", "windows"):
        raise UnsupportedError(
            "no code is made for x86_64 Windows: guests pass more arguments in registers than its calls do"
        )
    if cpu is None:
        cpu = NATIVE if triple is None else _LEAST_CPU[architecture]
    target = f"{architecture}-unknown-linux-gnu"
    if cpu == NATIVE:
        if architecture != this_machine().architecture:
            raise UnsupportedError(
                f"the native CPU is of {this_machine().architecture}: name one of {architecture} with --cpu"
            )
        here = host()
        cpu = here.cpu
        flags = cpu_flags()  # without what the kernel does not tell: the code would not be run where it was made
        has = {name[1:] for name in here.features.split(",") if name.startswith("+")}
        has = {name for name in has if not flags or checked.get(name) in flags}
    else:
        known = ask(target, cpu, tuple(checked))
        if cpu not in known.names:
            names = sorted(known.names, key=lambda name: (not name.startswith(("x86-64", "generic")), name))
            raise UnsupportedError(
                f"no CPU of {architecture} that code can be made for: {cpu!r}; there are {', '.join(names)}"
            )
        has = set(known.features)
    features = tuple(name for name in checked if name in has)
    told = [f"+{name}" for name in features]
    told += [f"-{name}" for name in (*checked, *_UNUSED[architecture]) if name not in has or name not in checked]
    if architecture == "aarch64" and machine.system in _RESERVING:
        told.append("+reserve-x18")
    return Destination(Target(target, cpu, ",".join(told)), Requirements(architecture, machine.system, cpu, features))


def _parse(triple: str) -> Requirements:
    """The architecture and system of a triple. One that says nothing of a system is of this one."""
    first, *others = triple.lower().split("-")
    architecture = architecture_named(first)
    for part in others:
        name = part.rstrip("0123456789.")
        if name in _SYSTEMS:
            return Requirements(architecture, _SYSTEMS[name])
    if others:
        raise UnsupportedError(
            f"target {triple!r} names no system that code is made for: there are linux, macos and windows, as in"
            " x86_64-unknown-linux-gnu"
        )
    return Requirements(architecture, this_machine().system)
