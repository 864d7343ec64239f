"""How much memory there is for this process: the machine's, or less where a control group (a container) says so."""

from __future__ import annotations

import os

from jormun.functions import cache
from jormun.hints import Final, Iterator

_UNKNOWN: Final = 1 << 62
_GROUPS: Final = "/proc/self/cgroup"
_MOUNT: Final = "/sys/fs/cgroup"
_MOST_BYTES: Final = 4096
"""How much of these files is read: a few lines, or one number."""


@cache
def memory_bytes() -> int:
    """How many bytes this process may use at most; a number beyond all memories where nobody says. Asked once: it takes
    some 50 us.
    """
    return min(_physical_bytes(), *_group_bytes(_GROUPS, _MOUNT))


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def _group_bytes(groups: str, mount: str) -> Iterator[int]:
    """The bounds of the process's control groups and of those that they are in (cgroups(7)), of both versions.

    In a container, what the kernel calls a group may be mounted as the root, so that its path is not there.
    """
    yield _UNKNOWN
    for line in _text(groups).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            root, name = mount, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = f"{mount}/memory", "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            bound = _text("/".join((root, *parts[:depth], name))).strip()
            if bound.isascii() and bound.isdecimal():  # else "max", or no such file
                yield int(bound)


def _text(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, _MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(fd)
