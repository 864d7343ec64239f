"""openat2(2), which Python does not have: the kernel itself keeps a path below a directory (Linux 5.6 and later)."""

from __future__ import annotations

import os
import sys

from jormun.functions import cache
from jormun.runtime.native import c_types as ctypes

_SYS_OPENAT2 = 437  # on every architecture: system calls since Linux 5.0 are numbered alike
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_WORDS = 3  # struct open_how: flags, mode, resolve; 64 bits each

_HOW = (ctypes.c_uint64 * _WORDS)(
    getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
)

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]


def open_directory_beneath(root: int, path: bytes) -> int:
    """The descriptor of the directory at `path`, which the kernel reached without leaving the directory open as `root`.

    It is of use for resolving names only (O_PATH), and closed in programs that this process starts. Symbolic links are
    followed, those of /proc that are doors into other processes are not. `path` has no NUL. Raises OSError: EXDEV for a
    path that leads out, ELOOP for such a door, EAGAIN when a rename meanwhile leaves it open which; ENOSYS on a system
    that has no such call.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(38, "openat2 is a call of Linux")
    # Safe: the kernel only reads what it is given: `path`, which our caller holds and behind which Python keeps a NUL,
    # and as many bytes of _HOW as it is told.
    fd = int(_syscall(_SYS_OPENAT2, root, path, _HOW, ctypes.sizeof(_HOW)))
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
