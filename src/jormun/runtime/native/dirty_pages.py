"""Which pages of a private mapping were written to (ioctl PAGEMAP_SCAN of Linux 6.7).

A page that is given back is faulted in, copied and zapped again for the next user, which takes 10 us; one that is
written over takes 0.3. So for few pages it pays to ask which.
"""

from __future__ import annotations

import os

from jormun.errors import WasmError
from jormun.hints import TYPE_CHECKING
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import cleaning, pages
from jormun.runtime.native.machine import Native

if TYPE_CHECKING:
    from jormun.runtime.native.memory_image import MemoryImage

_FILE, _PRESENT, _SWAPPED, _ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
"""PAGE_IS_FILE, PRESENT, SWAPPED, PFNZERO: a page is the file's own, is there, is in swap space, is the page of zeros
that is read where nothing was written."""
_MOST_REGIONS = cleaning.MOST_PAGES + 1

_Record = ctypes.c_uint64 * (cleaning.BYTES // 8)
_Regions = ctypes.c_uint64 * (cleaning.REGION_BYTES // 8 * _MOST_REGIONS)


class DirtyPages:
    """A private mapping whose pages are to be as they began again."""

    __slots__ = ("_regions", "_scanner", "_words", "clean", "record")

    def __init__(self, address: int, size_bytes: int, image: MemoryImage | None) -> None:
        """They were zeros, but for where the image was mapped, which must live as long."""
        self._scanner = scanner
        self._regions = _Regions()  # the kernel fills it
        words = self._words = _Record()
        first = 0 if image is None else address + image.start
        for field, value in (
            (cleaning.SIZE, cleaning.ARGUMENT_BYTES),
            (cleaning.START, address),
            (cleaning.END, address + size_bytes),
            (cleaning.REGIONS, ctypes.addressof(self._regions)),
            (cleaning.MOST_REGIONS, _MOST_REGIONS),
            (cleaning.MOST_PAGES_ASKED, _MOST_REGIONS),
            (cleaning.INVERTED, _FILE | _ZERO),
            (cleaning.MASK, _FILE | _ZERO),
            (cleaning.ANY_OF, _PRESENT | _SWAPPED),
            (cleaning.FILE, scanner.address),
            (cleaning.IMAGE_FIRST, first),
            (cleaning.IMAGE_LAST, first if image is None else first + image.size_bytes),
            (cleaning.PRISTINE, 0 if image is None else image.pristine),
        ):
            words[field >> 3] = value
        self.record = ctypes.addressof(words)
        """What `clean` is called with."""
        self.clean = Native.get().built_ins.clean
        """Machine code that writes over the pages that were written to, and says how many they are; a number below 0 is
        to be given to `clean_again`. Nobody may be writing.
        """

    def clean_again(self, answer: int) -> int:
        """The same, if `clean` gave an answer below 0. So does this where more than cleaning.MOST_PAGES were written
        to, or the system does not say: then nothing was done.
        """
        if answer == cleaning.NO_FILE and self._scanner.open():
            answer = self.clean(self.record)
        if answer == cleaning.REFUSED:
            self._scanner.give_up()
        return answer


class Scanner:
    """The open file of this very process's pages: one of another process tells of that one's.

    Its descriptor, plus 1, is in a page that is zeros in the child of a fork, so that machine code finds none there.
    """

    __slots__ = ("_fd", "_is_available", "address")

    def __init__(self) -> None:
        self._fd = -1
        self._is_available = True
        try:
            self.address = pages.page_of_this_process()
        except WasmError:
            self.address = _NONE.address
            self._is_available = False

    def open(self) -> bool:
        """Open it, if there is one, unless that has been done; whether it is open."""
        if self._is_available and pages.read_u64(self.address) == 0:
            try:
                self._fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self.give_up()
            else:
                pages.write_u64(self.address, self._fd + 1)
        return self._is_available

    def give_up(self) -> None:
        """Ask no more: an older kernel, or one that refuses, will the next time too."""
        self._is_available = False
        # It stays open: if somebody closed all that there were, the descriptor is another file's by now.
        pages.write_u64(self.address, 0)

    def after_fork(self) -> None:
        """In the child: the file tells of the parent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            pages.write_u64(self.address, 0)


_NONE = pages.Block(8)
"""No descriptor."""
scanner = Scanner()
os.register_at_fork(after_in_child=scanner.after_fork)
