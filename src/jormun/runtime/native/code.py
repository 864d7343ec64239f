"""The code region: one range of addresses for all machine code, so that one comparison tells whether a pc is in it.

Pages are written or executed, never both at a time. An image gets pages of its own, is copied and sealed before its
address is known to anyone; so no thread ever runs a page that is being written.
"""

from __future__ import annotations

import sys
from _bisect import bisect_right  # bisect's own, without its Python

from jormun.containers import ref
from jormun.dataclass import dataclass
from jormun.errors import ExhaustionError, TrapKind, WasmError
from jormun.hints import Callable, Sequence
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


@dataclass(slots=True)
class LoadedCode:
    """An image in the code region, until `free` is called."""

    address: int
    size_bytes: int
    _owner: ref[object] | None
    _region: CodeRegion
    _functions: Sequence[CodeFunction]
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

    There is no lock: a signal's handler may load code, and a garbage collection free some, in the middle of whatever
    this does. Who takes an entry out of a dict, or is the first to put one there, has what it stands for: each is one
    step of Python's.
    """

    def __init__(self, data_bytes: int = PAGE_BYTES) -> None:
        self.base, self.size_bytes = pages.reserve_most(REGION_BYTES, _LEAST_REGION_BYTES)
        self.end = self.base + self.size_bytes
        self._architecture = machine()
        self.data = self.base
        pages.protect(self.data, pages.round_up(data_bytes), READ_WRITE)
        first = self.base + pages.round_up(data_bytes)
        self._claims: dict[int, tuple[int]] = {}
        """Where what was taken of the region, from `first` on, begins and ends: without gaps."""
        self._unused = first
        """Where one of these ends, or begins, from where on the last is soon found."""
        self._writable: dict[int, int] = {}
        """Sizes of pages that were made writable ahead, by address: as a rule what is left of the last."""
        self._scraps: dict[int, int] = {}
        """What is left of those before: too small to be looked through each time."""
        self._holes: dict[int, int] = {}
        """Sizes of what was given back, by address."""
        self._is_split = False
        """Whether holes may lie side by side."""
        self._loaded: dict[int, LoadedCode] = {}
        """By address."""
        self._changed = object()
        """Another one whenever `_loaded` has changed."""
        self._in_order: tuple[object, list[int]] = (None, [])
        """The addresses, sorted, as of such a change."""

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
            self._give_back(address, size_bytes)
            raise
        owner_ref = ref(owner) if owner is not None else None
        loaded = self._loaded[address] = LoadedCode(address, size_bytes, owner_ref, self, functions)
        self._changed = object()
        return loaded

    def find(self, pc: int) -> Place | None:
        """The function around the address `pc`."""
        if not self.base <= pc < self.end:
            return None
        changed = self._changed  # before looking: what comes meanwhile is another change
        known, addresses = self._in_order
        if known is not changed:
            addresses = sorted(self._loaded)
            self._in_order = (changed, addresses)
        at = bisect_right(addresses, pc) - 1
        loaded = self._loaded.get(addresses[at]) if at >= 0 else None
        return None if loaded is None else loaded.find(pc)

    @property
    def used_bytes(self) -> int:
        """How much of the region is taken."""
        return self._end_of_claims() - self.base - self._given_back_bytes

    @property
    def _given_back_bytes(self) -> int:
        kinds = self._holes.copy(), self._writable.copy(), self._scraps.copy()
        return sum(sum(kind.values()) for kind in kinds)

    def _free(self, loaded: LoadedCode) -> None:
        if self._loaded.get(loaded.address) is loaded:  # else it was freed already
            del self._loaded[loaded.address]
            self._changed = object()
            self._give_back(loaded.address, loaded.size_bytes)

    def _give_back(self, address: int, size_bytes: int) -> None:
        """Pages are nobody's again, and their memory is the system's."""
        pages.discard(address, size_bytes)
        self._leave(address, size_bytes)

    def _leave(self, address: int, size_bytes: int) -> None:
        self._holes[address] = size_bytes
        self._is_split = True

    def _allocate(self, size_bytes: int) -> int:
        """Writable pages, which were never executed since they were anybody's: of those that are writable already,
        else of the first hole that is large enough, else of the unused end of the region.
        """
        address = _take(self._writable, size_bytes)
        if address is not None:
            return address
        address = _take(self._holes, size_bytes)
        if address is None and self._is_split and self._given_back_bytes >= size_bytes:
            self._join_holes()
            address = _take(self._holes, size_bytes)
        ahead_bytes = 0
        if address is None:
            # FAST: of 20 us that loading a function takes, a system call and a fault are 6.
            is_one_of_many = size_bytes <= _SMALL_BYTES and len(self._loaded) > _FEW_IMAGES
            ahead_bytes = _AHEAD_BYTES if is_one_of_many else 0
            self._scrap()
            address = self._claim(size_bytes + ahead_bytes)
        if address is None:
            ahead_bytes = 0
            address = self._claim(size_bytes)
        if address is None:
            self._join_holes()
            address = _take(self._holes, size_bytes)
        if address is None:
            raise ExhaustionError(
                TrapKind.RESOURCE_LIMIT,
                message=f"out of code memory: {size_bytes:,} bytes more than the {self.size_bytes:,} reserved",
            )
        try:
            pages.protect(address, size_bytes + ahead_bytes, READ_WRITE)
        except ExhaustionError:
            self._leave(address, size_bytes + ahead_bytes)
            raise
        if ahead_bytes:
            pages.populate(address, size_bytes + ahead_bytes)
            self._writable[address + size_bytes] = ahead_bytes
        return address

    def _join_holes(self) -> None:
        """Make one hole of those that lie side by side, with the scraps there."""
        self._is_split = False
        self._scrap()
        found = sorted((at, ranges.pop(at, 0)) for ranges in (self._holes, self._scraps) for at in list(ranges))
        start = end = 0
        for address, size_bytes in (*found, (0, 0)):
            if address != end:
                if end > start:
                    self._holes[start] = end - start
                start = address
            end = address + size_bytes

    def _scrap(self) -> None:
        """Nothing is writable any more."""
        for address in list(self._writable):
            size_bytes = self._writable.pop(address, 0)
            if size_bytes:
                pages.discard(address, size_bytes)
                self._scraps[address] = size_bytes

    def _claim(self, size_bytes: int) -> int | None:
        """The address of so many bytes at the unused end of the region, if there are."""
        address = self._end_of_claims()
        while address + size_bytes <= self.end:
            claim = (address + size_bytes,)
            there = self._claims.setdefault(address, claim)
            self._unused = there[0]
            if there is claim:
                return address
            address = there[0]
        return None

    def _end_of_claims(self) -> int:
        address = self._unused
        while (claim := self._claims.get(address)) is not None:
            address = claim[0]
        return address


def _take(ranges: dict[int, int], size_bytes: int) -> int | None:
    """The address of so many bytes of one of these ranges, sizes by address, which loses them; None if none has."""
    for address in list(ranges):
        if ranges.get(address, 0) >= size_bytes:
            there_bytes = ranges.pop(address, 0)
            if there_bytes > size_bytes:
                ranges[address + size_bytes] = there_bytes - size_bytes
            if there_bytes >= size_bytes:
                return address
            if there_bytes:  # another one by now, and too small
                ranges[address] = there_bytes
    return None


def _offset(function: CodeFunction) -> int:
    return function.offset
