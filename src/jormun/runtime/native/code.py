"""The code region: one range of addresses for all machine code, so that one comparison tells whether a pc is in it.

Pages are written or executed, never both at a time. An object gets pages of its own, is relocated, copied and sealed
before its address is known to anyone; so no thread ever runs a page that is being written.
"""

from __future__ import annotations

import platform
import re
import weakref
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from jormun.errors import ExhaustionError, TrapKind
from jormun.llvm.object import Image, ObjectError, read_object
from jormun.runtime.native import pages
from jormun.runtime.native.pages import PAGE_BYTES, READ_EXECUTE, READ_WRITE

REGION_BYTES = 1 << 30
_LEAST_REGION_BYTES = 1 << 26
_FUNCTION_NAME = re.compile(r"[ft](0|[1-9][0-9]*)|o(0|[1-9][0-9]*)_[0-9]+")


@dataclass(frozen=True, slots=True)
class Place:
    """What is known about an address in the code region: `function_index` is None outside of guest functions."""

    owner: object
    symbol: str
    function_index: int | None
    start: int
    """The address of the function's first instruction."""

    @property
    def replaces_caller(self) -> bool:
        """Whether it is in an entry (runtime/engine.py), whose caller is the same function in baseline code."""
        return self.function_index is not None and self.symbol[0] == "o"


@dataclass(slots=True, order=True)
class LoadedObject:
    """An object's image in the code region, until `free` is called."""

    address: int
    size_bytes: int = field(compare=False)
    _owner: weakref.ref[object] | None = field(compare=False)
    symbols: dict[str, int] = field(compare=False)
    """The addresses of the functions and other symbols that it defines for others."""
    _region: CodeRegion = field(compare=False, repr=False)
    _starts: list[int] = field(compare=False, repr=False)
    _functions: list[tuple[int, str]] = field(compare=False, repr=False)

    def find(self, pc: int) -> Place | None:
        """The function around `pc`."""
        at = bisect_right(self._starts, pc) - 1
        if at < 0:
            return None
        start = self._starts[at]
        end, name = self._functions[at]
        if pc >= end:
            return None
        match = _FUNCTION_NAME.fullmatch(name)
        owner = self._owner() if self._owner is not None else None
        return Place(owner, name, int(match[1] or match[2]) if match else None, start)

    def free(self) -> None:
        """Give the pages back. No thread may be running the code, nor may anything refer to it."""
        self._region._free(self)


class CodeRegion:
    """The process's code region. `base` to `end` holds machine code alone, but for `data_bytes` at its start:
    constants that the run time writes and code reads at 32-bit distances.
    """

    def __init__(self, data_bytes: int = PAGE_BYTES) -> None:
        self.base, self.size_bytes = pages.reserve_most(REGION_BYTES, _LEAST_REGION_BYTES)
        self.end = self.base + self.size_bytes
        self.data = self.base
        pages.protect(self.data, pages.round_up(data_bytes), READ_WRITE)
        self._unused = self.base + pages.round_up(data_bytes)
        self._holes: list[tuple[int, int]] = []  # (address, size), ascending, never adjacent
        self._objects: list[LoadedObject] = []
        self._dead: deque[LoadedObject] = deque()
        self._lock = Lock()

    def load(self, data: bytes, resolve: Callable[[str], int], owner: object = None) -> LoadedObject:
        """Link an object file and make its code executable. `resolve` gives the address of each name that it leaves
        undefined, and raises for names that it does not know. `owner` is kept weakly, for backtraces.
        """
        return self.load_image(read_object(data), resolve, owner)

    def load_image(self, image: Image, resolve: Callable[[str], int], owner: object = None) -> LoadedObject:
        """Like `load`, for an object that has been read."""
        if image.architecture != platform.machine():
            raise ObjectError(f"code for {image.architecture}, not for {platform.machine()}")
        assert image.alignment <= PAGE_BYTES
        size_bytes = pages.round_up(max(len(image.data), 1))
        address = self._allocate(size_bytes)
        try:
            self._fill(address, size_bytes, image.place(address, resolve))
        except BaseException:
            with self._lock:
                self._deallocate(address, size_bytes)
            raise
        functions = sorted(
            (address + symbol.offset, address + symbol.offset + symbol.size_bytes, name)
            for name, symbol in image.symbols.items()
            if symbol.is_function
        )
        loaded = LoadedObject(
            address,
            size_bytes,
            weakref.ref(owner) if owner is not None else None,
            {name: address + symbol.offset for name, symbol in image.symbols.items() if symbol.is_global},
            self,
            [start for start, _, _ in functions],
            [(end, name) for _, end, name in functions],
        )
        with self._lock:
            insort(self._objects, loaded)
        return loaded

    def load_code(self, size_bytes: int, make: Callable[[int], bytes]) -> int:
        """Make finished code executable, of which `make` gives the bytes for an address; it is never freed."""
        size_bytes = pages.round_up(size_bytes)
        address = self._allocate(size_bytes)
        self._fill(address, size_bytes, make(address))
        return address

    def find(self, pc: int) -> Place | None:
        """The function around the address `pc`."""
        if not self.base <= pc < self.end:
            return None
        with self._lock:
            at = bisect_right(self._objects, pc, key=_address) - 1
            loaded = self._objects[at] if at >= 0 else None
        return loaded.find(pc) if loaded is not None else None

    @property
    def used_bytes(self) -> int:
        """How much of the region is taken."""
        self._remove_dead()
        with self._lock:
            return self._unused - self.base - sum(size for _, size in self._holes)

    def _fill(self, address: int, size_bytes: int, code: bytes | bytearray) -> None:
        """Write code to inaccessible pages of its own and seal them."""
        assert len(code) <= size_bytes
        pages.protect(address, size_bytes, READ_WRITE)
        pages.write_bytes(address, code)
        pages.protect(address, size_bytes, READ_EXECUTE)

    def _free(self, loaded: LoadedObject) -> None:
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
                at = bisect_right(self._objects, loaded.address, key=_address) - 1
                if at >= 0 and self._objects[at] is loaded:  # else it was freed already
                    del self._objects[at]
                    self._deallocate(loaded.address, loaded.size_bytes)
            finally:
                self._lock.release()

    def _allocate(self, size_bytes: int) -> int:
        """Inaccessible pages: the first hole that is large enough, else the unused end of the region."""
        self._remove_dead()
        with self._lock:
            for at, (address, hole_bytes) in enumerate(self._holes):
                if hole_bytes >= size_bytes:
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
            self._unused += size_bytes
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
            self._unused = address
        else:
            self._holes.insert(at, (address, size_bytes))


def _address(loaded: LoadedObject) -> int:
    return loaded.address
