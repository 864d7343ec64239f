"""Directories in memory: what they are made of, and what is read back."""

from __future__ import annotations

import errno
import threading

import pytest

from jormun.wasi.abi import FILE_RIGHTS, OFlags, Rights
from jormun.wasi.content import BLOCK_BYTES, Content
from jormun.wasi.errno import Errno
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.quota import Account, Quota

from .fake_guest import ROOT, make_guest


def test_made_of_a_dict() -> None:
    """Bytes, text in UTF-8, directories as dicts and in paths; read back as bytes by path."""
    directory = MemoryDirectory({"a": b"1", "ä": "ü", "d/e": "2", "d/f/": {"g": bytearray(b"3")}, "empty": {}})
    assert directory.files == {"a": b"1", "ä": "ü".encode(), "d/e": b"2", "d/f/g": b"3"}
    guest = make_guest({"/": directory})
    guest.ok("path_remove_directory", ROOT, *guest.path("empty"))
    assert guest.read(guest.opened("d/f/g"), 10) == b"3"


@pytest.mark.parametrize("path", ["", "/", "a//b", "..", "a/../b", ".", "a\0b", "file/below", "file"])
def test_paths_that_are_none(path: str) -> None:
    """ValueError, which names the path."""
    with pytest.raises(ValueError, match=r"is no path|below a file|twice"):
        MemoryDirectory({"/file": b"", path: b""})


@pytest.mark.parametrize("content", [None, 1, ["x"]])
def test_contents_that_are_none(content: object) -> None:
    """TypeError, which says what is expected."""
    with pytest.raises(TypeError, match="bytes, str or a dict"):
        MemoryDirectory({"a": content})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="dict of paths"):
        MemoryDirectory([("a", b"")])  # type: ignore[arg-type]


def test_more_than_the_quota() -> None:
    """EDQUOT, when it is made already."""
    for quota in (Quota(3), Quota(files=1)):
        with pytest.raises(OSError, match="quota") as caught:
            MemoryDirectory({"a": b"1234"}, quota=quota)
        assert caught.value.errno == errno.EDQUOT


def test_what_a_guest_leaves() -> None:
    """New files and changed ones are read back, without those that are gone; the next guest finds them."""
    directory = MemoryDirectory({"old": b"old", "gone": b"gone"})
    guest = make_guest({"/": directory.reopened()})
    guest.write(guest.opened("old", rights=FILE_RIGHTS, fdflags=1), b"er")
    guest.write(guest.opened("new", rights=FILE_RIGHTS, oflags=OFlags.CREAT), b"new")
    guest.ok("path_unlink_file", ROOT, *guest.path("gone"))
    guest.ok("path_link", ROOT, 0, *guest.path("new"), ROOT, *guest.path("again"))
    guest.close()
    assert directory.files == {"old": b"older", "new": b"new", "again": b"new"}
    again = make_guest({"/": directory.reopened()})
    assert again.read(again.opened("new"), 10) == b"new"


def test_read_only() -> None:
    """EROFS for changes; reading goes on."""
    guest = make_guest({"/": MemoryDirectory({"file": b"content"}, is_read_only=True)})
    assert guest.open("file", rights=FILE_RIGHTS) is Errno.EROFS
    assert guest.open("file", rights=0, oflags=OFlags.TRUNC) is Errno.EROFS
    assert guest.call("path_unlink_file", ROOT, *guest.path("file")) is Errno.EROFS
    assert guest.call("path_rename", ROOT, *guest.path("file"), ROOT, *guest.path("x")) is Errno.EROFS
    assert guest.read(guest.opened("file", rights=Rights.FD_READ), 10) == b"content"


def test_trees_are_devices_of_their_own() -> None:
    """EXDEV from one to another; their files differ in device or inode."""
    guest = make_guest({"/a": MemoryDirectory({"file": b""}), "/b": MemoryDirectory({"file": b""})})
    file = guest.path("file")
    assert guest.call("path_rename", 3, *file, 4, *file) is Errno.EXDEV
    assert guest.call("path_link", 3, 0, *file, 4, *guest.path("x")) is Errno.EXDEV
    places = [guest.place(64), guest.place(64)]
    for fd, place in zip((3, 4), places, strict=True):
        guest.ok("path_filestat_get", fd, 0, *file, place)
    assert guest.bytes(places[0], 16) != guest.bytes(places[1], 16)


@pytest.mark.parametrize("offset", [0, 1, BLOCK_BYTES - 3, BLOCK_BYTES, 3 * BLOCK_BYTES + 5])
def test_content_across_blocks(offset: int) -> None:
    """Bytes come back from where they were put; what was never written is zero, also after cutting and growing."""
    content = Content(Account(Quota()))
    data = bytes(range(256)) * (BLOCK_BYTES // 128)
    assert content.write_at((memoryview(data[:7]), memoryview(data[7:])), offset) == len(data)
    buffer = bytearray(b"?" * (len(data) + 10))
    assert content.read_at((memoryview(buffer),), offset) == len(data)
    assert bytes(buffer) == data + b"?" * 10
    assert bytes(content) == bytes(offset) + data
    content.set_size(offset + 5)
    content.set_size(offset + 10)
    assert bytes(content) == bytes(offset) + data[:5] + bytes(5)


def test_threads_append_whole_records() -> None:
    """Writes of several threads through one descriptor and through others do not mix."""
    directory = MemoryDirectory({"log": b""})
    guests = [make_guest({"/": directory.reopened()}) for _ in range(4)]

    def work(k: int) -> None:
        fd = guests[k].opened("log", rights=FILE_RIGHTS, fdflags=1)
        for _ in range(200):
            guests[k]._next = 4096
            guests[k].write(fd, bytes([65 + k]) * 10)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = directory.files["log"]
    assert sorted(log[k : k + 10] for k in range(0, len(log), 10)) == sorted(
        [b"A" * 10, b"B" * 10, b"C" * 10, b"D" * 10] * 200
    )
