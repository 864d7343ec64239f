"""Memory that was written to is as it began again, or whoever asks is told that it is not."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

import pytest

from jormun.runtime.native import pages
from jormun.runtime.native.cleaning import MOST_PAGES, NO_FILE, TOO_MANY
from jormun.runtime.native.dirty_pages import DirtyPages, Scanner, scanner
from jormun.runtime.native.memory_image import MemoryImage

PAGES = 64
PAGE = pages.PAGE_BYTES
IMAGE = bytes(range(1, 256)) * 100


@pytest.fixture
def base() -> Iterator[int]:
    """The address of so many pages that may be written to."""
    address = pages.reserve(PAGES * PAGE)
    pages.protect(address, PAGES * PAGE, pages.READ_WRITE)
    if DirtyPages(address, PAGES * PAGE, None).clean_again(NO_FILE) < 0:
        pytest.skip("the kernel does not tell which pages were written")
    yield address
    pages.release(address, PAGES * PAGE)


def test_few_pages_are_written_over(base: int) -> None:
    """Those in front of an image, within it and behind it, next to each other and not: each byte of them."""
    image = MemoryImage([(10 * PAGE + 100, IMAGE)])
    image.map(base)
    new = pages.read_bytes(base, PAGES * PAGE)
    dirty = DirtyPages(base, PAGES * PAGE, image)
    last = 10 + image.size_bytes // PAGE
    written = [0, 3, 8, 9, 10, 11, 13, last - 1, last, last + 1, PAGES - 1]
    for page in written:
        pages.write_bytes(base + page * PAGE, b"\xee" * PAGE)
    assert dirty.clean(dirty.record) == len(written)
    assert pages.read_bytes(base, PAGES * PAGE) == new


@pytest.mark.parametrize("step", [1, 2])
def test_more_are_not_touched(base: int, step: int) -> None:
    """What they are is not told: the rest is for who asks."""
    dirty = DirtyPages(base, PAGES * PAGE, None)
    for page in range(MOST_PAGES):
        pages.write_u64(base + step * page * PAGE, page + 1)
    assert dirty.clean(dirty.record) == MOST_PAGES
    assert not any(pages.read_bytes(base, PAGES * PAGE))
    for page in range(MOST_PAGES + 1):
        pages.write_u64(base + step * page * PAGE, page + 1)
    assert dirty.clean(dirty.record) == dirty.clean_again(TOO_MANY) == TOO_MANY
    assert [pages.read_u64(base + step * page * PAGE) for page in range(MOST_PAGES + 1)] == [*range(1, MOST_PAGES + 2)]


def test_what_is_only_read_is_not_written(base: int) -> None:
    """Pages that are there, and were not written to, are left as they are."""
    dirty = DirtyPages(base, PAGES * PAGE, None)
    assert not any(pages.read_bytes(base, PAGES * PAGE))
    assert dirty.clean(dirty.record) == 0


@pytest.mark.parametrize("fork", [os.fork, ctypes.CDLL(None).fork])
def test_a_child_does_not_ask_for_its_parent(base: int, fork: ctypes._FuncPointer) -> None:
    """The open file is of the parent's pages: in a child, however it came to be, machine code finds none."""
    dirty = DirtyPages(base, PAGES * PAGE, None)
    pages.write_u64(base, 1)
    pid = fork()
    if pid == 0:
        is_unknown = pages.read_u64(scanner.address) == 0 and dirty.clean(dirty.record) == NO_FILE
        is_own = dirty.clean_again(NO_FILE) == 1 and pages.read_u64(base) == 0
        os._exit(0 if is_unknown and is_own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pages.read_u64(base) == 1 and dirty.clean(dirty.record) == 1


def test_who_was_refused_asks_no_more() -> None:
    """Neither machine code, nor Python."""
    refused = Scanner()
    assert refused.open()
    refused.give_up()
    assert pages.read_u64(refused.address) == 0 and not refused.open()
