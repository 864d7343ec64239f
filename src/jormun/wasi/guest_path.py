"""Paths of a guest, before anything is looked up: what all directories refuse alike."""

from __future__ import annotations

import errno

from jormun.wasi.filesystem import refusal


def expand(path: bytes, pending: list[bytes]) -> bool:
    """Puts the components of `path` on top of `pending`, the first of them last.

    Returns whether the whole way then has to end at a directory: `pending` was empty, and a slash is at the end. Raises
    OSError: ENOENT for an empty path, EPERM for an absolute one.
    """
    if not path:
        raise refusal(errno.ENOENT)
    require_relative(path)
    is_directory = not pending and path.endswith(b"/")
    pending.extend(component for component in reversed(path.split(b"/")) if component)
    return is_directory


def require_relative(path: bytes) -> None:
    """Refuses an absolute path, by OSError: EPERM."""
    if path.startswith(b"/"):
        raise refusal(errno.EPERM)


def require_target(target: bytes) -> None:
    """Refuses what no link may say, by OSError: EINVAL for a NUL byte, EPERM for an absolute path."""
    if b"\0" in target:
        raise refusal(errno.EINVAL)
    require_relative(target)
