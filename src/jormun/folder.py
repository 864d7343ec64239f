"""Where files of the cache are, and how they are written: whole or not at all."""

from __future__ import annotations

import errno
import os
import sys

from jormun.hints import TYPE_CHECKING, Sequence
from jormun.interrupts import postponed

if TYPE_CHECKING:
    from io import FileIO

FOLDER_VARIABLE = "JORMUN_CACHE_DIR"
READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How a file is opened that may turn out to be something else: a pipe without a writer is not waited for."""


def cache_folder() -> str:
    """The folder for what can be made again: $JORMUN_CACHE_DIR, or the one that platformdirs names.

    Nothing is created. Under Linux its rule is applied here, since its import takes longer than all of a warm start.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return chosen
    if sys.platform == "linux":
        base = os.environ.get("XDG_CACHE_HOME", "")
        return os.path.join(base if base.strip() else os.path.expanduser("~/.cache"), "jormun")
    from platformdirs import user_cache_dir

    return user_cache_dir("jormun", False)


def write_whole(path: str, *pieces: bytes | memoryview, mode: int = 0o600) -> None:
    """Write a file, of pieces one behind the other, so that others see all of it or none, and what was there before
    until then. Raises OSError.

    The name is given by a rename, so that who has the former file open keeps that. `mode` is the file's, less the
    umask. Nothing is left of a write that fails, and signals that ask the process to end wait for it; what a process
    leaves that is killed in the middle, `is_left_over` tells by its name.
    """
    with postponed():
        _write_whole(path, pieces, mode)


def _write_whole(path: str, pieces: Sequence[bytes | memoryview], mode: int) -> None:
    if _file_limit_bytes() < sum(map(len, pieces)):  # the signal of a write beyond it would end the process
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    folder, name = os.path.split(path)
    os.makedirs(folder, 0o700, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # renamed, or gone with its folder
        raise


def _file_limit_bytes() -> int:
    """How large a file may become (ulimit -f)."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit
    except ImportError:  # Windows has no such limit
        return sys.maxsize
    limit = getrlimit(RLIMIT_FSIZE)[0]
    return sys.maxsize if limit == RLIM_INFINITY else limit


def is_left_over(name: str) -> bool:
    """Whether a file of this name is what a write was to become that never ended, or has not yet."""
    return name.startswith(".") and name.endswith(".part")


def read_own(path: str) -> bytes:
    """The contents of a file that nobody else could have written. Raises OSError, of PermissionError for one that is
    another user's, or that others may write.

    It is read, not mapped: a file that is truncated while it is mapped ends the process, and copying 10 MB takes 2 ms.
    """
    with open_own(path) as file:
        return file.readall()


def open_own(path: str) -> FileIO:
    """The same file, open. Raises OSError likewise."""
    fd = os.open(path, READING | getattr(os, "O_NOFOLLOW", 0))
    file = open(fd, "rb", buffering=0)  # noqa: SIM115, the caller closes it
    if hasattr(os, "geteuid"):
        status = os.fstat(fd)
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            file.close()
            raise PermissionError(f"{path}: others may have written it")
    return file
