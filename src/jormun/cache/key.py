"""What an entry of the cache is found by: all that its code depends on."""

from __future__ import annotations

import os
import sys

from jormun.digest import digest
from jormun.functions import cache
from jormun.runtime.native.support import first_cpu
from jormun.version import VERSION

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_CPU_FIELDS = (
    b"vendor_id",
    b"cpu family",
    b"model",
    b"stepping",
    b"flags",
    b"CPU implementer",
    b"CPU part",
    b"Features",
)


def module_key(data: bytes, *settings: str) -> bytes:
    """The key of a module, given by its file's contents, with settings such as the tier."""
    text = "\n".join((VERSION, sys.byteorder, *settings))
    return digest(text.encode(), _stamp(), _llvm(), _cpu(), data)


def pickle_key(data: bytes) -> bytes:
    """The key of a module's code in a pickle, which other installations of one build may read, on machines alike."""
    from jormun.cache.artifact import agreed

    return digest(VERSION.encode(), agreed(), _cpu(), data)


def _llvm() -> bytes:
    """What tells one installed llvmlite from another.

    Code that another LLVM made is right code: it refers to nothing outside of itself, and what it is to look like is
    ours to say. But a new LLVM may be there because the old one compiled something wrong. To know its version takes an
    import, or `importlib.metadata`, which is as dear as all of a warm start; where its package lies, and since when,
    takes 0.1 ms.
    """
    for finder in sys.meta_path:
        spec = finder.find_spec("llvmlite", None)
        if spec is not None and spec.origin is not None:
            try:
                status = os.stat(spec.origin)
            except OSError:  # it is not a file of its own
                return spec.origin.encode()
            return f"{spec.origin} {status.st_ino} {status.st_size} {status.st_mtime_ns}".encode()
    return b""


def imports_key() -> bytes:
    """The key of Jormun's own modules, compiled by this Python."""
    return digest(VERSION.encode(), sys.version.encode(), bytes([sys.flags.optimize]), _PACKAGE.encode(), _stamp())


def _cpu() -> bytes:
    """The first CPU, but for what changes while it works: LLVM makes code for the very model."""
    return b"\n".join([line for line in first_cpu().split(b"\n") if line.startswith(_CPU_FIELDS)])


@cache
def _stamp() -> bytes:
    """What tells builds of one version apart: the sizes and times of our own sources in a source tree, 0.5 ms; when and
    where one of them was installed elsewhere.
    """
    if not os.path.exists(os.path.join(_PACKAGE, "..", "..", "pyproject.toml")):
        installed = os.stat(__file__)
        return f"{installed.st_ino} {installed.st_size} {installed.st_mtime_ns}".encode()
    found = []
    folders = [_PACKAGE]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
                elif not entry.name.startswith("__") and entry.is_dir():
                    folders.append(entry.path)
    return "\n".join(sorted(found)).encode()
