"""What machine code knows of descriptors is what they are now."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import jormun
from jormun.runtime.function import Function
from jormun.runtime.memory import Memory
from jormun.runtime.native import pages
from jormun.runtime.world import (
    ENTRY_BYTES,
    ENTRY_OPERATIONS,
    TABLE_BUSY,
    TABLE_ENTRIES,
)
from jormun.wasi.abi import FdFlags
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.native_table import NativeTable
from jormun.wasi.wasi import make_wasi

from .guest import PAGE, ROOT, Guest, without_shortcuts


def test_a_closed_descriptor_is_closed_at_once(module: jormun.Module, tmp_path: Path) -> None:
    """Its number leads to nothing, and then to what took its place, by fd_close, fd_renumber and Wasi.close."""
    guest = Guest(module, tmp_path)
    one, two = guest.open("one"), guest.open("two")
    for fd in (one, two):
        assert not guest.write(fd, b"a")
    assert not guest.call("fd_renumber", two, one)
    assert not guest.write(one, b"b")
    assert guest.write(two, b"c") is Errno.EBADF
    assert guest.open("three") == two
    assert not guest.write(two, b"d")
    guest.close()
    assert guest.write(one, b"e") is guest.write(1, b"e") is Errno.EBADF
    assert {name: (tmp_path / name).read_text() for name in ("one", "two", "three")} == {
        "one": "a",
        "two": "ab",
        "three": "d",
    }


def test_rights_that_were_taken_are_gone(module: jormun.Module, tmp_path: Path) -> None:
    """From files and from streams, at once."""
    guest = Guest(module, tmp_path, b"input")
    fd = guest.open("file")
    for each in (fd, 0, 1):
        assert not guest.write(each, b"x")
        assert not guest.call("fd_fdstat_set_rights", each, 0, 0)
        assert guest.write(each, b"x") is Errno.EBADF
        assert guest.call("fd_read", each, 0, 1, 16) is Errno.EBADF
    assert (tmp_path / "file").read_text() == "x"


def test_closing_waits_for_machine_code() -> None:
    """A descriptor of the host is not closed under a call of another thread, which leaves when it is done."""
    table = NativeTable()
    with tempfile.TemporaryFile() as file:
        table.put(5, Descriptor.of_file(HostFile(file.fileno(), is_borrowed=True)))
    pages.write_u32(table.address + TABLE_BUSY, 1)  # as machine code does
    closing = threading.Thread(target=table.put, args=(5, None))
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    pages.write_u32(table.address + TABLE_BUSY, 0)
    closing.join()
    entries = pages.read_u64(table.address + TABLE_ENTRIES)
    assert pages.read_u32(entries + 5 * ENTRY_BYTES + ENTRY_OPERATIONS) == 0


def test_the_attributes_of_a_file_are_the_same(module: jormun.Module, tmp_path: Path) -> None:
    """By machine code and by Python: of files with times before 1970, and of what is not regular."""
    (tmp_path / "file").write_bytes(b"12345")
    os.utime(tmp_path / "file", ns=(-1_500_000_001, 2**62))
    guest = Guest(module, tmp_path)
    with without_shortcuts():
        other = Guest(module, tmp_path)
    assert guest.call("fd_tell", 99, 0) is Errno.EBADF  # Python's turn
    fds = guest.open("file"), other.open("file")
    for one, two in (fds, (0, 0), (ROOT, ROOT), (77, 77)):
        results = guest.call("fd_filestat_get", one, 3000), other.call("fd_filestat_get", two, 3000)
        assert results[0] is results[1]
        assert guest.memory.read(3000, 70) == other.memory.read(3000, 70)
    for end in (PAGE - 64, PAGE - 63):
        assert guest.call("fd_filestat_get", fds[0], end) is other.call("fd_filestat_get", fds[1], end)


def test_flags_are_those_of_now(module: jormun.Module, tmp_path: Path) -> None:
    """fd_fdstat_get tells what fd_fdstat_set_flags has set, on every descriptor of the stream."""
    stream = MemoryStream()
    wasi = make_wasi([], {}, [MemoryStream(), stream, stream], {})
    exports = instantiate_with_wasi(module.compiled, wasi).exports
    memory, get, set_flags = exports["memory"], exports["fd_fdstat_get"], exports["fd_fdstat_set_flags"]
    assert isinstance(memory, Memory) and isinstance(get, Function) and isinstance(set_flags, Function)
    for flags in (FdFlags.NONBLOCK, 0, FdFlags.APPEND, 0):
        assert set_flags.call(1, flags) == 0
        for fd in (1, 2, 1):
            assert get.call(fd, 64) == 0
            assert memory[66] == flags
