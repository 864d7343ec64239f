"""What descriptors keep of directories that are being listed is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, FileType, OFlags
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import Entry
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.listing import Listing, Listings

from .fake_guest import Guest
from .test_fd_directory import listed


def entries(count: int) -> list[Entry]:
    return [Entry(b"%06d" % k, k, FileType.REGULAR_FILE) for k in range(count)]


def descriptor(root: Path) -> Descriptor:
    return Descriptor.of_directory(HostDirectory.at(root))


def test_the_oldest_goes_first(root: Path) -> None:
    """Together they take no more than the bound; the newest stays."""
    listing = Listing(entries(100))
    listings = Listings(listing.size_bytes * 5 // 2)
    kept = [descriptor(root) for _ in range(4)]
    lost = [listings.keep(fd, each, Listing(entries(100))) for fd, each in enumerate(kept, 3)]
    assert lost == [[], [], [3], [4]]
    assert [each.listing is not None for each in kept] == [False, False, True, True]
    assert listings.size_bytes == 2 * listing.size_bytes
    for fd in range(3, 7):
        listings.drop(fd)
    assert listings.size_bytes == 0


def test_the_newest_is_kept_even_when_it_alone_is_too_large(root: Path) -> None:
    """Else nobody could list a directory that is just below the bound."""
    listings = Listings(10)
    one = descriptor(root)
    listings.keep(3, one, Listing(entries(100)))
    assert one.listing is not None


def test_too_many_entries() -> None:
    """ENOMEM, before all have been read."""
    listings = Listings(10 * 30)
    assert len(list(listings.bounded(entries(10)))) == 10
    with pytest.raises(WasiError) as caught:
        list(listings.bounded(entries(11)))
    assert caught.value.errno is Errno.ENOMEM


def test_a_listing_that_was_dropped_goes_on(guest: Guest, root: Path) -> None:
    """The directory is read again, and the guest gets each entry once."""
    for k in range(50):
        (root / f"file{k:02}").touch()
    fds = [guest.opened(".", oflags=OFlags.DIRECTORY, rights=DIRECTORY_RIGHTS) for _ in range(2)]
    names: list[list[bytes]] = [[], []]
    cookies = [0, 0]
    while True:
        used = 0
        for k, fd in enumerate(fds):
            some, size = listed(guest, fd, 300, cookies[k])
            names[k] += [name for _, _, _, name in some]
            cookies[k] = some[-1][0] if some else cookies[k]
            guest.wasi.table.keep_listing(fd, guest.wasi.table.get(fd), None)
            used += size
        if not used:
            break
    assert sorted(names[0]) == sorted(names[1]) == sorted({*names[0]})
    assert len(names[0]) == 52


def test_closing_drops_it(guest: Guest, root: Path) -> None:
    """Nothing is kept for a descriptor that is closed, or was moved to another number."""
    (root / "file").touch()
    fds = [guest.opened(".", oflags=OFlags.DIRECTORY, rights=DIRECTORY_RIGHTS) for _ in range(2)]
    for fd in fds:
        listed(guest, fd, 30)
    assert guest.wasi.table.listings.size_bytes > 0
    guest.ok("fd_renumber", *fds)
    guest.ok("fd_close", fds[1])
    assert guest.wasi.table.listings.size_bytes == 0
