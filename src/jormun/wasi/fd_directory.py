"""Directories: fd_readdir, and how a guest finds those that it was given: fd_prestat_get, fd_prestat_dir_name."""

from __future__ import annotations

from jormun.hints import Iterable
from jormun.runtime import world
from jormun.wasi.abi import PREOPENTYPE_DIR, PRESTAT, SUCCESS, Rights
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Entry
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.listing import Listing
from jormun.wasi.wasi import Wasi


@wasi_function
def fd_prestat_get(wasi: Wasi, fd: U32, buf: Pointer) -> int:
    """Tells what was given to the guest as a descriptor before it began.

    fd: a descriptor; guests try them from 3 on, until one is not open
    buf: where to write 0, for a directory, and the length of its name in bytes: 8 bytes

    EBADF: `fd` is not open, or was not given
    EFAULT: `buf` is outside of the memory
    """
    wasi.memory.pack(PRESTAT, buf, PREOPENTYPE_DIR, len(_preopen(wasi, fd)))
    return SUCCESS


@wasi_function
def fd_prestat_dir_name(wasi: Wasi, fd: U32, path: Pointer, path_len: U32) -> int:
    """Tells the name of a directory that was given to the guest.

    fd: the directory
    path, path_len: where to write the name, without a NUL; how much room there is

    EBADF: `fd` is not open, or was not given
    ENAMETOOLONG: there is too little room
    EFAULT: the name does not fit the memory
    """
    name = _preopen(wasi, fd)
    if len(name) > path_len:
        raise WasiError(Errno.ENAMETOOLONG)
    wasi.memory.write(path, name)
    return SUCCESS


@wasi_function
def fd_readdir(wasi: Wasi, fd: U32, buf: Pointer, buf_len: U32, cookie: U64, bufused: Pointer) -> int:
    """Lists a directory.

    fd: the directory
    buf, buf_len: where to write entries, each 24 bytes (cookie of the entry behind it, inode, length of the name, file
        type) and the name without a NUL; how much room there is. The last one is cut off where the room ends
    cookie: where to begin: 0 for the start, which looks at the directory anew, else what stood in an entry before: the
        number of entries that come before
    bufused: where to write the number of bytes written, 4 bytes; less than `buf_len` at the end of the directory

    EBADF: `fd` is not open
    ENOTDIR: `fd` is no directory
    ENOMEM: the directory has more entries than fit a listing (limits.LISTINGS_BYTES)
    ENOTCAPABLE: `fd` has not the right FD_READDIR
    EFAULT: the buffer or `bufused` does not fit the memory
    """
    descriptor = wasi.table.get(fd)
    directory = descriptor.directory
    if directory is None:
        raise WasiError(Errno.ENOTDIR)
    if not descriptor.rights & Rights.FD_READDIR:
        raise WasiError(Errno.ENOTCAPABLE)
    wasi.memory.require(bufused, 4)
    span = wasi.memory.span(buf, buf_len)
    listing = descriptor.listing
    changes: int | None = getattr(directory, "entry_changes", None)  # one in memory counts them
    if listing is None or (cookie == 0 and (changes is None or changes != listing.changes)):
        entries: Iterable[Entry] = wasi.table.listings.bounded(directory.entries())
        if wasi.deterministic:
            entries = sorted(entries, key=lambda entry: entry.name)
        listing = Listing(entries, changes)
        goes_on = len(listing.data) > buf_len
        wasi.table.keep_listing(fd, descriptor, listing, is_of_use=goes_on or changes is not None)
    used = listing.copy(cookie, span)
    if used < buf_len and listing.size_bytes > world.LISTING_BYTES:
        wasi.table.keep_listing(fd, descriptor, None)  # the end, to which few return
    wasi.memory.write_u32(bufused, used)
    return SUCCESS


def _preopen(wasi: Wasi, fd: int) -> bytes:
    """The name of a directory that was given. Raises EBADF."""
    name = wasi.table.get(fd).preopen
    if name is None:
        raise WasiError(Errno.EBADF)
    return name
