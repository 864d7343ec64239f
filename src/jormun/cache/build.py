"""What tells builds of one version of Jormun apart. With what it imports, it comes before all that the cache holds."""

from __future__ import annotations

import os
import sys

from jormun.digest import digest
from jormun.functions import cache
from jormun.version import VERSION, is_source_tree

_PACKAGE = os.path.dirname(os.path.dirname(__file__))


@cache
def build_stamp() -> bytes:
    """The sizes and times of our own sources in a source tree, 0.5 ms; when and where one of them was installed
    elsewhere.
    """
    if not is_source_tree():
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


def imports_key() -> bytes:
    """The key of Jormun's own modules, compiled by this Python."""
    return digest(VERSION.encode(), sys.version.encode(), bytes([sys.flags.optimize]), _PACKAGE.encode(), build_stamp())
