"""Attempts to get out while the host, or another guest, changes the directory meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, FILE_RIGHTS, Rights
from jormun.wasi.errno import Errno

from ..fake_guest import ROOT, Guest


def test_a_directory_moved_away_under_a_descriptor(host_guest: Guest, outside: Path) -> None:
    """The guest keeps what it had opened and all below it; `..` does not lead to where the directory went."""
    fd = host_guest.opened("dir", rights=DIRECTORY_RIGHTS, inheriting=DIRECTORY_RIGHTS | FILE_RIGHTS)
    (outside / "root" / "dir").rename(outside / "private" / "dir")
    assert isinstance(host_guest.open("file", fd=fd, rights=Rights.FD_READ), int)
    assert host_guest.open("../file", fd=fd) is Errno.EPERM
    assert host_guest.open("sub/../../file", fd=fd) is Errno.EPERM


@pytest.mark.parametrize("path", ["swap/secret.txt", "dir/../swap/secret.txt", "swap/./secret.txt"])
def test_renames_that_race(host_guest: Guest, outside: Path, path: str) -> None:
    """While a component turns from a directory into a link that leads out and back, the secret is never read."""
    root = outside / "root"
    (root / "real").mkdir()
    (root / "real" / "secret.txt").write_text("decoy")
    (root / "out").symlink_to("..")
    (root / "swap").symlink_to("real")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for target in ("..", "real"):
                fresh = root / "next"
                fresh.symlink_to(target)
                fresh.rename(root / "swap")

    thread = threading.Thread(target=exchange)
    thread.start()
    seen: list[object] = []
    address = host_guest.path(path)
    result = host_guest.place(4)
    try:
        for _ in range(1000):
            error = host_guest.call("path_open", ROOT, 1, *address, 0, Rights.FD_READ, 0, 0, result)
            if error:
                seen.append(error)
                continue
            fd = host_guest.u32(result)
            host_guest._next = 8192
            seen.append(host_guest.read(fd, 16))
            host_guest.ok("fd_close", fd)
    finally:
        stop.set()
        thread.join()
    assert set(seen) <= {b"decoy", Errno.EPERM, Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP}


def host_functions() -> list[Callable[..., object]]:
    """Where a name is handed to the host: each takes a directory's descriptor with it."""
    return [os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename, os.link, os.symlink, os.readlink, os.utime]


def test_the_host_can_seal() -> None:
    """Every call that the walk relies on takes a descriptor on this system."""
    for function in host_functions():
        assert function in os.supports_dir_fd
