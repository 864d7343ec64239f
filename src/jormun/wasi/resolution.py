"""Where a guest's path leads: from a directory descriptor of the host to a place that is below it, for sure.

Two ways lead there, with the same results. Where Linux has openat2, the kernel resolves all but the last component and
keeps itself below the directory. Elsewhere, and for what the kernel refuses, every component is opened on its own,
relative to the descriptor of the one before it and never through a symbolic link; links are read and walked here. `..`
goes back to a descriptor that the walk came through, it is never asked of the host, so that a directory moved elsewhere
in the midst of a walk leads nowhere.

What is found is a directory's descriptor and one name in it; whoever uses the name must not follow a link either. Names
are never compared with anything, so that it does not matter whether the host's file system tells case apart.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module

from jormun.hints import Final, TracebackType
from jormun.runtime.native.openat2 import open_directory_beneath
from jormun.wasi.filesystem import LINKS, PATH_BYTES, refusal
from jormun.wasi.guest_path import expand, require_relative

_WALK: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FINAL: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES})
"""What the kernel says as the walk would. After anything else the walk finds out what the matter is."""


class Place:
    """Where a path leads: `name`, a single component that is not `..`, in the directory open as `parent`.

    `name` is `.` for a directory itself. `is_directory` says that the path ends in a slash. `status` are the attributes
    of what is there, where they had to be asked for to see that it is no link. A context manager: at its end the
    descriptors of the way are closed.
    """

    __slots__ = ("_links", "_opened", "_root", "is_directory", "name", "parent", "status")

    def __init__(self, root: int, path: bytes, *, follow: bool, by_kernel: bool) -> None:
        """Resolves `path` from the directory `root`, with openat2 if `by_kernel`.

        `follow` says whether a link in the last place is followed; one with a slash behind it always is. Raises
        OSError: ENOENT for an empty path or one that leads through nothing; EPERM for an absolute path or link and for
        one that leads above `root`; ENOTDIR; ELOOP beyond LINKS links; ENAMETOOLONG; EINVAL for a NUL; EACCES where the
        host forbids the way.
        """
        if len(path) > PATH_BYTES:
            raise refusal(errno.ENAMETOOLONG)
        if b"\0" in path:
            raise refusal(errno.EINVAL)
        self.parent = self._root = root
        self.is_directory = False
        self.status: os.stat_result | None = None
        self._opened: list[int] = []
        self._links = 0
        try:
            self.name = self._ask(path, follow) if by_kernel else self._walk(path, follow)
        except BaseException:
            self.close()
            raise

    def _ask(self, path: bytes, follow: bool) -> bytes:
        """The way with openat2. Links in the last place are read here, and what they say is put in their place."""
        while True:
            trimmed = path.rstrip(b"/")
            if not trimmed or path.startswith(b"/"):
                raise refusal(errno.EPERM if path else errno.ENOENT)
            self.is_directory = self.is_directory or len(trimmed) != len(path)
            slash = trimmed.rfind(b"/") + 1
            way, name = trimmed[:slash], trimmed[slash:]
            if name in (b".", b".."):
                way, name = trimmed, b"."
            if way and way != b".":
                try:
                    self.parent = open_directory_beneath(self._root, way)
                except OSError as error:
                    if error.errno in _FINAL:
                        raise
                    return self._walk(path, follow)
                self._opened.append(self.parent)
            target = self._followed(name, follow)
            if target is None:
                return name
            require_relative(target)
            self.close()
            self.parent = self._root
            path = way + target

    def _walk(self, path: bytes, follow: bool) -> bytes:
        """The way one component at a time."""
        pending: list[bytes] = []
        self.is_directory |= expand(path, pending)
        while True:
            component = pending.pop()
            is_last = not pending
            if component == b".":
                if is_last:
                    return component
                continue
            if component == b"..":
                if not self._opened:
                    raise refusal(errno.EPERM)
                os.close(self._opened.pop())
                self.parent = self._opened[-1] if self._opened else self._root
                if is_last:
                    return b"."
                continue
            if is_last:
                target = self._followed(component, follow)
                if target is None:
                    return component
            else:
                try:
                    self.parent = os.open(component, _WALK, dir_fd=self.parent)
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    target = self._followed(component, True)
                    if target is None:
                        raise
                else:
                    self._opened.append(self.parent)
                    continue
            self.is_directory |= expand(target, pending)

    def _followed(self, name: bytes, follow: bool) -> bytes | None:
        """The text of the link `name` when it is one and is to be followed; otherwise None, with `status` set."""
        if name == b"." or not (follow or self.is_directory):
            return None
        try:
            self.status = os.stat(name, dir_fd=self.parent, follow_symlinks=False)
            if not stat_module.S_ISLNK(self.status.st_mode):
                return None
            self.status = None
            text = os.readlink(name, dir_fd=self.parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return None  # no link any more; who uses the name does not follow one, should it become one again
        self._links += 1
        if self._links > LINKS:
            raise refusal(errno.ELOOP)
        return text

    def examine(self) -> os.stat_result:
        """The attributes of what is there. ENOENT; ENOTDIR for a file behind whose name stands a slash."""
        status = self.status
        if status is None:
            status = os.stat(self.name, dir_fd=self.parent, follow_symlinks=False)
        if self.is_directory and not stat_module.S_ISDIR(status.st_mode):
            raise refusal(errno.ENOTDIR)
        return status

    def close(self) -> None:
        """Closes the descriptors of the way."""
        while self._opened:
            os.close(self._opened.pop())

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
