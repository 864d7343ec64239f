"""Address space and native memory: to reserve, protect, give back and release pages; to read and write addresses.

Addresses are plain ints. Nothing here checks them: a wrong address crashes the process, so only runtime/ may hold any,
and wasi/native_table.py, which tells machine code of a guest's descriptors.
"""

from __future__ import annotations

import errno
import mmap
import os

from jormun.errors import ExhaustionError, TrapKind, WasmError
from jormun.hints import TYPE_CHECKING, Callable, Final, TypeAlias
from jormun.runtime.native import c_types as ctypes

if TYPE_CHECKING:
    from array import array

    from jormun.runtime.native.sparse import SparseBlock

PAGE_BYTES = mmap.PAGESIZE

_MAP_PRIVATE = 0x02
_MAP_FLAGS = _MAP_PRIVATE | 0x20 | 0x4000  # MAP_ANONYMOUS | MAP_NORESERVE
_MAP_FIXED = 0x10
_MADV_DONTNEED = 4
_MADV_HUGEPAGE = 14
_MADV_WIPEONFORK = 18
_MADV_POPULATE_WRITE = 23
_LARGE_BYTES = 2 << 20
_MAP_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_mmap = _libc.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_mprotect = _libc.mprotect
_mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_munmap = _libc.munmap
_munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_madvise = _libc.madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Protection:
    """What may be done with a page: a sum of these."""

    NONE: Final = 0
    READ: Final = 1
    WRITE: Final = 2
    EXECUTE: Final = 4


READ_WRITE = Protection.READ | Protection.WRITE
READ_EXECUTE = Protection.READ | Protection.EXECUTE


def _error(action: str, size_bytes: int) -> WasmError:
    """The exception for the last system call's errno."""
    number = ctypes.get_errno()
    message = f"cannot {action} {size_bytes:,} bytes: {os.strerror(number)}"
    if number in (errno.ENOMEM, errno.EAGAIN, errno.EOVERFLOW):
        return ExhaustionError(TrapKind.RESOURCE_LIMIT, message=message)
    return WasmError(message)


