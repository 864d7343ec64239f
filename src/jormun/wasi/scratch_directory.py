"""Scratch space: an empty directory of the host that is removed when nobody needs it any more."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path

from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.quota import Quota


class ScratchDirectory:
    """A temporary directory of the host's for guests, as tempfile.TemporaryDirectory is one for Python.

    It lies where `tempfile` puts such things, at `path`, and is removed with all that is in it at the end of a `with`
    block, with the object itself, or when Python ends. `quota` bounds what is in it. Raises OSError.

    >>> import jormun
    >>> with jormun.ScratchDirectory(quota=jormun.Quota("64MiB")) as scratch:
    ...     scratch.path.is_dir()
    True
    >>> scratch.path.exists()
    False
    """

    __slots__ = ("__weakref__", "_directory", "_remove", "path")

    def __init__(self, *, quota: Quota | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="jormun-"))
        self._remove = weakref.finalize(self, _remove_tree, os.fspath(self.path))
        self._directory = HostDirectory(self.path, quota=quota)

    def reopened(self) -> HostDirectory:
        """The directory as a guest opens it."""
        return self._directory.reopened()

    def close(self) -> None:
        """Removes it now. Guests that have files of it open keep those."""
        self._directory.close()
        self._remove()

    def __enter__(self) -> ScratchDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_tree(path: str) -> None:
    """Removes a directory with all below it, however deep: guests choose that, so there is no recursion here.

    What is two levels down is moved up to the first, until there is nothing left.
    """
    token = os.urandom(8).hex()
    moved = 0
    try:
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            while names := _names(root):
                for name in names:
                    if _unlinked(name, root):
                        continue
                    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
                    try:
                        for below in _names(inner):
                            if not _unlinked(below, inner):
                                moved += 1
                                os.rename(below, f"{token}-{moved}", src_dir_fd=inner, dst_dir_fd=root)
                    finally:
                        os.close(inner)
                    os.rmdir(name, dir_fd=root)
        finally:
            os.close(root)
        os.rmdir(path)
    except OSError:
        pass  # as tempfile has it with ignore_cleanup_errors: there is nobody to tell


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def _unlinked(name: str, directory: int) -> bool:
    """Removes what is no directory; False for one."""
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError):
        return False
    return True
