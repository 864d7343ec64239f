"""Which machines native execution is there for; on others, the one error that says so."""

from __future__ import annotations

import os
import sys

from jormun.errors import UnsupportedError

_CPU_FILE = "/proc/cpuinfo"


def machine() -> str:
    """The architecture, by the name that the system has for it: "x86_64"."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform  # takes longer

    return platform.machine()


def check_system() -> None:
    """Raises UnsupportedError under other systems than Linux."""
    if sys.platform != "linux":
        raise UnsupportedError(f"native execution needs x86-64 Linux; this is {sys.platform} on {machine()}")


def check_machine() -> None:
    """Raises UnsupportedError on other machines than x86-64 under Linux, and in Pythons but 64-bit CPython."""
    check_system()
    found = machine()
    if found not in ("x86_64", "AMD64"):
        raise UnsupportedError(f"native execution needs x86-64 Linux; this is {sys.platform} on {found}")
    if sys.implementation.name != "cpython":
        raise UnsupportedError(f"native execution needs CPython; this is {sys.implementation.name}")
    if sys.maxsize <= 1 << 32:
        raise UnsupportedError("native execution needs a Python of 64 bits; this one has 32")
    if not has_plain_objects():
        raise UnsupportedError("native execution needs an ordinary build of CPython; this one has no GIL, or traces")


def has_plain_objects() -> bool:
    """Whether Python's objects begin as machine code expects: with a count of references and a type, 8 bytes each."""
    return sys.implementation.name == "cpython" and object.__basicsize__ == 16


def first_cpu() -> bytes:
    """What the kernel says of the first CPU: a name, a colon and a value on each line; nothing where it does not say.

    Only the beginning of its file is read: the kernel writes a part for each CPU as it is asked for.
    """
    try:
        with open(_CPU_FILE, "rb", buffering=0) as file:
            return file.read(8192).partition(b"\n\n")[0]
    except OSError:
        return b""


def cpu_flags() -> frozenset[str]:
    """The instruction set extensions of the first CPU, by the kernel's names; empty where it does not say."""
    for line in first_cpu().decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()
