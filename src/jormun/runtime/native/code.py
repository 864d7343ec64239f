"""The code region: one range of addresses for all machine code, so that one comparison tells whether a pc is in it.

Pages are written or executed, never both at a time. An image gets pages of its own, is copied and sealed before its
address is known to anyone; so no thread ever runs a page that is being written.
"""

from __future__ import annotations

import sys
from _bisect import bisect_right, insort_right  # bisect's own, without its Python

from jormun.containers import deque, ref
from jormun.dataclass import dataclass, field
from jormun.errors import ExhaustionError, TrapKind, WasmError
from jormun.hints import Callable, Sequence
from jormun.locks import Lock
from jormun.runtime.image import FUNCTION, LOOP_ENTRY, PART, CodeFunction, CodeImage
from jormun.runtime.native import pages
from jormun.runtime.native.pages import PAGE_BYTES, READ_EXECUTE, READ_WRITE
from jormun.runtime.native.support import machine

REGION_BYTES = 1 << 30
_LEAST_REGION_BYTES = 1 << 26
_AHEAD_BYTES = 1 << 16
"""How much is made writable together, for small images to come."""
_SMALL_BYTES = 1 << 14
_FEW_IMAGES = 16
"""A process with no more of them loads no functions one by one."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known about an address in a function of the code region: `function_index` is None outside of guests."""

    owner: object
    function_index: int | None
    start: int
    """The address of the function's first instruction."""
    kind: str = ""
    """What it is of the function (runtime/image.py)."""

    def is_same_call(self, caller: Place) -> bool:
        """Whether that is where this was called from, and yet no other call: of an entry at a loop, baseline code; of
        a part, the function's code that others call.
        """
        kinds = self.kind == LOOP_ENTRY or (self.kind == PART and caller.kind == FUNCTION)
        return kinds and self.function_index == caller.function_index


@dataclass(slots=True, order=True)
class LoadedCode:
    """An image in the code region, until `free` is called."""

    address: int
    size_bytes: int = field(compare=False)
    _owner: ref[object] | None = field(compare=False)
    _region: CodeRegion = field(compare=False, repr=False)
    _functions: Sequence[CodeFunction] = field(compare=False, repr=False)
    """By their offsets."""

    def find(self, pc: int) -> Place | None:
        """The function around `pc`."""
        offset = pc - self.address
        at = bisect_right(self._functions, offset, key=_offset) - 1
        if at < 0:
            return None
        function = self._functions[at]
        if offset >= function.offset + function.size_bytes:
            return None
        owner = self._owner() if self._owner is not None else None
        index = function.index if function.index >= 0 else None
        return Place(owner, index, self.address + function.offset, function.kind)

    def image(self) -> CodeImage:
        """The image that it was loaded from, and what pages have behind it."""
        code = pages.read_bytes(self.address, self.size_bytes)
        return CodeImage(code, tuple(self._functions), machine())

    def free(self) -> None:
        """Give the pages back. No thread may be running the code, nor may anything refer to it."""
        self._region._free(self)


class OwnedCode:
    """Code that is freed with this object. Whoever runs it holds this, by whatever way."""

    __slots__ = ("_loaded",)

    def __init__(self) -> None:
        self._loaded: list[LoadedCode] = []
        pages.finalized_last(self)

    def append(self, loaded: LoadedCode) -> None:
        """Own this code too."""
        self._loaded.append(loaded)

    def images(self) -> list[CodeImage]:
        """The images that it was loaded from."""
        return [loaded.image() for loaded in self._loaded]

    def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_ending():  # else the region's own modules may be gone already
            for loaded in self._loaded:
                loaded.free()