def round_up(size_bytes: int, multiple: int = PAGE_BYTES) -> int:
    """The least multiple that is not below `size_bytes`."""
    return -(-size_bytes // multiple) * multiple


def reserve(size_bytes: int, alignment: int = PAGE_BYTES) -> int:
    """The address of a new range of inaccessible pages, which take address space and no memory.

    Raises ExhaustionError when there is no such range, for instance under a limit on address space.
    """
    size_bytes = round_up(size_bytes)
    excess = alignment - PAGE_BYTES  # what has to be cut off on both sides to reach the alignment
    start = _mmap(None, size_bytes + excess, Protection.NONE, _MAP_FLAGS, -1, 0)
    if start == _MAP_FAILED:
        raise _error("reserve", size_bytes)
    base = round_up(start, alignment)
    if base > start:
        _munmap(start, base - start)
    if base - start < excess:
        _munmap(base + size_bytes, excess - (base - start))
    return int(base)


def reserve_most(size_bytes: int, least_bytes: int, alignment: int = PAGE_BYTES) -> tuple[int, int]:
    """Reserve `size_bytes`, or half of that and so on down to `least_bytes`: the address and the size.

    Address space may be limited (ulimit -v), and less of it serves most programs.
    """
    while True:
        try:
            return reserve(size_bytes, alignment), size_bytes
        except ExhaustionError:
            if size_bytes <= least_bytes:
                raise
            size_bytes //= 2


def protect(address: int, size_bytes: int, protection: int) -> None:
    """Set what may be done with whole pages. Pages that become accessible for the first time read as zeros.

    Raises ExhaustionError when the system is short of memory.
    """
    if size_bytes and _mprotect(address, size_bytes, protection):
        raise _error("protect", size_bytes)


def expect_all(address: int, size_bytes: int) -> None:
    """Say that a range of accessible memory is about to be written, all of it: the system may then give it large pages.

    FAST: of 2 MiB each, of which 8 MiB take 0.6 ms to fill, and pages of 4 KiB 5 ms, each by a fault of its own. Only
    such as lie in the range whole: no memory is taken that is not written.
    """
    start = round_up(address, _LARGE_BYTES)
    end = (address + size_bytes) // _LARGE_BYTES * _LARGE_BYTES
    if start < end:
        _madvise(start, end - start, _MADV_HUGEPAGE)  # a hint: a system without such pages refuses it


def populate(address: int, size_bytes: int) -> None:
    """Give whole writable pages memory now, all at once. Where the system does not (before Linux 5.14), each gets its
    own when it is written.
    """
    _madvise(address, size_bytes, _MADV_POPULATE_WRITE)


def discard(address: int, size_bytes: int) -> None:
    """Make whole pages inaccessible and give their memory back; the address range stays reserved."""
    if size_bytes == 0:
        return
    # A fresh mapping over the old one: the pages are zeros again, and count as uncommitted even where madvise would
    # not.
    got = _mmap(address, size_bytes, Protection.NONE, _MAP_FLAGS | _MAP_FIXED, -1, 0)
    if got == _MAP_FAILED:
        raise _error("discard", size_bytes)


def map_private(address: int, size_bytes: int, fd: int) -> None:
    """Put the beginning of a file in place of whole pages that are accessible, to be read and written copy-on-write."""
    got = _mmap(address, size_bytes, READ_WRITE, _MAP_PRIVATE | _MAP_FIXED, fd, 0)
    if got == _MAP_FAILED:
        raise _error("map", size_bytes)


def map_for_reading(size_bytes: int, fd: int) -> int:
    """The address of the beginning of a file; `release` gives it back."""
    got = _mmap(None, size_bytes, Protection.READ, _MAP_PRIVATE, fd, 0)
    if got == _MAP_FAILED:
        raise _error("map", size_bytes)
    return int(got)


def copy(to: int, source: int, size_bytes: int) -> None:
    """Copy bytes from address to address; the ranges do not overlap."""
    ctypes.memmove(to, source, size_bytes)


def zero(address: int, size_bytes: int) -> None:
    """Write zeros."""
    if size_bytes:
        ctypes.memset(address, 0, size_bytes)


def forget(address: int, size_bytes: int) -> None:
    """Give the memory of accessible pages back; they stay accessible and read as zeros, or as the file's that is mapped
    there.
    """
    if size_bytes and _madvise(address, size_bytes, _MADV_DONTNEED):
        raise _error("give back", size_bytes)


def page_of_this_process() -> int:
    """The address of a new page that is zeros in each process that is forked off, however that is done. Raises
    WasmError on systems older than Linux 4.14.
    """
    address = reserve(PAGE_BYTES)
    protect(address, PAGE_BYTES, READ_WRITE)
    if _madvise(address, PAGE_BYTES, _MADV_WIPEONFORK):
        raise _error("keep to this process", PAGE_BYTES)
    return address


def release(address: int, size_bytes: int) -> None:
    """Give back a range that `reserve` made."""
    if _munmap(address, round_up(size_bytes)):
        raise _error("release", size_bytes)


def read_u32(address: int) -> int:
    """The 32 bits at `address`, little-endian, unsigned."""
    return ctypes.c_uint32.from_address(address).value


def write_u32(address: int, value: int) -> None:
    """Store the low 32 bits of `value`."""
    ctypes.c_uint32.from_address(address).value = value


def read_u64(address: int) -> int:
    """The 64 bits at `address`, little-endian, unsigned."""
    return ctypes.c_uint64.from_address(address).value


def write_u64(address: int, value: int) -> None:
    """Store the low 64 bits of `value`."""
    ctypes.c_uint64.from_address(address).value = value


def write_u64s(address: int, *values: int) -> None:
    """Store the low 64 bits of each, one behind the other."""
    for value in values:
        write_u64(address, value)
        address += 8


def read_bytes(address: int, size_bytes: int) -> bytes:
    """A copy of the bytes at `address`."""
    return ctypes.string_at(address, size_bytes)


def write_bytes(address: int, data: bytes | bytearray | memoryview) -> None:
    """Copy `data` to `address`."""
    if data:
        view(address, len(data))[:] = data


_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_view.restype = ctypes.py_object
_WRITABLE = 0x200  # PyBUF_WRITE


_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_new_bytes.restype = ctypes.py_object


def read_file(fd: int, start: int, size_bytes: int) -> bytes:
    """Bytes of an open file from offset `start` on: so many, or fewer at its end. Raises OSError.

    FAST: a file of 20 MB in a third of the time that `os.read` takes, since its memory is of large pages.
    """
    if size_bytes < 2:
        return os.pread(fd, size_bytes, start)
    data: bytes = _new_bytes(None, size_bytes)  # of two bytes or more: nobody else has the object before it is filled
    address = address_of(data)
    expect_all(address, size_bytes)
    at = 0
    while at < size_bytes and (got := os.preadv(fd, [view(address + at, size_bytes - at)], start + at)):
        at += got
    return data if at == size_bytes else data[:at]


def view(address: int, size_bytes: int, owner: object = None) -> memoryview:
    """A writable view of the bytes at `address`. It keeps `owner` alive; who gives none sees to it that they outlive
    it.
    """
    if size_bytes == 0:
        return memoryview(bytearray())
    if owner is None:
        # FAST: a type of ctypes for each size takes 18 us, and 20 KB until the garbage collector finds it.
        made: memoryview = _view(address, size_bytes, _WRITABLE)
        return made
    array = (ctypes.c_char * size_bytes).from_address(address)
    array.owner = owner  # type: ignore[attr-defined]
    return memoryview(array).cast("B")


Words: TypeAlias = "ctypes.Array[ctypes.c_uint64]"
"""64-bit words in native memory, which are read and written by index."""


def words(count: int) -> Callable[[int], Words]:
    """What gives, for an address, the `count` words there."""
    return (ctypes.c_uint64 * count).from_address


def address_of(data: bytes) -> int:
    """The address of the bytes in `data` itself. They must only be read, and only while `data` is held."""
    return int(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0)


def hold(data: bytearray | array[int]) -> tuple[object, int]:
    """What keeps `data` alive and where it is, as long as it is held itself, and the address of its bytes."""
    first = ctypes.c_char.from_buffer(data)
    return first, ctypes.addressof(first)


_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes = [ctypes.py_object]
_untrack.restype = None


def finalized_last(thing: object) -> None:
    """Have `__del__` of `thing` run when nothing refers to it any more, and no earlier.

    A garbage collection calls `__del__` of all that it found, in any order, before it drops the first reference: so
    that of a user's object may call a guest whose code or memory another `__del__` has given back already. What the
    collector does not track it does not find. `thing` must not be part of a cycle: it refers to what is native alone.
    """
    _untrack(thing)


class Block:
    """Zeroed native memory that lives as long as this object. `address` is a multiple of `alignment`."""

    __slots__ = ("_buffer", "address", "size_bytes")

    def __init__(self, size_bytes: int, alignment: int = 64) -> None:
        self.size_bytes = size_bytes
        try:
            self._buffer = (ctypes.c_char * (size_bytes + alignment))()
        except MemoryError:
            raise ExhaustionError(TrapKind.RESOURCE_LIMIT, message=f"cannot allocate {size_bytes:,} bytes") from None
        self.address = round_up(ctypes.addressof(self._buffer), alignment)

    def read_u64(self, offset: int) -> int:
        """The 64 bits at `offset`."""
        return read_u64(self.address + offset)

    def write_u64(self, offset: int, value: int) -> None:
        """Store 64 bits at `offset`."""
        write_u64(self.address + offset, value)

    def view(self) -> memoryview:
        """A writable view of the block, which keeps it alive."""
        start = self.address - ctypes.addressof(self._buffer)
        return memoryview(self._buffer).cast("B")[start : start + self.size_bytes]


def block_of(size_bytes: int, written_bytes: int, alignment: int) -> Block | SparseBlock:
    """A block of which at first so many bytes are written: a sparse one if that leaves out whole pages."""
    if size_bytes - round_up(written_bytes) < PAGE_BYTES // 2:
        return Block(size_bytes, alignment)
    from jormun.runtime.native.sparse import SparseBlock  # few modules are so large

    return SparseBlock(size_bytes)


def libc_address(name: str) -> int:
    """The address of a function of the C library."""
    return int(ctypes.cast(getattr(_libc, name), ctypes.c_void_p).value or 0)


def libm_address(name: str) -> int:
    """The address of a function of the C library's mathematical part, which Python has loaded."""
    library = _libc if hasattr(_libc, name) else ctypes.CDLL("libm.so.6")
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


def python_address(name: str) -> int:
    """The address of a function of Python's C interface."""
    return int(ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)


def native_function(address: int) -> Callable[[int, int, int], int]:
    """The function of three words that returns 32 bits at an address, as one of Python's, called with the GIL held."""
    return ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)(address)


def interpreter() -> int:
    """The address of the state of the interpreter that runs this."""
    get = ctypes.pythonapi.PyInterpreterState_Get
    get.restype = ctypes.c_void_p
    return int(get() or 0)


def use(word: Callable[..., int], set_words: Callable[..., None]) -> None:
    """Have `read_u64`, `write_u64` and `write_u64s` be machine code, once there is some.

    FAST: 0.04 us each, and not 0.25.
    """
    global read_u64, write_u64, write_u64s
    read_u64, write_u64, write_u64s = word, set_words, set_words
