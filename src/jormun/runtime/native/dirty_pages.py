"""Which pages of a private mapping were written to (ioctl PAGEMAP_SCAN of Linux 6.7).

A page that is given back is faulted in, copied and zapped again for the next user, which takes 10 us; one that is
written over takes 0.3. So for few pages it pays to ask which.
"""

from __future__ import annotations

import os

from jormun.hints import Sequence
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native.pages import PAGE_BYTES

MOST_PAGES = 16
"""More written pages than that are not told one by one."""
_SCAN = 0xC060_6610
"""_IOWR('f', 16, struct pm_scan_arg), of <linux/fs.h>."""
_ARGUMENT_BYTES = 96
_FILE, _PRESENT, _SWAPPED, _ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
"""PAGE_IS_FILE, PRESENT, SWAPPED, PFNZERO: a page is the file's own, is there, is in swap space, is the page of zeros
that is read where nothing was written."""
_WORDS_OF_REGION = 3
_WALK_END = 4
"""A word of struct pm_scan_arg."""

_ioctl = ctypes.CDLL(None, use_errno=True).ioctl
_ioctl.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p]
_getpid = os.getpid
_Regions = ctypes.c_uint64 * (_WORDS_OF_REGION * (MOST_PAGES + 1))
_Argument = ctypes.c_uint64 * (_ARGUMENT_BYTES // 8)


class _Scanner:
    """The open file of this very process's pages."""

    __slots__ = ("fd", "pid")

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


class DirtyPages:
    """A private mapping of which somebody wants to know what was written to."""

    __slots__ = ("_address", "_argument", "_end", "_regions")

    def __init__(self, address: int, size_bytes: int) -> None:
        self._end = address + size_bytes
        self._regions = _Regions()  # the kernel fills it
        self._argument = _Argument(
            _ARGUMENT_BYTES, 0, address, self._end, 0, ctypes.addressof(self._regions), MOST_PAGES + 1, MOST_PAGES + 1,
            _FILE | _ZERO, _FILE | _ZERO, _PRESENT | _SWAPPED, 0,
        )  # fmt: skip
        self._address = ctypes.addressof(self._argument)

    def written(self) -> Sequence[tuple[int, int]] | None:
        """Ranges of pages, (start, end) as addresses, that were written to since they were mapped or given back. None
        if they are more than MOST_PAGES, or the system does not say.

        Nobody may be writing. What is told to be written may not have been; never the other way round.
        """
        scanner = _scanner
        if scanner is None or scanner.pid != _getpid():  # a file of another process tells of that one's pages
            scanner = _open()
            if scanner is None:
                return None
        count = _ioctl(scanner.fd, _SCAN, self._address)
        if count == 0:
            return ()
        if count < 0:
            _give_up()
            return None
        if self._argument[_WALK_END] != self._end:  # there was no room for all
            return None
        regions = self._regions
        found = [(regions[k], regions[k + 1]) for k in range(0, _WORDS_OF_REGION * count, _WORDS_OF_REGION)]
        if sum([end - start for start, end in found]) > MOST_PAGES * PAGE_BYTES:
            return None
        return found


_scanner: _Scanner | None = None
_is_available = True


def _open() -> _Scanner | None:
    """The file, or None where there is none, or it cannot be asked."""
    global _scanner
    if not _is_available:
        return None
    try:
        _scanner = scanner = _Scanner()
    except OSError:
        _give_up()
        return None
    return scanner


def _give_up() -> None:
    """Ask no more: an older kernel, or one that refuses, will the next time too."""
    global _scanner, _is_available
    _scanner, _is_available = None, False


def _after_fork() -> None:
    """In the child: the file tells of the parent."""
    global _scanner
    _scanner = None


os.register_at_fork(after_in_child=_after_fork)
