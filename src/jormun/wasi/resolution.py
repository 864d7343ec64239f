"""The sealed walk along a guest's path: from a directory descriptor of the host to a place that is below it, for sure.

Every component is opened on its own, relative to the descriptor of the one before it and never through a symbolic link;
links are read and walked here. `..` goes back to a descriptor that the walk came through, it is never asked of the
host, so that a directory moved elsewhere in the midst of a walk leads nowhere. What is returned is a directory's
descriptor and one name in it; whoever uses the name must not follow a link either.
"""

from __future__ import annotations

import errno
import os
from types import TracebackType

from jormun.hints import Final

PATH_BYTES: Final = 4096
"""The longest path (PATH_MAX of Linux)."""
LINKS: Final = 40
"""Symbolic links that one path may lead through (as Linux allows)."""

_WALK: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """Where a path leads: `name`, a single component that is not `..`, in the directory open as `parent`.

    `name` is `.` for a directory itself. `is_directory` says that the path ends in a slash. A context manager: at its
    end the descriptors of the walk are closed.
    """

    __slots__ = ("_opened", "is_directory", "name", "parent")

    def __init__(self, root: int, path: bytes, *, follow: bool) -> None:
        """Walks `path` from the directory `root`.

        Raises OSError: ENOENT for an empty path or one that leads through nothing; EPERM for an absolute path or link
        and for one that leads above `root`; ENOTDIR; ELOOP beyond LINKS links; ENAMETOOLONG; EINVAL for a NUL;
        EACCES where the host forbids the way.
        """
        if len(path) > PATH_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if b"\0" in path:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.parent = root
        self.is_directory = False
        self._opened: list[int] = []
        try:
            self.name = self._walk(root, path, follow)
        except BaseException:
            self.close()
            raise

    def _walk(self, root: int, path: bytes, follow: bool) -> bytes:
        links = 0
        pending: list[bytes] = []
        self._expand(path, pending)
        while True:
            component = pending.pop()
            is_last = not pending
            if component == b".":
                if is_last:
                    return component
                continue
            if component == b"..":
                if not self._opened:
                    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
                os.close(self._opened.pop())
                self.parent = self._opened[-1] if self._opened else root
                if is_last:
                    return b"."
                continue
            if is_last:
                if not follow and not self.is_directory:
                    return component
                target = self._link_target(component)
                if target is None:
                    return component
            else:
                try:
                    self.parent = os.open(component, _WALK, dir_fd=self.parent)
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    target = self._link_target(component)
                    if target is None:
                        raise
                else:
                    self._opened.append(self.parent)
                    continue
            links += 1
            if links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            self._expand(target, pending)

    def _expand(self, path: bytes, pending: list[bytes]) -> None:
        """Puts the components of `path` on top of `pending`, the first of them last."""
        if not path:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if path.startswith(b"/"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        if not pending and path.endswith(b"/"):
            self.is_directory = True
        pending.extend(component for component in reversed(path.split(b"/")) if component)

    def _link_target(self, name: bytes) -> bytes | None:
        """The text of the symbolic link `name`, or None when it is no link or is not there."""
        try:
            return os.readlink(name, dir_fd=self.parent)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise

    def close(self) -> None:
        """Closes the descriptors of the walk."""
        while self._opened:
            os.close(self._opened.pop())

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
