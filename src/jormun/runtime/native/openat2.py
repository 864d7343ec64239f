"""openat2(2), which Python does not have: the kernel itself keeps a path below a directory (Linux 5.6 and later)."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

_SYS_OPENAT2 = 437  # on every architecture: system calls since Linux 5.0 are numbered alike
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_WORDS = 3  # struct open_how: flags, mode, resolve; 64 bits each

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def open_directory_beneath(root: int, path: bytes) -> int:
    """The descriptor of the directory at `path`, which the kernel reached without leaving the directory open as `root`.

    It is of use for resolving names only (O_PATH), and closed in programs that this process starts. Symbolic links are
    followed, those of /proc that are doors into other processes are not. `path` has no NUL. Raises OSError: EXDEV for a
    path that leads out, ELOOP for such a door, EAGAIN when a rename meanwhile leaves it open which; ENOSYS on a system
    that has no such call.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(38, "openat2 is a call of Linux")
    # Safe: both are our own objects, alive until the call returns, and the kernel reads them only: `path`, whose NUL
    # Python keeps behind it, and as many bytes of `how` as it is told.
    how = (ctypes.c_uint64 * _WORDS)(
        os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
    )
    fd = int(_syscall(_SYS_OPENAT2, root, path, how, ctypes.sizeof(how)))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


@cache
def is_available() -> bool:
    """Whether this system has openat2: older kernels do not, and some containers forbid it."""
    try:
        root = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.close(open_directory_beneath(root, b"."))
        finally:
            os.close(root)
    except OSError:
        return False
    return True
