"""What an entry of the cache is found by: all that its code depends on."""

from __future__ import annotations

import os
import sys

from jormun.cache.build import build_stamp
from jormun.digest import digest
from jormun.runtime.native.support import first_cpu
from jormun.version import VERSION

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


def module_key(module: bytes, *settings: str) -> bytes:
    """The key of a module, given by the digest of its bytes, with settings such as the tier."""
    text = "\n".join((VERSION, sys.byteorder, *settings))
    return digest(text.encode(), build_stamp(), _llvm(), _cpu(), module)


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


def _cpu() -> bytes:
    """The first CPU, but for what changes while it works: LLVM makes code for the very model."""
    return b"\n".join([line for line in first_cpu().split(b"\n") if line.startswith(_CPU_FIELDS)])