class CodeRegion:
    """The process's code region. `base` to `end` holds machine code alone, but for `data_bytes` at its start:
    constants that the run time writes and code reads at 32-bit distances.
    """

    def __init__(self, data_bytes: int = PAGE_BYTES) -> None:
        self.base, self.size_bytes = pages.reserve_most(REGION_BYTES, _LEAST_REGION_BYTES)
        self.end = self.base + self.size_bytes
        self._architecture = machine()
        self.data = self.base
        pages.protect(self.data, pages.round_up(data_bytes), READ_WRITE)
        self._unused = self.base + pages.round_up(data_bytes)
        self._writable_end = self.base
        """Up to here unused pages are writable already."""
        self._holes: list[tuple[int, int]] = []  # (address, size), ascending, never adjacent
        # Appended to or replaced, and never changed otherwise, so that `find` needs no lock: a guest may trap in a
        # signal's handler, which runs in the middle of whatever the thread was doing.
        self._loaded: list[LoadedCode] = []
        self._dead: deque[LoadedCode] = deque()
        self._lock = Lock()

    def load(self, image: CodeImage, owner: object = None) -> LoadedCode:
        """Make an image's code executable. `owner` is kept weakly, for backtraces. Raises WasmError for code of
        another machine.
        """
        if image.architecture != self._architecture:
            raise WasmError(f"code for {image.architecture}, not for {self._architecture}")
        return self.place(len(image.code), lambda address: image.code, image.functions, owner)

    def place(
        self,
        size_bytes: int,
        make: Callable[[int], bytes | bytearray | memoryview],
        functions: Sequence[CodeFunction] = (),
        owner: object = None,
    ) -> LoadedCode:
        """Make `size_bytes` bytes of code executable, which `make` gives for the address where they will be."""
        size_bytes = pages.round_up(max(size_bytes, 1))
        address = self._allocate(size_bytes)
        try:
            code = make(address)
            assert len(code) <= size_bytes
            pages.expect_all(address, len(code))
            pages.write_bytes(address, code)
            pages.protect(address, size_bytes, READ_EXECUTE)
        except BaseException:
            with self._lock:
                self._deallocate(address, size_bytes)
            raise
        owner_ref = ref(owner) if owner is not None else None
        loaded = LoadedCode(address, size_bytes, owner_ref, self, functions)
        with self._lock:
            images = self._loaded
            if images and loaded.address < images[-1].address:
                images = images.copy()
                insort_right(images, loaded)
                self._loaded = images
            else:
                images.append(loaded)
        return loaded

    def find(self, pc: int) -> Place | None:
        """The function around the address `pc`."""
        if not self.base <= pc < self.end:
            return None
        images = self._loaded
        at = bisect_right(images, pc, key=_address) - 1
        return images[at].find(pc) if at >= 0 else None

    @property
    def used_bytes(self) -> int:
        """How much of the region is taken."""
        self._remove_dead()
        with self._lock:
            return self._unused - self.base - sum(size for _, size in self._holes)

    def _free(self, loaded: LoadedCode) -> None:
        # Modules die in garbage collections too, which may begin while this very thread holds the lock.
        self._dead.append(loaded)
        self._remove_dead()

    def _remove_dead(self) -> None:
        """Free what waits for it, unless the lock is taken: then the next allocation does."""
        while self._dead and self._lock.acquire(blocking=False):
            try:
                if not self._dead:  # another thread was faster
                    return
                loaded = self._dead.popleft()
                at = bisect_right(self._loaded, loaded.address, key=_address) - 1
                if at >= 0 and self._loaded[at] is loaded:  # else it was freed already
                    self._loaded = self._loaded[:at] + self._loaded[at + 1 :]
                    self._deallocate(loaded.address, loaded.size_bytes)
            finally:
                self._lock.release()

    def _allocate(self, size_bytes: int) -> int:
        """Writable pages, which were never executed: the first hole that is large enough, else the unused end of the
        region.
        """
        self._remove_dead()
        with self._lock:
            for at, (address, hole_bytes) in enumerate(self._holes):
                if hole_bytes >= size_bytes:
                    pages.protect(address, size_bytes, READ_WRITE)
                    if hole_bytes == size_bytes:
                        del self._holes[at]
                    else:
                        self._holes[at] = (address + size_bytes, hole_bytes - size_bytes)
                    return address
            if self.end - self._unused < size_bytes:
                raise ExhaustionError(
                    TrapKind.RESOURCE_LIMIT,
                    message=f"out of code memory: {size_bytes:,} bytes more than the {self.size_bytes:,} reserved",
                )
            address = self._unused
            end = address + size_bytes
            if end > self._writable_end:
                # FAST: of 20 us that loading a function takes, a system call and a fault are 6.
                is_one_of_many = size_bytes <= _SMALL_BYTES and len(self._loaded) > _FEW_IMAGES
                ahead_bytes = min(_AHEAD_BYTES, self.end - end) if is_one_of_many else 0
                pages.protect(address, size_bytes + ahead_bytes, READ_WRITE)
                if ahead_bytes:
                    pages.populate(address, size_bytes + ahead_bytes)
                self._writable_end = end + ahead_bytes
            self._unused = end
            return address

    def _deallocate(self, address: int, size_bytes: int) -> None:
        """Give pages back and merge the hole with those beside it. The lock is held."""
        pages.discard(address, size_bytes)
        at = bisect_right(self._holes, (address, 0))
        if at < len(self._holes) and self._holes[at][0] == address + size_bytes:
            size_bytes += self._holes.pop(at)[1]
        if at > 0 and sum(self._holes[at - 1]) == address:
            address, before = self._holes.pop(at - 1)
            size_bytes += before
            at -= 1
        if address + size_bytes == self._unused:
            self._unused = self._writable_end = address  # what is writable behind it will be made so again
        else:
            self._holes.insert(at, (address, size_bytes))


def _address(loaded: LoadedCode) -> int:
    return loaded.address


def _offset(function: CodeFunction) -> int:
    return function.offset
