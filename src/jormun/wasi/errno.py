"""Error numbers of WASI 0.1, the exception that carries one, and the one table from the host's numbers to them."""

from __future__ import annotations

import errno

from jormun.enumeration import IntEnum, unique


@unique
class Errno(IntEnum):
    """An error number, as a guest sees it. The names are POSIX's; both modules of WASI 0.1 number them alike."""

    SUCCESS = 0
    E2BIG = 1
    EACCES = 2
    EADDRINUSE = 3
    EADDRNOTAVAIL = 4
    EAFNOSUPPORT = 5
    EAGAIN = 6
    EALREADY = 7
    EBADF = 8
    EBADMSG = 9
    EBUSY = 10
    ECANCELED = 11
    ECHILD = 12
    ECONNABORTED = 13
    ECONNREFUSED = 14
    ECONNRESET = 15
    EDEADLK = 16
    EDESTADDRREQ = 17
    EDOM = 18
    EDQUOT = 19
    EEXIST = 20
    EFAULT = 21
    EFBIG = 22
    EHOSTUNREACH = 23
    EIDRM = 24
    EILSEQ = 25
    EINPROGRESS = 26
    EINTR = 27
    EINVAL = 28
    EIO = 29
    EISCONN = 30
    EISDIR = 31
    ELOOP = 32
    EMFILE = 33
    EMLINK = 34
    EMSGSIZE = 35
    EMULTIHOP = 36
    ENAMETOOLONG = 37
    ENETDOWN = 38
    ENETRESET = 39
    ENETUNREACH = 40
    ENFILE = 41
    ENOBUFS = 42
    ENODEV = 43
    ENOENT = 44
    ENOEXEC = 45
    ENOLCK = 46
    ENOLINK = 47
    ENOMEM = 48
    ENOMSG = 49
    ENOPROTOOPT = 50
    ENOSPC = 51
    ENOSYS = 52
    ENOTCONN = 53
    ENOTDIR = 54
    ENOTEMPTY = 55
    ENOTRECOVERABLE = 56
    ENOTSOCK = 57
    ENOTSUP = 58
    ENOTTY = 59
    ENXIO = 60
    EOVERFLOW = 61
    EOWNERDEAD = 62
    EPERM = 63
    EPIPE = 64
    EPROTO = 65
    EPROTONOSUPPORT = 66
    EPROTOTYPE = 67
    ERANGE = 68
    EROFS = 69
    ESPIPE = 70
    ESRCH = 71
    ESTALE = 72
    ETIMEDOUT = 73
    ETXTBSY = 74
    EXDEV = 75
    ENOTCAPABLE = 76
    """A descriptor lacks the right that the call needs; WASI's own."""


_FROM_HOST = {getattr(errno, member.name): member for member in Errno if hasattr(errno, member.name)}


def from_host(error: OSError) -> Errno:
    """The number that a guest is told for an error of the host's; EIO for one that WASI has no name for."""
    return _FROM_HOST.get(error.errno or 0, Errno.EIO)


class WasiError(Exception):
    """A call fails with `errno`; the guest is told the number and nothing else."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno)
        self.errno = errno


def errno_of(error: Exception) -> int:
    """What a guest is told of an exception. Raises those that are none of its business: Exit, a trap, errors of
    Python code that streams lead to.
    """
    if isinstance(error, WasiError):
        return int(error.errno)
    if isinstance(error, OSError):
        return int(from_host(error))
    if isinstance(error, MemoryError):
        return int(Errno.ENOMEM)
    raise error
